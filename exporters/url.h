// The URL of a request: what its target and its Host header say together.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace tapline {

// RFC 9112 section 3.2. kOther is what none of the forms describes; it is kept, not interpreted.
enum class TargetForm : std::uint8_t { kOrigin, kAbsolute, kAuthority, kAsterisk, kOther };

// Views into the target and the Host value that it was made from (`scheme` may be a literal), all as sent.
struct RequestUrl {
  TargetForm form = TargetForm::kOther;
  std::string_view scheme;  // empty for kAuthority
  // userinfo@host:port: of the absolute or authority form, else of Host. Empty: no host is known, or what
  // stands there is none; then so are domain and port.
  std::string_view authority;
  std::string_view domain;  // brackets of an IPv6 address included
  std::optional<std::uint16_t> port;
  std::string_view rest;  // path and query together; empty for kAuthority, kAsterisk and kOther
  std::string_view path;
  std::optional<std::string_view> query;  // without '?'; "" when there is a '?' and nothing behind it

  // scheme "://" authority rest: the target URI of RFC 9112 section 3.3.
  bool has_full() const {
    return !authority.empty() && form != TargetForm::kAuthority && form != TargetForm::kOther;
  }
};

// `host` is the Host header's value, empty where there is none; the absolute form overrules it (RFC 9112
// section 3.2.2).
RequestUrl request_url(std::string_view method, std::string_view target, std::string_view host);

}  // namespace tapline
