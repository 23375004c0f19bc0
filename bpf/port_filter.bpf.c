// The socket filters: which frames reach a ring at all.
//
// Accepted, whole, is TCP over IPv4 or IPv6 with a source or destination port in the set. Also accepted is
// every fragment of TCP but the first: it carries no ports, and refusing it would be a loss that nobody sees,
// while user space counts what it cannot decode.
//
// Each program is a function of one frame and the global data below; tests/bpf calls them as such.

// <bpf/*> needs the types of <linux/bpf.h> before it.
// clang-format off
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <stdbool.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
// clang-format on

#define REFUSE 0u
#define ACCEPT_WHOLE 0xffffffffu

#define MAX_VLAN_TAGS 2          // in the frame; another one may have been taken out of it into the skb
#define MAX_EXTENSION_HEADERS 8  // RFC 8200 section 4.1 expects at most 7 in a packet
#define MAX_PROCESSORS 1024      // a power of two
#define FRAGMENT_OFFSET_V4 0x1fff
#define FRAGMENT_OFFSET_V6 0xfff8

#define ETHERTYPE_OFFSET 12
#define LOOPBACK_INTERFACE 1  // the kernel gives `lo` this index in every network namespace

// User space writes these through a memory map while the programs run, so they are neither constants nor
// behind a map look-up.
__u64 port_words[1024];  // port p is bit p % 64 of word p / 64
__u32 open;              // 0: refuse everything

// What the open filter refused, by processor, so that none waits for another. A packet is handled with bottom
// halves off: nothing else on its processor counts meanwhile, and no atomic addition is needed.
struct {
  __u64 packets;
  __u64 bytes;
  __u64 rest_of_cache_line[6];
} refused[MAX_PROCESSORS];

struct ports {
  __be16 source;
  __be16 destination;
};

// What nearly all frames start with, so that one load decides them. Alignment 2 keeps the compiler from
// reading it byte by byte; the verifier wants no more for the fields that are read.
struct plain_ipv4_frame {
  struct ethhdr ethernet;
  struct iphdr ip;
  struct ports ports;
} __attribute__((packed, aligned(2)));

static __always_inline bool in_port_set(__be16 port) {
  __u32 number = bpf_ntohs(port);
  __u32 word = number / 64;
  // The verifier does not follow the range of a value through a byte swap, and clang, which does, would drop
  // the mask as redundant.
  asm volatile("" : "+r"(word));
  word &= 1023;
  return port_words[word] >> (number % 64) & 1;
}

static __always_inline __u32 judge_ports(const struct ports* ports) {
  return in_port_set(ports->destination) || in_port_set(ports->source) ? ACCEPT_WHOLE : REFUSE;
}

static __always_inline __u32 judge_tcp(struct __sk_buff* skb, __u32 offset) {
  struct ports ports;
  if (bpf_skb_load_bytes(skb, offset, &ports, sizeof ports) != 0) return REFUSE;
  return judge_ports(&ports);
}

// Total length is not looked at: it is 0 in packets beyond 64 KiB (BIG TCP).
static __always_inline __u32 judge_ipv4(struct __sk_buff* skb, __u32 offset) {
  struct iphdr ip;
  if (bpf_skb_load_bytes(skb, offset, &ip, sizeof ip) != 0) return REFUSE;
  if (ip.version != 4 || ip.ihl < 5 || ip.protocol != IPPROTO_TCP) return REFUSE;
  if (ip.frag_off & bpf_htons(FRAGMENT_OFFSET_V4)) return ACCEPT_WHOLE;
  return judge_tcp(skb, offset + ip.ihl * 4);
}

