// Appends to a line in place, for the encoders' hot paths: each function writes at `p`, where the caller has
// asked for room, and returns the end. A line's position stays in a register that way; behind a member, every
// byte written might be the member itself, and is waited for.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace tapline {

inline constexpr std::size_t kMaxDigits = 20;  // of append_number()

// A literal without its '\0'. Its size is known where it is compiled: a few moves, no call.
template <std::size_t N>
char* append(char* p, const char (&literal)[N]) {
  std::memcpy(p, literal, N - 1);
  return p + (N - 1);
}

inline char* append(char* p, std::string_view text) { return std::copy(text.begin(), text.end(), p); }

// A literal that begins with a comma, which is left out unless `comma`. Writes N bytes.
template <std::size_t N>
char* append_next(char* p, bool comma, const char (&literal)[N]) {
  std::memcpy(p, literal + !comma, N - 1);
  return p + (N - 1) - !comma;
}

// The eight decimal digits of `value` as characters, the first in the lowest byte: by halves, each by three
// multiplications for all parts at once. REQUIRES: value < 10^8.
inline std::uint64_t eight_digits(std::uint32_t value) {
  // q | (x - d * q) << n, where x = d * q + r, is (x << n) - q * ((d << n) - 1).
  const std::uint64_t thousands = value / 10'000;
  std::uint64_t x = (std::uint64_t{value} << 32) - thousands * ((std::uint64_t{10'000} << 32) - 1);
  const std::uint64_t hundreds = ((x * 10'486) >> 20) & 0x0000'007f'0000'007fu;
  x = (x << 16) - hundreds * ((100u << 16) - 1);
  const std::uint64_t tens = ((x * 103) >> 10) & 0x000f'000f'000f'000fu;
  return (x << 8) - tens * ((10u << 8) - 1);
}

inline constexpr std::uint64_t kEightZeros = 0x3030'3030'3030'3030u;

// Stores the characters of a word, the lowest byte first.
inline void store_word(char* p, std::uint64_t word) {
  if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap64(word);
  std::memcpy(p, &word, sizeof word);
}

char* append_large_number(char* p, std::uint64_t value);  // >= 10^8

// In decimal. Writes at most kMaxDigits bytes, some of them perhaps behind the end.
inline char* append_number(char* p, std::uint64_t value) {
  if (value >= 100'000'000) return append_large_number(p, value);
  const std::uint64_t digits = eight_digits(static_cast<std::uint32_t>(value));
  // The last digit stays, be it a zero.
  const int zeros = std::countr_zero(digits | std::uint64_t{1} << 56) / 8;
  store_word(p, (digits | kEightZeros) >> (8 * zeros));
  return p + (8 - zeros);
}

// The same for what is nearly always one digit.
inline char* append_small_number(char* p, std::uint64_t value) {
  if (value >= 10) return append_number(p, value);
  *p = static_cast<char>('0' + value);
  return p + 1;
}

}  // namespace tapline
