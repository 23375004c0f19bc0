// Times as text: RFC 3339, UTC, nanoseconds.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace tapline {

// Keeps the text of the last second it was asked for, since most records share theirs with the one before.
// The whole range of std::int64_t is right (the years 1677 to 2262). Not thread-safe.
class TimeText {
 public:
  static constexpr std::size_t kSize = 30;         // 2022-10-23T13:46:42.145850123Z
  static constexpr std::size_t kClockOffset = 11;  // of 13:46:42 in it

  // Writes kSize bytes at `p` for `time` nanoseconds since 1970-01-01T00:00:00Z; returns the end.
  char* append(char* p, std::int64_t time);

 private:
  static constexpr std::size_t kPrefix = 20;  // up to and with the point

  std::int64_t second_ = std::numeric_limits<std::int64_t>::min();  // no time is in this second
  std::array<char, kPrefix> prefix_{};
};

}  // namespace tapline
