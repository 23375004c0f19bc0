// The text of a JSON string, with the escapes that records need.
#pragma once

#include <cstddef>
#include <string_view>

namespace tapline {

inline constexpr std::size_t kMaxEscaped = 6;     // bytes that one byte becomes: \u00XX
inline constexpr std::size_t kEscapePiece = 256;  // bytes of text for which to ask for room at once

// Writes at least the first `n` bytes of `text` at `p`, and at most one more (the second half of a two-byte
// character); moves `p` behind them, by up to kMaxEscaped bytes for each. Returns how many it took. Escapes
// '"',
// '\\', U+0000 to U+001F, U+007F to U+009F. With `latin1` each byte is the code point of its value; else
// REQUIRES: `text` is valid UTF-8, or what is written is thrown away.
std::size_t append_escaped(char*& p, std::string_view text, std::size_t n, bool latin1);

}  // namespace tapline
