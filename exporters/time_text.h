// Times as text: RFC 3339, UTC, nanoseconds.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

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

  // Where that second begins, modulo 2^64: the first of all begins before what an integer holds, which is why
  // the sign tells it from the last.
  std::uint64_t begin_ = 0;
  bool negative_ = false;
  std::array<char, kPrefix> prefix_{'1', '9', '7', '0', '-', '0', '1', '-', '0', '1',
                                    'T', '0', '0', ':', '0', '0', ':', '0', '0', '.'};
};

}  // namespace tapline
