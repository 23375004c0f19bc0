// Runs a program to its end, and what that took.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace tapline::bench {

struct Command {
  std::vector<std::string> arguments;  // the first is the program, looked up in PATH
  std::string directory;               // where it runs, and may leave files
};

struct Usage {
  double seconds = 0;          // from before the fork to its end
  double cpu_seconds = 0;      // of user and system, over all its threads
  std::uint64_t peak_rss = 0;  // bytes; never less than what this process had at the fork (getrusage(2))
};

// Called for each line of the program's standard output, without its end.
using LineVisitor = std::function<void(std::string_view)>;

// Standard input and output are /dev/null, unless somebody wants the lines. Errors: kNotFound when the
// program cannot be started, kUnknown with the last line of its standard error when it ends with another exit
// status than 0, kCancelled when this process was told to end: the program is killed then.
absl::StatusOr<Usage> run(const Command& command, const LineVisitor& on_line = nullptr);

// SIGINT, SIGTERM and SIGHUP end run() from now on, instead of the process.
void end_runs_on_signals();
bool told_to_end();

}  // namespace tapline::bench
