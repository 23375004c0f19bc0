// From a frame's first byte to its TCP header: the table of flows/decode.h as code. Part of decode.cc alone.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "flows/address.h"
#include "flows/byte_order.h"
#include "flows/counters.h"
#include "flows/decode.h"
#include "flows/encapsulation.h"
#include "flows/fragment.h"
#include "flows/landmarks.h"
#include "flows/packet.h"

namespace tapline {

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
  void end_at(std::size_t n) {
    wire = n;
    size = std::min(size, wire);
  }
};

struct IpAddresses {
  IpVersion version;
  const std::uint8_t* source;
  const std::uint8_t* destination;
};

inline IpAddress address_at(const std::uint8_t* p, IpVersion version) {
  IpAddress address;
  address.version = version;
  std::copy_n(p, version == IpVersion::kV4 ? 4 : 16, address.bytes.begin());
  return address;
}

// For who wants no landmarks: costs nothing.
struct NoLandmarks {
  static void name(std::string_view) {}
  static void names(std::string_view, std::string_view) {}
  static void macs(const std::uint8_t*, const std::uint8_t*) {}
  static void ip(const std::uint8_t*) {}
  static void fragment_header(const std::uint8_t*) {}
};

struct NotedLandmarks {
  void name(std::string_view name) { out.protocols.add(name); }
  void names(std::string_view one, std::string_view two) {
    name(one);
    name(two);
  }
  void macs(const std::uint8_t* source, const std::uint8_t* destination) {
    out.source_mac = source;
    out.destination_mac = destination;
  }
  void ip(const std::uint8_t* header) {
    out.ip = header;
    out.fragment_header = nullptr;
    name(header[0] >> 4 == 4 ? "ip" : "ipv6");
  }
  void fragment_header(const std::uint8_t* header) { out.fragment_header = header; }

  Landmarks& out;
};

// Takes one header after the other. Each step leaves the cursor behind the header that it has read, and says
// what comes next.
template <class Marks>
class HeaderWalk {
 public:
  HeaderWalk(Cursor at, Encapsulation& around, Fragment* fragment, Marks marks)
      : at_(at), around_(around), fragment_(fragment), marks_(marks) {}

  Undecoded from_link(const Packet& packet) {
    if (packet.vlan_valid) around_.add_vlan(packet.vlan_tci);
    switch (packet.link) {
      case LinkType::kEthernet:
        if (at_.size < 14) return Undecoded::kTruncated;
        note_ethernet(packet.vlan_valid ? packet.vlan_tpid : std::uint16_t{0});
        return walk_from(Next::kEtherType, take_type(14, 12));
      case LinkType::kLinuxSll:
        if (at_.size < 16) return Undecoded::kTruncated;
        note_cooked(load16(at_.data + 4) == 6 ? at_.data + 6 : nullptr);
        return walk_from(Next::kEtherType, take_type(16, 14));
      case LinkType::kLinuxSll2:
        if (at_.size < 20) return Undecoded::kTruncated;
        note_cooked(at_.data[11] == 6 ? at_.data + 12 : nullptr);
        return walk_from(Next::kEtherType, take_type(20, 0));
      case LinkType::kNull:
      case LinkType::kLoop:
        // The family's number depends on the system (AF_INET6 is 10, 24, 28 or 30): the IP version tells as
        // well.
        if (at_.size < 4) return Undecoded::kTruncated;
        marks_.name("null");
        at_.skip(4);
        return walk_from(Next::kIp, 0);
      case LinkType::kRaw:
        marks_.name("raw");
        return walk_from(Next::kIp, 0);
      case LinkType::kIpv4:
      case LinkType::kIpv6:
        return walk_from(Next::kIp, 0);
    }
    return Undecoded::kLinkType;
  }

  Undecoded from_datagram(const Datagram& datagram) {
    ip_ = {datagram.source.version, datagram.source.bytes.data(), datagram.destination.bytes.data()};
    return walk_from(Next::kProtocol, datagram.protocol);
  }

