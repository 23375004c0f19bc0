#include "tests/flows/encapsulation_cases.h"

#include <algorithm>
#include <functional>
#include <initializer_list>
#include <utility>

#include "tests/bpf/frame.h"

namespace tapline::test {
namespace {

using namespace frames;

constexpr std::uint32_t kClient = 0x0a090001, kServer = 0x0a090002;
constexpr std::uint16_t kInnerNetwork = 0xfd09, kOuterNetwork = 0xfdaa;
constexpr std::uint32_t kNearEnd = 0xc0000201, kFarEnd = 0xc0000202;  // of a tunnel: 192.0.2.1 and 192.0.2.2
constexpr std::uint16_t kVxlanPort = 4789, kLinuxVxlanPort = 8472, kGenevePort = 6081;

// Makes the headers of one direction.
struct Way {
  bool to_server;

  template <typename T>
  T either(T going, T coming) const {
    return to_server ? going : coming;
  }

  Bytes segment(std::uint16_t server_port = 80, std::size_t payload = kInnerPayload) const {
    return to_server ? tcp(kInnerClientPort, server_port, 1, payload)
                     : tcp(server_port, kInnerClientPort, 1, payload);
  }

  // The connection's own IP headers.
  Bytes inner4(const Bytes& payload, Ipv4 header = {}) const {
    header.source = either(kClient, kServer);
    header.destination = either(kServer, kClient);
    return ipv4(header, payload);
  }
  Bytes inner6(std::uint8_t next, const Bytes& payload) const {
    return ipv6({next, kInnerNetwork, either<std::uint8_t>(1, 2), either<std::uint8_t>(2, 1)}, payload);
  }

  // The IP headers of a tunnel.
  Bytes outer4(std::uint8_t protocol, const Bytes& payload, Ipv4 header = {}) const {
    header.protocol = protocol;
    header.source = either(kNearEnd, kFarEnd);
    header.destination = either(kFarEnd, kNearEnd);
    return ipv4(header, payload);
  }
  Bytes outer6(std::uint8_t next, const Bytes& payload) const {
    return ipv6({next, kOuterNetwork, either<std::uint8_t>(1, 2), either<std::uint8_t>(2, 1)}, payload);
  }

  // A sender of VXLAN or GENEVE chooses the source port by the flow, each direction on its own.
  Bytes datagram(std::uint16_t port, const Bytes& payload) const {
    return udp(either<std::uint16_t>(51111, 52222), port, payload);
  }
};

// The IP packet inside, and what the protocols around it call it.
struct Inner {
  bool v6;
  Bytes packet;
  std::uint16_t ether_type() const { return v6 ? kIpv6 : kIpv4; }
  std::uint8_t protocol() const { return v6 ? kIpv6InIp : kIpInIp; }
  Bytes in_ethernet() const { return ethernet(ether_type(), packet); }
  Bytes in_ppp() const {
    Bytes out;
    put16(out, v6 ? 0x57 : 0x21);
    return join(out, packet);
  }
};

using Around = std::function<Bytes(const Way&, const Inner&)>;

class Table {
 public:
  void add(const std::string& name, std::optional<Wanted> wanted,
           const std::function<Bytes(const Way&)>& frame, LinkType link = LinkType::kEthernet) {
    rows_.push_back({name, link, frame(Way{true}), frame(Way{false}), std::move(wanted)});
  }

  // A row with IPv4 inside, and one with IPv6; a tunnel `in4` is 4in4 in the first and 6in4 in the other.
  void add_both(const std::string& name, const Wanted& wanted_in_both, const Around& around,
                LinkType link = LinkType::kEthernet) {
    for (const bool v6 : {false, true}) {
      Wanted wanted = wanted_in_both;
      wanted.v6 = v6;
      for (WantedTunnel& tunnel : wanted.tunnels) {
        if (tunnel.type.starts_with("in")) tunnel.type.insert(0, v6 ? "6" : "4");
      }
      add(
          name + (v6 ? "Ipv6" : "Ipv4"), wanted,
          [&](const Way& way) { return around(way, inner(way, v6, wanted.server_port)); }, link);
    }
  }

  // One that nobody finds a segment in.
  void refuse(const std::string& name, const Around& around, LinkType link = LinkType::kEthernet) {
    add(
        name, std::nullopt, [&](const Way& way) { return around(way, inner(way, false, 80)); }, link);
  }

