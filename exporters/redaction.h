// Finds what a record must not show (the values of credentials and cookies, and passwords in URLs), and says
// what stands there instead.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "exporters/header_names.h"
#include "exporters/keyed_hash.h"
#include "exporters/url.h"

namespace tapline {

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

  bool hides() const { return hides_; }

  // Calls `keep(view)` for what may be shown and `secret(view)` for what must not, in order, until the text
  // is used up. Pieces are cut at ASCII characters only, so that those of UTF-8 text are UTF-8.
  template <typename Keep, typename Secret>
  void for_each_piece(RedactionRule rule, std::string_view text, Keep keep, Secret secret) const {
    std::size_t from = 0;
    while (hides_) {
      const SecretSpan span = next_secret(rule, text, from);
      if (span.begin == SecretSpan::kNone) break;
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
};

}  // namespace tapline
