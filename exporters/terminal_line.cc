#include "exporters/terminal_line.h"

#include <algorithm>
#include <array>

#include "exporters/append.h"
#include "exporters/utf8.h"

namespace tapline {
namespace {

constexpr std::string_view kReset = "\x1b[0m";

// SGR sequences (ECMA-48 section 8.3.117).
std::string_view sequence(Tint tint) {
  switch (tint) {
    case Tint::kNone:
      return {};
    case Tint::kDim:
      return "\x1b[2m";
    case Tint::kBold:
      return "\x1b[1m";
    case Tint::kGreen:
      return "\x1b[32m";
    case Tint::kCyan:
      return "\x1b[36m";
    case Tint::kYellow:
      return "\x1b[33m";
    case Tint::kRed:
      return "\x1b[31m";
    case Tint::kMagenta:
      return "\x1b[35m";
    case Tint::kAlarm:
      return "\x1b[1;31m";
  }
  return {};
}

// Characters that a terminal obeys rather than shows: U+0080 to U+009F, and those by which a line can be made
// to read as another (line separators, marks and overrides of direction, the byte order mark, zero width).
bool is_active(char32_t c) {
  return (c >= 0x80 && c < 0xa0) || c == 0x61c || (c >= 0x200b && c <= 0x200f) ||
         (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff ||
         (c >= 0xe0000 && c <= 0xe0fff);
}

// How the first character of some bytes is shown.
struct Shown {
  std::size_t consumed;
  std::string_view as_is;         // else:
  std::array<char, 10> escape{};  // \UXXXXXXXX at most
  std::size_t escape_size = 0;

  std::string_view view() const {
    return escape_size > 0 ? std::string_view(escape.data(), escape_size) : as_is;
  }
  std::size_t columns() const { return escape_size > 0 ? escape_size : 1; }
};

Shown escaped(std::size_t consumed, char kind, char32_t code, std::size_t digits) {
  constexpr char kHex[] = "0123456789abcdef";
  Shown shown{.consumed = consumed, .as_is = {}};
  shown.escape[0] = '\\';
  shown.escape[1] = kind;
  for (std::size_t i = 0; i < digits; ++i) shown.escape[1 + digits - i] = kHex[(code >> (4 * i)) & 15];
  shown.escape_size = 2 + digits;
  return shown;
}

Shown show_first(std::string_view bytes) {
  const auto byte = static_cast<unsigned char>(bytes[0]);
  if (byte < 0x20 || byte == 0x7f) return escaped(1, 'x', byte, 2);
  if (byte == '\\') return escaped(1, '\\', 0, 0);
  const Utf8Character character = first_utf8(bytes);
  if (character.length == 0) return escaped(1, 'x', byte, 2);
  if (!is_active(character.code)) {
    return {.consumed = character.length, .as_is = bytes.substr(0, character.length)};
  }
  return character.code < 0x10000 ? escaped(character.length, 'u', character.code, 4)
                                  : escaped(character.length, 'U', character.code, 8);
}

bool is_printable_ascii(char c) { return c >= 0x20 && c < 0x7f && c != '\\'; }

std::size_t plain_prefix(std::string_view bytes) {
  return static_cast<std::size_t>(std::find_if_not(bytes.begin(), bytes.end(), is_printable_ascii) -
                                  bytes.begin());
}

}  // namespace

std::size_t columns_of_own(std::string_view text) {
  if (is_ascii(text)) return text.size();
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

std::size_t columns_of_wire(std::string_view bytes) {
  std::size_t columns = 0;
  while (!bytes.empty()) {
    const std::size_t plain = plain_prefix(bytes);
    columns += plain;
    bytes.remove_prefix(plain);
    if (bytes.empty()) break;
    const Shown shown = show_first(bytes);
    columns += shown.columns();
    bytes.remove_prefix(shown.consumed);
  }
  return columns;
}

void TerminalLine::tint(Tint tint) {
  if (!colour_) return;
  const std::string_view codes = sequence(tint);
  char* p = out_.need(kReset.size() + codes.size());
  if (tinted_) p = std::copy(kReset.begin(), kReset.end(), p);
  out_.advance(std::copy(codes.begin(), codes.end(), p));
  tinted_ = tint != Tint::kNone;
}

void TerminalLine::put(std::string_view text) {
  char* p = out_.need(text.size());
  out_.advance(std::copy(text.begin(), text.end(), p));
  column_ += columns_of_own(text);
}

void TerminalLine::put_number(std::uint64_t number) {
  char* const p = out_.need(kMaxDigits);
  char* const end = append_number(p, number);
  out_.advance(end);
  column_ += static_cast<std::size_t>(end - p);
}

void TerminalLine::pad_to(std::size_t column) {
  const std::size_t n = column > column_ ? column - column_ : 1;
  out_.advance(std::fill_n(out_.need(n), n, ' '));
  column_ += n;
}

void TerminalLine::put_right(std::string_view text, std::size_t column) {
  const std::size_t columns = columns_of_own(text);
  pad_to(column > columns ? column - columns : 0);
  put(text);
}

void TerminalLine::put_wire(std::string_view bytes) {
  if (column_ >= limit_) return;
  const std::string_view fits = bytes.substr(0, limit_ - column_);
  if (char* end = plain_.copy(out_.need(fits.size() + kCopyRoom), fits)) {
    out_.advance(end);
    column_ += fits.size();
    return;
  }
  while (!bytes.empty() && column_ < limit_) {
    const std::size_t plain = std::min(plain_prefix(bytes), limit_ - column_);
    if (plain > 0) {
      put(bytes.substr(0, plain));
      bytes.remove_prefix(plain);
      continue;
    }
    const Shown shown = show_first(bytes);
    if (shown.columns() > limit_ - column_) {
      limit_ = column_;  // nothing shorter that comes later may take its place
      return;
    }
    put(shown.view());
    bytes.remove_prefix(shown.consumed);
  }
}

void TerminalLine::end() {
  tint(Tint::kNone);
  char* p = out_.need(1);
  *p++ = '\n';
  out_.advance(p);
  out_.end_line();
  column_ = 0;
  limit_ = kNoLimit;
}

}  // namespace tapline
