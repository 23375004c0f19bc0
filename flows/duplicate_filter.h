// Tells the second sight of a frame that is seen on two interfaces: on a bridge and its port, a bond and its
// member.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>

#include "flows/decode.h"

namespace tapline {

// Remembers the latest segments, in a table of fixed size whose buckets forget their oldest. Where that is
// one whose copy is still to come, the copy is taken for a frame of its own, and looks like a retransmission.
// Not thread-safe.
class DuplicateFilter {
 public:
  static constexpr std::size_t kBuckets = 1u << 16, kBucketSize = 4;  // of segments, 24 bytes each

  // `window`: how far apart the time stamps of two copies are at most, ns. 0: nothing is a copy, and no
  // memory is used.
  explicit DuplicateFilter(std::int64_t window)
      : window_(window), seen_(window > 0 ? std::make_unique<Bucket[]>(kBuckets) : nullptr) {}

  bool on() const { return seen_ != nullptr; }

  // True when an equal segment came in on another interface at about the same time: equal in key, sender,
  // numbers, flags, window, length and TCP options. An equal one on the same interface was sent again.
  bool is_copy(const TcpSegment& segment) {
    const std::uint64_t digest = digest_of(segment);
    Bucket& bucket = seen_[digest % kBuckets];
    Seen* place = &bucket.front();
    for (Seen& seen : bucket) {
      if (seen.known && seen.digest == digest) {
        const std::int64_t apart =
            std::max(seen.time, segment.time_ns) - std::min(seen.time, segment.time_ns);
        if (seen.interface != segment.interface && apart <= window_) return true;
        place = &seen;
        break;
      }
      if (!seen.known || (place->known && seen.time < place->time)) place = &seen;
    }
    *place = {digest, segment.time_ns, segment.interface, true};
    return false;
  }

 private:
  struct Seen {
    std::uint64_t digest = 0;
    std::int64_t time = 0;
    std::uint16_t interface = 0;
    bool known = false;
  };

  using Bucket = std::array<Seen, kBucketSize>;

  static std::uint64_t digest_of(const TcpSegment& segment) {
    const std::uint64_t who = segment.key.hash(segment.sender);
    const std::uint64_t numbers = std::uint64_t{segment.seq} << 32 | segment.ack;
    const std::uint64_t rest =
        std::uint64_t{segment.payload_bytes} << 32 | std::uint64_t{segment.window} << 8 | segment.flags;
    std::uint64_t digest = FlowKey::mix(who ^ numbers, rest);
    for (const std::uint8_t byte : segment.options) digest = (digest ^ byte) * 0x100000001b3u;
    return FlowKey::mix(digest, who);
  }

  std::int64_t window_;
  std::unique_ptr<Bucket[]> seen_;
};

}  // namespace tapline
