// What measuring over a file gave, as a table for a person and as JSON for a program.
#pragma once

#include <string>
#include <vector>

#include "bench/file_bench.h"
#include "bench/machine.h"

namespace tapline::bench {

struct FileReport {
  Machine before;  // as it was when measuring began
  std::string load_after;
  CaptureFigures capture;
  bool generated = false;
  std::vector<Measured> measured;  // at least one; each has as many rounds
};

// Medians. The ratios to the first tool are medians of the rounds' ratios, so that what slows a whole round
// down leaves them alone.
std::string table_of(const FileReport& report);

// One line: the machine, the capture, and every round of every tool in nanoseconds and bytes.
std::string json_of(const FileReport& report);

}  // namespace tapline::bench
