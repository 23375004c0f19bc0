// The way through a frame's headers to the TCP segment inside: what the port filter and the fanout program
// understand, as one state machine. flows/decode.h reads the same headers; tests/flows/encapsulation_cases.h
// holds all three to it.
//
//   Ethernet, raw IP; VLAN tags (0x8100, 0x88a8, 0x9100), MPLS, PPPoE sessions
//   IPv4 with options, IPv6 with extension headers; IP in IP; GRE, ERSPAN I to III; VXLAN, GENEVE
//
// At most MAX_HEADERS behind the frame's own Ethernet header, in any order that the protocols allow. Include
// after <bpf/bpf_helpers.h>.
#pragma once

#define MAX_HEADERS 16  // before the one of TCP; each tag, label and extension header counts as one

// What a header is: an EtherType, an IP protocol (OF_IP), or one of the others.
#define OF_IP(protocol) (0x10000u + (protocol))
#define ETHERNET 0x20000u
#define RAW_IP 0x20001u  // IPv4 or IPv6, as the version says

#define ETHERTYPE_OFFSET 12
#define ETHERTYPE_VLAN 0x8100
#define ETHERTYPE_SERVICE_VLAN 0x88a8
#define ETHERTYPE_OLD_SERVICE_VLAN 0x9100
#define ETHERTYPE_MPLS 0x8847
#define ETHERTYPE_MPLS_MULTICAST 0x8848
#define ETHERTYPE_PPPOE_SESSION 0x8864
#define ETHERTYPE_BRIDGED_ETHERNET 0x6558  // in GRE and GENEVE
#define ETHERTYPE_ERSPAN 0x88be            // in GRE
#define ETHERTYPE_ERSPAN_3 0x22eb          // in GRE
#define PPP_IPV4 0x21
#define PPP_IPV6 0x57

#define FRAGMENT_OFFSET_V4 0x1fff
#define MORE_FRAGMENTS_V4 0x2000
#define FRAGMENT_OFFSET_V6 0xfff8
#define MORE_FRAGMENTS_V6 1

#define VXLAN_PORT 4789
#define OLD_VXLAN_PORT 8472  // Linux's default, from before there was a registered one
#define GENEVE_PORT 6081

// What IP puts the fragments of one datagram together by (RFC 791, RFC 8200 section 4.5). All of it is set,
// as it is the key of a map.
struct datagram {
  __u8 source[16];  // an IPv4 address takes the first 4, and zeros the rest
  __u8 destination[16];
  __u32 id;
  __u32 protocol;  // of IPv4; 0 for IPv6
} __attribute__((aligned(8)));

// The state of a walk, in skb->cb, which belongs to the program while it runs. The verifier knows nothing of
// what stands there, so that it looks at walk_step() once, and not once for every way through the headers
// before.
enum walk_state {
  NEXT,       // what stands at OFFSET
  OFFSET,     // as bpf_skb_load_bytes counts
  IP_HEADER,  // offset of the innermost one so far, and IP_IS_V6
  CUT,        // in a first fragment: where the outermost such ends; else 0
  DATAGRAM,   // of that fragment, or a later one: offset of the IP header and, 16 bits further up, of IPv6's
              // fragment header
  PORTS = NEXT,  // when a SEGMENT was found
};
#define OFFSET_MASK 0xffff  // MAX_HEADERS take up less
#define IP_IS_V6 0x10000

struct ports {
  __be16 source;
  __be16 destination;
};

enum walk_result {
  GO_ON,
  NOTHING,         // no TCP, or headers that are not understood
  SEGMENT,         // OFFSET is that of a TCP header, whose ports are there
  CUT_SHORT,       // a first fragment that does not reach to the ports
  LATER_FRAGMENT,  // NEXT is what IP says that the datagram starts with
};

static __always_inline bool load(const struct __sk_buff* skb, void* to, __u32 size) {
  const __u32 offset = skb->cb[OFFSET];
  if (skb->cb[CUT] != 0 && offset + size > skb->cb[CUT]) return false;  // what follows is Ethernet's padding
  return bpf_skb_load_bytes(skb, offset, to, size) == 0;
}

