// Sizes and durations as a person reads them: about three digits and a unit.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tapline {

class ShortText {
 public:
  std::string_view view() const { return {bytes_.data(), size_}; }
  void append(std::string_view text);
  void append(std::uint64_t number);

 private:
  std::array<char, 32> bytes_{};  // two numbers of 12 digits and a unit fit
  std::size_t size_ = 0;
};

// Both cut digits off, and never round up: "999 B" is followed by "1.0 kB", and nothing shows more than there
// was.
ShortText human_bytes(std::uint64_t bytes);           // 299 B, 1.2 kB, 34 MB; a kB is 1000 bytes
ShortText human_duration(std::uint64_t nanoseconds);  // 800 ns, 25 µs, 3.1 ms, 283 ms, 1.24 s, 2m05s, 1h02m

}  // namespace tapline
