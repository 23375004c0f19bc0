#include "exporters/message_scan.h"

namespace tapline {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

}  // namespace

MessageScan::MessageScan(const HeaderPolicy& policy, const Redaction& redaction)
    : policy_(policy), looks_at_others_(policy.names_others()) {
  for (std::size_t i = 0; i < known_.size(); ++i) {
    const auto known = static_cast<KnownHeader>(i);
    const RedactionRule rule = redaction_rule(known);
    known_[i] = {rule, redaction.shows_without_at(rule), policy.selects(known)};
  }
}

// From the last line to the first, so that the first of a kind is simply the one that is kept. A line is
// written in any case, and stays when it is to be listed: which headers a message has is hard to predict.
void MessageScan::read(const MessageView& message) {
  const std::size_t most = message.headers.size() + message.trailers.size();
  if (lines_.size() < most) lines_.resize(most);
  Line* const end = lines_.data() + most;
  Line* begin = end;
  const bool looks_at_others = looks_at_others_;
  const auto list = [&](const HeaderField& field) {
    const Known& known = known_[static_cast<std::size_t>(field.known)];
    const bool listed = known.listed;  // read before what is written might be it
    begin[-1] = {&field, known.rule, known.plain};
    const bool other = looks_at_others && field.known == KnownHeader::kOther;
    begin -= other ? policy_.selects(field) : listed;
  };
  for (std::size_t i = message.trailers.size(); i-- > 0;) list(message.trailers[i]);
  std::uint64_t seen = 0;
  for (std::size_t i = message.headers.size(); i-- > 0;) {
    const HeaderField& field = message.headers[i];
    const auto known = static_cast<std::size_t>(field.known);
    first_[known] = &field;
    seen |= std::uint64_t{1} << known;
    list(field);
  }
  listed_ = {begin, end};
  seen_ = seen;
}

std::string_view MessageScan::mime_type() const {
  std::string_view type = value_of(first(KnownHeader::kContentType));
  type = type.substr(0, type.find(';'));
  while (!type.empty() && is_blank(type.front())) type.remove_prefix(1);
  while (!type.empty() && is_blank(type.back())) type.remove_suffix(1);
  return type;
}

const HeaderField* find_header(const MessageView& message, KnownHeader kind) {
  for (const HeaderField& field : message.headers) {
    if (field.known == kind) return &field;
  }
  return nullptr;
}

}  // namespace tapline
