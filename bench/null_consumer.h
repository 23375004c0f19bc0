// The least that a capturer can do: tapline's rings and filter, and a walk over the frames. What it receives
// is what the kernel can deliver; what a tool adds is the tool's work.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "bench/capturer.h"

namespace tapline::bench {

// Returns when it captures. REQUIRES: options.processors has a processor for each worker.
absl::StatusOr<std::unique_ptr<Capturer>> start_null_consumer(const CaptureOptions& options);

}  // namespace tapline::bench
