// Finds what a record must not show: the values of credentials and cookies, and passwords in URLs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "exporters/header_names.h"
#include "exporters/url.h"

namespace tapline {

inline constexpr std::string_view kRedacted = "[redacted]";

// Where in a string the secrets are.
enum class RedactionRule : std::uint8_t {
  kNone,  // nowhere
  kUrl,   // passwords in the userinfo of URLs, wherever in the string one stands (RFC 3986 section 3.2.1)
  kAuthority,    // the same, of a string that is a URL's authority alone
  kCredentials,  // all but the authentication scheme (RFC 9110 section 11.4)
  kCookie,       // each cookie's value; the whole of a cookie without a name (RFC 6265 section 4.2)
  kSetCookie,    // the cookie's value, while its attributes stay (RFC 6265 section 4.1)
};

RedactionRule redaction_rule(KnownHeader header);
RedactionRule redaction_rule(TargetForm form);  // of a request target

struct SecretSpan {
  static constexpr std::size_t kNone = std::string_view::npos;
  std::size_t begin = kNone, end = kNone;  // may be empty: an empty password is a secret as well
};

// The first secret of `text` that begins at or behind `from`, which is 0 or the end of the secret before.
SecretSpan next_secret(RedactionRule rule, std::string_view text, std::size_t from);

// Calls `keep(view)` for what may be shown and `secret(view)` for what must not, in order, until the text is
// used up. Pieces are cut at ASCII characters only, so that those of UTF-8 text are UTF-8.
template <typename Keep, typename Secret>
void for_each_piece(RedactionRule rule, std::string_view text, Keep keep, Secret secret) {
  std::size_t from = 0;
  while (true) {
    const SecretSpan span = next_secret(rule, text, from);
    if (span.begin == SecretSpan::kNone) break;
    keep(text.substr(from, span.begin - from));
    secret(text.substr(span.begin, span.end - span.begin));
    from = span.end;
  }
  keep(text.substr(from));
}

}  // namespace tapline
