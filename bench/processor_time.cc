#include "bench/processor_time.h"

#include <unistd.h>

#include <array>
#include <charconv>
#include <ctime>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace tapline::bench {
namespace {

double seconds_of(unsigned long long ticks) {
  return static_cast<double>(ticks) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

// tshark leaves the capturing to a child.
std::vector<pid_t> with_children(pid_t process) {
  const std::string number = std::to_string(process);
  std::ifstream file("/proc/" + number + "/task/" + number + "/children");
  std::vector<pid_t> all = {process};
  for (pid_t child = 0; file >> child;) all.push_back(child);
  return all;
}

ProcessTime own_time(pid_t process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/stat");
  std::string line;
  std::getline(file, line);
  const std::size_t name_end = line.rfind(')');
  if (name_end == std::string::npos) return {};
  // From the third field on; the 14th is the time of the user, the 15th that of the system.
  std::istringstream words(line.substr(name_end + 1));
  std::string skipped;
  for (int field = 3; field < 14; ++field) words >> skipped;
  unsigned long long user = 0, system = 0;
  words >> user >> system;
  return {.user = seconds_of(user), .system = seconds_of(system)};
}

}  // namespace

std::map<int, ProcessorTime> processor_times() {
  std::map<int, ProcessorTime> times;
  std::ifstream file("/proc/stat");
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("cpu") || line.starts_with("cpu ")) continue;
    std::istringstream words(line.substr(3));
    int number = 0;
    words >> number;
    // user nice system idle iowait irq softirq steal
    std::array<unsigned long long, 8> ticks{};
    for (auto& value : ticks) words >> value;
    times[number] = {.user = seconds_of(ticks[0] + ticks[1]),
                     .system = seconds_of(ticks[2]),
                     .softirq = seconds_of(ticks[5] + ticks[6]),
                     .idle = seconds_of(ticks[3] + ticks[4] + ticks[7])};
  }
  return times;
}

ProcessorTime operator-(const ProcessorTime& now, const ProcessorTime& before) {
  return {.user = now.user - before.user,
          .system = now.system - before.system,
          .softirq = now.softirq - before.softirq,
          .idle = now.idle - before.idle};
}

ProcessTime process_time(pid_t process) {
  ProcessTime time;
  for (const pid_t one : with_children(process)) {
    const ProcessTime own = own_time(one);
    time.user += own.user;
    time.system += own.system;
  }
  return time;
}

double process_seconds(pid_t process) {
  double seconds = 0;
  for (const pid_t one : with_children(process)) {
    clockid_t clock = 0;
    timespec time{};
    if (clock_getcpuclockid(one, &clock) != 0 || clock_gettime(clock, &time) != 0) continue;
    seconds += static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
  }
  return seconds;
}

}  // namespace tapline::bench