  // After kNone: the TCP header on, and who exchanges it.
  const Cursor& at() const { return at_; }
  const IpAddresses& ip() const { return ip_; }

 private:
  static constexpr std::uint16_t kEtherIpv4 = 0x0800, kEtherIpv6 = 0x86dd;
  static constexpr std::uint16_t kEtherVlan = 0x8100, kEtherQinq = 0x88a8, kEtherOldQinq = 0x9100;
  static constexpr std::uint16_t kEtherMpls = 0x8847, kEtherMplsMulticast = 0x8848, kEtherPppoe = 0x8864;
  static constexpr std::uint16_t kEtherEthernet = 0x6558;                        // in GRE and GENEVE
  static constexpr std::uint16_t kEtherErspan = 0x88be, kEtherErspan3 = 0x22eb;  // in GRE
  static constexpr std::uint16_t kPppIpv4 = 0x0021, kPppIpv6 = 0x0057;
  static constexpr std::uint16_t kVxlanPort = 4789, kLinuxVxlanPort = 8472, kGenevePort = 6081;
  static constexpr std::uint8_t kProtocolIpv4 = 4, kProtocolTcp = 6, kProtocolUdp = 17, kProtocolIpv6 = 41,
                                kProtocolGre = 47;
  static constexpr std::uint8_t kHopByHop = 0, kRouting = 43, kFragmentHeader = 44, kAuthentication = 51,
                                kDestinationOptions = 60;

  // With kEtherType and kProtocol goes which one; with kIp the version that was announced, 0 where none was.
  enum class Next : std::uint8_t { kEthernet, kEtherType, kIp, kProtocol, kTcp };

  Undecoded walk_from(Next next, std::uint16_t type) {
    next_ = next;
    type_ = type;
    for (int i = 0; i < kMaxHeaders; ++i) {
      const Undecoded why = next_ == Next::kProtocol    ? protocol()
                            : next_ == Next::kIp        ? ip_header()
                            : next_ == Next::kEtherType ? ether_type()
                                                        : ethernet();
      if (why != Undecoded::kNone || next_ == Next::kTcp) return why;
    }
    return Undecoded::kTooDeep;
  }
  Undecoded go_on(Next next, std::uint16_t type = 0) {
    next_ = next;
    type_ = type;
    return Undecoded::kNone;
  }
  std::uint16_t take_type(std::size_t header, std::size_t type_offset) {
    const std::uint16_t type = load16(at_.data + type_offset);
    at_.skip(header);
    return type;
  }
  // REQUIRES: `size` bytes, of a header that says itself how long it is.
  Undecoded skip_header(std::size_t size) {
    if (at_.wire < size) return Undecoded::kMalformed;
    if (at_.size < size) return Undecoded::kTruncated;
    at_.skip(size);
    return Undecoded::kNone;
  }
  Undecoded enter(TunnelType type, std::optional<std::uint32_t> id = std::nullopt) {
    return around_.add_tunnel(type, id) ? Undecoded::kNone : Undecoded::kTooDeep;
  }

  // `tag_type`: of a tag that was taken out of the frame; 0: none was.
  void note_ethernet(std::uint16_t tag_type) {
    marks_.name("eth");
    marks_.macs(at_.data + 6, at_.data);
    if (tag_type != 0) note_tag(tag_type);
    marks_.name("ethertype");
  }
  void note_cooked(const std::uint8_t* source_mac) {
    marks_.names("sll", "ethertype");
    if (source_mac != nullptr) marks_.macs(source_mac, nullptr);
  }
  void note_tag(std::uint16_t type) { marks_.names("ethertype", type == kEtherQinq ? "ieee8021ad" : "vlan"); }

  Undecoded ethernet() {
    if (at_.size < 14) return at_.wire < 14 ? Undecoded::kMalformed : Undecoded::kTruncated;
    around_.forget_vlans();
    note_ethernet(0);
    return go_on(Next::kEtherType, take_type(14, 12));
  }

