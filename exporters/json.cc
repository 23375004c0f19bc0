#include "exporters/json.h"

#include <algorithm>

#include "exporters/append.h"
#include "exporters/json_text.h"

namespace tapline {

void JsonWriter::key_name(std::string_view name) {
  char* p = separate(name.size() + 4);
  *p++ = '"';
  p = std::copy(name.begin(), name.end(), p);
  *p++ = '"';
  *p++ = ':';
  out_.advance(p);
  comma_ = false;
}

void JsonWriter::number(std::uint64_t value) {
  char* p = separate(1 + kMaxDigits);
  out_.advance(append_number(p, value));
  comma_ = true;
}

void JsonWriter::boolean(bool value) {
  const std::string_view word = value ? "true" : "false";
  char* p = separate(1 + word.size());
  out_.advance(std::copy(word.begin(), word.end(), p));
  comma_ = true;
}

void JsonWriter::plain_string(std::string_view text) {
  string_of(text.size(), [text](char* p) { return std::copy(text.begin(), text.end(), p); });
}

void JsonWriter::text(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t n = std::min(bytes.size(), kEscapePiece);
    char* p = out_.need(n * kMaxEscaped);
    bytes.remove_prefix(append_escaped(p, bytes, n, latin1_));
    out_.advance(p);
  }
}

void JsonWriter::end_line() {
  char* p = out_.need(2);
  *p++ = '}';
  *p++ = '\n';
  out_.advance(p);
  out_.end_line();
  comma_ = false;
}

}  // namespace tapline
