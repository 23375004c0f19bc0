// One look at a message's header lines: which of them a record lists, and where its own fields come from.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "exporters/header_policy.h"
#include "exporters/redaction.h"
#include "flows/events.h"

namespace tapline {

// Filled anew for each message; keeps its memory. Pointers and views are those of the message.
class MessageScan {
 public:
  struct Line {
    const HeaderField* field;
    RedactionRule rule;
    bool plain;  // shown as it is, where it holds neither '@' nor what JSON escapes (as folds do)
  };

  // What is asked of headers; `policy` must outlive the scan.
  MessageScan(const HeaderPolicy& policy, const Redaction& redaction);

  void clear() {
    listed_ = {};
    seen_ = 0;
  }
  void read(const MessageView& message);

  // What the policy selects, in wire order, trailers last.
  std::span<const Line> listed() const { return listed_; }

  // The first header line of that kind, listed or not; null where there is none. Not for kOther.
  const HeaderField* first(KnownHeader kind) const {
    const auto i = static_cast<std::size_t>(kind);
    return (seen_ >> i & 1) != 0 ? first_[i] : nullptr;
  }

  // A media type without its parameters, case as sent; empty where there is none.
  std::string_view mime_type() const;

 private:
  // What is known of a header by its name alone.
  struct Known {
    RedactionRule rule;
    bool plain, listed;
  };

  const HeaderPolicy& policy_;
  std::array<Known, kKnownHeaders> known_;
  bool looks_at_others_;  // whether a header of another name is listed, only the name tells
  std::vector<Line> lines_;
  std::span<const Line> listed_;  // the last of lines_
  static_assert(kKnownHeaders <= 64);
  std::uint64_t seen_ = 0;  // a bit for each KnownHeader: first_ has it
  std::array<const HeaderField*, kKnownHeaders> first_{};
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
