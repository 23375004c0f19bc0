#include "exporters/redaction.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace tapline {
namespace {

constexpr std::size_t npos = std::string_view::npos;
constexpr std::string_view kBlank = " \t\r\n";  // line breaks: of folded lines

// The password of the authority that stands at [begin, end).
SecretSpan password(std::string_view text, std::size_t begin, std::size_t end) {
  const std::string_view authority = text.substr(begin, end - begin);
  const std::size_t at = authority.rfind('@');  // the last: a password may hold an '@' that should be escaped
  if (at == npos) return {};
  const std::size_t colon = authority.find(':');
  if (colon == npos || colon > at) return {};
  return {begin + colon + 1, begin + at};
}

SecretSpan next_in_urls(std::string_view text, std::size_t from) {
  constexpr std::string_view kSlashes = "://";
  // What ends an authority in a URL, or the URL in a line of text.
  constexpr std::string_view kEnd = "/?#\\ \t\r\n\"<>";
  for (std::size_t at = text.find(kSlashes, from); at != npos; at = text.find(kSlashes, at)) {
    at += kSlashes.size();
    const SecretSpan span = password(text, at, std::min(text.find_first_of(kEnd, at), text.size()));
    if (span.begin != SecretSpan::kNone) return span;
  }
  return {};
}

SecretSpan credentials(std::string_view text) {
  if (text.empty()) return {};
  const std::size_t scheme_end = text.find_first_of(kBlank);
  if (scheme_end == npos) return {0, text.size()};  // no scheme: then it is all secret
  return {std::min(text.find_first_not_of(kBlank, scheme_end), text.size()), text.size()};
}

SecretSpan cookie_value(std::string_view text, std::size_t from) {
  const std::size_t begin = text.find_first_not_of("; \t\r\n", from);
  if (begin == npos) return {};
  const std::size_t end = std::min(text.find(';', begin), text.size());
  const std::size_t equals = text.substr(begin, end - begin).find('=');  // no further: many have none
  return {equals == npos ? begin : begin + equals + 1, end};
}

bool may_hold_urls(RedactionRule rule) {
  return rule == RedactionRule::kUrl || rule == RedactionRule::kQuery || rule == RedactionRule::kText ||
         rule == RedactionRule::kAuthority;
}

QueryScope scope_of(RedactionRule rule) {
  if (rule == RedactionRule::kText) return QueryScope::kText;
  return rule == RedactionRule::kQuery ? QueryScope::kQuery : QueryScope::kUrl;
}

// The first secret that begins at or behind `from`, which is 0 or the end of the one before; query parameters
// apart.
SecretSpan next_by_rule(RedactionRule rule, std::string_view text, std::size_t from) {
  switch (rule) {
    case RedactionRule::kNone:
      return {};
    case RedactionRule::kUrl:
    case RedactionRule::kQuery:
    case RedactionRule::kText:
      return next_in_urls(text, from);
    case RedactionRule::kAuthority:
      return from == 0 ? password(text, 0, text.size()) : SecretSpan{};
    case RedactionRule::kCredentials:
      return from == 0 ? credentials(text) : SecretSpan{};
    case RedactionRule::kCookie:
      return cookie_value(text, from);
    case RedactionRule::kSetCookie:
      return from == 0 ? cookie_value(text, 0) : SecretSpan{};
  }
  return {};
}

}  // namespace

RedactionRule redaction_rule(TargetForm form) {
  return form == TargetForm::kAuthority ? RedactionRule::kAuthority : RedactionRule::kUrl;
}

SecretScan::SecretScan(RedactionRule rule, std::string_view text, const QueryNames& names)
    : rule_(rule),
      text_(text),
      parameters_(names, scope_of(rule), text),
      own_(next_by_rule(rule, text, 0)),
      parameter_(may_hold_urls(rule) ? parameters_.next() : SecretSpan{}) {}

// Secrets of the two kinds may overlap (a parameter's value is a URL whose password holds '&'): what either
// hides is hidden, as one.
SecretSpan SecretScan::next() {
  SecretSpan span;
  span.begin = span.end = std::min(own_.begin, parameter_.begin);
  if (span.begin == SecretSpan::kNone) return span;
  while (std::min(own_.begin, parameter_.begin) <= span.end) {
    if (own_.begin <= parameter_.begin) {
      span.end = std::max(span.end, own_.end);
      own_ = next_by_rule(rule_, text_, own_.end);
    } else {
      span.end = std::max(span.end, parameter_.end);
      parameter_ = parameters_.next();
    }
  }
  return span;
}

void RedactionMark::add(std::string_view part) {
  assert(size_ + part.size() <= text_.size());
  std::copy(part.begin(), part.end(), text_.begin() + static_cast<std::ptrdiff_t>(size_));
  size_ += part.size();
}

Redaction Redaction::keyed(KeyedHash hash) {
  Redaction redaction;
  redaction.hash_ = std::move(hash);
  return redaction;
}

Redaction Redaction::off() {
  Redaction redaction;
  redaction.hides_ = false;
  return redaction;
}

RedactionMark Redaction::mark(std::string_view secret, bool folded) const {
  RedactionMark mark;
  if (!hash_) {
    mark.add("[redacted]");
    return mark;
  }
  const std::array digits = hash_->of(secret, folded);
  mark.add("[hmac:");
  mark.add({digits.data(), digits.size()});
  mark.add("]");
  return mark;
}

}  // namespace tapline
