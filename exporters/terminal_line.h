// One line of text for a terminal: columns, colours, and wire bytes made harmless.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>

#include "exporters/line_output.h"
#include "exporters/plain_text.h"

namespace tapline {

enum class Tint : std::uint8_t { kNone, kDim, kBold, kGreen, kCyan, kYellow, kRed, kMagenta, kAlarm };

// A column is a character: neither wide nor combining ones are told apart.
std::size_t columns_of_own(std::string_view text);    // valid UTF-8 without control characters
std::size_t columns_of_wire(std::string_view bytes);  // as put_wire() shows them

// Not thread-safe.
class TerminalLine {
 public:
  static constexpr std::size_t kNoLimit = std::numeric_limits<std::size_t>::max();

  // `out` must outlive the line. Without `colour`, tint() does nothing.
  TerminalLine(LineOutput& out, bool colour) : out_(out), colour_(colour) {}

  // Columns used so far.
  std::size_t column() const { return column_; }

  // What follows is shown in `tint`, until the next call or the line's end.
  void tint(Tint tint);

  // Text of our own. REQUIRES: valid UTF-8 without control characters.
  void put(std::string_view text);
  void put_number(std::uint64_t number);

  // Spaces up to `column`, one at least.
  void pad_to(std::size_t column);
  // `text` (as put() takes it) so that it ends in front of `column`; one space in front of it at least.
  void put_right(std::string_view text, std::size_t column);

  // Bytes from the wire. Control characters and bytes that are no UTF-8 are shown as \x1b, characters that
  // would move or hide others (C1 controls, line separators, direction marks) as \u202e, a backslash as two.
  void put_wire(std::string_view bytes);

  // From here on put_wire() leaves out what does not fit in front of `column`, and all that comes after it.
  void set_limit(std::size_t column) { limit_ = column; }

  // Ends the line, and begins the next.
  void end();

 private:
  LineOutput& out_;
  const bool colour_;
  const PlainText plain_ = plain_text();
  bool tinted_ = false;
  std::size_t column_ = 0;
  std::size_t limit_ = kNoLimit;
};

}  // namespace tapline
