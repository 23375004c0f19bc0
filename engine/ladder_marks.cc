#include "engine/ladder_marks.h"

#include <algorithm>
#include <iterator>

#include "exporters/ladder.h"

namespace tapline {

std::int64_t LadderMarks::Sent::unwrap(std::uint32_t seq) {
  if (!known_) high_ = seq;
  known_ = true;
  return high_ + static_cast<std::int32_t>(seq - static_cast<std::uint32_t>(high_));
}

bool LadderMarks::Sent::covers(std::int64_t begin, std::int64_t end) const {
  const auto after = ranges_.upper_bound(begin);
  return after != ranges_.begin() && std::prev(after)->second >= end;
}

void LadderMarks::Sent::add(std::int64_t begin, std::int64_t end) {
  high_ = std::max(high_, end);
  auto at = ranges_.upper_bound(begin);
  if (at != ranges_.begin() && std::prev(at)->second >= begin) --at;
  while (at != ranges_.end() && at->first <= end) {
    begin = std::min(begin, at->first);
    end = std::max(end, at->second);
    at = ranges_.erase(at);
  }
  ranges_.emplace(begin, end);
}

std::uint8_t LadderMarks::take(const TcpSegment& segment) {
  const std::size_t index = taken_++;
  if (segment.has(kRst)) return 0;
  Sent& sent = sent_[segment.sender];
  const bool first = !sent.known();
  const bool plain = !segment.has(kSyn) && !segment.has(kFin);
  const std::int64_t begin = sent.unwrap(segment.seq), end = begin + segment.sequence_length();
  std::uint8_t marks = plain && segment.window == 0 ? kMarkZeroWindow : 0;
  // RFC 9293 section 3.8.4.
  if (!first && plain && segment.payload_bytes <= 1 && begin == sent.high() - 1)
    return marks | kMarkKeepAlive;
  if (begin == end) return marks;
  if (!first && begin < sent.high()) {
    const bool again = sent.covers(begin, std::min(end, sent.high()));
    marks |= again ? kMarkRetransmission : kMarkOutOfOrder;
  } else if (!first && begin > sent.high()) {
    holes_.push_back({index, segment.sender, sent.high(), begin});
  }
  sent.add(begin, end);
  return marks;
}

std::vector<std::size_t> LadderMarks::gaps() const {
  std::vector<std::size_t> gaps;
  for (const Hole& hole : holes_) {
    if (!sent_[hole.sender].covers(hole.begin, hole.end)) gaps.push_back(hole.segment);
  }
  return gaps;
}

}  // namespace tapline
