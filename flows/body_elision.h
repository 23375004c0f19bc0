// What a source of frames leaves out of message bodies: how flows/ asks for it, and hears what it was.
#pragma once

#include <cstdint>
#include <optional>

#include "flows/flow_key.h"

namespace tapline {

// Of one direction. Sequence numbers; at most 2^30 apart.
struct ElisionRange {
  // Inside, data may be left out that continues what was left out before; the last byte before `end` comes in
  // any case, with its segment.
  std::uint32_t begin = 0, end = 0;
  // So may be the other side's segments that do nothing but acknowledge such data, with this sequence number.
  bool acks = false;
  std::uint32_t ack_sequence = 0;
};

// What was left out of one direction since it was armed.
struct ElidedRun {
  bool over = true;                     // and no more will be: something came that goes on behind it
  std::uint32_t packets = 0;            // of data: [first, next), each byte once
  std::uint32_t first = 0, next = 0;    // with `packets`
  std::uint32_t acks = 0;               // of the other side, the highest of `ack`, which is in (first, next]
  std::uint32_t ack = 0;                // with `acks`
  std::uint16_t ack_window = 0;         // of the latest, as sent; with `acks`
  std::int64_t time = 0, ack_time = 0;  // packet time of the latest, ns
};

// A run grows while frames are still on their way to flows/, and is ahead of them: what is read() may be as
// new as now, while the frame that is being handled is older. What holds: a delivered segment that goes on
// behind a run was sent after it, and is the end of it.
class BodyElision {
 public:
  using Place = std::uint32_t;

  virtual ~BodyElision() = default;
  // None where there is no room.
  virtual std::optional<Place> claim(const FlowKey& connection) = 0;
  // REQUIRES: both directions are stopped.
  virtual void release(Place place) = 0;

  // `sender` is an endpoint of the key.
  virtual void arm(Place place, std::uint8_t sender, const ElisionRange& range) = 0;
  virtual ElidedRun read(Place place, std::uint8_t sender) = 0;
  // From here on everything is delivered. Returns what was not.
  virtual ElidedRun stop(Place place, std::uint8_t sender) = 0;
  // ElisionRange::ack_sequence of an armed direction has moved on.
  virtual void set_ack_sequence(Place place, std::uint8_t sender, std::uint32_t sequence) = 0;
};

}  // namespace tapline
