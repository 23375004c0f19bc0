// From a captured frame to the TCP segment in it.
#pragma once

#include <cstdint>
#include <span>

#include "flows/counters.h"
#include "flows/flow_key.h"
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

  bool has(TcpFlag flag) const { return (flags & flag) != 0; }
  // Sequence numbers that the segment takes up: payload, SYN and FIN (RFC 9293 section 3.4).
  std::uint32_t sequence_length() const {
    return payload_bytes + (has(kSyn) ? 1u : 0u) + (has(kFin) ? 1u : 0u);
  }
  // Of the first payload byte; a SYN stands before its data.
  std::uint32_t payload_seq() const { return seq + (has(kSyn) ? 1u : 0u); }
};

// Understands Ethernet with up to two VLAN tags (in the frame, or taken out of it), Linux cooked v1 and v2,
// raw IP and BSD loopback; IPv4 with options, IPv6 with extension headers; first fragments, which count as
// the segment as far as they reach. An IPv4 total length of 0 (segmentation offload, BIG TCP) and an IPv6
// payload length of 0 mean "to the end of the frame". Padding behind the IP packet is no payload. Any port is
// decoded.
Undecoded decode(const Packet& packet, TcpSegment& segment);

}  // namespace tapline
