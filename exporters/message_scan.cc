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

// Figures are kept in locals: behind `this` they would be stored and loaded again for each line. A line is
// written first, and kept when it is to be listed: which headers a message has is hard to predict.
void MessageScan::read(const MessageView& message) {
  const std::size_t most = message.headers.size() + message.trailers.size();
  if (lines_.size() < most) lines_.resize(most);
  Line* end = lines_.data();
  std::size_t bytes = 0;
  const auto list = [&](const HeaderField& field, const Known& known) {
    const bool other = looks_at_others_ && field.known == KnownHeader::kOther;
    const bool listed = other ? policy_.selects(field) : known.listed;
    *end = {&field, known.rule, known.plain && !field.folded};
    end += listed;
    bytes += listed ? field.name.size() + field.value.size() : 0;
  };
  std::uint64_t seen = 0;
  for (const HeaderField& field : message.headers) {
    const auto known = static_cast<std::size_t>(field.known);
    first_[known] = (seen >> known & 1) != 0 ? first_[known] : &field;
    seen |= std::uint64_t{1} << known;
    list(field, known_[known]);
  }
  for (const HeaderField& field : message.trailers)
    list(field, known_[static_cast<std::size_t>(field.known)]);
  listed_ = static_cast<std::size_t>(end - lines_.data());
  listed_bytes_ = bytes;
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
