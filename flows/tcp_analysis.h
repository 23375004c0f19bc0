// What a packet list says of a segment beside its own bytes: relative numbers, the true window, and
// Wireshark's words for loss and flow control.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "flows/decode.h"
#include "flows/events.h"

namespace tapline {

// The state of one connection, kept only while packets are told.
class TcpAnalysis {
 public:
  // Takes the connection's segments in the order of capture.
  SegmentNumbers take(const TcpSegment& segment);

 private:
  // What one end has sent. Numbers are raw.
  struct End {
    std::uint32_t base = 0;  // the number shown as 0; with `base_known`
    std::uint8_t scale = 0;  // of its window, with `syn`
    bool base_known = false;
    bool syn = false;           // its SYN was seen
    bool offers_scale = false;  // with the window scale option
  };

  void find_bases(const TcpSegment& segment);
  void read_syn(const TcpSegment& segment);
  bool scale_known() const { return ends_[0].syn && ends_[1].syn; }
  // RFC 7323 section 2.2: only when both offer it.
  unsigned shift_of(const End& end) const {
    return ends_[0].offers_scale && ends_[1].offers_scale ? end.scale : 0u;
  }

  std::array<End, 2> ends_;  // by endpoint of the key
  std::optional<std::int64_t> previous_time_;
};

}  // namespace tapline
