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
    if (count_ < kRemembered) ++count_;
    ends_[count_ - 1u] = end;
    times_[count_ - 1u] = time_ns;
  }
  void sent_again() { count_ = 0; }
  // Something was sent, and not acknowledged yet.
  bool waits() const { return count_ > 0; }

  // The other side has received everything before `ack`.
  void acknowledged(std::uint32_t ack, std::int64_t time_ns) {
    std::size_t done = 0;
    for (; done < count_ && seq_distance(ack, ends_[done]) >= 0; ++done) add(time_ns - times_[done]);
    if (done == 0) return;
    std::copy(ends_.begin() + done, ends_.begin() + count_, ends_.begin());
    std::copy(times_.begin() + done, times_.begin() + count_, times_.begin());
    count_ = (count_ - done) & 0xffu;
  }

  std::optional<RoundTrips> result() const {
    if (!any_) return std::nullopt;
    return RoundTrips{static_cast<std::int64_t>(min_), static_cast<std::int64_t>(max_)};
  }

 private:
  static constexpr std::size_t kRemembered = 4;
  static constexpr std::uint64_t kLongest = (std::uint64_t{1} << 48) - 1;  // ns: three days

  void add(std::int64_t ns) {
    if (ns < 0) return;  // time stamps that run backwards
    const std::uint64_t found = std::min(static_cast<std::uint64_t>(ns), kLongest);
    min_ = (any_ ? std::min<std::uint64_t>(min_, found) : found) & kLongest;
    max_ = std::max<std::uint64_t>(max_, found) & kLongest;
    any_ = 1;
  }

  std::array<std::int64_t, kRemembered> times_{};
  std::array<std::uint32_t, kRemembered> ends_{};
  std::uint64_t min_ : 48 = 0, count_ : 8 = 0;
  std::uint64_t max_ : 48 = 0, any_ : 1 = 0;
};
static_assert(sizeof(RoundTripMeter) == 64);

}  // namespace tapline