static __always_inline int ends_early(const struct __sk_buff* skb) {
  return skb->cb[CUT] != 0 ? CUT_SHORT : NOTHING;
}

static __always_inline int step_ethernet(struct __sk_buff* skb) {
  __be16 type;
  skb->cb[OFFSET] += ETHERTYPE_OFFSET;
  if (!load(skb, &type, sizeof type)) return ends_early(skb);
  skb->cb[OFFSET] += sizeof type;
  skb->cb[NEXT] = bpf_ntohs(type);
  return GO_ON;
}

static __always_inline int step_vlan(struct __sk_buff* skb) {
  struct {
    __be16 tci;
    __be16 type;
  } tag;
  if (!load(skb, &tag, sizeof tag)) return ends_early(skb);
  skb->cb[OFFSET] += sizeof tag;
  skb->cb[NEXT] = bpf_ntohs(tag.type);
  return GO_ON;
}

// One label. What a stack is around it does not say: IP shows by its version, and Ethernet by the control
// word before it, which starts with a zero (RFC 4385 section 3).
static __always_inline int step_mpls(struct __sk_buff* skb) {
  struct {
    __u8 label[2];
    __u8 bottom_of_stack;  // its lowest bit
    __u8 time_to_live;
    __u8 payload;
  } label;
  if (!load(skb, &label, 5)) return ends_early(skb);
  skb->cb[OFFSET] += 4;
  if ((label.bottom_of_stack & 1) == 0) return GO_ON;
  if (label.payload >> 4 == 0) {
    skb->cb[OFFSET] += 4;
    skb->cb[NEXT] = ETHERNET;
  } else {
    skb->cb[NEXT] = RAW_IP;
  }
  return GO_ON;
}

static __always_inline int step_pppoe(struct __sk_buff* skb) {
  struct {
    __u8 version_and_type;
    __u8 code;
    __be16 session;
    __be16 length;
    __u8 protocol[2];
  } pppoe;
  if (!load(skb, &pppoe, sizeof pppoe)) return ends_early(skb);
  if (pppoe.version_and_type != 0x11 || pppoe.code != 0) return NOTHING;
  // A protocol number ends with the first odd byte (RFC 1661 section 2): it may be written without its zero.
  __u8 protocol = pppoe.protocol[0];
  skb->cb[OFFSET] += sizeof pppoe - 1;
  if (protocol == 0) {
    protocol = pppoe.protocol[1];
    skb->cb[OFFSET] += 1;
  }
  if (protocol != PPP_IPV4 && protocol != PPP_IPV6) return NOTHING;
  skb->cb[NEXT] = protocol == PPP_IPV4 ? ETH_P_IP : ETH_P_IPV6;
  return GO_ON;
}

static __always_inline int step_raw_ip(struct __sk_buff* skb) {
  __u8 version;
  if (!load(skb, &version, sizeof version)) return ends_early(skb);
  skb->cb[NEXT] = version >> 4 == 4 ? ETH_P_IP : ETH_P_IPV6;
  return GO_ON;
}

// What follows IPv6 alone.
static __always_inline bool is_extension(__u8 protocol) {
  return protocol == IPPROTO_HOPOPTS || protocol == IPPROTO_ROUTING || protocol == IPPROTO_FRAGMENT ||
         protocol == IPPROTO_AH || protocol == IPPROTO_DSTOPTS;
}

static __always_inline void enter_ip(struct __sk_buff* skb, __u32 version_bit, __u8 protocol) {
  skb->cb[IP_HEADER] = skb->cb[OFFSET] | version_bit;
  skb->cb[NEXT] = OF_IP(protocol);
}

static __always_inline int enter_fragment(struct __sk_buff* skb, bool first, __u32 datagram, __u32 end) {
  if (first && skb->cb[CUT] != 0) return GO_ON;
  skb->cb[DATAGRAM] = datagram;
  if (!first) return LATER_FRAGMENT;
  skb->cb[CUT] = end;
  return GO_ON;
}

