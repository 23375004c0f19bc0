// IP addresses as they stand in a header.
#pragma once

#include <array>
#include <compare>
#include <cstdint>

namespace tapline {

enum class IpVersion : std::uint8_t { kV4 = 4, kV6 = 6 };

struct IpAddress {
  std::array<std::uint8_t, 16> bytes{};  // network byte order; IPv4 in the first four, the rest zero
  IpVersion version = IpVersion::kV4;

  friend auto operator<=>(const IpAddress&, const IpAddress&) = default;
};

}  // namespace tapline