  Undecoded ether_type() {
    switch (type_) {
      case kEtherIpv4:
      case kEtherIpv6:
        return go_on(Next::kIp, type_ == kEtherIpv4 ? 4 : 6);
      case kEtherVlan:
      case kEtherQinq:
      case kEtherOldQinq:
        if (at_.size < 4) return Undecoded::kTruncated;
        around_.add_vlan(load16(at_.data));
        marks_.names(type_ == kEtherQinq ? "ieee8021ad" : "vlan", "ethertype");
        return go_on(Next::kEtherType, take_type(4, 2));
      case kEtherMpls:
      case kEtherMplsMulticast:
        return mpls();
      case kEtherPppoe:
        return pppoe();
      case kEtherEthernet:
        return go_on(Next::kEthernet);
      default:
        return Undecoded::kNetwork;
    }
  }

  // RFC 3032. What the labels carry is not said: its first four bits tell IP from a pseudowire's control
  // word.
  Undecoded mpls() {
    bool bottom = false;
    for (int labels = 0; !bottom; ++labels) {
      if (labels == kMaxHeaders) return Undecoded::kTooDeep;
      if (at_.size < 4) return Undecoded::kTruncated;
      bottom = (at_.data[2] & 1) != 0;
      at_.skip(4);
      marks_.name("mpls");
    }
    if (const Undecoded full = enter(TunnelType::kMpls); full != Undecoded::kNone) return full;
    if (at_.size < 4) return Undecoded::kTruncated;
    if (at_.data[0] >> 4 != 0) return go_on(Next::kIp);
    marks_.names("pwethheuristic", "pwethcw");
    at_.skip(4);
    return go_on(Next::kEthernet);
  }

  // RFC 2516. The PPP protocol's first byte may be left out when it is 0 (RFC 1661 section 6.5).
  Undecoded pppoe() {
    if (at_.size < 8) return Undecoded::kTruncated;
    const std::uint16_t session = load16(at_.data + 2);
    at_.skip(6);
    const bool compressed = (at_.data[0] & 1) != 0;
    const std::uint16_t ppp = compressed ? at_.data[0] : load16(at_.data);
    if (ppp != kPppIpv4 && ppp != kPppIpv6) return Undecoded::kNetwork;
    at_.skip(compressed ? 1 : 2);
    marks_.names("pppoes", "ppp");
    if (const Undecoded why = enter(TunnelType::kPppoe, session); why != Undecoded::kNone) return why;
    return go_on(Next::kIp, ppp == kPppIpv4 ? 4 : 6);
  }

  Undecoded ip_header() {
    if (at_.size == 0) return Undecoded::kTruncated;
    const int version = at_.data[0] >> 4;
    if (type_ != 0 && version != type_) return Undecoded::kNetwork;
    return version == 4 ? ipv4() : version == 6 ? ipv6() : Undecoded::kNetwork;
  }

  static bool may_lead_to_tcp(std::uint8_t protocol) {
    return protocol == kProtocolTcp || protocol == kProtocolUdp || protocol == kProtocolGre ||
           protocol == kProtocolIpv4 || protocol == kProtocolIpv6;
  }

  // Cuts the cursor to the IP packet's own length.
  Undecoded ipv4() {
    if (at_.size < 20) return Undecoded::kTruncated;
    const std::uint8_t* const ip = at_.data;
    const std::size_t header = (ip[0] & 0x0fu) * 4u;
    std::size_t total = load16(ip + 2);
    if (total == 0) total = at_.wire;
    if (header < 20 || total < header) return Undecoded::kMalformed;
    const std::uint8_t protocol = ip[9];
    if (!may_lead_to_tcp(protocol)) return Undecoded::kTransport;
    if (at_.size < header) return Undecoded::kTruncated;
    ip_ = {IpVersion::kV4, ip + 12, ip + 16};
    marks_.ip(ip);
    // A total length beyond the frame happens in captures cut by hand: the header is what the sender said.
    at_.end_at(total);
    at_.skip(header);
    const std::uint16_t fragment = load16(ip + 6);
    if ((fragment & 0x3fff) != 0) {
      return tell_fragment(load16(ip + 4), protocol, (fragment & 0x1fffu) * 8u, (fragment & 0x2000) != 0);
    }
    return go_on(Next::kProtocol, protocol);
  }

