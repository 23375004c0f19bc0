// Turns the time stamps of a pcapng interface, counts of ticks of a unit it declares, into nanoseconds.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

namespace tapline {

// Packet times are kept in 0 .. kMaxPacketTime (years 1970 to 2255), whatever a file claims: so sums with any
// time-out and differences of any two never overflow.
inline constexpr std::int64_t kMaxPacketTime = 9'000'000'000'000'000'000;

// draft-ietf-opsawg-pcapng, Interface Description Block, if_tsresol and if_tsoffset.
class TickClock {
 public:
  TickClock() = default;  // microseconds, the format's default

  // `resolution`: ticks of 10^-n seconds, or of 2^-n where the top bit is set. `offset`: seconds to be added.
  TickClock(std::uint8_t resolution, std::int64_t offset) {
    const unsigned exponent = resolution & 0x7Fu;
    if ((resolution & 0x80u) != 0) {
      multiplier_ = 1'000'000'000;
      shift_ = exponent;
    } else if (exponent <= 9) {
      multiplier_ = power_of_ten(9 - exponent);
    } else {
      multiplier_ = 1;
      // 2^64 ticks of 10^-29 s and less are no whole nanosecond.
      divisor_ = exponent - 9 <= 19 ? power_of_ten(exponent - 9) : 0;
    }
    // A larger offset goes over the edge of packet time from wherever the ticks stand.
    constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max() / 1'000'000'000;
    offset_ns_ = std::clamp(offset, -kMost, kMost) * 1'000'000'000;
  }

  std::int64_t to_ns(std::uint64_t ticks) const {
    Wide ns = static_cast<Wide>(ticks) * multiplier_;  // below 2^94
    if (shift_ != 0) {
      ns >>= shift_;
    } else if (divisor_ != 1) {
      ns = divisor_ != 0 ? ns / divisor_ : 0;
    }
    ns += offset_ns_;
    if (ns < 0) return 0;
    return ns < kMaxPacketTime ? static_cast<std::int64_t>(ns) : kMaxPacketTime;
  }

 private:
  __extension__ using Wide = __int128;

  static std::uint64_t power_of_ten(unsigned exponent) {
    std::uint64_t power = 1;
    while (exponent-- > 0) power *= 10;
    return power;
  }

  std::uint64_t multiplier_ = 1000;
  std::uint64_t divisor_ = 1;  // 0: everything is less than a nanosecond
  unsigned shift_ = 0;         // at most 127
  std::int64_t offset_ns_ = 0;
};

}  // namespace tapline