  std::vector<EncapsulationCase> take() { return std::move(rows_); }

 private:
  static Inner inner(const Way& way, bool v6, std::uint16_t server_port) {
    const Bytes segment = way.segment(server_port);
    return {v6, v6 ? way.inner6(kTcp, segment) : way.inner4(segment)};
  }

  std::vector<EncapsulationCase> rows_;
};

Bytes words(std::initializer_list<std::uint32_t> values) {
  Bytes out;
  for (const std::uint32_t value : values) put32(out, value);
  return out;
}

Bytes control_word(const Bytes& payload) { return join(Bytes(4, 0), payload); }

Bytes nested_vlans(int count, const Inner& inner) {
  Bytes packet = inner.packet;
  std::uint16_t type = inner.ether_type();
  for (int i = count; i > 0; --i) {
    packet = vlan(static_cast<std::uint16_t>(i), type, packet);
    type = kVlan;
  }
  return ethernet(type, packet);
}

void add_links(Table& table) {
  table.add_both("Ethernet", {}, [](const Way&, const Inner& in) { return in.in_ethernet(); });
  table.add_both("PaddedEthernet", {},
                 [](const Way&, const Inner& in) { return join(in.in_ethernet(), Bytes(20, 0xee)); });
  table.add_both(
      "RawIp", {}, [](const Way&, const Inner& in) { return in.packet; }, LinkType::kRaw);
  table.add_both("Vlan", {.vlans = {7}}, [](const Way&, const Inner& in) {
    return ethernet(kVlan, vlan(0x6007, in.ether_type(), in.packet));
  });
  table.add_both("PriorityTag", {}, [](const Way&, const Inner& in) {
    return ethernet(kVlan, vlan(0x6000, in.ether_type(), in.packet));
  });
  table.add_both("QinQ", {.vlans = {7, 8}}, [](const Way&, const Inner& in) {
    return ethernet(kServiceVlan, vlan(7, kVlan, vlan(8, in.ether_type(), in.packet)));
  });
  table.add_both("OldQinQ", {.vlans = {7, 8}}, [](const Way&, const Inner& in) {
    return ethernet(kOldServiceVlan, vlan(7, kVlan, vlan(8, in.ether_type(), in.packet)));
  });
  table.add_both("ThreeVlans", {.vlans = {1, 2, 3}},
                 [](const Way&, const Inner& in) { return nested_vlans(3, in); });
}

void add_mpls_and_pppoe(Table& table) {
  // A label names a path, and a path has one direction.
  table.add_both("Mpls", {.tunnels = {{"mpls", {}}}}, [](const Way& way, const Inner& in) {
    return ethernet(kMpls, mpls(way.either(1000u, 2000u), true, in.packet));
  });
  table.add_both("MplsStack", {.tunnels = {{"mpls", {}}}}, [](const Way& way, const Inner& in) {
    return ethernet(kMpls, mpls(way.either(1000u, 2000u), false, mpls(17, false, mpls(18, true, in.packet))));
  });
  table.add_both("MplsMulticastType", {.tunnels = {{"mpls", {}}}}, [](const Way&, const Inner& in) {
    return ethernet(kMplsMulticast, mpls(17, true, in.packet));
  });
  table.add_both("MplsEthernet", {.tunnels = {{"mpls", {}}}}, [](const Way&, const Inner& in) {
    return ethernet(kMpls, mpls(17, false, mpls(18, true, control_word(in.in_ethernet()))));
  });
  table.add_both("VlanMplsEthernetVlan", {.vlans = {9}, .tunnels = {{"mpls", {}}}},
                 [](const Way&, const Inner& in) {
                   const Bytes inside = ethernet(kVlan, vlan(9, in.ether_type(), in.packet));
                   return ethernet(kVlan, vlan(7, kMpls, mpls(18, true, control_word(inside))));
                 });
  table.add_both("Pppoe", {.tunnels = {{"pppoe", 0x1234}}},
                 [](const Way&, const Inner& in) { return ethernet(kPppoe, pppoe(0x1234, in.in_ppp())); });
  table.add_both("PppoeCompressedProtocol", {.tunnels = {{"pppoe", 0x1234}}},
                 [](const Way&, const Inner& in) {
                   const Bytes protocol(1, in.v6 ? 0x57 : 0x21);
                   return ethernet(kPppoe, pppoe(0x1234, join(protocol, in.packet)));
                 });
  table.add_both("VlanPppoe", {.vlans = {7}, .tunnels = {{"pppoe", 1}}}, [](const Way&, const Inner& in) {
    return ethernet(kVlan, vlan(7, kPppoe, pppoe(1, in.in_ppp())));
  });
}

void add_ip_headers(Table& table) {
  const auto v6 = [](std::uint8_t first, const std::function<Bytes(const Bytes& segment)>& chain) {
    return [=](const Way& way) { return ethernet(kIpv6, way.inner6(first, chain(way.segment()))); };
  };
  table.add("Ipv4Options", Wanted{},
            [](const Way& way) { return ethernet(kIpv4, way.inner4(way.segment(), {.header_words = 7})); });
  table.add("Ipv4AllOptions", Wanted{},
            [](const Way& way) { return ethernet(kIpv4, way.inner4(way.segment(), {.header_words = 15})); });
  table.add("Ipv6HopByHop", Wanted{.v6 = true},
            v6(kHopByHop, [](const Bytes& segment) { return extension(kTcp, 0, segment); }));
  table.add("Ipv6Routing", Wanted{.v6 = true},
            v6(kRouting, [](const Bytes& segment) { return extension(kTcp, 2, segment); }));
  table.add("Ipv6AtomicFragment", Wanted{.v6 = true},
            v6(kFragment, [](const Bytes& segment) { return fragment(kTcp, 0, false, segment); }));
  table.add("Ipv6Authentication", Wanted{.v6 = true},
            v6(kAuthentication, [](const Bytes& segment) { return authentication(kTcp, 4, segment); }));
  table.add("Ipv6DestinationOptions", Wanted{.v6 = true},
            v6(kDestinationOptions, [](const Bytes& segment) { return extension(kTcp, 1, segment); }));
  table.add("Ipv6AllExtensions", Wanted{.v6 = true}, v6(kHopByHop, [](const Bytes& segment) {
              const Bytes options = extension(kTcp, 1, segment);
              const Bytes authenticated = authentication(kDestinationOptions, 1, options);
              const Bytes routed =
                  extension(kFragment, 1, fragment(kAuthentication, 0, false, authenticated));
              return extension(kRouting, 1, routed);
            }));
  // Segments beyond 64 KiB have no room in the length fields. Here only the fields are as in those.
  table.add("BigTcpIpv4", Wanted{}, [](const Way& way) {
    Bytes packet = way.inner4(way.segment());
    packet[2] = packet[3] = 0;
    return ethernet(kIpv4, packet);
  });
  table.add("BigTcpIpv6", Wanted{.v6 = true}, [](const Way& way) {
    Bytes jumbo{kTcp, 0, 0xc2, 4};  // RFC 2675
    const Bytes segment = way.segment();
    put32(jumbo, static_cast<std::uint32_t>(8 + segment.size()));
    Bytes packet = way.inner6(kHopByHop, join(jumbo, segment));
    packet[4] = packet[5] = 0;
    return ethernet(kIpv6, packet);
  });
}

void add_ip_tunnels(Table& table) {
  table.add_both("IpInIpv4", {.tunnels = {{"in4", {}}}}, [](const Way& way, const Inner& in) {
    return ethernet(kIpv4, way.outer4(in.protocol(), in.packet));
  });
  table.add_both("IpInIpv6", {.tunnels = {{"in6", {}}}}, [](const Way& way, const Inner& in) {
    return ethernet(kIpv6, way.outer6(in.protocol(), in.packet));
  });
  table.add_both("IpInIpv6TunnelLimit", {.tunnels = {{"in6", {}}}},  // RFC 2473 section 4.1.1
                 [](const Way& way, const Inner& in) {
                   return ethernet(kIpv6,
                                   way.outer6(kDestinationOptions, extension(in.protocol(), 0, in.packet)));
                 });
  table.add_both(
      "RawIpInIp", {.tunnels = {{"in4", {}}}},
      [](const Way& way, const Inner& in) { return way.outer4(in.protocol(), in.packet); }, LinkType::kRaw);
  const struct {
    const char* name;
    std::uint16_t first;
    std::optional<std::uint32_t> key;
    Bytes fields;
  } kinds[] = {{"Gre", 0, {}, {}},
               {"GreChecksum", 0x8000, {}, words({0xabcd0000})},
               {"GreKey", 0x2000, 0x01020304, words({0x01020304})},
               {"GreSequence", 0x1000, {}, words({9})},
               {"GreAll", 0xb000, 0x01020304, words({0xabcd0000, 0x01020304, 9})}};
  for (const auto& kind : kinds) {
    table.add_both(kind.name, {.tunnels = {{"gre", kind.key}}}, [&](const Way& way, const Inner& in) {
      return ethernet(kIpv4, way.outer4(kGre, gre(kind.first, in.ether_type(), kind.fields, in.packet)));
    });
  }
  table.add_both("GreOverIpv6", {.tunnels = {{"gre", {}}}}, [](const Way& way, const Inner& in) {
    return ethernet(kIpv6, way.outer6(kGre, gre(0, in.ether_type(), {}, in.packet)));
  });
  table.add_both("GreEthernet", {.tunnels = {{"gre", {}}}}, [](const Way& way, const Inner& in) {
    return ethernet(kIpv4, way.outer4(kGre, gre(0, kBridgedEthernet, {}, in.in_ethernet())));
  });
  table.add_both(
      "GreKeyEthernetVlan", {.vlans = {9}, .tunnels = {{"gre", 5}}}, [](const Way& way, const Inner& in) {
        const Bytes inside = ethernet(kVlan, vlan(9, in.ether_type(), in.packet));
        return ethernet(kIpv4, way.outer4(kGre, gre(0x2000, kBridgedEthernet, words({5}), inside)));
      });
  table.add_both("GreMpls", {.tunnels = {{"gre", {}}, {"mpls", {}}}}, [](const Way& way, const Inner& in) {
    return ethernet(kIpv4, way.outer4(kGre, gre(0, kMpls, {}, mpls(17, true, in.packet))));
  });
}

// A mirror sends both directions of a connection from the switch to the collector: the outer header does not
// turn.
void add_mirrors(Table& table) {
  const Way mirror{true};
  table.add_both("Erspan1", {.tunnels = {{"erspan", {}}}}, [&](const Way&, const Inner& in) {
    return ethernet(kIpv4, mirror.outer4(kGre, gre(0, kErspan, {}, in.in_ethernet())));
  });
  table.add_both("Erspan2", {.tunnels = {{"erspan", 100}}}, [&](const Way&, const Inner& in) {
    const Bytes header = words({0x10010000 | 100, 0});
    return ethernet(kIpv4,
                    mirror.outer4(kGre, gre(0x1000, kErspan, words({7}), join(header, in.in_ethernet()))));
  });
  table.add_both("Erspan3", {.tunnels = {{"erspan", 101}}}, [&](const Way&, const Inner& in) {
    const Bytes header = words({0x20010000 | 101, 12345, 0});
    return ethernet(kIpv4,
                    mirror.outer4(kGre, gre(0x1000, kErspan3, words({7}), join(header, in.in_ethernet()))));
  });
  table.add_both("Erspan3Subheader", {.tunnels = {{"erspan", 101}}}, [&](const Way&, const Inner& in) {
    const Bytes header = words({0x20010000 | 101, 12345, 1, 0x04000000, 0});
    return ethernet(kIpv4,
                    mirror.outer4(kGre, gre(0x1000, kErspan3, words({7}), join(header, in.in_ethernet()))));
  });
}

void add_udp_tunnels(Table& table) {
  table.add_both("Vxlan", {.tunnels = {{"vxlan", 42}}}, [](const Way& way, const Inner& in) {
    return ethernet(kIpv4, way.outer4(kUdp, way.datagram(kVxlanPort, vxlan(42, in.in_ethernet()))));
  });
  table.add_both("VxlanOldPort", {.tunnels = {{"vxlan", 0xabcdef}}}, [](const Way& way, const Inner& in) {
    return ethernet(kIpv4,
                    way.outer4(kUdp, way.datagram(kLinuxVxlanPort, vxlan(0xabcdef, in.in_ethernet()))));
  });
  table.add_both("VxlanOverIpv6", {.tunnels = {{"vxlan", 42}}}, [](const Way& way, const Inner& in) {
    return ethernet(kIpv6, way.outer6(kUdp, way.datagram(kVxlanPort, vxlan(42, in.in_ethernet()))));
  });
  table.add_both("VlanVxlanVlan", {.vlans = {9}, .tunnels = {{"vxlan", 42}}},
                 [](const Way& way, const Inner& in) {
                   const Bytes inside = ethernet(kVlan, vlan(9, in.ether_type(), in.packet));
                   const Bytes outer = way.outer4(kUdp, way.datagram(kVxlanPort, vxlan(42, inside)));
                   return ethernet(kVlan, vlan(7, kIpv4, outer));
                 });
  table.add_both(
      "RawIpVxlan", {.tunnels = {{"vxlan", 42}}},
      [](const Way& way, const Inner& in) {
        return way.outer4(kUdp, way.datagram(kVxlanPort, vxlan(42, in.in_ethernet())));
      },
      LinkType::kRaw);
  table.add_both("Geneve", {.tunnels = {{"geneve", 43}}}, [](const Way& way, const Inner& in) {
    return ethernet(kIpv4, way.outer4(kUdp, way.datagram(kGenevePort,
                                                         geneve(43, kBridgedEthernet, 0, in.in_ethernet()))));
  });
  table.add_both("GeneveOptions", {.tunnels = {{"geneve", 43}}}, [](const Way& way, const Inner& in) {
    return ethernet(
        kIpv4,
        way.outer4(kUdp, way.datagram(kGenevePort, geneve(43, kBridgedEthernet, 63, in.in_ethernet()))));
  });
  table.add_both("GeneveIp", {.tunnels = {{"geneve", 43}}}, [](const Way& way, const Inner& in) {
    return ethernet(kIpv6,
                    way.outer6(kUdp, way.datagram(kGenevePort, geneve(43, in.ether_type(), 2, in.packet))));
  });
  // A cloud's mirror (VXLAN, the mirror's two ends) of traffic between hosts that have a tunnel of their own.
  table.add_both("VxlanOfGre", {.tunnels = {{"vxlan", 42}, {"gre", 5}}}, [](const Way& way, const Inner& in) {
    const Bytes inside = way.outer4(kGre, gre(0x2000, in.ether_type(), words({5}), in.packet));
    const Bytes mirrored = vxlan(42, ethernet(kIpv4, inside));
    return ethernet(kIpv4, Way{true}.outer4(kUdp, Way{true}.datagram(kVxlanPort, mirrored)));
  });
}

// Found, but of another port: the decoder reads them, the filter refuses them.
void add_other_ports(Table& table) {
  table.add_both("OtherPort", {.server_port = 81},
                 [](const Way&, const Inner& in) { return in.in_ethernet(); });
  table.add_both("OtherPortInGre", {.server_port = 81, .tunnels = {{"gre", {}}}},
                 [](const Way& way, const Inner& in) {
                   return ethernet(kIpv4, way.outer4(kGre, gre(0, in.ether_type(), {}, in.packet)));
                 });
  table.add_both("OtherPortInVxlan", {.server_port = 81, .tunnels = {{"vxlan", 42}}},
                 [](const Way& way, const Inner& in) {
                   return ethernet(kIpv4,
                                   way.outer4(kUdp, way.datagram(kVxlanPort, vxlan(42, in.in_ethernet()))));
                 });
}

void add_refused_links(Table& table) {
  table.refuse("Arp", [](const Way&, const Inner&) { return ethernet(kArp, Bytes(46, 0)); });
  table.refuse("UnknownEtherType", [](const Way&, const Inner& in) { return ethernet(0x88b5, in.packet); });
  table.refuse("LengthInsteadOfType", [](const Way&, const Inner& in) { return ethernet(60, in.packet); });
  table.refuse("Ipv4UnderIpv6Type", [](const Way&, const Inner& in) { return ethernet(kIpv6, in.packet); });
  table.refuse("TooManyVlans", [](const Way&, const Inner& in) { return nested_vlans(40, in); });
  table.refuse("VlanArp",
               [](const Way&, const Inner&) { return ethernet(kVlan, vlan(7, kArp, Bytes(46, 0))); });
  table.refuse("MplsOfNoIp",
               [](const Way&, const Inner&) { return ethernet(kMpls, mpls(17, true, Bytes(60, 0x20))); });
  table.refuse("MplsWithoutBottom", [](const Way&, const Inner& in) {
    return ethernet(kMpls, mpls(17, false, mpls(18, false, in.packet)));
  });
  table.refuse("PppoeDiscovery",
               [](const Way&, const Inner& in) { return ethernet(0x8863, pppoe(1, in.in_ppp())); });
  table.refuse("PppoeLinkControl", [](const Way&, const Inner& in) {
    return ethernet(kPppoe, pppoe(1, join(Bytes{0xc0, 0x21}, in.packet)));
  });
}

void add_refused_tunnels(Table& table) {
  const auto in_ip = [](const Way& way, std::uint8_t protocol, const Bytes& payload) {
    return ethernet(kIpv4, way.outer4(protocol, payload));
  };
  table.refuse("GreRouting", [=](const Way& way, const Inner& in) {
    return in_ip(way, kGre, gre(0x4000, kIpv4, words({0}), in.packet));
  });
  table.refuse("GreVersion1", [=](const Way& way, const Inner& in) {  // PPTP
    return in_ip(way, kGre, gre(0x2001, 0x880b, words({5}), in.in_ppp()));
  });
  table.refuse("GreUnknownProtocol", [=](const Way& way, const Inner& in) {
    return in_ip(way, kGre, gre(0, 0x88b5, {}, in.packet));
  });
  table.refuse("VxlanWithoutVni", [=](const Way& way, const Inner& in) {
    return in_ip(way, kUdp, way.datagram(kVxlanPort, vxlan(42, in.in_ethernet(), 0)));
  });
  table.refuse("VxlanAtOtherPort", [=](const Way& way, const Inner& in) {
    return in_ip(way, kUdp, way.datagram(5000, vxlan(42, in.in_ethernet())));
  });
  table.refuse("VxlanPortAsSource", [=](const Way& way, const Inner& in) {
    return in_ip(way, kUdp, udp(kVxlanPort, 5000, vxlan(42, in.in_ethernet())));
  });
  table.refuse("GeneveVersion1", [=](const Way& way, const Inner& in) {
    return in_ip(way, kUdp, way.datagram(kGenevePort, geneve(43, kBridgedEthernet, 0, in.in_ethernet(), 1)));
  });
  table.refuse("GeneveUnknownProtocol", [=](const Way& way, const Inner& in) {
    return in_ip(way, kUdp, way.datagram(kGenevePort, geneve(43, 0x88b5, 0, in.packet)));
  });
  table.refuse("VxlanOfUdp", [=](const Way& way, const Inner&) {
    const Bytes inside = ethernet(kIpv4, way.inner4(udp(80, 80), {.protocol = kUdp}));
    return in_ip(way, kUdp, way.datagram(kVxlanPort, vxlan(42, inside)));
  });
  table.refuse("EncryptedIpv6",
               [](const Way& way, const Inner&) { return ethernet(kIpv6, way.inner6(50, Bytes(60, 'x'))); });
  table.refuse("CutInsideGre", [=](const Way& way, const Inner& in) {
    Bytes frame = in_ip(way, kGre, gre(0x2000, kIpv4, words({5}), in.packet));
    frame.resize(14 + 20 + 6);
    return frame;
  });
  table.refuse("CutInsideInnerIp", [=](const Way& way, const Inner& in) {
    Bytes frame = in_ip(way, kUdp, way.datagram(kVxlanPort, vxlan(42, in.in_ethernet())));
    frame.resize(14 + 20 + 8 + 8 + 14 + 19);
    return frame;
  });
}

// `payload` as IP packets of at most `unit` bytes of it each.
std::vector<Bytes> cut(
    const Bytes& payload, std::size_t unit,
    const std::function<Bytes(const Bytes& part, std::uint16_t offset, bool more)>& packet) {
  std::vector<Bytes> packets;
  for (std::size_t at = 0; at < payload.size(); at += unit) {
    const std::size_t end = std::min(payload.size(), at + unit);
    const Bytes part(payload.begin() + static_cast<std::ptrdiff_t>(at),
                     payload.begin() + static_cast<std::ptrdiff_t>(end));
    packets.push_back(packet(part, static_cast<std::uint16_t>(at / 8), end < payload.size()));
  }
  return packets;
}

constexpr std::size_t kFragmentUnit = 600;

std::vector<Bytes> cut_inner4(const Way& way) {
  return cut(way.segment(80, kFragmentedPayload), kFragmentUnit,
             [&](const Bytes& part, std::uint16_t offset, bool more) {
               return way.inner4(part, {.more_fragments = more, .fragment_offset = offset, .id = 0x7777});
             });
}

std::vector<Bytes> cut_inner6(const Way& way) {
  return cut(way.segment(80, kFragmentedPayload), kFragmentUnit,
             [&](const Bytes& part, std::uint16_t offset, bool more) {
               return way.inner6(kFragment, fragment(kTcp, offset, more, part, 0x77777777));
             });
}

std::vector<Bytes> cut_outer4(const Way& way, std::uint8_t protocol, const Bytes& payload) {
  return cut(payload, kFragmentUnit, [&](const Bytes& part, std::uint16_t offset, bool more) {
    return ethernet(
        kIpv4, way.outer4(protocol, part, {.more_fragments = more, .fragment_offset = offset, .id = 0x8888}));
  });
}

std::vector<Bytes> cut_outer6(const Way& way, std::uint8_t protocol, const Bytes& payload) {
  return cut(payload, kFragmentUnit, [&](const Bytes& part, std::uint16_t offset, bool more) {
    return ethernet(kIpv6, way.outer6(kFragment, fragment(protocol, offset, more, part, 0x88888888)));
  });
}

std::vector<Bytes> each(std::vector<Bytes> packets, const std::function<Bytes(const Bytes&)>& around) {
  for (Bytes& packet : packets) packet = around(packet);
  return packets;
}

}  // namespace

std::vector<EncapsulationCase> encapsulation_cases() {
  Table table;
  add_links(table);
  add_mpls_and_pppoe(table);
  add_ip_headers(table);
  add_ip_tunnels(table);
  add_mirrors(table);
  add_udp_tunnels(table);
  add_other_ports(table);
  add_refused_links(table);
  add_refused_tunnels(table);
  return table.take();
}

std::vector<FragmentCase> fragment_cases() {
  std::vector<FragmentCase> rows;
  const auto add = [&](const std::string& name, Wanted wanted,
                       const std::function<std::vector<Bytes>(const Way&)>& frames,
                       LinkType link = LinkType::kEthernet) {
    rows.push_back({name, link, frames(Way{true}), frames(Way{false}), std::move(wanted)});
  };
  const auto in_vxlan = [](const Way& way) {
    const Bytes inside = ethernet(kIpv4, way.inner4(way.segment(80, kFragmentedPayload)));
    return way.datagram(kVxlanPort, vxlan(42, inside));
  };
  add("Ipv4", {}, [](const Way& way) {
    return each(cut_inner4(way), [](const Bytes& packet) { return ethernet(kIpv4, packet); });
  });
  add("Ipv6", {.v6 = true}, [](const Way& way) {
    return each(cut_inner6(way), [](const Bytes& packet) { return ethernet(kIpv6, packet); });
  });
  add("RawIpv4", {}, cut_inner4, LinkType::kRaw);
  add("Vlan", {.vlans = {7}}, [](const Way& way) {
    return each(cut_inner4(way), [](const Bytes& packet) { return ethernet(kVlan, vlan(7, kIpv4, packet)); });
  });
  add("VxlanOuterIpv4", {.tunnels = {{"vxlan", 42}}},
      [&](const Way& way) { return cut_outer4(way, kUdp, in_vxlan(way)); });
  add("VxlanOuterIpv6", {.tunnels = {{"vxlan", 42}}},
      [&](const Way& way) { return cut_outer6(way, kUdp, in_vxlan(way)); });
  add("VxlanInnerIpv4", {.tunnels = {{"vxlan", 42}}}, [](const Way& way) {
    return each(cut_inner4(way), [&](const Bytes& packet) {
      const Bytes datagram = way.datagram(kVxlanPort, vxlan(42, ethernet(kIpv4, packet)));
      return ethernet(kIpv4, way.outer4(kUdp, datagram));
    });
  });
  add("GreOuterIpv4", {.tunnels = {{"gre", {}}}}, [](const Way& way) {
    const Bytes inside = way.inner4(way.segment(80, kFragmentedPayload));
    return cut_outer4(way, kGre, gre(0, kIpv4, {}, inside));
  });
  add("GreInnerIpv6", {.v6 = true, .tunnels = {{"gre", {}}}}, [](const Way& way) {
    return each(cut_inner6(way), [&](const Bytes& packet) {
      return ethernet(kIpv4, way.outer4(kGre, gre(0, kIpv6, {}, packet)));
    });
  });
  add("IpInIpOuter", {.tunnels = {{"4in4", {}}}}, [](const Way& way) {
    return cut_outer4(way, kIpInIp, way.inner4(way.segment(80, kFragmentedPayload)));
  });
  return rows;
}

}  // namespace tapline::test
