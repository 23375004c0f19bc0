// The programs that read capture files, and how each is asked to do what tapline is compared in.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace tapline::bench {

struct FileTool {
  std::string name;
  std::string does;                    // in a few words
  std::vector<std::string> arguments;  // with the file's name in it
};

// Whether the program is found in PATH.
bool installed(const std::string& program);

// tapline as its users run it, each set of records a tool of its own; then the others, those that are
// installed alone. The first is what all are compared with. `against`: another build of tapline, asked for
// the same; empty: there is none.
std::vector<FileTool> file_tools(const std::string& tapline, const std::string& against,
                                 const std::string& file);

// The parts of a list; one more than there are separators.
std::vector<std::string> split(std::string_view list, char separator);

// Those of `tools` that the comma-separated list names, in the order of `tools`. kInvalidArgument: a name of
// the list is none of theirs.
absl::StatusOr<std::vector<FileTool>> choose(std::vector<FileTool> tools, std::string_view list);

}  // namespace tapline::bench
