#include "flows/tcp_analysis.h"

#include <algorithm>

#include "flows/tcp_options.h"

namespace tapline {

void TcpAnalysis::find_bases(const TcpSegment& segment) {
  End& own = ends_[segment.sender];
  End& peer = ends_[1 - segment.sender];
  if (!own.base_known) {
    own.base = segment.has(kSyn) ? segment.seq : segment.seq - 1;
    own.base_known = true;
  }
  if (!peer.base_known && segment.has(kAck)) {
    peer.base = segment.ack - 1;
    peer.base_known = true;
  }
}

void TcpAnalysis::read_syn(const TcpSegment& segment) {
  constexpr std::uint8_t kLargestShift = 14;  // RFC 7323 section 2.3
  SynParameters parameters;
  read_syn_options(segment.options, parameters);
  End& own = ends_[segment.sender];
  own.syn = true;
  own.offers_scale = parameters.window_scale.has_value();
  own.scale = std::min(parameters.window_scale.value_or(0), kLargestShift);
}

SegmentNumbers TcpAnalysis::take(const TcpSegment& segment) {
  find_bases(segment);
  if (segment.has(kSyn)) read_syn(segment);
  const End& own = ends_[segment.sender];
  const End& peer = ends_[1 - segment.sender];
  SegmentNumbers numbers;
  if (previous_time_) numbers.time_delta = segment.time_ns - *previous_time_;
  previous_time_ = segment.time_ns;
  numbers.sequence = segment.seq - own.base;
  numbers.next_sequence = numbers.sequence + segment.sequence_length();
  if (segment.has(kAck)) numbers.acknowledgment = segment.ack - peer.base;
  if (segment.has(kSyn)) {
    numbers.scaled_window = segment.window;
  } else if (scale_known()) {
    numbers.scaled_window = std::uint32_t{segment.window} << shift_of(own);
  }
  return numbers;
}

}  // namespace tapline
