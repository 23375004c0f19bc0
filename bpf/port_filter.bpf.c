// The socket filters: which frames reach a ring at all. And the fanout program: which worker's ring that is.
//
// Accepted, whole, is TCP over IPv4 or IPv6 with a source or destination port in the set, inside whatever
// headers.bpf.h sees through. Fragments but the first carry no ports. They are accepted when the first one
// was; and without it where they may be TCP or a tunnel's: refusing them would be a loss that nobody sees,
// while user space counts what it cannot put together.
//
// Each program is a function of one frame, the data below and what is remembered of fragments; tests/bpf
// calls them as such.

// <bpf/*> needs the types of <linux/bpf.h> before it.
// clang-format off
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <stdbool.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "bpf/headers.bpf.h"
#include "bpf/fanout.bpf.h"
#include "bpf/elision.bpf.h"
// clang-format on

#define REFUSE 0u
#define ACCEPT_WHOLE 0xffffffffu

#define MAX_PROCESSORS 1024   // a power of two
#define LOOPBACK_INTERFACE 1  // the kernel gives `lo` this index in every network namespace

// User space writes these through a memory map while the programs run, so they are neither constants nor
// behind a map look-up.
__u64 port_words[1024];  // port p is bit p % 64 of word p / 64
__u32 open;              // 0: refuse everything

// What the open filter refused, by processor, so that none waits for another, nor for what stands beside it
// and is read for each packet. A packet is handled with bottom halves off: nothing else on its processor
// counts meanwhile, and no atomic addition is needed.
struct {
  __u64 packets;
  __u64 bytes;
  __u64 rest_of_cache_line[6];
} refused[MAX_PROCESSORS] __attribute__((aligned(64)));

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

static __always_inline __u32 judge_ports(struct ports ports) {
  return in_port_set(ports.destination) || in_port_set(ports.source) ? ACCEPT_WHOLE : REFUSE;
}

// Whether a datagram that starts with this header may be of use though nothing more is known of it.
static __always_inline bool is_always_of_use(__u32 header) {
  return header == OF_IP(IPPROTO_TCP) || header == OF_IP(IPPROTO_GRE) || header == OF_IP(IPPROTO_IPIP) ||
         header == OF_IP(IPPROTO_IPV6);
}

// `first` is the header at `offset`.
static __noinline int judge_headers(struct __sk_buff* skb, __u32 first, __u32 offset) {
  const int found = walk_headers(skb, first, offset);
  if (found == NOTHING || (found == SEGMENT && judge_ports(ports_of(skb)) == REFUSE)) return REFUSE;
  if (found == SEGMENT && skb->cb[CUT] == 0) return ACCEPT_WHOLE;
  struct datagram datagram;
  if (!load_datagram(skb, &datagram)) return REFUSE;
  if (found == LATER_FRAGMENT) {
    const bool of_use =
        is_always_of_use(skb->cb[NEXT]) || bpf_map_lookup_elem(&accepted_datagrams, &datagram);
    return of_use ? ACCEPT_WHOLE : REFUSE;
  }
  remember(&datagram, found == SEGMENT ? hash_connection(skb, ports_of(skb)) : hash_addresses(&datagram));
  return ACCEPT_WHOLE;
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
  if (bpf_skb_load_bytes(skb, 0, &frame, sizeof frame) != 0) return judge_headers(skb, ETHERNET, 0);
  const bool plain = frame.ethernet.h_proto == bpf_htons(ETH_P_IP) && frame.ip.version == 4 &&
                     frame.ip.ihl == 5 && !is_fragment(frame.ip.frag_off);
  if (plain && frame.ip.protocol == IPPROTO_TCP) return judge_ports(frame.ports);
  if (plain && !may_be_tunnel(frame.ip.protocol, frame.ports.destination)) return REFUSE;
  return judge_headers(skb, bpf_ntohs(frame.ethernet.h_proto), sizeof frame.ethernet);
}

static __always_inline __u32 judge_packet(struct __sk_buff* skb) {
  struct plain_ipv4 packet;
  if (bpf_skb_load_bytes(skb, 0, &packet, sizeof packet) != 0) return judge_headers(skb, RAW_IP, 0);
  if (packet.ip.version != 4) return judge_headers(skb, ETH_P_IPV6, 0);
  if (packet.ip.ihl == 5 && packet.ip.protocol == IPPROTO_TCP && !is_fragment(packet.ip.frag_off))
    return judge_ports(packet.ports);
  return judge_headers(skb, ETH_P_IP, 0);
}

// For interfaces with an Ethernet header.
static __always_inline int filter_ethernet(struct __sk_buff* skb) {
  if (!open || seen_again_on_loopback(skb)) return REFUSE;
  return counted(skb, judge_frame(skb));
}

// For interfaces without a link header (tun, wireguard, ppp): offset 0 is the IP header.
static __always_inline int filter_raw_ip(struct __sk_buff* skb) {
  return open ? counted(skb, judge_packet(skb)) : REFUSE;
}

// For a socket that is bound to no interface and shows the frames of all.
static __always_inline int filter_any(struct __sk_buff* skb) {
  return has_link_header(skb) ? filter_ethernet(skb) : filter_raw_ip(skb);
}

SEC("socket")
int port_filter_ethernet(struct __sk_buff* skb) { return filter_ethernet(skb); }

SEC("socket")
int port_filter_raw_ip(struct __sk_buff* skb) { return filter_raw_ip(skb); }

SEC("socket")
int port_filter_any(struct __sk_buff* skb) { return filter_any(skb); }

// The same with body elision (elision.bpf.h). Apart from them, as kernels before 5.12 have no
// compare-and-swap.
static __always_inline int eliding_ethernet(struct __sk_buff* skb) {
  const bool looked_at = open && !seen_again_on_loopback(skb);
  return looked_at && is_elided_ethernet(skb) ? REFUSE : filter_ethernet(skb);
}

static __always_inline int eliding_raw_ip(struct __sk_buff* skb) {
  return open && is_elided_raw_ip(skb) ? REFUSE : filter_raw_ip(skb);
}

SEC("socket")
int eliding_filter_ethernet(struct __sk_buff* skb) { return eliding_ethernet(skb); }

SEC("socket")
int eliding_filter_raw_ip(struct __sk_buff* skb) { return eliding_raw_ip(skb); }

SEC("socket")
int eliding_filter_any(struct __sk_buff* skb) {
  return has_link_header(skb) ? eliding_ethernet(skb) : eliding_raw_ip(skb);
}

// No licence section: no helper that is called asks for one.
