#include "exporters/json_text.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

namespace tapline {
namespace {

constexpr std::array<bool, 256> plain_bytes() {
  std::array<bool, 256> plain{};
  for (std::size_t c = 0x20; c < 0x7f; ++c) plain[c] = c != '"' && c != '\\';
  return plain;
}
constexpr std::array<bool, 256> kPlain = plain_bytes();

constexpr std::uint64_t repeat(std::uint64_t byte) { return byte * 0x0101010101010101u; }

// Whether all eight bytes are printable ASCII other than '"' and '\\'.
bool all_plain(std::uint64_t x) {
  const std::uint64_t quote = x ^ repeat('"');
  const std::uint64_t backslash = x ^ repeat('\\');
  // The high bit of a byte comes up: in the subtractions when the byte was below the subtrahend, in the
  // addition for 0x7f, in x itself above that. A borrow from a neighbour can only raise a false alarm next to
  // a true one.
  const std::uint64_t alarm =
      (x - repeat(0x20)) | (quote - repeat(1)) | (backslash - repeat(1)) | (x + repeat(1)) | x;
  return (alarm & repeat(0x80)) == 0;
}

char* append_escape(char* p, unsigned char c) {
  constexpr char kHex[] = "0123456789abcdef";
  if (c == '"' || c == '\\') {
    *p++ = '\\';
    *p++ = static_cast<char>(c);
    return p;
  }
  std::memcpy(p, "\\u00", 4);
  p[4] = kHex[c >> 4];
  p[5] = kHex[c & 15];
  return p + 6;
}

}  // namespace

std::size_t append_escaped(char*& out, std::string_view s, std::size_t n, bool latin1) {
  char* p = out;
  std::size_t i = 0;
  while (i < n) {
    if (n - i >= 8) {
      std::uint64_t word;
      std::memcpy(&word, s.data() + i, 8);
      if (all_plain(word)) {
        std::memcpy(p, &word, 8);
        p += 8;
        i += 8;
        continue;
      }
    } else if (const std::size_t rest = n - i; rest >= 4) {
      // Two halves, which overlap where there are less than 8 bytes.
      std::uint32_t halves[2];
      std::memcpy(&halves[0], s.data() + i, 4);
      std::memcpy(&halves[1], s.data() + n - 4, 4);
      if (all_plain(halves[0] | std::uint64_t{halves[1]} << 32)) {
        std::memcpy(p, &halves[0], 4);
        std::memcpy(p + rest - 4, &halves[1], 4);
        p += rest;
        i = n;
        continue;
      }
    }
    const std::size_t stop = std::min(n, i + 8);
    while (i < stop) {
      const auto c = static_cast<unsigned char>(s[i++]);
      if (kPlain[c]) {
        *p++ = static_cast<char>(c);
      } else if (c < 0x80) {
        p = append_escape(p, c);
      } else if (latin1 && c >= 0xa0) {
        *p++ = static_cast<char>(0xc0 | (c >> 6));
        *p++ = static_cast<char>(0x80 | (c & 0x3f));
      } else if (latin1) {
        p = append_escape(p, c);
      } else if (c == 0xc2 && i < s.size() && static_cast<unsigned char>(s[i]) < 0xa0) {
        p = append_escape(p, static_cast<unsigned char>(s[i++]));  // U+0080 to U+009F
      } else {
        *p++ = static_cast<char>(c);
      }
    }
  }
  out = p;
  return i;
}

}  // namespace tapline
