// What measuring packet rates gave, as a table for a person and as JSON for a program.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "bench/live_bench.h"
#include "bench/machine.h"

namespace tapline::bench {

struct LiveReport {
  Machine before;
  std::string load_after;
  std::string interface;  // a real one; empty: a private link
  LiveSettings settings;
  CaptureOptions capture;
  std::vector<LiveTool> tools;
  LiveResult result;
};

// All rounds of one tool under the same traffic.
using LiveRounds = std::vector<const LiveRun*>;
LiveRounds rounds_of(const LiveReport& report, std::size_t tool, Mix mix, Placement placement, double rate);

// The median over the rounds. REQUIRES: there are some.
double median_of(const LiveRounds& rounds, const std::function<double(const LiveRun&)>& value);

double offered_rate(const LiveRun& run);  // frames a second
double lost_share(const LiveRun& run);    // of what was offered, 0 to 1

// Medians; the ratio to the first tool is the median of the rounds' ratios.
std::string table_of(const LiveReport& report);

// One line: the machine, what was asked for, and every run.
std::string json_of(const LiveReport& report);

}  // namespace tapline::bench
