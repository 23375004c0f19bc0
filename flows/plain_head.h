// Heads as nearly all are sent: by the grammar of RFC 9112, with nothing folded and no white space but what
// senders put. Four bytes a line say where everything in one stands, so that it is read once, when it comes,
// and kept together with them for its record.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "flows/events.h"
#include "flows/http_head.h"

namespace tapline {

// How long the parts of one line are; lines follow each other without a byte between them.
struct HeadLine {
  std::uint8_t first;    // bytes of the name, or of the method; of a status line all before the reason
  std::uint8_t what;     // the KnownHeader, with kSpaced; of a start line the version's two digits
  std::uint16_t second;  // bytes of the value, the target, the reason

  static constexpr std::uint8_t kSpaced = 0x80;  // there is a space between colon and value
};

class PlainHead {
 public:
  static constexpr std::size_t kMaxLines = 64;  // with the start line

  // Reads the head that begins at bytes[0]. False: it is not all there, is longer than lines can say, or
  // needs read_request_head() or read_response_head(), which say the same of what this takes.
  bool read(std::string_view bytes, bool response, const HeadScanner& scanner = fastest_head_scanner());

  // Of the head that was read.
  const HeadFacts& facts() const { return facts_; }
  std::span<const HeadLine> lines() const { return {lines_.data(), count_}; }

 private:
  bool read_request_line(const char* line, std::size_t feed);
  bool read_status_line(const char* line, std::size_t feed);
  bool read_header_lines(const char* text, const HeadMarks& marks);

  HeadFacts facts_;
  std::array<HeadLine, kMaxLines> lines_;
  std::size_t count_ = 0;
};

// What the lines of a plain head say of it: start line and header fields of `view`, whose fields are those of
// `fields`, which is never made smaller. `text` is the head. Reads none of it.
void view_plain_head(std::span<const HeadLine> lines, const char* text, bool response, MessageView& view,
                     std::vector<HeaderField>& fields);

}  // namespace tapline
