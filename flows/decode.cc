#include "flows/decode.h"

#include <algorithm>
#include <cstring>

#include "flows/byte_order.h"
#include "flows/header_walk.h"

namespace tapline {
namespace {

// True when the source is endpoint 0 of the key.
bool in_order(const IpAddresses& ip, std::uint16_t source_port, std::uint16_t destination_port) {
  const int order = std::memcmp(ip.source, ip.destination, ip.version == IpVersion::kV4 ? 4 : 16);
  return order < 0 || (order == 0 && source_port <= destination_port);
}

Undecoded read_tcp(const Cursor& at, const IpAddresses& ip, TcpSegment& segment) {
  if (at.wire < 20) return Undecoded::kMalformed;
  if (at.size < 20) return Undecoded::kTruncated;
  const std::uint8_t* tcp = at.data;
  const std::size_t header = (tcp[12] >> 4) * 4u;
  if (header < 20 || header > at.wire) return Undecoded::kMalformed;
  const std::uint16_t source_port = load16(tcp), destination_port = load16(tcp + 2);
  if (in_order(ip, source_port, destination_port)) {
    segment.sender = 0;
    segment.key.set(ip.version, ip.source, ip.destination, source_port, destination_port);
  } else {
    segment.sender = 1;
    segment.key.set(ip.version, ip.destination, ip.source, destination_port, source_port);
  }
  segment.key.set_encapsulation(segment.around);
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

// The usual frame needs no walk. False: the walk will tell.
bool find_plain_tcp(const Packet& packet, Cursor& at, IpAddresses& ip) {
  const std::uint8_t* const header = packet.vlan_valid ? nullptr : plain_ipv4_tcp(packet);
  if (header == nullptr) return false;
  const std::size_t total = load16(header + 2);
  if (total < 20) return false;
  const std::uint8_t* const tcp = header + 20;
  const auto captured = static_cast<std::size_t>(packet.data + packet.captured - tcp);
  at = {tcp, std::min(captured, total - 20), total - 20};
  ip = {IpVersion::kV4, header + 12, header + 16};
  return true;
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

}  // namespace

Undecoded decode(const Packet& packet, TcpSegment& segment, Fragment* fragment) {
  take_frame(packet, nullptr, segment);
  segment.around.clear();
  Cursor at;
  IpAddresses ip;
  if (find_plain_tcp(packet, at, ip)) return read_tcp(at, ip, segment);
  HeaderWalk walk(whole(packet), segment.around, fragment, NoLandmarks());
  const Undecoded why = walk.from_link(packet);
  return why == Undecoded::kNone ? read_tcp(walk.at(), walk.ip(), segment) : why;
}

Undecoded decode(const Packet& packet, const Datagram& datagram, TcpSegment& segment, Fragment* fragment) {
  take_frame(packet, &datagram, segment);
  segment.around = datagram.around;
  HeaderWalk walk(whole(datagram), segment.around, fragment, NoLandmarks());
  const Undecoded why = walk.from_datagram(datagram);
  return why == Undecoded::kNone ? read_tcp(walk.at(), walk.ip(), segment) : why;
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
