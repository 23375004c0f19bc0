// One look at a message's header lines: which of them a record lists, and where its own fields come from.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <vector>

#include "exporters/header_policy.h"
#include "flows/events.h"

namespace tapline {

// Filled anew for each message; keeps its memory. Pointers and views are those of the message.
struct MessageScan {
  struct Line {
    const HeaderField* field;
    KnownHeader kind;
  };

  // What the policy selects, in wire order, trailers last.
  std::vector<Line> listed;
  // The first header line of each kind that a record takes a field from, listed or not; null where there is
  // none.
  const HeaderField* host = nullptr;
  const HeaderField* user_agent = nullptr;
  const HeaderField* referer = nullptr;
  const HeaderField* content_type = nullptr;
  const HeaderField* content_encoding = nullptr;
  const HeaderField* x_forwarded_for = nullptr;
  const HeaderField* forwarded = nullptr;

  void clear();
  void read(const MessageView& message, const HeaderPolicy& policy);

  // A media type without its parameters, case as sent; empty where there is none.
  std::string_view mime_type() const;
};

// The value of a line that may be missing.
inline std::string_view value_of(const HeaderField* field) {
  return field == nullptr ? std::string_view() : field->value;
}

// The first header line of that kind.
const HeaderField* find_header(const MessageView& message, KnownHeader kind);

// Calls `emit(view)` for the parts of a header value, with its folds as one space each (RFC 9112
// section 5.2).
template <typename Emit>
void for_each_unfolded(std::string_view value, Emit emit) {
  for (std::size_t feed = value.find('\n'); feed != std::string_view::npos; feed = value.find('\n')) {
    const std::size_t last = value.substr(0, feed).find_last_not_of(" \t\r");
    emit(value.substr(0, last == std::string_view::npos ? 0 : last + 1));
    emit(std::string_view(" "));
    value.remove_prefix(std::min(value.find_first_not_of(" \t\r\n", feed), value.size()));
  }
  emit(value);
}

}  // namespace tapline
