// The command line of `tapline ladder`.
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "engine/options.h"

namespace tapline {

struct LadderOptions {
  Options run;                            // where from, where to, which ports, what is redacted
  std::optional<std::string> connection;  // a number or an id
  bool svg = false;
  bool all = false;  // fold nothing
};

struct LadderCommandLine {
  LadderOptions options;
  std::optional<std::string> print;  // as CommandLine::print
};

// argv[0] is "ladder". Options that both command lines have mean the same. kInvalidArgument says which option
// is wrong and what would be right.
absl::StatusOr<LadderCommandLine> parse_ladder_command_line(int argc, const char* const* argv);

}  // namespace tapline
