// How long one side's data takes to be acknowledged.
#pragma once

#include <algorithm>
#include <array>
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
    waiting_[count_ < kRemembered ? count_++ : kRemembered - 1] = {end, time_ns};
  }
  void sent_again() { count_ = 0; }

  // The other side has received everything before `ack`.
  void acknowledged(std::uint32_t ack, std::int64_t time_ns) {
    std::uint8_t done = 0;
    for (; done < count_ && seq_distance(ack, waiting_[done].end) >= 0; ++done)
      add(time_ns - waiting_[done].time_ns);
    if (done == 0) return;
    std::copy(waiting_.begin() + done, waiting_.begin() + count_, waiting_.begin());
    count_ = static_cast<std::uint8_t>(count_ - done);
  }

  std::optional<RoundTrips> result() const { return any_ ? std::optional(found_) : std::nullopt; }

 private:
  static constexpr std::uint8_t kRemembered = 4;
  struct Waiting {
    std::uint32_t end;
    std::int64_t time_ns;
  };

  void add(std::int64_t ns) {
    if (ns < 0) return;  // time stamps that run backwards
    found_ = any_ ? RoundTrips{std::min(found_.min, ns), std::max(found_.max, ns)} : RoundTrips{ns, ns};
    any_ = true;
  }

  std::array<Waiting, kRemembered> waiting_{};
  RoundTrips found_;
  std::uint8_t count_ = 0;
  bool any_ = false;
};

}  // namespace tapline
