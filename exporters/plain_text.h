// Copies text that a JSON string takes as it is, and tells on the way where it does not.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "exporters/message_scan.h"

namespace tapline {

// What a copy needs behind the text that it copies, for it writes whole vectors.
inline constexpr std::size_t kCopyRoom = 64;

// How many header lines were copied, and where they end.
struct CopiedLines {
  char* end;
  std::size_t count;
};

// One implementation of these for each set of vector instructions that pays; all give the same answers.
//
// A byte is plain here when it is printable ASCII, and none of '"', '\\' (which JSON escapes) and '@'
// (without which no URL holds a password, see Redaction).
struct PlainText {
  const char* name;

  // Copies `text` to `p` and returns the end, when all of it is plain. Null when it is not; then what stands
  // at `p` is of no use. Writes less than text.size() + kCopyRoom bytes.
  char* (*copy)(char* p, std::string_view text);

  // Writes `["name","value"],` for each of `lines` until one is not plain but for '"' and '\\' in its value,
  // needs more than to be copied (MessageScan::Line::plain), or could reach `limit`.
  CopiedLines (*copy_lines)(char* p, const char* limit, std::span<const MessageScan::Line> lines);
};

// The fastest that this processor has the instructions for.
const PlainText& plain_text();

// All that this processor can run, for tests that hold them against each other.
std::span<const PlainText> all_plain_texts();

}  // namespace tapline
