// A run over a capture file, or over one that comes in on standard input.
#pragma once

#include "absl/status/status.h"
#include "engine/console.h"
#include "engine/options.h"
#include "engine/signals.h"

namespace tapline {

// Returns when all records are written. exit_code_of() has the meaning of the status.
// REQUIRES: options.read is set.
absl::Status run_file(const Options& options, Signals& signals, const Console& console);

}  // namespace tapline