// Total length is looked at in fragments alone: it is 0 in packets beyond 64 KiB (BIG TCP).
static __always_inline int step_ipv4(struct __sk_buff* skb) {
  struct iphdr ip;
  const __u32 start = skb->cb[OFFSET];
  if (!load(skb, &ip, sizeof ip)) return ends_early(skb);
  if (ip.version != 4 || ip.ihl < 5 || is_extension(ip.protocol)) return NOTHING;
  enter_ip(skb, 0, ip.protocol);
  skb->cb[OFFSET] = start + ip.ihl * 4;
  if ((ip.frag_off & bpf_htons(FRAGMENT_OFFSET_V4 | MORE_FRAGMENTS_V4)) == 0) return GO_ON;
  const bool first = (ip.frag_off & bpf_htons(FRAGMENT_OFFSET_V4)) == 0;
  return enter_fragment(skb, first, start, start + bpf_ntohs(ip.tot_len));
}

static __always_inline int step_ipv6(struct __sk_buff* skb) {
  struct ipv6hdr ip;
  if (!load(skb, &ip, sizeof ip)) return ends_early(skb);
  if (ip.version != 6) return NOTHING;
  enter_ip(skb, IP_IS_V6, ip.nexthdr);
  skb->cb[OFFSET] += sizeof ip;
  return GO_ON;
}

struct ipv6_extension {
  __u8 next;
  __u8 length;             // its unit differs from header to header
  __be16 fragment_offset;  // of a fragment header, as the next
  __be32 id;
};

static __always_inline int step_fragment(struct __sk_buff* skb, const struct ipv6_extension* fragment) {
  const __u32 start = skb->cb[OFFSET];
  skb->cb[OFFSET] = start + sizeof *fragment;
  if ((fragment->fragment_offset & bpf_htons(FRAGMENT_OFFSET_V6 | MORE_FRAGMENTS_V6)) == 0) return GO_ON;
  const bool first = (fragment->fragment_offset & bpf_htons(FRAGMENT_OFFSET_V6)) == 0;
  const __u32 ip = skb->cb[IP_HEADER] & OFFSET_MASK;
  __be16 payload_bytes;
  if (bpf_skb_load_bytes(skb, ip + 4, &payload_bytes, sizeof payload_bytes) != 0) return NOTHING;
  const __u32 end = ip + sizeof(struct ipv6hdr) + bpf_ntohs(payload_bytes);
  return enter_fragment(skb, first, start << 16 | ip, end);
}

static __always_inline int step_extension(struct __sk_buff* skb) {
  struct ipv6_extension extension;
  if (!load(skb, &extension, sizeof extension)) return ends_early(skb);
  const __u32 kind = skb->cb[NEXT];
  skb->cb[NEXT] = OF_IP(extension.next);
  if (kind == OF_IP(IPPROTO_FRAGMENT)) return step_fragment(skb, &extension);
  // An authentication header counts in words of 4 bytes, minus 2 (RFC 4302 section 2.2).
  skb->cb[OFFSET] += kind == OF_IP(IPPROTO_AH) ? (extension.length + 2) * 4 : (extension.length + 1) * 8;
  return GO_ON;
}

#define GRE_CHECKSUM 0x8000
#define GRE_ROUTING 0x4000
#define GRE_KEY 0x2000
#define GRE_SEQUENCE 0x1000
#define GRE_VERSION 7
#define ERSPAN_2_BYTES 8
#define ERSPAN_3_BYTES 12
#define ERSPAN_3_SUBHEADER 1  // a bit of the last byte: 8 bytes more follow

