// The closing summary: what a run saw, what it did not see, and what can be done about that.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "exporters/stats_record.h"

namespace tapline {

// What --write did.
struct SavedFrames {
  SinkCounts counts;      // lines: frames
  bool too_slow = false;  // the reason for losses, where it is not that writing failed or nobody read
  std::string file;
};

// Since the start of the run: what its `stats` records are written from, too.
struct RunTotals {
  bool live = false;
  bool could_elide = false;   // message bodies are delivered, and need not be
  std::int64_t duration = 0;  // ns; live: of the run, from a file: from its first to its last frame
  StatsCounts counts;         // over all workers, `flows` among them
  SinkCounts records;
  std::optional<SavedFrames> saved;  // with --write
};

// A line for each place where frames or records were lost, with what helps; `span` (" in 1 s", or empty) is
// the time in which.
std::vector<std::string> lines_of_loss(const RunTotals& totals, std::string_view span);

// Lines separated by '\n', without one at the end: two of figures, and one for each loss or bound that bit,
// with what helps.
std::string closing_summary(const RunTotals& totals);

}  // namespace tapline
