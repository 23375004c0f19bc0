#include "exporters/utf8.h"

#include <cstdint>
#include <cstring>

namespace tapline {
namespace {

template <typename Word>
std::uint64_t load(const char* p) {
  Word word;
  std::memcpy(&word, p, sizeof word);
  return word;
}

}  // namespace

// The last word may overlap the one before.
bool is_ascii(std::string_view bytes) {
  const char* p = bytes.data();
  const std::size_t n = bytes.size();
  std::uint64_t all = 0;
  if (n >= 8) {
    for (std::size_t i = 0; i + 8 <= n; i += 8) all |= load<std::uint64_t>(p + i);
    all |= load<std::uint64_t>(p + n - 8);
  } else if (n >= 4) {
    all = load<std::uint32_t>(p) | load<std::uint32_t>(p + n - 4);
  } else {
    for (std::size_t i = 0; i < n; ++i) all |= static_cast<unsigned char>(p[i]);
  }
  return (all & 0x8080808080808080u) == 0;
}

Utf8Character first_utf8(std::string_view bytes) {
  const auto lead = static_cast<unsigned char>(bytes[0]);
  if (lead < 0x80) return {lead, 1};
  if (lead < 0xc2 || lead > 0xf4) return {};
  const std::size_t length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (bytes.size() < length) return {};
  char32_t code = lead & (0x7fu >> length);
  for (std::size_t i = 1; i < length; ++i) {
    const auto c = static_cast<unsigned char>(bytes[i]);
    if ((c & 0xc0) != 0x80) return {};
    code = (code << 6) | (c & 0x3fu);
  }
  const bool overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
  const bool surrogate = code >= 0xd800 && code <= 0xdfff;
  if (overlong || surrogate || code > 0x10ffff) return {};
  return {code, length};
}

bool is_utf8(std::string_view bytes) {
  if (is_ascii(bytes)) return true;  // nearly all that is asked about
  while (!bytes.empty()) {
    const std::size_t length = first_utf8(bytes).length;
    if (length == 0) return false;
    bytes.remove_prefix(length);
  }
  return true;
}

}  // namespace tapline
