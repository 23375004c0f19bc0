// One table of what tapline sees through: named frames of each link type and encapsulation, and what is to be
// found inside. The decoder, the kernel's port filter and its fanout program are tested with the same rows,
// so that none of them understands less than the others.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "flows/packet.h"

namespace tapline::test {

using Bytes = std::vector<std::uint8_t>;

// Of the innermost connection: 10.9.0.1:40000 or [fd09::1]:40000 is the client, 10.9.0.2 or fd09::2 the
// server.
inline constexpr std::array<std::uint8_t, 4> kInnerClientV4 = {10, 9, 0, 1}, kInnerServerV4 = {10, 9, 0, 2};
inline constexpr std::array<std::uint8_t, 16> kInnerClientV6 = {0xfd, 9, 0, 0, 0, 0, 0, 0,
                                                                0,    0, 0, 0, 0, 0, 0, 1};
inline constexpr std::array<std::uint8_t, 16> kInnerServerV6 = {0xfd, 9, 0, 0, 0, 0, 0, 0,
                                                                0,    0, 0, 0, 0, 0, 0, 2};
inline constexpr std::uint16_t kInnerClientPort = 40000;
inline constexpr std::uint32_t kInnerPayload = 5;  // bytes in each segment; Ethernet padding is none of it

struct WantedTunnel {
  std::string type;  // as records call it
  // VNI, GRE key, ERSPAN session, PPPoE session; none where there is none. MPLS has none, for each direction
  // of a connection has labels of its own.
  std::optional<std::uint32_t> id;
  friend bool operator==(const WantedTunnel&, const WantedTunnel&) = default;
};

struct Wanted {
  bool v6 = false;  // the innermost IP header
  std::uint16_t server_port = 80;
  // Ids of the innermost Ethernet header, outermost first, without priority tags (id 0).
  std::vector<std::uint16_t> vlans{};
  std::vector<WantedTunnel> tunnels{};  // outermost first
};

struct EncapsulationCase {
  std::string name;  // letters and digits
  LinkType link = LinkType::kEthernet;
  Bytes to_server, to_client;    // one segment in either direction of the same connection
  std::optional<Wanted> wanted;  // none: no TCP segment is found, and the filter refuses it
};

// A segment that IP has cut: either the tunnel's outer packets are fragments, or the inner ones.
struct FragmentCase {
  std::string name;
  LinkType link = LinkType::kEthernet;
  std::vector<Bytes> to_server, to_client;  // in order; put together they hold kFragmentedPayload bytes
  Wanted wanted;
};
inline constexpr std::uint32_t kFragmentedPayload = 1500;

std::vector<EncapsulationCase> encapsulation_cases();
std::vector<FragmentCase> fragment_cases();

// What googletest prints of them.
inline void PrintTo(const EncapsulationCase& row, std::ostream* out) { *out << row.name; }
inline void PrintTo(const FragmentCase& row, std::ostream* out) { *out << row.name; }

}  // namespace tapline::test
