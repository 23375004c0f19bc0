// The states of both ends of a connection at each of its segments (RFC 9293 section 3.3.2, figure 5), as an
// observer between them knows them.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "flows/events.h"

namespace tapline {

struct ObservedSegment {
  std::uint8_t sender = 0;  // which end: 0 or 1
  std::uint8_t flags = 0;   // bits of TcpFlag
  std::uint32_t seq = 0;    // raw
  std::uint32_t ack = 0;    // raw; meaningless without kAck
  std::uint32_t payload_bytes = 0;
};

using TcpStates = std::array<TcpEndState, 2>;  // by end

struct TcpStateHistory {
  TcpStates before;              // the first segment
  std::vector<TcpStates> after;  // each segment, once it has arrived
};

// Takes all segments of one connection, in the order of capture, and uses hindsight. What was captured is
// taken to have arrived at once, as the figures of the RFC show it, unless the receiver's next segments prove
// otherwise: a SYN or a FIN arrives after those that do not acknowledge it (simultaneous open and close). A
// segment that the capture lost is inferred from those that would not have been sent without it. TIME_WAIT
// ends by a timer, which nobody sees.
//
// A reset counts when its number is one that the receiver may be waiting for (section 3.10.7.4: others in the
// window are answered by a challenge ACK, those outside by nothing). A new SYN on a closed connection begins
// the next one.
//
// Not certain are: both ends of a connection met midstream, until both have closed or one was reset; an end
// that nothing was heard of.
//
// Time and memory are linear in the number of segments.
TcpStateHistory tcp_states(std::span<const ObservedSegment> segments);

}  // namespace tapline
