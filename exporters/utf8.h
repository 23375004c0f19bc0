// Telling UTF-8 from other bytes.
#pragma once

#include <cstddef>
#include <string_view>

namespace tapline {

struct Utf8Character {
  char32_t code = 0;
  std::size_t length = 0;  // bytes; 0: no character starts here
};

// The character at the start of `bytes`, which must not be empty. Overlong forms, surrogates and what lies
// above U+10FFFF are none (RFC 3629 section 4).
Utf8Character first_utf8(std::string_view bytes);

// Whether all of `bytes` are below 0x80. Without a branch a byte.
bool is_ascii(std::string_view bytes);

// Whether `bytes` is a sequence of such characters.
bool is_utf8(std::string_view bytes);

}  // namespace tapline
