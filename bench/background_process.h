// A process beside this one, that is told when to end.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace tapline::bench {

// Ends with its owner, and with this process however that ends.
class BackgroundProcess {
 public:
  // `body` runs in the new process; what it returns is the exit status. Signals have their default there.
  static absl::StatusOr<BackgroundProcess> start(const std::function<int()>& body);

  BackgroundProcess(BackgroundProcess&& other) noexcept : pid_(std::exchange(other.pid_, -1)) {}
  BackgroundProcess& operator=(BackgroundProcess&&) = delete;
  ~BackgroundProcess();

  pid_t pid() const { return pid_; }
  void signal(int number) const;
  // Whether it is there still. When it has ended, wait() gives its status.
  bool running();
  // The status of waitpid(2). Kills it when it takes longer, or when this process is told to end.
  int wait(std::chrono::milliseconds longest);

 private:
  explicit BackgroundProcess(pid_t pid) : pid_(pid) {}

  pid_t pid_;
  bool ended_ = false;
  int status_ = 0;
};

// For `body`: becomes the program that `words` name, looked up in PATH, in this folder, with /dev/null as
// standard input and the others appended to files. Returns only where that cannot be: 127, as shells have it.
int become_program(const std::vector<std::string>& words, const std::string& directory,
                   const std::string& output_path, const std::string& errors_path);

// Only on these from now on, also what this process starts later.
bool run_on(const std::vector<int>& processors);

// "ended with exit status 1", "was ended by signal 9".
std::string end_of(int wait_status);

}  // namespace tapline::bench
