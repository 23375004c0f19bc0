// A record's line while it is written: its room, and the strings in it that come from the wire.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "exporters/line_output.h"
#include "exporters/plain_text.h"

namespace tapline {

// Who writes a record keeps the position and hands it on (append.h):
//
//   line.begin(kRoom);
//   char* p;
//   do {
//     p = line.start();
//     p = line.text(p, target); ...
//     p = line.room(p, 100); ...
//   } while (line.begins_anew());
//   line.end(p);
//
// Text is taken for UTF-8, which it nearly always is, and what says otherwise is noticed as it is written:
// then the record is written a second time, each byte as a character of Latin-1. So no string is looked at
// before.
//
// Not thread-safe.
class JsonLine {
 public:
  // What text() leaves behind the text: for a bracket, a comma, the next key.
  static constexpr std::size_t kBehind = kCopyRoom;

  // `out` must outlive the line.
  explicit JsonLine(LineOutput& out) : out_(out) {}

  // A line begins, at start(), where there is room for `n` bytes.
  void begin(std::size_t n) {
    start_ = out_.need(n);
    latin1_ = broken_ = false;
  }
  char* start() const { return start_; }

  // Room for `n` bytes at `p`, which may move with all that the line has.
  char* room(char* p, std::size_t n) {
    if (static_cast<std::size_t>(out_.limit() - p) >= n) return p;
    return move(p, n);
  }
  const char* limit() const { return out_.limit(); }

  // Any bytes, inside a string: makes its own room, and leaves kBehind. Escapes what must be: '"', '\\',
  // U+0000 to U+001F, U+007F to U+009F.
  char* text(char* p, std::string_view bytes) {
    p = room(p, bytes.size() + kCopyRoom);
    char* end = plain_.copy(p, bytes);
    return end != nullptr ? end : escaped(p, bytes);
  }
  // The same for what is known not to be plain.
  char* escaped(char* p, std::string_view bytes);
  // Copies what is plain: PlainText::copy. REQUIRES: room for text.size() + kCopyRoom bytes; kBehind are left
  // then.
  char* copy(char* p, std::string_view text) const { return plain_.copy(p, text); }
  // What of `lines` can be copied: PlainText::copy_lines.
  CopiedLines copy_lines(char* p, std::span<const MessageScan::Line> lines) const {
    return plain_.copy_lines(p, out_.limit(), lines);
  }

  // A text that is no UTF-8, and not shown, counts for the encoding all the same.
  void check_utf8(std::string_view bytes);

  // At the record's end: true when it must be written again from start().
  bool begins_anew() {
    if (latin1_ || !broken_) return false;
    latin1_ = true;
    return true;
  }
  bool latin1() const { return latin1_; }

  // Ends the line. `p`: behind its '\n'.
  void end(char* p) {
    out_.advance(p);
    out_.end_line();
  }

 private:
  char* move(char* p, std::size_t n);

  LineOutput& out_;
  const PlainText plain_ = plain_text();
  char* start_ = nullptr;
  bool latin1_ = false;
  bool broken_ = false;  // a text was no UTF-8
};

}  // namespace tapline
