// The header fields that records take something from, or that hold secrets.
#pragma once

#include <cstdint>
#include <string_view>

namespace tapline {

enum class KnownHeader : std::uint8_t {
  kOther,
  kHost,
  kCookie,
  kReferer,
  kLocation,
  kForwarded,
  kSetCookie,
  kUserAgent,
  kContentType,
  kAuthorization,
  kXForwardedFor,
  kContentEncoding,
  kContentLocation,
  kProxyAuthorization,
};

// ASCII letters of either case are equal; other bytes only to themselves.
bool equal_ignoring_case(std::string_view a, std::string_view b);

// White space behind a name (which RFC 9112 section 5.1 forbids, and some servers ignore) does not hide it.
KnownHeader known_header(std::string_view name);

}  // namespace tapline