static __always_inline int step_gre(struct __sk_buff* skb) {
  struct {
    __be16 flags;
    __be16 protocol;
  } gre;
  if (!load(skb, &gre, sizeof gre)) return ends_early(skb);
  const __u16 flags = bpf_ntohs(gre.flags);
  if (flags & (GRE_ROUTING | GRE_VERSION)) return NOTHING;
  skb->cb[OFFSET] +=
      4 + (flags & GRE_CHECKSUM ? 4 : 0) + (flags & GRE_KEY ? 4 : 0) + (flags & GRE_SEQUENCE ? 4 : 0);
  skb->cb[NEXT] = ETHERNET;
  switch (bpf_ntohs(gre.protocol)) {
    case ETHERTYPE_BRIDGED_ETHERNET:
      return GO_ON;
    case ETHERTYPE_ERSPAN:  // type I has no header of its own, and no sequence number
      if (flags & GRE_SEQUENCE) skb->cb[OFFSET] += ERSPAN_2_BYTES;
      return GO_ON;
    case ETHERTYPE_ERSPAN_3: {
      __u8 header[ERSPAN_3_BYTES];
      if (!load(skb, header, sizeof header)) return ends_early(skb);
      skb->cb[OFFSET] += sizeof header + (header[ERSPAN_3_BYTES - 1] & ERSPAN_3_SUBHEADER ? 8 : 0);
      return GO_ON;
    }
    case ETH_P_IP:
    case ETH_P_IPV6:
    case ETHERTYPE_MPLS:
    case ETHERTYPE_MPLS_MULTICAST:
      skb->cb[NEXT] = bpf_ntohs(gre.protocol);
      return GO_ON;
    default:
      return NOTHING;
  }
}

static __always_inline bool is_tunnel_port(__be16 port) {
  return port == bpf_htons(VXLAN_PORT) || port == bpf_htons(OLD_VXLAN_PORT) || port == bpf_htons(GENEVE_PORT);
}

static __always_inline int step_udp(struct __sk_buff* skb) {
  struct {
    __be16 source;
    __be16 destination;
    __be16 length;
    __be16 checksum;
    __u8 flags;  // these 8 bytes: VXLAN (RFC 7348 section 5) or GENEVE (RFC 8926 section 3.4)
    __u8 reserved;
    __be16 protocol;
    __be32 vni;
  } tunnel;
  if (!load(skb, &tunnel, sizeof tunnel)) {
    // Nobody may fill the memory for datagrams with short fragments of anything.
    struct ports ports;
    return load(skb, &ports, sizeof ports) && !is_tunnel_port(ports.destination) ? NOTHING : ends_early(skb);
  }
  if (!is_tunnel_port(tunnel.destination)) return NOTHING;
  skb->cb[OFFSET] += sizeof tunnel;
  skb->cb[NEXT] = ETHERNET;
  if (tunnel.destination != bpf_htons(GENEVE_PORT)) return tunnel.flags & 0x08 ? GO_ON : NOTHING;
  if (tunnel.flags >> 6 != 0) return NOTHING;
  skb->cb[OFFSET] += (tunnel.flags & 0x3f) * 4;
  const __u16 protocol = bpf_ntohs(tunnel.protocol);
  if (protocol == ETHERTYPE_BRIDGED_ETHERNET) return GO_ON;
  skb->cb[NEXT] = protocol;
  return protocol == ETH_P_IP || protocol == ETH_P_IPV6 ? GO_ON : NOTHING;
}

static __always_inline int step_ip_in_ip(struct __sk_buff* skb) {
  skb->cb[NEXT] = skb->cb[NEXT] == OF_IP(IPPROTO_IPIP) ? ETH_P_IP : ETH_P_IPV6;
  return GO_ON;
}

static __always_inline int step_tcp(struct __sk_buff* skb) {
  __u32 ports;
  if (!load(skb, &ports, sizeof ports)) return ends_early(skb);
  skb->cb[PORTS] = ports;
  return SEGMENT;
}

