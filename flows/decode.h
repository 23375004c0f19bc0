// From a captured frame to the TCP segment in it.
#pragma once

#include <cstdint>
#include <span>

#include "flows/byte_order.h"
#include "flows/counters.h"
#include "flows/encapsulation.h"
#include "flows/flow_key.h"
#include "flows/fragment.h"
#include "flows/landmarks.h"
#include "flows/packet.h"

namespace tapline {

// TCP control bits as they stand in the header's 13th and 14th byte (RFC 9293 section 3.1).
enum TcpFlag : std::uint8_t { kFin = 1, kSyn = 2, kRst = 4, kPsh = 8, kAck = 16, kUrg = 32 };

// A view into the packet that it was decoded from. All numbers are in host byte order.
struct TcpSegment {
  FlowKey key;
  std::uint8_t sender = 0;  // which endpoint of the key sent it
  std::uint8_t flags = 0;   // bits of TcpFlag
  std::uint16_t window = 0;
  std::uint32_t seq = 0;
  std::uint32_t ack = 0;                  // meaningless without kAck
  std::uint32_t payload_bytes = 0;        // on the wire, from the IP header
  std::span<const std::uint8_t> payload;  // as far as it was captured
  std::span<const std::uint8_t> options;  // TCP options, as far as they were captured
  std::int64_t time_ns = 0;
  std::uint64_t ordinal = 0;
  std::uint16_t interface = 0;
  // What the segment stands in, when that came in fragments; the frame has only the last one of them.
  const Datagram* datagram = nullptr;
  Encapsulation around;  // at the end, where the usual frame leaves its tunnels untouched

  bool has(TcpFlag flag) const { return (flags & flag) != 0; }
  // Sequence numbers that the segment takes up: payload, SYN and FIN (RFC 9293 section 3.4).
  std::uint32_t sequence_length() const {
    return payload_bytes + (has(kSyn) ? 1u : 0u) + (has(kFin) ? 1u : 0u);
  }
  // Of the first payload byte; a SYN stands before its data.
  std::uint32_t payload_seq() const { return seq + (has(kSyn) ? 1u : 0u); }
};

// Understands, nested in any order up to kMaxHeaders headers and Encapsulation::kMaxTunnels tunnels:
//   Ethernet, Linux cooked v1 and v2, raw IP, BSD loopback;
//   VLAN tags (EtherTypes 0x8100, 0x88a8, 0x9100), MPLS (IP, or Ethernet behind a control word, RFC 4385),
//   PPPoE sessions (RFC 2516);
//   IPv4 with options, IPv6 with extension headers (hop-by-hop, routing, fragment, authentication,
//   destination); IPv4 and IPv6 in each other (protocols 4 and 41), GRE with checksum, key and sequence
//   number (RFC 2784, RFC 2890) around IP, MPLS, Ethernet and ERSPAN (types I to III), VXLAN (RFC 7348; UDP
//   ports 4789 and 8472), GENEVE (RFC 8926; UDP port 6081).
// An IPv4 total length of 0 (segmentation offload, BIG TCP) and an IPv6 payload length of 0 mean "to the end
// of the frame". Padding behind the IP packet is no payload. Any TCP port is decoded. The eBPF filter follows
// the same table (bpf/headers.bpf.h).
inline constexpr int kMaxHeaders = 16;

// kFragment: the frame has a part of a datagram that may hold TCP; with `fragment`, that is where it goes.
Undecoded decode(const Packet& packet, TcpSegment& segment, Fragment* fragment = nullptr);
// Goes on where fragments have been put together: `packet` is the frame with the last one. `datagram` must
// outlive the segment.
Undecoded decode(const Packet& packet, const Datagram& datagram, TcpSegment& segment,
                 Fragment* fragment = nullptr);

// The IP header of the usual frame: IPv4 without options around TCP, whole, in Ethernet without tags in the
// frame. Null where it is another, or where so much was not captured.
inline const std::uint8_t* plain_ipv4_tcp(const Packet& packet) {
  constexpr std::size_t kIpAt = 14, kIpSize = 20;
  constexpr std::uint8_t kVersion4WithoutOptions = 0x45, kTcp = 6;
  if (packet.link != LinkType::kEthernet || packet.captured < kIpAt + kIpSize) return nullptr;
  const std::uint8_t* const ip = packet.data + kIpAt;
  const bool fragment = (load16(ip + 6) & 0x3fff) != 0;
  const bool plain =
      load16(ip - 2) == 0x0800 && ip[0] == kVersion4WithoutOptions && ip[9] == kTcp && !fragment;
  return plain ? ip : nullptr;
}

// The same of IPv6, whose length is told: TCP follows its header.
inline const std::uint8_t* plain_ipv6_tcp(const Packet& packet) {
  constexpr std::size_t kIpAt = 14, kIpSize = 40;
  constexpr std::uint8_t kTcp = 6;
  if (packet.link != LinkType::kEthernet || packet.captured < kIpAt + kIpSize) return nullptr;
  const std::uint8_t* const ip = packet.data + kIpAt;
  const bool plain = load16(ip - 2) == 0x86dd && ip[0] >> 4 == 6 && ip[6] == kTcp && load16(ip + 4) != 0;
  return plain ? ip : nullptr;
}

// Notes what stands where on the way to the TCP header, for packet records: of the frame, and of the datagram
// that it completes (null: none).
Landmarks find_landmarks(const Packet& packet, const Datagram* datagram);

}  // namespace tapline
