// The closing summary: what a run saw, what it did not see, and what can be done about that.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "engine/packet_ring.h"
#include "flows/counters.h"

namespace tapline {

// What --write did.
struct SavedFrames {
  std::uint64_t frames = 0;
  std::uint64_t lost = 0;  // frames that the file did not take
  bool too_slow = false;   // the reason, where it is not that writing failed or nobody read
  std::string file;
};

struct RunTotals {
  std::int64_t duration = 0;            // ns; live: of the run, from a file: from its first to its last frame
  FlowCounters flows;                   // over all workers
  std::optional<RingStatistics> rings;  // live, over all rings
  std::uint64_t records = 0;            // lines written
  std::uint64_t lost = 0;               // lines that the sink could not take
  std::optional<SavedFrames> saved;     // with --write
};

// Lines separated by '\n', without one at the end: two of figures, and one for each loss or bound that bit,
// with the option that helps.
std::string closing_summary(const RunTotals& totals);

}  // namespace tapline
