#include "flows/decode.h"

#include <algorithm>
#include <cstring>

#include "flows/byte_order.h"
#include "flows/header_walk.h"

namespace tapline {
namespace {

[[gnu::always_inline]] inline void set_ipv4_key(const IpAddresses& ip, std::uint16_t source_port,
                                                std::uint16_t destination_port, TcpSegment& segment) {
  const std::uint64_t source = FlowKey::ipv4_endpoint(load32(ip.source), source_port);
  const std::uint64_t destination = FlowKey::ipv4_endpoint(load32(ip.destination), destination_port);
  const bool swap = source > destination;
  // Either order is as likely as the other: no branch that would be guessed wrong.
  const std::uint64_t change = (source ^ destination) & (std::uint64_t{0} - swap);
  segment.sender = swap;
  segment.key.set_ipv4(source ^ change, destination ^ change);
}

void set_ipv6_key(const IpAddresses& ip, std::uint16_t source_port, std::uint16_t destination_port,
                  TcpSegment& segment) {
  const int order = std::memcmp(ip.source, ip.destination, 16);
  segment.sender = order > 0 || (order == 0 && source_port > destination_port);
  if (segment.sender == 0) {
    segment.key.set(ip.version, ip.source, ip.destination, source_port, destination_port);
  } else {
    segment.key.set(ip.version, ip.destination, ip.source, destination_port, source_port);
  }
}

// Fills in what the TCP header and the addresses say. Inlined, for the usual frame with what is known of it.
[[gnu::always_inline]] inline Undecoded read_tcp(const Cursor& at, const IpAddresses& ip,
                                                 TcpSegment& segment) {
  if (at.wire < 20) return Undecoded::kMalformed;
  if (at.size < 20) return Undecoded::kTruncated;
  const std::uint8_t* tcp = at.data;
  const std::size_t header = (tcp[12] >> 4) * 4u;
  if (header < 20 || header > at.wire) return Undecoded::kMalformed;
  ip.version == IpVersion::kV4 ? set_ipv4_key(ip, load16(tcp), load16(tcp + 2), segment)
                               : set_ipv6_key(ip, load16(tcp), load16(tcp + 2), segment);
  segment.seq = load32(tcp + 4);
  segment.ack = load32(tcp + 8);
  segment.flags = tcp[13];
  segment.window = load16(tcp + 14);
  segment.payload_bytes = static_cast<std::uint32_t>(at.wire - header);
  const std::size_t captured_header = std::min(header, at.size);
  segment.options = {tcp + 20, captured_header - 20};
  segment.payload = {tcp + captured_header, at.size - captured_header};
  return Undecoded::kNone;
}

Cursor whole(const Packet& packet) {
  return {packet.data, packet.captured, std::max(packet.length, packet.captured)};
}
Cursor whole(const Datagram& datagram) {
  return {datagram.data.data(), datagram.data.size(), datagram.length};
}

void take_frame(const Packet& packet, const Datagram* datagram, TcpSegment& segment) {
  segment.time_ns = packet.time_ns;
  segment.ordinal = packet.ordinal;
  segment.interface = packet.interface;
  segment.datagram = datagram;
}

Cursor ip_payload(const Packet& packet, const std::uint8_t* data, std::size_t wire) {
  const auto captured = static_cast<std::size_t>(packet.data + packet.captured - data);
  return {data, std::min(captured, wire), wire};
}

Undecoded take_tcp(const HeaderWalk<NoLandmarks>& walk, TcpSegment& segment) {
  const Undecoded why = read_tcp(walk.at(), walk.ip(), segment);
  if (why == Undecoded::kNone) segment.key.set_encapsulation(segment.around);
  return why;
}

// Any frame but the usual ones.
[[gnu::noinline]] Undecoded decode_by_walk(const Packet& packet, TcpSegment& segment, Fragment* fragment) {
  HeaderWalk walk(whole(packet), segment.around, fragment, NoLandmarks());
  const Undecoded why = walk.from_link(packet);
  return why == Undecoded::kNone ? take_tcp(walk, segment) : why;
}

// Apart, so that IPv4's way stays short.
[[gnu::noinline]] Undecoded decode_ipv6(const Packet& packet, const std::uint8_t* ip, TcpSegment& segment) {
  const Cursor at = ip_payload(packet, ip + 40, load16(ip + 4));
  return read_tcp(at, {IpVersion::kV6, ip + 8, ip + 24}, segment);
}

}  // namespace

// The usual frame, of IPv4 or IPv6, needs no walk.
Undecoded decode(const Packet& packet, TcpSegment& segment, Fragment* fragment) {
  take_frame(packet, nullptr, segment);
  segment.around.clear();
  if (packet.vlan_valid) return decode_by_walk(packet, segment, fragment);
  if (const std::uint8_t* const ip = plain_ipv4_tcp(packet)) {
    const std::size_t total = load16(ip + 2);
    if (total < 20) return decode_by_walk(packet, segment, fragment);
    return read_tcp(ip_payload(packet, ip + 20, total - 20), {IpVersion::kV4, ip + 12, ip + 16}, segment);
  }
  if (const std::uint8_t* const ip = plain_ipv6_tcp(packet)) return decode_ipv6(packet, ip, segment);
  return decode_by_walk(packet, segment, fragment);
}

Undecoded decode(const Packet& packet, const Datagram& datagram, TcpSegment& segment, Fragment* fragment) {
  take_frame(packet, &datagram, segment);
  segment.around = datagram.around;
  HeaderWalk walk(whole(datagram), segment.around, fragment, NoLandmarks());
  const Undecoded why = walk.from_datagram(datagram);
  return why == Undecoded::kNone ? take_tcp(walk, segment) : why;
}

Landmarks find_landmarks(const Packet& packet, const Datagram* datagram) {
  Landmarks landmarks;
  Encapsulation around;
  HeaderWalk(whole(packet), around, nullptr, NotedLandmarks{landmarks}).from_link(packet);
  if (datagram != nullptr) {
    HeaderWalk(whole(*datagram), around, nullptr, NotedLandmarks{landmarks}).from_datagram(*datagram);
  }
  return landmarks;
}

}  // namespace tapline
