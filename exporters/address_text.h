// IP addresses and connection ids as text, and IP addresses from it.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "flows/address.h"
#include "flows/events.h"

namespace tapline {

inline constexpr std::size_t kMaxIpText = 39;  // eight groups of four digits
inline constexpr std::size_t kConnectionIdText = 26;

// Writes at most kMaxIpText bytes at `p`, without zone or brackets; returns the end. IPv6 as RFC 5952 has it:
// lower case, no leading zeros, the first longest run of two or more zero groups as "::", and ::ffff:0:0/96
// with its last four bytes as IPv4.
char* append_ip(char* p, const IpAddress& ip);

// Writes kConnectionIdText bytes at `p`; returns the end. The alphabet is that of RFC 4648's base32 in lower
// case (a to z, 2 to 7): letters first, so that no id looks like a number. Five bits a character, from the
// most significant bit of words[0]; the last character holds the last three bits, and two zeros.
char* append_connection_id(char* p, const ConnectionId& id);

// The address that forwarding headers give as one element: an IPv4 or IPv6 address, perhaps in brackets, with
// a port behind it, or quoted. Empty for anything else (a host name, "unknown", an obfuscated identifier).
std::optional<IpAddress> parse_forwarded_node(std::string_view node);

// The client that a chain of proxies tells of: the first element of X-Forwarded-For, where that is an
// address, or else of Forwarded's first "for" (RFC 7239 section 5.2). Either value may be empty.
std::optional<IpAddress> forwarded_client(std::string_view x_forwarded_for, std::string_view forwarded);

}  // namespace tapline
