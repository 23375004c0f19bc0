// `tapline bench`: starts tapline-bench, which is a program of its own.
#pragma once

#include "absl/status/status.h"

namespace tapline {

// Becomes tapline-bench with the rest of the command line: argv[0] is "bench". Looks for it where this
// program lies, in libexec/tapline beside the folder of this program, in the build tree, and in PATH. Returns
// only when it does not start: kNotFound says where it was looked for.
absl::Status become_bench(int argc, const char* const* argv);

}  // namespace tapline