  Undecoded ipv6() {
    if (at_.size < 40) return Undecoded::kTruncated;
    const std::uint8_t* const ip = at_.data;
    const std::size_t payload = load16(ip + 4);
    ip_ = {IpVersion::kV6, ip + 8, ip + 24};
    marks_.ip(ip);
    if (payload != 0) at_.end_at(40 + payload);
    at_.skip(40);
    return go_on(Next::kProtocol, ip[6]);
  }

  Undecoded protocol() {
    switch (type_) {
      case kProtocolTcp:
        return go_on(Next::kTcp);
      case kProtocolUdp:
        return udp();
      case kProtocolGre:
        return gre();
      case kProtocolIpv4:
        return ip_in_ip(ip_.version == IpVersion::kV4 ? TunnelType::k4in4 : TunnelType::k4in6);
      case kProtocolIpv6:
        return ip_in_ip(ip_.version == IpVersion::kV4 ? TunnelType::k6in4 : TunnelType::k6in6);
      default:
        return ip_.version == IpVersion::kV6 ? extension_header() : Undecoded::kTransport;
    }
  }

  Undecoded ip_in_ip(TunnelType type) {
    const Undecoded why = enter(type);
    return why != Undecoded::kNone ? why : go_on(Next::kIp, type_ == kProtocolIpv4 ? 4 : 6);
  }

  Undecoded extension_header() {
    std::size_t length = 0;
    if (at_.size < 8) return at_.wire < 8 ? Undecoded::kTransport : Undecoded::kTruncated;
    const std::uint8_t* const header = at_.data;
    switch (type_) {
      case kHopByHop:
      case kRouting:
      case kDestinationOptions:
        length = (header[1] + 1u) * 8u;
        break;
      case kAuthentication:  // in units of four bytes (RFC 4302 section 2.2)
        length = (header[1] + 2u) * 4u;
        break;
      case kFragmentHeader:
        length = 8;
        break;
      default:
        return Undecoded::kTransport;
    }
    marks_.name(type_ == kHopByHop         ? "ipv6.hopopts"
                : type_ == kRouting        ? "ipv6.routing"
                : type_ == kFragmentHeader ? "ipv6.fraghdr"
                : type_ == kAuthentication ? "ah"
                                           : "ipv6.dstopts");
    if (const Undecoded why = skip_header(length); why != Undecoded::kNone) return why;
    if (type_ == kFragmentHeader) {
      marks_.fragment_header(header);
      const std::uint16_t place = load16(header + 2);
      // With offset 0 and nothing more the datagram is whole (RFC 6946).
      if ((place & 0xfff9) != 0) {
        const bool possible =
            may_lead_to_tcp(header[0]) || header[0] == kAuthentication || header[0] == kDestinationOptions;
        if (!possible) return Undecoded::kTransport;
        return tell_fragment(load32(header + 4), header[0], place & 0xfff8u, (place & 1) != 0);
      }
    }
    return go_on(Next::kProtocol, header[0]);
  }

  Undecoded tell_fragment(std::uint32_t id, std::uint8_t protocol, std::uint32_t offset, bool more) {
    if (fragment_ != nullptr) {
      fragment_->source = address_at(ip_.source, ip_.version);
      fragment_->destination = address_at(ip_.destination, ip_.version);
      fragment_->id = id;
      fragment_->protocol = protocol;
      fragment_->offset = offset;
      fragment_->more = more;
      fragment_->length = static_cast<std::uint32_t>(at_.wire);
      fragment_->data = {at_.data, at_.size};
      fragment_->around = around_;
    }
    return Undecoded::kFragment;
  }

