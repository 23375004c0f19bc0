// What is remarkable about the segments of one connection, by their sequence numbers and with hindsight.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "flows/decode.h"

namespace tapline {

// Time and memory grow with the number of segments.
class LadderMarks {
 public:
  // The next segment: bits of LadderMark, but for kMarkGap.
  std::uint8_t take(const TcpSegment& segment);

  // Which segments, counted from 0 in the order of take(), have bytes in front of them that never came.
  std::vector<std::size_t> gaps() const;

 private:
  // What one end has sent, as ranges of numbers that don't wrap.
  class Sent {
   public:
    std::int64_t unwrap(std::uint32_t seq);
    bool known() const { return known_; }
    std::int64_t high() const { return high_; }  // behind the highest number; with known()
    bool covers(std::int64_t begin, std::int64_t end) const;
    void add(std::int64_t begin, std::int64_t end);

   private:
    std::map<std::int64_t, std::int64_t> ranges_;  // begin to end, apart from each other
    std::int64_t high_ = 0;
    bool known_ = false;
  };
  struct Hole {
    std::size_t segment;
    std::uint8_t sender;
    std::int64_t begin, end;
  };

  std::array<Sent, 2> sent_;  // by endpoint of the key
  std::vector<Hole> holes_;
  std::size_t taken_ = 0;
};

}  // namespace tapline
