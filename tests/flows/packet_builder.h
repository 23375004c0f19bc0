// Builds captured frames: link layer, IP and TCP headers around a payload.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "flows/decode.h"
#include "flows/packet.h"

namespace tapline::test {

using Bytes = std::vector<std::uint8_t>;

// A captured frame that owns its bytes.
struct Frame {
  Bytes bytes;
  std::uint32_t length = 0;  // on the wire
  std::int64_t time_ns = 0;
  std::uint64_t ordinal = 0;
  LinkType link = LinkType::kEthernet;
  std::uint16_t interface = 0;
  std::optional<std::uint16_t> taken_tag;  // TCI of the tag that is not in the frame any more

  // Valid as long as the frame is.
  Packet view() const;
  // As a snaplen would have cut it.
  Frame cut_to(std::size_t captured) const;
};

struct VlanTag {
  std::uint16_t tpid = 0x8100, tci = 0;
};

// An IPv6 extension header, or what claims to be one.
struct Extension {
  std::uint8_t type = 0;
  Bytes body;  // without the byte that says what follows
};

// What stands around TCP.
struct Envelope {
  LinkType link = LinkType::kEthernet;
  std::vector<VlanTag> tags{};  // in the frame, outermost first
  std::optional<std::uint16_t> taken_tag{};
  bool v6 = false;
  Bytes ip_options{};  // of IPv4; a multiple of four bytes
  std::vector<Extension> extensions{};
  std::uint8_t protocol = 6;
  std::uint16_t fragment = 0;                     // flags and offset field of IPv4
  std::optional<std::uint16_t> length_field{};    // instead of the right one
  std::optional<std::uint16_t> ether_type{};      // instead of the right one
  std::optional<std::uint8_t> version_nibble{};   // instead of the right one
  std::optional<std::uint8_t> tcp_header_size{};  // in units of four bytes, instead of the right one
  std::size_t padding = 0;                        // bytes behind the IP packet
};

struct Host {
  std::array<std::uint8_t, 4> v4{};
  std::array<std::uint8_t, 16> v6{};
  std::uint16_t port = 0;
};
// 10.0.0.`last`, or fd00::`last`.
Host host(std::uint8_t last, std::uint16_t port);

struct TcpFields {
  std::uint32_t seq = 0, ack = 0;
  std::uint8_t flags = kAck;
  std::uint16_t window = 65535;
  Bytes options{};  // padded to four bytes with no-operations
  std::string payload{};
};

// Options of a SYN.
Bytes syn_options(std::uint16_t mss, std::uint8_t window_scale);

Frame build(const Envelope& envelope, const Host& from, const Host& to, const TcpFields& tcp);

}  // namespace tapline::test
