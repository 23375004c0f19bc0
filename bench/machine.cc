#include "bench/machine.h"

#include <sys/utsname.h>

#include <fstream>
#include <thread>

namespace tapline::bench {
namespace {

std::string first_line(const char* path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// Not all architectures say it so.
std::string cpu_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown";
}

}  // namespace

Machine this_machine() {
  Machine machine;
  machine.cpu = cpu_name();
  utsname names{};
  if (uname(&names) == 0) machine.kernel = std::string(names.release) + " " + names.machine;
  machine.governor = first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
  machine.processors = std::thread::hardware_concurrency();
  const std::string load = first_line("/proc/loadavg");
  std::size_t end = 0;
  for (int i = 0; i < 3 && end != std::string::npos; ++i) end = load.find(' ', end + 1);
  machine.load = load.substr(0, end);
  return machine;
}

}  // namespace tapline::bench
