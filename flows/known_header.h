// The header names that framing and records ask for, as numbers: a name is compared once, when its head is
// read.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
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
  return (size * 3 + static_cast<std::size_t>(first & 0x1f) * 16 +
          static_cast<std::size_t>(last & 0x1f) * 4) %
         kSlots;
}

// A name as words of eight bytes: the first, the last (which overlap in most names), and the one between of
// those longer than both. A letter's mask leaves its case out; the mask is 0 where there is no byte.
struct alignas(64) Pattern {
  std::uint64_t first = 0, first_mask = 0;
  std::uint64_t last = 0, last_mask = 0;
  std::uint64_t middle = 0, middle_mask = 0;
  std::uint64_t size = 0;  // 0: of no name
  KnownHeader header = KnownHeader::kOther;
};

constexpr void set_byte(std::uint64_t& word, std::size_t place, int byte) {
  const std::size_t shift = std::endian::native == std::endian::little ? place * 8 : 56 - place * 8;
  word |= static_cast<std::uint64_t>(byte) << shift;
}

constexpr Pattern pattern_of(std::string_view name, KnownHeader header) {
  Pattern pattern;
  pattern.size = name.size();
  pattern.header = header;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const int mask = name[i] == '-' ? 0xff : 0xdf;
    const bool in_first = i<8, in_last = name.size()> 8 && i + 8 >= name.size();
    if (in_first) {
      set_byte(pattern.first, i, name[i]);
      set_byte(pattern.first_mask, i, mask);
    }
    if (in_last) {
      set_byte(pattern.last, i + 8 - name.size(), name[i]);
      set_byte(pattern.last_mask, i + 8 - name.size(), mask);
    }
    if (!in_first && !in_last) {
      set_byte(pattern.middle, i - 8, name[i]);
      set_byte(pattern.middle_mask, i - 8, mask);
    }
  }
  return pattern;
}

inline constexpr std::array<Pattern, kSlots> kPatterns = [] {
  std::array<Pattern, kSlots> slots{};
  for (std::size_t i = 1; i < kNames.size(); ++i) {
    const std::string_view name = kNames[i];
    slots[slot_of(name.size(), name.front(), name.back())] = pattern_of(name, static_cast<KnownHeader>(i));
  }
  return slots;
}();

static_assert(
    [] {
      for (std::size_t i = 1; i < kNames.size(); ++i) {
        const std::string_view name = kNames[i];
        if (name.size() < kShortest || name.size() > kLongest) return false;
        const Pattern& pattern = kPatterns[slot_of(name.size(), name.front(), name.back())];
        if (pattern.header != static_cast<KnownHeader>(i)) return false;
      }
      return true;
    }(),
    "two names share a slot: other factors are needed");

inline std::uint64_t load_word(const char* p) {
  std::uint64_t word = 0;
  std::memcpy(&word, p, sizeof word);
  return word;
}

}  // namespace known_header_detail

// Of the name of `size` bytes at `name`. REQUIRES: where the size is one that a known name has, 8 bytes from
// its start and 8 before its end may be read.
inline KnownHeader known_header_within(const char* name, std::size_t size) {
  using namespace known_header_detail;
  if (size < kShortest || size > kLongest) return KnownHeader::kOther;
  const Pattern& pattern = kPatterns[slot_of(size, name[0], name[size - 1])];
  std::uint64_t differs = (load_word(name) ^ pattern.first) & pattern.first_mask;
  differs |= (load_word(name + size - 8) ^ pattern.last) & pattern.last_mask;
  if (size > 16) differs |= (load_word(name + 8) ^ pattern.middle) & pattern.middle_mask;
  differs |= size ^ pattern.size;
  return differs == 0 ? pattern.header : KnownHeader::kOther;
}

// `name` is a part of `around`, some of whose other bytes are read. Upper and lower case are the same
// (RFC 9110 section 5.1); white space around the name is not taken off.
inline KnownHeader known_header(std::string_view name, std::string_view around) {
  using namespace known_header_detail;
  if (name.size() < kShortest || name.size() > kLongest) return KnownHeader::kOther;
  const char* const end = name.data() + name.size();
  if (end - around.data() < 8 || around.data() + around.size() - name.data() < 8) {
    std::array<char, 8 + kLongest + 8> copy{};
    std::memcpy(copy.data() + 8, name.data(), name.size());
    return known_header({copy.data() + 8, name.size()}, {copy.data(), copy.size()});
  }
  return known_header_within(name.data(), name.size());
}

inline KnownHeader known_header(std::string_view name) { return known_header(name, name); }

}  // namespace tapline
