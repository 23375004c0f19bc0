#include "tests/flows/packet_builder.h"

#include <algorithm>

namespace tapline::test {
namespace {

void put16(Bytes& out, std::size_t value) {
  out.push_back(static_cast<std::uint8_t>(value >> 8));
  out.push_back(static_cast<std::uint8_t>(value));
}
void put32(Bytes& out, std::uint32_t value) {
  put16(out, value >> 16);
  put16(out, value & 0xffff);
}
void put(Bytes& out, const auto& bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); }

Bytes tcp_bytes(const Envelope& envelope, const Host& from, const Host& to, const TcpFields& tcp) {
  Bytes options = tcp.options;
  while (options.size() % 4 != 0) options.push_back(1);
  Bytes out;
  put16(out, from.port);
  put16(out, to.port);
  put32(out, tcp.seq);
  put32(out, tcp.ack);
  const std::size_t words =
      envelope.tcp_header_size.value_or(static_cast<std::uint8_t>(5 + options.size() / 4));
  out.push_back(static_cast<std::uint8_t>(words << 4));
  out.push_back(tcp.flags);
  put16(out, tcp.window);
  put32(out, 0);  // checksum and urgent pointer: nobody looks
  put(out, options);
  put(out, tcp.payload);
  return out;
}

Bytes ipv4_bytes(const Envelope& envelope, const Host& from, const Host& to, const Bytes& inner) {
  const std::size_t header = 20 + envelope.ip_options.size();
  Bytes out;
  out.push_back(static_cast<std::uint8_t>(envelope.version_nibble.value_or(4) * 16u + header / 4));
  out.push_back(0);
  put16(out, envelope.length_field.value_or(static_cast<std::uint16_t>(header + inner.size())));
  put16(out, 0x1234);  // identification
  put16(out, envelope.fragment);
  out.push_back(64);
  out.push_back(envelope.protocol);
  put16(out, 0);
  put(out, from.v4);
  put(out, to.v4);
  put(out, envelope.ip_options);
  put(out, inner);
  return out;
}

Bytes ipv6_bytes(const Envelope& envelope, const Host& from, const Host& to, const Bytes& inner) {
  Bytes chain;
  for (std::size_t i = 0; i < envelope.extensions.size(); ++i) {
    const bool last = i + 1 == envelope.extensions.size();
    chain.push_back(last ? envelope.protocol : envelope.extensions[i + 1].type);
    put(chain, envelope.extensions[i].body);
  }
  put(chain, inner);
  Bytes out;
  out.push_back(static_cast<std::uint8_t>(envelope.version_nibble.value_or(6) << 4));
  out.insert(out.end(), 3, 0);  // traffic class and flow label
  put16(out, envelope.length_field.value_or(static_cast<std::uint16_t>(chain.size())));
  out.push_back(envelope.extensions.empty() ? envelope.protocol : envelope.extensions[0].type);
  out.push_back(64);
  put(out, from.v6);
  put(out, to.v6);
  put(out, chain);
  return out;
}

Bytes link_bytes(const Envelope& envelope) {
  Bytes out;
  Bytes behind;  // what follows the header's own protocol field
  std::uint16_t type = envelope.ether_type.value_or(envelope.v6 ? 0x86dd : 0x0800);
  for (auto tag = envelope.tags.rbegin(); tag != envelope.tags.rend(); ++tag) {
    Bytes with_tag;
    put16(with_tag, tag->tci);
    put16(with_tag, type);
    put(with_tag, behind);
    behind = with_tag;
    type = tag->tpid;
  }
  switch (envelope.link) {
    case LinkType::kEthernet:
      out.insert(out.end(), 12, 0x02);
      put16(out, type);
      break;
    case LinkType::kLinuxSll:
      out.insert(out.end(), 14, 0);
      put16(out, type);
      break;
    case LinkType::kLinuxSll2:
      put16(out, type);
      out.insert(out.end(), 18, 0);
      break;
    case LinkType::kNull:  // written by a little-endian machine
      out = {static_cast<std::uint8_t>(envelope.v6 ? 30 : 2), 0, 0, 0};
      break;
    case LinkType::kLoop:
      out = {0, 0, 0, static_cast<std::uint8_t>(envelope.v6 ? 24 : 2)};
      break;
    default:
      break;
  }
  put(out, behind);
  return out;
}

}  // namespace

Packet Frame::view() const {
  Packet packet;
  packet.data = bytes.data();
  packet.captured = static_cast<std::uint32_t>(bytes.size());
  packet.length = length;
  packet.time_ns = time_ns;
  packet.ordinal = ordinal;
  packet.link = link;
  packet.interface = interface;
  packet.vlan_valid = taken_tag.has_value();
  packet.vlan_tci = taken_tag.value_or(0);
  packet.vlan_tpid = 0x8100;
  return packet;
}

Frame Frame::cut_to(std::size_t captured) const {
  Frame frame = *this;
  frame.bytes.resize(std::min(captured, bytes.size()));
  return frame;
}

Host host(std::uint8_t last, std::uint16_t port) {
  Host host;
  host.v4 = {10, 0, 0, last};
  host.v6 = {0xfd};
  host.v6[15] = last;
  host.port = port;
  return host;
}

Bytes syn_options(std::uint16_t mss, std::uint8_t window_scale) {
  Bytes out = {2, 4};
  put16(out, mss);
  put(out, Bytes{4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, window_scale});
  return out;
}

Frame build(const Envelope& envelope, const Host& from, const Host& to, const TcpFields& tcp) {
  const Bytes inner = tcp_bytes(envelope, from, to, tcp);
  Frame frame;
  frame.bytes = link_bytes(envelope);
  put(frame.bytes,
      envelope.v6 ? ipv6_bytes(envelope, from, to, inner) : ipv4_bytes(envelope, from, to, inner));
  frame.bytes.insert(frame.bytes.end(), envelope.padding, 0xee);
  frame.length = static_cast<std::uint32_t>(frame.bytes.size());
  frame.link = envelope.link;
  frame.taken_tag = envelope.taken_tag;
  return frame;
}

}  // namespace tapline::test
