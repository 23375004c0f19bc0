// A run of `tapline ladder`: a capture file in, one diagram or a list of connections out.
#pragma once

#include "absl/status/status.h"
#include "engine/ladder_options.h"

namespace tapline {

// exit_code_of() has the meaning of the status. kNotFound: there is no such connection. ^C while the file is
// read draws what was read.
absl::Status run_ladder(const LadderOptions& options);

}  // namespace tapline
