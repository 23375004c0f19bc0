#include "exporters/address_text.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstring>

#include "exporters/append.h"
#include "exporters/header_names.h"

namespace tapline {
namespace {

// Each number with the point behind it.
struct Octet {
  std::array<char, 4> text;
  std::uint8_t size;
};
constexpr std::array<Octet, 256> kOctets = [] {
  std::array<Octet, 256> octets{};
  for (unsigned value = 0; value < 256; ++value) {
    Octet& octet = octets[value];
    for (const unsigned unit : {100u, 10u, 1u}) {
      if (value >= unit || unit == 1) octet.text[octet.size++] = static_cast<char>('0' + value / unit % 10);
    }
    octet.text[octet.size++] = '.';
  }
  return octets;
}();

char* append_ipv4(char* p, const std::uint8_t* bytes) {
  for (int i = 0; i < 4; ++i) {
    const Octet& octet = kOctets[bytes[i]];
    std::memcpy(p, octet.text.data(), octet.text.size());
    p += octet.size;
  }
  return p - 1;
}

struct ZeroRun {
  int begin = 8, size = 0;  // in groups
};

// The first of the longest runs of two or more zero groups (RFC 5952 sections 4.2.2 and 4.2.3).
ZeroRun longest_zero_run(const std::array<std::uint16_t, 8>& groups) {
  ZeroRun best;
  for (int i = 0; i < 8;) {
    int end = i;
    while (end < 8 && groups[static_cast<std::size_t>(end)] == 0) ++end;
    if (end - i > std::max(best.size, 1)) best = {i, end - i};
    i = end + 1;
  }
  return best;
}

char* append_ipv6(char* p, const std::array<std::uint8_t, 16>& bytes) {
  constexpr std::array<std::uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (std::equal(kMapped.begin(), kMapped.end(), bytes.begin())) {
    constexpr std::string_view kPrefix = "::ffff:";
    return append_ipv4(std::copy(kPrefix.begin(), kPrefix.end(), p), bytes.data() + kMapped.size());
  }
  std::array<std::uint16_t, 8> groups;
  for (std::size_t i = 0; i < 8; ++i) {
    groups[i] = static_cast<std::uint16_t>(bytes[2 * i] << 8 | bytes[2 * i + 1]);
  }
  const ZeroRun zeros = longest_zero_run(groups);
  for (int i = 0; i < 8; ++i) {
    if (i == zeros.begin) {
      *p++ = ':';
      *p++ = ':';
      i += zeros.size - 1;
      continue;
    }
    if (i > 0 && i != zeros.begin + zeros.size) *p++ = ':';
    p = std::to_chars(p, p + 4, groups[static_cast<std::size_t>(i)], 16).ptr;
  }
  return p;
}

// The characters of 40 bits, five each, from the highest on, the first in the lowest byte: halves are moved
// apart until each part has a byte, and those behind 'z' get what leads to '2'.
std::uint64_t eight_base32(std::uint64_t bits) {
  std::uint64_t x = bits >> 20 | (bits & 0xf'ffff) << 32;
  x = (x >> 10 & 0x0000'03ff'0000'03ff) | (x & 0x0000'03ff'0000'03ff) << 16;
  x = (x >> 5 & 0x001f'001f'001f'001f) | (x & 0x001f'001f'001f'001f) << 8;
  constexpr std::uint64_t kEach = 0x0101'0101'0101'0101;
  const std::uint64_t digits = (x + kEach * (0x80 - 26)) >> 7 & kEach;
  return x + kEach * 'a' - digits * ('a' + 26 - '2');
}

std::optional<IpAddress> parse_ip(std::string_view text) {
  std::array<char, INET6_ADDRSTRLEN> copy{};  // inet_pton() wants a terminated string
  if (text.size() >= copy.size() || text.find('\0') != std::string_view::npos) return std::nullopt;
  std::copy(text.begin(), text.end(), copy.begin());
  IpAddress ip;
  if (inet_pton(AF_INET, copy.data(), ip.bytes.data()) == 1) return ip;
  if (inet_pton(AF_INET6, copy.data(), ip.bytes.data()) != 1) return std::nullopt;
  ip.version = IpVersion::kV6;
  return ip;
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

// The value of the first "for" parameter in the first element, with its quotes if it has any.
std::string_view first_for(std::string_view forwarded) {
  // No comma or semicolon can be part of an address, so that looking for them in quotes does no harm.
  std::string_view element = forwarded.substr(0, forwarded.find(','));
  while (!element.empty()) {
    const std::size_t end = std::min(element.find(';'), element.size());
    const std::string_view pair = trim(element.substr(0, end));
    const std::size_t equals = pair.find('=');
    if (equals != std::string_view::npos && equal_ignoring_case(pair.substr(0, equals), "for")) {
      return pair.substr(equals + 1);
    }
    element.remove_prefix(std::min(end + 1, element.size()));
  }
  return {};
}

}  // namespace

char* append_ip(char* p, const IpAddress& ip) {
  return ip.version == IpVersion::kV4 ? append_ipv4(p, ip.bytes.data()) : append_ipv6(p, ip.bytes);
}

char* append_connection_id(char* p, const ConnectionId& id) {
  constexpr std::uint64_t k40Bits = (std::uint64_t{1} << 40) - 1;
  const std::uint64_t high = id.words[0], low = id.words[1];
  store_word(p, eight_base32(high >> 24));
  store_word(p + 8, eight_base32((high << 16 | low >> 48) & k40Bits));
  store_word(p + 16, eight_base32(low >> 8 & k40Bits));
  std::array<char, 8> rest;
  store_word(rest.data(), eight_base32((low & 0xff) << 32));
  return std::copy_n(rest.data(), kConnectionIdText - 24, p + 24);
}

std::optional<IpAddress> parse_forwarded_node(std::string_view node) {
  node = trim(node);
  if (node.size() >= 2 && node.front() == '"' && node.back() == '"') node = node.substr(1, node.size() - 2);
  if (!node.empty() && node.front() == '[') {
    const std::size_t end = node.find(']');
    if (end == std::string_view::npos || (end + 1 < node.size() && node[end + 1] != ':')) return std::nullopt;
    const std::optional<IpAddress> ip = parse_ip(node.substr(1, end - 1));
    return ip && ip->version == IpVersion::kV6 ? ip : std::nullopt;
  }
  const std::size_t colon = node.find(':');
  const bool ipv4_with_port = colon != std::string_view::npos && node.find(':', colon + 1) == node.npos;
  return parse_ip(ipv4_with_port ? node.substr(0, colon) : node);
}

std::optional<IpAddress> forwarded_client(std::string_view x_forwarded_for, std::string_view forwarded) {
  const auto ip = parse_forwarded_node(x_forwarded_for.substr(0, x_forwarded_for.find(',')));
  return ip ? ip : parse_forwarded_node(first_for(forwarded));
}

}  // namespace tapline