// One header. Not static: the verifier looks at it on its own (Linux 5.6).
__noinline int walk_step(struct __sk_buff* skb) {
  switch (skb->cb[NEXT]) {
    case ETHERNET:
      return step_ethernet(skb);
    case ETHERTYPE_VLAN:
    case ETHERTYPE_SERVICE_VLAN:
    case ETHERTYPE_OLD_SERVICE_VLAN:
      return step_vlan(skb);
    case ETHERTYPE_MPLS:
    case ETHERTYPE_MPLS_MULTICAST:
      return step_mpls(skb);
    case ETHERTYPE_PPPOE_SESSION:
      return step_pppoe(skb);
    case RAW_IP:
      return step_raw_ip(skb);
    case ETH_P_IP:
      return step_ipv4(skb);
    case ETH_P_IPV6:
      return step_ipv6(skb);
    case OF_IP(IPPROTO_TCP):
      return step_tcp(skb);
    case OF_IP(IPPROTO_HOPOPTS):
    case OF_IP(IPPROTO_ROUTING):
    case OF_IP(IPPROTO_FRAGMENT):
    case OF_IP(IPPROTO_AH):
    case OF_IP(IPPROTO_DSTOPTS):
      return step_extension(skb);
    case OF_IP(IPPROTO_IPIP):
    case OF_IP(IPPROTO_IPV6):
      return step_ip_in_ip(skb);
    case OF_IP(IPPROTO_GRE):
      return step_gre(skb);
    case OF_IP(IPPROTO_UDP):
      return step_udp(skb);
    default:
      return NOTHING;
  }
}

// From the header `first` on, which stands at `offset`. Gives a walk_result.
static __always_inline int walk_headers(struct __sk_buff* skb, __u32 first, __u32 offset) {
  skb->cb[NEXT] = first;
  skb->cb[OFFSET] = offset;
  skb->cb[IP_HEADER] = skb->cb[CUT] = skb->cb[DATAGRAM] = 0;
  for (int i = 0; i <= MAX_HEADERS; i++) {
    const int result = walk_step(skb);
    if (result != GO_ON) return result;
  }
  return NOTHING;
}

// REQUIRES: the walk found a SEGMENT.
static __always_inline struct ports ports_of(const struct __sk_buff* skb) {
  const __u32 both = skb->cb[PORTS];
  struct ports ports;
  __builtin_memcpy(&ports, &both, sizeof ports);
  return ports;
}

// That the fragment is a part of. REQUIRES: the walk came upon one.
static __always_inline bool load_datagram(struct __sk_buff* skb, struct datagram* datagram) {
  const __u32 ip = skb->cb[DATAGRAM] & OFFSET_MASK;
  const __u32 fragment = skb->cb[DATAGRAM] >> 16;
  __builtin_memset(datagram, 0, sizeof *datagram);
  if (fragment != 0) {
    return bpf_skb_load_bytes(skb, ip + 8, datagram->source, 32) == 0 &&
           bpf_skb_load_bytes(skb, fragment + 4, &datagram->id, sizeof datagram->id) == 0;
  }
  struct iphdr header;
  if (bpf_skb_load_bytes(skb, ip, &header, sizeof header) != 0) return false;
  __builtin_memcpy(datagram->source, &header.saddr, sizeof header.saddr);
  __builtin_memcpy(datagram->destination, &header.daddr, sizeof header.daddr);
  datagram->id = header.id;
  datagram->protocol = header.protocol;
  return true;
}

// What nearly all packets start with.
struct plain_ipv4 {
  struct iphdr ip;
  struct ports ports;
};

static __always_inline bool is_fragment(__be16 flags_and_offset) {
  return flags_and_offset & bpf_htons(FRAGMENT_OFFSET_V4 | MORE_FRAGMENTS_V4);
}

// A packet without TCP around a packet that may have it. REQUIRES: it is no fragment and has no options.
static __always_inline bool may_be_tunnel(__u8 protocol, __be16 destination_port) {
  if (protocol == IPPROTO_UDP) return is_tunnel_port(destination_port);
  return protocol == IPPROTO_GRE || protocol == IPPROTO_IPIP || protocol == IPPROTO_IPV6;
}

// Whether something stands before the network header. What an interface without a link header shows starts
// with the very bytes of the network header; a frame that only looks so is read alike in both ways.
static __always_inline bool has_link_header(struct __sk_buff* skb) {
  __u64 frame[3], network[3];
  if (bpf_skb_load_bytes(skb, 0, frame, sizeof frame) != 0) return true;
  if (bpf_skb_load_bytes_relative(skb, 0, network, sizeof network, BPF_HDR_START_NET) != 0) return true;
  return frame[0] != network[0] || frame[1] != network[1] || frame[2] != network[2];
}
