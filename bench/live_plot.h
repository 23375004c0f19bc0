// Packet rates as a picture.
#pragma once

#include <string>

#include "bench/live_report.h"

namespace tapline::bench {

// SVG: for each mix and placement what was received, and below what was lost, over what was offered; a line
// for each tool, of medians. REQUIRES: the report is of a private link.
std::string plot_of(const LiveReport& report);

}  // namespace tapline::bench
