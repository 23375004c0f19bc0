// The header names that framing and records ask for, as numbers: a name is compared once, when its head is
// read.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace tapline {

// In the order of the alphabet; `common` of the user contract's --headers is among them.
enum class KnownHeader : std::uint8_t {
  kOther,  // any other name
  kAccept,
  kAcceptEncoding,
  kAcceptLanguage,
  kAuthorization,
  kCacheControl,
  kConnection,
  kContentEncoding,
  kContentLength,
  kContentLocation,
  kContentRange,
  kContentType,
  kCookie,
  kDate,
  kEtag,
  kExpect,
  kForwarded,
  kHost,
  kLastModified,
  kLocation,
  kOrigin,
  kProxyAuthorization,
  kRange,
  kReferer,
  kServer,
  kSetCookie,
  kTransferEncoding,
  kUpgrade,
  kUserAgent,
  kVia,
  kXForwardedFor,
  kXRequestId,
};

inline constexpr std::size_t kKnownHeaders = static_cast<std::size_t>(KnownHeader::kXRequestId) + 1;

namespace known_header_detail {

inline constexpr std::array<std::string_view, kKnownHeaders> kNames = {
    "",
    "accept",
    "accept-encoding",
    "accept-language",
    "authorization",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-location",
    "content-range",
    "content-type",
    "cookie",
    "date",
    "etag",
    "expect",
    "forwarded",
    "host",
    "last-modified",
    "location",
    "origin",
    "proxy-authorization",
    "range",
    "referer",
    "server",
    "set-cookie",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
    "x-forwarded-for",
    "x-request-id",
};

inline constexpr std::size_t kShortest = 3, kLongest = 19, kSlots = 128;

// Length, first and last letter tell all known names apart; the factors are found by trying.
constexpr std::size_t slot_of(std::size_t size, char first, char last) {
  return (size * 62 + static_cast<std::size_t>(first & 0x1f) * 40 + static_cast<std::size_t>(last & 0x1f)) %
         kSlots;
}

// 0 in the slots of no name.
inline constexpr std::array<std::uint8_t, kSlots> kSlotNames = [] {
  std::array<std::uint8_t, kSlots> slots{};
  for (std::size_t i = 1; i < kNames.size(); ++i) {
    slots[slot_of(kNames[i].size(), kNames[i].front(), kNames[i].back())] = static_cast<std::uint8_t>(i);
  }
  return slots;
}();

static_assert(
    [] {
      for (std::size_t i = 1; i < kNames.size(); ++i) {
        const std::string_view name = kNames[i];
        if (name.size() < kShortest || name.size() > kLongest) return false;
        if (kSlotNames[slot_of(name.size(), name.front(), name.back())] != i) return false;
      }
      return true;
    }(),
    "two names share a slot: other factors are needed");

}  // namespace known_header_detail

// Upper and lower case are the same (RFC 9110 section 5.1); white space around the name is not taken off.
inline KnownHeader known_header(std::string_view name) {
  using namespace known_header_detail;
  if (name.size() < kShortest || name.size() > kLongest) return KnownHeader::kOther;
  const std::uint8_t number = kSlotNames[slot_of(name.size(), name.front(), name.back())];
  const std::string_view expected = kNames[number];
  if (name.size() != expected.size()) return KnownHeader::kOther;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char lower = name[i] >= 'A' && name[i] <= 'Z' ? static_cast<char>(name[i] | 0x20) : name[i];
    if (lower != expected[i]) return KnownHeader::kOther;
  }
  return static_cast<KnownHeader>(number);
}

}  // namespace tapline
