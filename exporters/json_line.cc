#include "exporters/json_line.h"

#include "exporters/json_text.h"
#include "exporters/utf8.h"

namespace tapline {

char* JsonLine::move(char* p, std::size_t n) {
  const auto used = static_cast<std::size_t>(p - start_);
  p = out_.need(p, n);
  start_ = p - used;
  return p;
}

char* JsonLine::escaped(char* p, std::string_view bytes) {
  if (!latin1_) check_utf8(bytes);
  while (!bytes.empty()) {
    const std::size_t n = std::min(bytes.size(), kEscapePiece);
    p = room(p, n * kMaxEscaped + kBehind);
    bytes.remove_prefix(append_escaped(p, bytes, n, latin1_));
  }
  return p;
}

void JsonLine::check_utf8(std::string_view bytes) { broken_ = broken_ || !is_utf8(bytes); }

}  // namespace tapline
