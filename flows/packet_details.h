// The headers of a frame in full, for packet records: what connections do without.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "flows/address.h"
#include "flows/landmarks.h"

namespace tapline {

struct Packet;
struct TcpSegment;

enum class ChecksumStatus : std::uint8_t {
  kUnverified,  // cut by a snaplen, or not yet put in when the frame was captured
  kGood,
  kBad,
};

using MacAddress = std::array<std::uint8_t, 6>;

// Bits of IpDetails::flags.
enum IpFlag : std::uint8_t { kMoreFragments = 1, kDontFragment = 2, kReservedBit = 4 };

// The innermost IP header; where the segment came in fragments, that of the last one. What IPv6's has not is
// left out: id, flags, fragment_offset (they are those of a fragment header, where there is one) and the
// checksum.
struct IpDetails {
  IpVersion version = IpVersion::kV4;
  std::uint16_t header_bytes = 0;  // IPv4 with options; IPv6 without extension headers
  std::uint8_t dscp = 0, ecn = 0;  // RFC 2474, RFC 3168
  std::uint32_t total_bytes =
      0;  // header and all behind it; where the header's field is 0 by the frame's end
  std::optional<std::uint32_t> id{};
  std::optional<std::uint8_t> flags{};             // bits of IpFlag
  std::optional<std::uint16_t> fragment_offset{};  // bytes
  std::uint8_t ttl = 0;                            // hop limit
  std::uint8_t protocol = 0;                       // of what follows the header
  std::optional<std::uint16_t> checksum{};
  ChecksumStatus checksum_status = ChecksumStatus::kUnverified;
};

// One TCP option other than padding (end of list, no-operation).
struct TcpOption {
  std::uint8_t kind = 0;
  std::span<const std::uint8_t> data{};  // without kind and length
};

struct TcpDetails {
  std::uint16_t source_port = 0, destination_port = 0;
  std::uint8_t header_bytes = 0;
  std::uint16_t flags = 0;  // twelve bits (RFC 9293 section 3.1): 0x001 FIN … 0x080 CWR, 0x100 AE, reserved
  std::uint32_t sequence = 0, acknowledgment = 0;  // raw
  std::uint16_t window = 0, checksum = 0, urgent_pointer = 0;
  ChecksumStatus checksum_status = ChecksumStatus::kUnverified;
  std::array<TcpOption, 20> options{};  // 40 bytes hold no more; up to a length that makes no sense
  std::uint8_t option_count = 0;
  std::uint32_t payload_bytes = 0;        // on the wire
  std::span<const std::uint8_t> payload;  // as far as it was captured
};

// The start line (RFC 9112 section 2.1) of the HTTP message that begins with the segment's payload. Of a
// response all of it is in `rest`; of a request only what follows the target.
struct StartLine {
  std::string_view method, target, rest;
  bool empty() const { return method.empty() && rest.empty(); }
};

// Numbers are in host byte order. Views are into the frame.
struct PacketDetails {
  std::uint64_t ordinal = 0;  // Packet::ordinal
  std::int64_t time_ns = 0;
  std::uint32_t bytes = 0, captured = 0;                  // of the frame, on the wire and in the capture
  ProtocolNames protocols;                                // up to and with `tcp`
  std::optional<MacAddress> source_mac, destination_mac;  // of the innermost link header
  IpAddress source_ip, destination_ip;
  IpDetails ip;
  TcpDetails tcp;
  StartLine start_line;  // empty: none begins here, or not all of it is here
};

// REQUIRES: decode() made `segment` of `packet`, and what `segment` views is still there.
PacketDetails read_details(const Packet& packet, const TcpSegment& segment);

}  // namespace tapline
