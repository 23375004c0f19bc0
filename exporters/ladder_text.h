// A ladder diagram, and the list of connections, as text for a terminal or a file.
#pragma once

#include <cstddef>
#include <span>

#include "exporters/ladder.h"
#include "exporters/line_output.h"

namespace tapline {

struct LadderTextOptions {
  // Columns. No line is longer (a column is a character); below kNarrowest that is taken, and above kWidest
  // that, for arrows across a wide screen are no easier to follow.
  std::size_t width = 80;
  bool colour = false;
  bool all = false;  // fold nothing
};
inline constexpr std::size_t kNarrowest = 60, kWidest = 120;

void draw_ladder(const Ladder& ladder, const LadderTextOptions& options, LineOutput& out);

// One line for each, in the order given, with a line of headings; lines are as long as they must be.
void list_connections(std::span<const LadderSummary> summaries, bool colour, LineOutput& out);

}  // namespace tapline
