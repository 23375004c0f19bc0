#include "flows/decode.h"

#include <algorithm>
#include <cstring>

namespace tapline {
namespace {

constexpr std::uint16_t kEtherIpv4 = 0x0800, kEtherIpv6 = 0x86dd;
constexpr std::uint16_t kEtherVlan = 0x8100, kEtherQinq = 0x88a8, kEtherOldQinq = 0x9100;
constexpr std::uint8_t kProtocolTcp = 6;
constexpr int kMaxExtensionHeaders = 16;  // more is nobody's traffic

std::uint16_t load16(const std::uint8_t* p) { return static_cast<std::uint16_t>(p[0] << 8 | p[1]); }
std::uint32_t load32(const std::uint8_t* p) {
  return std::uint32_t{p[0]} << 24 | std::uint32_t{p[1]} << 16 | std::uint32_t{p[2]} << 8 | p[3];
}
bool is_vlan(std::uint16_t ether_type) {
  return ether_type == kEtherVlan || ether_type == kEtherQinq || ether_type == kEtherOldQinq;
}

// The part of the frame that is still to be read. `wire` counts on to the frame's true end, `size` to the end
// of what was captured.
struct Cursor {
  const std::uint8_t* data;
  std::size_t size;
  std::size_t wire;

  void skip(std::size_t n) {
    data += n;
    size -= n;
    wire -= n;
  }
};

struct VlanTags {
  std::uint16_t tci[2] = {};
  int count = 0;
  void add(std::uint16_t value) {
    if (count < 2) tci[count++] = value;
  }
};

// Leaves the cursor at the network header.
Undecoded skip_ether_type(Cursor& at, std::uint16_t ether_type, VlanTags& tags) {
  while (is_vlan(ether_type) && tags.count < 2) {
    if (at.size < 4) return Undecoded::kTruncated;
    tags.add(load16(at.data));
    ether_type = load16(at.data + 2);
    at.skip(4);
  }
  return ether_type == kEtherIpv4 || ether_type == kEtherIpv6 ? Undecoded::kNone : Undecoded::kNetwork;
}

Undecoded skip_link_header(const Packet& packet, Cursor& at, VlanTags& tags) {
  if (packet.vlan_valid) tags.add(packet.vlan_tci);
  const auto skip_to_type = [&](std::size_t header, std::size_t type_offset) {
    if (at.size < header) return Undecoded::kTruncated;
    const std::uint16_t type = load16(at.data + type_offset);
    at.skip(header);
    return skip_ether_type(at, type, tags);
  };
  switch (packet.link) {
    case LinkType::kEthernet:
      return skip_to_type(14, 12);
    case LinkType::kLinuxSll:
      return skip_to_type(16, 14);
    case LinkType::kLinuxSll2:
      return skip_to_type(20, 0);
    case LinkType::kNull:
    case LinkType::kLoop:
      // The family's number depends on the system (AF_INET6 is 10, 24, 28 or 30): the IP version tells as
      // well.
      if (at.size < 4) return Undecoded::kTruncated;
      at.skip(4);
      return Undecoded::kNone;
    case LinkType::kRaw:
    case LinkType::kIpv4:
    case LinkType::kIpv6:
      return Undecoded::kNone;
  }
  return Undecoded::kLinkType;
}

struct IpHeader {
  IpVersion version;
  const std::uint8_t* source;
  const std::uint8_t* destination;
};

// Cuts the cursor to the IP packet's own length and leaves it at the TCP header.
Undecoded skip_ipv4(Cursor& at, IpHeader& ip) {
  if (at.size < 20) return Undecoded::kTruncated;
  const std::size_t header = (at.data[0] & 0x0fu) * 4u;
  std::size_t total = load16(at.data + 2);
  if (total == 0) total = at.wire;
  if (header < 20 || total < header) return Undecoded::kMalformed;
  if (at.data[9] != kProtocolTcp) return Undecoded::kTransport;
  if ((load16(at.data + 6) & 0x1fffu) != 0) return Undecoded::kFragment;
  if (at.size < header) return Undecoded::kTruncated;
  ip = {IpVersion::kV4, at.data + 12, at.data + 16};
  // A total length beyond the frame happens in captures cut by hand: the header is what the sender said.
  at.wire = total;
  at.size = std::min(at.size, at.wire);
  at.skip(header);
  return Undecoded::kNone;
}

Undecoded skip_ipv6(Cursor& at, IpHeader& ip) {
  if (at.size < 40) return Undecoded::kTruncated;
  const std::size_t payload = load16(at.data + 4);
  std::uint8_t next = at.data[6];
  ip = {IpVersion::kV6, at.data + 8, at.data + 24};
  if (payload != 0) {
    at.wire = 40 + payload;
    at.size = std::min(at.size, at.wire);
  }
  at.skip(40);
  for (int i = 0; i < kMaxExtensionHeaders && next != kProtocolTcp; ++i) {
    std::size_t length = 0;
    if (at.size < 8) return at.wire < 8 ? Undecoded::kTransport : Undecoded::kTruncated;
    switch (next) {
      case 0:   // hop-by-hop options
      case 43:  // routing
      case 60:  // destination options
        length = (at.data[1] + 1u) * 8u;
        break;
      case 51:  // authentication header, in units of four bytes (RFC 4302)
        length = (at.data[1] + 2u) * 4u;
        break;
      case 44:  // fragment
        if ((load16(at.data + 2) & 0xfff8u) != 0) {
          return at.data[0] == kProtocolTcp ? Undecoded::kFragment : Undecoded::kTransport;
        }
        length = 8;
        break;
      default:
        return Undecoded::kTransport;
    }
    next = at.data[0];
    if (at.wire < length) return Undecoded::kMalformed;
    if (at.size < length) return Undecoded::kTruncated;
    at.skip(length);
  }
  return next == kProtocolTcp ? Undecoded::kNone : Undecoded::kTransport;
}

// True when the source is endpoint 0 of the key.
bool in_order(const IpHeader& ip, std::uint16_t source_port, std::uint16_t destination_port) {
  const int order = std::memcmp(ip.source, ip.destination, ip.version == IpVersion::kV4 ? 4 : 16);
  return order < 0 || (order == 0 && source_port <= destination_port);
}

Undecoded read_tcp(const Cursor& at, const IpHeader& ip, const VlanTags& tags, TcpSegment& segment) {
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
  for (int i = 0; i < tags.count; ++i) segment.key.add_vlan(tags.tci[i]);
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

}  // namespace

Undecoded decode(const Packet& packet, TcpSegment& segment) {
  Cursor at{packet.data, packet.captured, std::max(packet.length, packet.captured)};
  VlanTags tags;
  if (const Undecoded why = skip_link_header(packet, at, tags); why != Undecoded::kNone) return why;
  if (at.size == 0) return Undecoded::kTruncated;
  IpHeader ip{};
  Undecoded why = Undecoded::kNetwork;
  const int version = at.data[0] >> 4;
  if (version == 4) why = skip_ipv4(at, ip);
  if (version == 6) why = skip_ipv6(at, ip);
  if (why != Undecoded::kNone) return why;
  segment.time_ns = packet.time_ns;
  segment.ordinal = packet.ordinal;
  segment.interface = packet.interface;
  return read_tcp(at, ip, tags, segment);
}

}  // namespace tapline