  // RFC 2784, RFC 2890.
  Undecoded gre() {
    if (at_.size < 4) return at_.wire < 4 ? Undecoded::kMalformed : Undecoded::kTruncated;
    constexpr std::uint16_t kChecksum = 0x8000, kSourceRoute = 0x4000, kKey = 0x2000, kSequence = 0x1000;
    constexpr std::uint16_t kVersion = 7;
    const std::uint16_t flags = load16(at_.data), type = load16(at_.data + 2);
    if ((flags & (kSourceRoute | kVersion)) != 0) return Undecoded::kTransport;
    const std::size_t key_offset = (flags & kChecksum) != 0 ? 8 : 4;
    const std::size_t sequence_offset = key_offset + ((flags & kKey) != 0 ? 4 : 0);
    const std::uint8_t* const header = at_.data;
    const Undecoded why = skip_header(sequence_offset + ((flags & kSequence) != 0 ? 4 : 0));
    if (why != Undecoded::kNone) return why;
    marks_.name("gre");
    if (type == kEtherErspan || type == kEtherErspan3) {
      // Type I has no header, and no sequence number to tell it by (draft-foschiano-erspan-03).
      return erspan(type == kEtherErspan3 ? 12 : (flags & kSequence) != 0 ? 8 : 0);
    }
    std::optional<std::uint32_t> key;
    if ((flags & kKey) != 0) key = load32(header + key_offset);
    if (const Undecoded full = enter(TunnelType::kGre, key); full != Undecoded::kNone) return full;
    return go_on(Next::kEtherType, type);
  }

  Undecoded erspan(std::size_t length) {
    std::optional<std::uint32_t> session;
    if (length > 0) {
      if (at_.size < length) return at_.wire < length ? Undecoded::kMalformed : Undecoded::kTruncated;
      session = load16(at_.data + 2) & 0x03ffu;
      if (length == 12 && (at_.data[11] & 1) != 0) length += 8;  // the platform's own part
      if (const Undecoded why = skip_header(length); why != Undecoded::kNone) return why;
    }
    marks_.name("erspan");
    if (const Undecoded full = enter(TunnelType::kErspan, session); full != Undecoded::kNone) return full;
    return go_on(Next::kEthernet);
  }

  Undecoded udp() {
    if (at_.size < 8) return at_.wire < 8 ? Undecoded::kTransport : Undecoded::kTruncated;
    const std::uint16_t port = load16(at_.data + 2);
    const bool vxlan = port == kVxlanPort || port == kLinuxVxlanPort;
    if (!vxlan && port != kGenevePort) return Undecoded::kTransport;
    if (at_.wire < 16) return Undecoded::kTransport;
    if (at_.size < 16) return Undecoded::kTruncated;
    at_.skip(8);
    marks_.names("udp", vxlan ? "vxlan" : "geneve");
    const std::uint8_t first = at_.data[0];
    const std::uint32_t network = load32(at_.data + 4) >> 8;
    if (vxlan) {
      constexpr std::uint8_t kNetworkValid = 0x08;
      if ((first & kNetworkValid) == 0) return Undecoded::kTransport;
      at_.skip(8);
      if (const Undecoded full = enter(TunnelType::kVxlan, network); full != Undecoded::kNone) return full;
      return go_on(Next::kEthernet);
    }
    if (first >> 6 != 0) return Undecoded::kTransport;  // the version
    const std::uint16_t type = load16(at_.data + 2);
    if (const Undecoded why = skip_header(8 + (first & 0x3fu) * 4u); why != Undecoded::kNone) return why;
    if (const Undecoded full = enter(TunnelType::kGeneve, network); full != Undecoded::kNone) return full;
    return go_on(Next::kEtherType, type);
  }

  Cursor at_;
  IpAddresses ip_{};
  Next next_ = Next::kIp;
  std::uint16_t type_ = 0;
  Encapsulation& around_;
  Fragment* const fragment_;
  [[no_unique_address]] Marks marks_;
};

}  // namespace tapline
