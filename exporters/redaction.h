// Finds what a record must not show (the values of credentials and cookies, and passwords in URLs), and says
// what stands there instead.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "exporters/keyed_hash.h"
#include "exporters/query_parameters.h"
#include "exporters/secret_span.h"
#include "exporters/url.h"
#include "flows/known_header.h"

namespace tapline {

// Where in a string the secrets are.
enum class RedactionRule : std::uint8_t {
  kNone,  // nowhere
  // These four: passwords in the userinfo of URLs, wherever in the string one stands (RFC 3986
  // section 3.2.1), and the values of the query parameters that were asked for.
  kUrl,          // the string is a URL
  kQuery,        // a URL's query without its '?'
  kText,         // URLs may stand in it
  kAuthority,    // a URL's authority
  kCredentials,  // all but the authentication scheme (RFC 9110 section 11.4)
  kCookie,       // each cookie's value; the whole of a cookie without a name (RFC 6265 section 4.2)
  kSetCookie,    // the cookie's value, while its attributes stay (RFC 6265 section 4.1)
};

constexpr RedactionRule redaction_rule(KnownHeader header) {
  switch (header) {
    case KnownHeader::kAuthorization:
    case KnownHeader::kProxyAuthorization:
      return RedactionRule::kCredentials;
    case KnownHeader::kCookie:
      return RedactionRule::kCookie;
    case KnownHeader::kSetCookie:
      return RedactionRule::kSetCookie;
    case KnownHeader::kHost:
      return RedactionRule::kAuthority;
    case KnownHeader::kReferer:
    case KnownHeader::kLocation:
    case KnownHeader::kContentLocation:
      return RedactionRule::kUrl;
    default:
      return RedactionRule::kText;
  }
}
RedactionRule redaction_rule(TargetForm form);  // of a request target

// Walks over the secrets of a text, in time linear to its size whatever it holds.
class SecretScan {
 public:
  // Both must outlive the scan.
  SecretScan(RedactionRule rule, std::string_view text, const QueryNames& names);

  // The next secret, behind the one before and apart from it.
  SecretSpan next();

 private:
  const RedactionRule rule_;
  const std::string_view text_;
  ParameterScan parameters_;
  SecretSpan own_, parameter_;  // the next by the rule alone, and of the parameters
};

// What a record shows in place of a secret: printable ASCII that needs no escapes.
class RedactionMark {
 public:
  std::string_view view() const { return {text_.data(), size_}; }

 private:
  friend class Redaction;
  void add(std::string_view part);

  std::array<char, 6 + KeyedHash::kDigits + 1> text_;  // [hmac:0123456789abcdef]
  std::size_t size_ = 0;
};

// What the user wants hidden, and how. Immutable once encoders hold copies, which share the key.
class Redaction {
 public:
  // Secrets become `[redacted]`.
  Redaction() = default;
  // Secrets become `[hmac:` and the 16 digits of KeyedHash `]`. The same bytes give the same digits wherever
  // they stand, so that a cookie can be followed from Set-Cookie on.
  static Redaction keyed(KeyedHash hash);
  // Nothing is hidden.
  static Redaction off();

  // Hides the values of these parameters, too.
  void add_query_names(const QueryNames& names) { names_.insert(names_.end(), names.begin(), names.end()); }

  // Whether any text is shown as it is, under this rule, that holds no '@': a password stands in front of
  // one, and query parameters are not looked for.
  bool shows_without_at(RedactionRule rule) const {
    if (rule == RedactionRule::kNone || !hides_) return true;
    return rule < RedactionRule::kCredentials && names_.empty();
  }

  // Calls `keep(view)` for what may be shown and `secret(view)` for what must not, in order, until the text
  // is used up. Pieces are cut at ASCII characters only, so that those of UTF-8 text are UTF-8.
  template <typename Keep, typename Secret>
  void for_each_piece(RedactionRule rule, std::string_view text, Keep keep, Secret secret) const {
    if (!hides_) return keep(text);
    SecretScan scan(rule, text, names_);
    std::size_t from = 0;
    for (SecretSpan span = scan.next(); span.begin != SecretSpan::kNone; span = scan.next()) {
      keep(text.substr(from, span.begin - from));
      secret(text.substr(span.begin, span.end - span.begin));
      from = span.end;
    }
    keep(text.substr(from));
  }

  // What to show for a secret. `folded`: see KeyedHash.
  RedactionMark mark(std::string_view secret, bool folded) const;

 private:
  bool hides_ = true;
  std::optional<KeyedHash> hash_;
  QueryNames names_;
};

}  // namespace tapline
