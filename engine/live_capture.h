// A live run: interfaces, filter, rings, workers, set up in the order in which no frame is seen wrongly.
#pragma once

#include "absl/status/status.h"
#include "engine/console.h"
#include "engine/options.h"
#include "engine/signals.h"

namespace tapline {

// Returns when the run has ended and all records are written. exit_code_of() has the meaning of the status.
// REQUIRES: no other thread runs yet, for privileges are dropped on the way.
absl::Status run_live(const Options& options, Signals& signals, const Console& console);

}  // namespace tapline
