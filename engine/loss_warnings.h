// Says on the way that a run loses frames or records, while there is time to do something about it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "engine/summary.h"

namespace tapline {

// Not thread-safe.
class LossWarnings {
 public:
  static constexpr std::int64_t kInterval =
      1'000'000'000;  // ns between two looks, and so between two warnings

  // `start`: of the run, on the clock of the others.
  explicit LossWarnings(std::int64_t start) : looked_(start) {}

  // Whether it is time for a look.
  bool due(std::int64_t now) const { return now - looked_ >= kInterval; }

  // What was lost since the previous look, a line for each place, with what helps; nothing where nothing was.
  std::optional<std::string> look(const RunTotals& totals, std::int64_t now);

 private:
  std::int64_t looked_;  // ns
  std::optional<RunTotals> before_;
};

}  // namespace tapline