// A later fragment whose first header is no TCP header (destination options, say) is refused: what follows
// stands in the first fragment alone.
static __always_inline __u32 judge_ipv6(struct __sk_buff* skb, __u32 offset) {
  struct ipv6hdr ip;
  if (bpf_skb_load_bytes(skb, offset, &ip, sizeof ip) != 0 || ip.version != 6) return REFUSE;
  __u8 next = ip.nexthdr;
  offset += sizeof ip;
  for (int i = 0; i <= MAX_EXTENSION_HEADERS; i++) {
    if (next == IPPROTO_TCP) return judge_tcp(skb, offset);
    struct {
      __u8 next;
      __u8 length;             // its unit differs from header to header
      __be16 fragment_offset;  // of a fragment header
    } extension;
    if (bpf_skb_load_bytes(skb, offset, &extension, sizeof extension) != 0) return REFUSE;
    switch (next) {
      case IPPROTO_HOPOPTS:
      case IPPROTO_ROUTING:
      case IPPROTO_DSTOPTS:
        offset += (extension.length + 1) * 8;
        break;
      case IPPROTO_AH:  // RFC 4302 section 2.2: in words of 4 bytes, minus 2
        offset += (extension.length + 2) * 4;
        break;
      case IPPROTO_FRAGMENT:
        if (extension.fragment_offset & bpf_htons(FRAGMENT_OFFSET_V6))
          return extension.next == IPPROTO_TCP ? ACCEPT_WHOLE : REFUSE;
        offset += 8;
        break;
      default:
        return REFUSE;
    }
    next = extension.next;
  }
  return REFUSE;
}

static __always_inline bool is_vlan(__be16 ethertype) {
  return ethertype == bpf_htons(ETH_P_8021Q) || ethertype == bpf_htons(ETH_P_8021AD);
}

static __always_inline __u32 judge_ethernet(struct __sk_buff* skb) {
  __be16 ethertype;
  __u32 offset = ETHERTYPE_OFFSET;
  if (bpf_skb_load_bytes(skb, offset, &ethertype, sizeof ethertype) != 0) return REFUSE;
  for (int i = 0; i < MAX_VLAN_TAGS && is_vlan(ethertype); i++) {
    offset += 4;
    if (bpf_skb_load_bytes(skb, offset, &ethertype, sizeof ethertype) != 0) return REFUSE;
  }
  offset += sizeof ethertype;
  if (ethertype == bpf_htons(ETH_P_IP)) return judge_ipv4(skb, offset);
  if (ethertype == bpf_htons(ETH_P_IPV6)) return judge_ipv6(skb, offset);
  return REFUSE;
}

// `lo` shows each packet as it goes out and again as it comes in: the second one counts. The sockets ask the
// kernel for the same, but a fanout group is heard only by kernels newer than 6.1.
static __always_inline bool seen_again_on_loopback(const struct __sk_buff* skb) {
  return skb->pkt_type == PACKET_OUTGOING && skb->ifindex == LOOPBACK_INTERFACE;
}

static __always_inline __u32 counted(const struct __sk_buff* skb, __u32 verdict) {
  if (verdict == REFUSE) {
    const __u32 processor = bpf_get_smp_processor_id() & (MAX_PROCESSORS - 1);
    refused[processor].packets++;
    refused[processor].bytes += skb->len;
  }
  return verdict;
}

// Offset 0 is the MAC header in both directions (in a fanout program it is not), so tags in the frame read
// alike in both; BPF_HDR_START_NET would point behind the outer tag of some.
static __always_inline __u32 judge_frame(struct __sk_buff* skb) {
  struct plain_ipv4_frame frame;
  if (bpf_skb_load_bytes(skb, 0, &frame, sizeof frame) != 0) return judge_ethernet(skb);
  if (frame.ethernet.h_proto != bpf_htons(ETH_P_IP) || frame.ip.version != 4 || frame.ip.ihl != 5)
    return judge_ethernet(skb);
  if (frame.ip.protocol != IPPROTO_TCP) return REFUSE;
  if (frame.ip.frag_off & bpf_htons(FRAGMENT_OFFSET_V4)) return ACCEPT_WHOLE;
  return judge_ports(&frame.ports);
}

// For interfaces with an Ethernet header.
SEC("socket")
int port_filter_ethernet(struct __sk_buff* skb) {
  if (!open || seen_again_on_loopback(skb)) return REFUSE;
  return counted(skb, judge_frame(skb));
}

// For interfaces without a link header (tun, wireguard, ppp): offset 0 is the IP header.
SEC("socket")
int port_filter_raw_ip(struct __sk_buff* skb) {
  __u8 version;
  if (!open || bpf_skb_load_bytes(skb, 0, &version, sizeof version) != 0) return REFUSE;
  return counted(skb, version >> 4 == 4 ? judge_ipv4(skb, 0) : judge_ipv6(skb, 0));
}

// No licence section: no helper that is called asks for one.
