// The rows of a ladder diagram, from top to bottom, the same for text and picture: what stands at each arrow,
// what is folded, and what is said around them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "exporters/ladder.h"

namespace tapline {

struct LadderRow {
  enum class Kind : std::uint8_t {
    kArrow,  // one segment, or a run of data segments folded into one arrow
    kBand,   // words across the diagram, which belong to the time between two arrows
  };
  Kind kind = Kind::kArrow;
  Side from = Side::kClient;
  std::int64_t since_start = 0;              // ns; may be negative where time stamps run backwards
  std::optional<std::int64_t> since_before;  // ns since the last segment of the row before
  std::uint64_t frame = 0;                   // of its first segment
  std::uint8_t flags = 0;                    // of the segment; 0 for a run
  std::string label;                         // on the arrow; or the band's words
  std::vector<std::string> messages;         // start lines of HTTP messages that begin here
  std::string notes;                         // what is remarkable about it; empty: nothing
  bool alarming = false;                     // the notes tell of loss or disorder
  // Where the state of an end, by Side, is another than before.
  std::array<std::optional<TcpEndState>, 2> changes;
  // Between the first FIN (its row is the first such) and the second, or the end.
  bool half_closed = false;
};

// Data segments of one side in a row, with nothing remarkable about them, are one row ("12 segments, 17,376
// bytes") from three on, together with the acknowledgments between them; not with `all`. Duplicate ACKs and
// window updates are nothing remarkable. A pause of 200 ms or more ends such a run, so that stalls are seen.
std::vector<LadderRow> ladder_rows(const Ladder& ladder, bool all);

// The lines above and below the rows: which connection, and what there is to say of it as a whole.
struct LadderFact {
  std::string name, text;
};
std::string ladder_title(const LadderSummary& summary);  // "Connection 1 (wxyz…)"
std::vector<LadderFact> ladder_facts(const Ladder& ladder);

}  // namespace tapline
