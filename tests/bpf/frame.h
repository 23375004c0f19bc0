// Builds frames from the inside out: ethernet(kIpv4, ipv4({}, tcp(40000, 80))).
#pragma once

#include <cstdint>
#include <vector>

namespace tapline::frames {

using Bytes = std::vector<std::uint8_t>;

inline constexpr std::uint16_t kIpv4 = 0x0800, kIpv6 = 0x86dd, kArp = 0x0806;
inline constexpr std::uint16_t kVlan = 0x8100, kServiceVlan = 0x88a8, kOldServiceVlan = 0x9100;
inline constexpr std::uint16_t kMpls = 0x8847, kMplsMulticast = 0x8848, kPppoe = 0x8864;
// What GRE and GENEVE say that they carry, beside EtherTypes.
inline constexpr std::uint16_t kBridgedEthernet = 0x6558, kErspan = 0x88be, kErspan3 = 0x22eb;
inline constexpr std::uint8_t kTcp = 6, kUdp = 17, kIpInIp = 4, kIpv6InIp = 41, kGre = 47;
inline constexpr std::uint8_t kHopByHop = 0, kRouting = 43, kFragment = 44, kAuthentication = 51,
                              kDestinationOptions = 60;

inline void put16(Bytes& out, std::uint32_t value) {
  out.push_back(static_cast<std::uint8_t>(value >> 8));
  out.push_back(static_cast<std::uint8_t>(value));
}

inline void put32(Bytes& out, std::uint32_t value) {
  put16(out, value >> 16);
  put16(out, value);
}

inline Bytes join(Bytes head, const Bytes& tail) {
  head.insert(head.end(), tail.begin(), tail.end());
  return head;
}

inline Bytes tcp(std::uint16_t source, std::uint16_t destination, std::uint32_t sequence = 1,
                 std::size_t payload = 0) {
  Bytes out;
  put16(out, source);
  put16(out, destination);
  put32(out, sequence);
  put32(out, 1);
  put32(out, 0x50101000);  // 5 words, ACK, window 4096
  put32(out, 0);
  out.resize(out.size() + payload, 'x');
  return out;
}

inline Bytes udp(std::uint16_t source, std::uint16_t destination, const Bytes& payload) {
  Bytes out;
  put16(out, source);
  put16(out, destination);
  put32(out, static_cast<std::uint32_t>(8 + payload.size()) << 16);
  return join(out, payload);
}

inline Bytes udp(std::uint16_t source, std::uint16_t destination) {
  return udp(source, destination, Bytes(12, 'x'));
}

struct Ipv4 {
  std::uint8_t protocol = kTcp;
  std::uint8_t header_words = 5;
  std::uint8_t version = 4;
  bool more_fragments = false;
  std::uint16_t fragment_offset = 0;  // in units of 8 bytes
  std::uint32_t source = 0x0a000001, destination = 0x0a000002;
  std::uint16_t id = 1;
};

inline Bytes ipv4(const Ipv4& header, const Bytes& payload) {
  Bytes out;
  const std::size_t size = header.header_words * 4u;
  out.push_back(static_cast<std::uint8_t>(header.version << 4 | header.header_words));
  out.push_back(0);
  put16(out, static_cast<std::uint32_t>(size + payload.size()));
  put16(out, header.id);
  put16(out, (header.more_fragments ? 0x2000u : 0u) | header.fragment_offset);
  out.push_back(64);
  out.push_back(header.protocol);
  put16(out, 0);
  put32(out, header.source);
  put32(out, header.destination);
  if (size > out.size()) out.resize(size, 1);  // option "no operation"
  return join(out, payload);
}

struct Ipv6 {
  std::uint8_t next = kTcp;
  std::uint16_t network = 0xfd00;
  std::uint8_t source = 1, destination = 2;  // network::1 to network::2
};

inline Bytes ipv6(const Ipv6& header, const Bytes& payload) {
  Bytes out;
  put32(out, 0x60000000);
  put16(out, static_cast<std::uint32_t>(payload.size()));
  out.push_back(header.next);
  out.push_back(64);
  for (const std::uint8_t host : {header.source, header.destination}) {
    put16(out, header.network);
    out.insert(out.end(), {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, host});
  }
  return join(out, payload);
}

inline Bytes ipv6(std::uint8_t next, const Bytes& payload) { return ipv6(Ipv6{.next = next}, payload); }

// Hop-by-hop, routing and destination options: `length` in units of 8 bytes beyond the first 8.
inline Bytes extension(std::uint8_t next, std::uint8_t length, const Bytes& payload) {
  Bytes out{next, length};
  out.resize((length + 1u) * 8u, 0);
  return join(out, payload);
}

// `length` in units of 4 bytes, minus 2.
inline Bytes authentication(std::uint8_t next, std::uint8_t length, const Bytes& payload) {
  Bytes out{next, length};
  out.resize((length + 2u) * 4u, 0);
  return join(out, payload);
}

// `offset` in units of 8 bytes.
inline Bytes fragment(std::uint8_t next, std::uint16_t offset, bool more, const Bytes& payload,
                      std::uint32_t id = 1) {
  Bytes out{next, 0};
  put16(out, offset * 8u | (more ? 1u : 0u));
  put32(out, id);
  return join(out, payload);
}

inline Bytes vlan(std::uint16_t tci, std::uint16_t ethertype, const Bytes& payload) {
  Bytes out;
  put16(out, tci);
  put16(out, ethertype);
  return join(out, payload);
}

inline Bytes ethernet(std::uint16_t ethertype, const Bytes& payload) {
  Bytes out{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1};
  put16(out, ethertype);
  return join(out, payload);
}

// One entry of a label stack (RFC 3032).
inline Bytes mpls(std::uint32_t label, bool bottom_of_stack, const Bytes& payload) {
  Bytes out;
  put32(out, label << 12 | (bottom_of_stack ? 0x100u : 0u) | 64);
  return join(out, payload);
}

// Of a session (RFC 2516); `payload` starts with PPP's protocol field.
inline Bytes pppoe(std::uint16_t session, const Bytes& payload) {
  Bytes out{0x11, 0};
  put16(out, session);
  put16(out, static_cast<std::uint32_t>(payload.size()));
  return join(out, payload);
}

// `first` holds flags and version (RFC 2784, RFC 2890); `fields` are the optional ones.
inline Bytes gre(std::uint16_t first, std::uint16_t protocol, const Bytes& fields, const Bytes& payload) {
  Bytes out;
  put16(out, first);
  put16(out, protocol);
  return join(join(out, fields), payload);
}

inline Bytes vxlan(std::uint32_t vni, const Bytes& payload, std::uint8_t flags = 0x08) {
  Bytes out{flags, 0, 0, 0};
  put32(out, vni << 8);
  return join(out, payload);
}

inline Bytes geneve(std::uint32_t vni, std::uint16_t protocol, std::uint8_t option_words,
                    const Bytes& payload, std::uint8_t version = 0) {
  Bytes out{static_cast<std::uint8_t>(version << 6 | option_words), 0};
  put16(out, protocol);
  put32(out, vni << 8);
  out.resize(out.size() + option_words * 4u, 0);
  return join(out, payload);
}

}  // namespace tapline::frames
