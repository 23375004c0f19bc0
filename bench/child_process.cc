#include "bench/child_process.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <utility>

#include "engine/fd.h"

namespace tapline::bench {
namespace {

constexpr int kCannotStart = 127;  // as shells have it

volatile std::sig_atomic_t told = 0;

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

// In the child: does not return.
[[noreturn]] void become(const Command& command, const std::vector<char*>& arguments, int output,
                         int errors) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int nothing = open("/dev/null", O_RDWR);
  dup2(nothing, STDIN_FILENO);
  dup2(output >= 0 ? output : nothing, STDOUT_FILENO);
  dup2(errors, STDERR_FILENO);
  if (chdir(command.directory.c_str()) == 0) execvp(arguments[0], arguments.data());
  _exit(kCannotStart);
}

// All lines of the pipe, until the other end is closed or this process is told to end.
void read_lines(Fd pipe, const LineVisitor& on_line) {
  std::vector<char> buffer(1u << 18);
  std::string line;
  while (!told_to_end()) {
    const ssize_t got = read(pipe.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return;
    std::string_view rest(buffer.data(), static_cast<std::size_t>(got));
    for (auto end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
      if (line.empty()) {
        on_line(rest.substr(0, end));
      } else {
        on_line(line.append(rest.substr(0, end)));
        line.clear();
      }
      rest.remove_prefix(end + 1);
    }
    line += rest;
  }
}

std::string last_line(const std::string& path) {
  std::ifstream file(path);
  std::string last;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty()) last = line;
  }
  return last;
}

}  // namespace

absl::StatusOr<Usage> run(const Command& command, const LineVisitor& on_line) {
  // All that allocates is done before the fork.
  std::vector<std::string> words = command.arguments;
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const std::string errors_path = command.directory + "/standard-error";
  const Fd errors(open(errors_path.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600));
  if (!errors.valid()) return absl::ErrnoToStatus(errno, "cannot write " + errors_path);
  std::array<int, 2> pipe = {-1, -1};
  if (on_line && pipe2(pipe.data(), O_CLOEXEC) != 0) return absl::ErrnoToStatus(errno, "cannot open a pipe");
  Fd lines(pipe[0]), output(pipe[1]);

  const auto start = std::chrono::steady_clock::now();
  const pid_t child = fork();
  if (child < 0) return absl::ErrnoToStatus(errno, "cannot fork");
  if (child == 0) become(command, arguments, output.get(), errors.get());
  output = Fd();
  if (on_line) read_lines(std::move(lines), on_line);
  if (told_to_end()) kill(child, SIGKILL);
  int status = 0;
  rusage used{};
  while (wait4(child, &status, 0, &used) < 0 && errno == EINTR) {
    if (told_to_end()) kill(child, SIGKILL);
  }
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;

  const std::string& name = command.arguments.front();
  if (told_to_end()) return absl::CancelledError("interrupted");
  if (!WIFEXITED(status)) {
    return absl::UnknownError(name + " was ended by signal " + std::to_string(WTERMSIG(status)));
  }
  if (WEXITSTATUS(status) == kCannotStart) return absl::NotFoundError("cannot start " + name);
  if (WEXITSTATUS(status) != 0) {
    return absl::UnknownError(name + " ended with exit status " + std::to_string(WEXITSTATUS(status)) + ": " +
                              last_line(errors_path));
  }
  return Usage{taken.count(), seconds_of(used.ru_utime) + seconds_of(used.ru_stime),
               static_cast<std::uint64_t>(used.ru_maxrss) * 1024};
}

void end_runs_on_signals() {
  struct sigaction action {};
  action.sa_handler = [](int) { told = 1; };  // without SA_RESTART: waiting ends
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaction(signal, &action, nullptr);
}

bool told_to_end() { return told != 0; }

}  // namespace tapline::bench
