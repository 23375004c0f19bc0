#include "exporters/message_scan.h"

namespace tapline {
namespace {

constexpr std::array<RedactionRule, kKnownHeaders> kRules = [] {
  std::array<RedactionRule, kKnownHeaders> rules{};
  for (std::size_t i = 0; i < rules.size(); ++i) rules[i] = redaction_rule(static_cast<KnownHeader>(i));
  return rules;
}();

constexpr unsigned bit_of(RedactionRule rule) { return 1u << static_cast<unsigned>(rule); }

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// Bits of the rules under which text without '@' is shown as it is.
unsigned plain_rules_of(const Redaction& redaction) {
  unsigned rules = 0;
  for (const RedactionRule rule : kRedactionRules) {
    if (redaction.shows_without_at(rule)) rules |= bit_of(rule);
  }
  return rules;
}

}  // namespace

// Figures are kept in locals: behind `this` they would be stored and loaded again for each line. A line is
// written first, and kept when it is to be listed: which headers a message has is hard to predict.
void MessageScan::read(const MessageView& message, const HeaderPolicy& policy, const Redaction& redaction) {
  const std::size_t most = message.headers.size() + message.trailers.size();
  if (lines_.size() < most) lines_.resize(most);
  const unsigned plain_rules = plain_rules_of(redaction);
  Line* end = lines_.data();
  std::size_t bytes = 0;
  const auto list = [&](const HeaderField& field, std::size_t known) {
    const RedactionRule rule = kRules[known];
    const bool selected = policy.selects(field);
    *end = {&field, rule, (plain_rules & bit_of(rule)) != 0 && !field.folded};
    end += selected;
    bytes += selected ? field.name.size() + field.value.size() : 0;
  };
  std::uint64_t seen = 0;
  for (const HeaderField& field : message.headers) {
    const auto known = static_cast<std::size_t>(field.known);
    first_[known] = (seen >> known & 1) != 0 ? first_[known] : &field;
    seen |= std::uint64_t{1} << known;
    list(field, known);
  }
  for (const HeaderField& field : message.trailers) list(field, static_cast<std::size_t>(field.known));
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
