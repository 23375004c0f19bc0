// How long one side's data takes to be acknowledged.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "flows/connection.h"
#include "flows/events.h"

namespace tapline {

// Remembers the first segments that wait for their acknowledgement and the latest one: the first gives the
// longest round trip of a flight, the latest the shortest. What is sent again is not measured, for nobody can
// tell which of the two was acknowledged (Karn's rule, RFC 6298 section 3).
class RoundTripMeter {
 public:
  // A segment with data that was never sent before; `end` is the sequence number behind it.
  void sent(std::uint32_t end, std::int64_t time_ns) {
    const std::size_t at = std::min(count_, kRemembered - 1);
    ends_[at] = end;
    times_[at] = time_ns;
    count_ = (at + 1) & kCountMask;
  }
  void sent_again() { count_ = 0; }
  // Something was sent, and not acknowledged yet.
  bool waits() const { return count_ > 0; }

  // The other side has received everything before `ack`.
  void acknowledged(std::uint32_t ack, std::int64_t time_ns) {
    const std::size_t count = count_;
    std::uint64_t min = min_, max = max_;
    std::size_t done = 0;
    for (; done < count && seq_distance(ack, ends_[done]) >= 0; ++done) {
      const std::int64_t found = time_ns - times_[done];
      if (found < 0) continue;  // time stamps that run backwards
      const std::uint64_t round_trip = std::min(static_cast<std::uint64_t>(found), kLongest);
      min = std::min(min, round_trip);
      max = std::max(max, round_trip);
    }
    if (done == 0) return;
    min_ = min & kLongest;
    max_ = max & kLongest;
    count_ = (count - done) & kCountMask;
    if (done == count) return;
    std::copy(ends_.begin() + done, ends_.begin() + count, ends_.begin());
    std::copy(times_.begin() + done, times_.begin() + count, times_.begin());
  }

  std::optional<RoundTrips> result() const {
    if (min_ > max_) return std::nullopt;  // none was measured
    return RoundTrips{static_cast<std::int64_t>(min_), static_cast<std::int64_t>(max_)};
  }

 private:
  static constexpr std::size_t kRemembered = 4;
  static constexpr std::size_t kCountMask = 0xff;
  static constexpr std::uint64_t kLongest = (std::uint64_t{1} << 48) - 1;  // ns: three days

  std::array<std::int64_t, kRemembered> times_{};
  std::array<std::uint32_t, kRemembered> ends_{};
  std::uint64_t min_ : 48 = kLongest, count_ : 8 = 0;
  std::uint64_t max_ : 48 = 0;
};
static_assert(sizeof(RoundTripMeter) == 64);

}  // namespace tapline
