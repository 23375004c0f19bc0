// Which worker a packet goes to: a hash of its connection that is the same for both directions, and what is
// remembered of datagrams in fragments, of which only the first shows its ports.
//
// Include after bpf/headers.bpf.h.
#pragma once

// The datagrams whose first fragment was accepted, with the hash of the connection. The newest ones; what is
// forgotten is as if the first fragment had not been seen.
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 8192);
  __type(key, struct datagram);
  __type(value, __u32);
} accepted_datagrams SEC(".maps");

// So that nobody who sends packets can choose which worker gets them. User space writes it before the
// programs run.
__u64 fanout_seed;

static __always_inline __u64 mix(__u64 value) {
  value *= 0x9fb21c651e98df25u;
  return value ^ value >> 32;
}

static __always_inline __u32 hash_of_pair(__u64 one, __u64 other) { return mix(one + other) >> 16; }

static __always_inline __u64 hash_endpoint_v4(__be32 address, __be16 port) {
  return mix(fanout_seed ^ ((__u64)address << 16 | port));
}

static __always_inline __u64 hash_endpoint_v6(const __u64* address, __be16 port) {
  return mix(mix(mix(fanout_seed ^ address[0]) ^ address[1]) ^ port);
}

// Where no ports are known.
static __always_inline __u32 hash_addresses(const struct datagram* datagram) {
  __u64 addresses[4];
  __builtin_memcpy(addresses, datagram->source, sizeof addresses);
  return hash_of_pair(hash_endpoint_v6(addresses, 0), hash_endpoint_v6(addresses + 2, 0));
}

// Of the SEGMENT that a walk has found.
static __always_inline __u32 hash_connection(struct __sk_buff* skb, struct ports ports) {
  const __u32 ip = skb->cb[IP_HEADER] & OFFSET_MASK;
  if (skb->cb[IP_HEADER] & IP_IS_V6) {
    __u64 addresses[4];
    if (bpf_skb_load_bytes(skb, ip + 8, addresses, sizeof addresses) != 0) return 0;
    return hash_of_pair(hash_endpoint_v6(addresses, ports.source),
                        hash_endpoint_v6(addresses + 2, ports.destination));
  }
  __be32 addresses[2];
  if (bpf_skb_load_bytes(skb, ip + 12, addresses, sizeof addresses) != 0) return 0;
  return hash_of_pair(hash_endpoint_v4(addresses[0], ports.source),
                      hash_endpoint_v4(addresses[1], ports.destination));
}

static __always_inline void remember(const struct datagram* datagram, __u32 hash) {
  bpf_map_update_elem(&accepted_datagrams, datagram, &hash, BPF_ANY);
}

// The worker of a packet, as a number of which the kernel takes the remainder by the size of the fanout
// group. Fragments follow the first one, whose connection the filter has remembered; without it their
// addresses.
static __noinline __u32 fan_out_headers(struct __sk_buff* skb, __u32 first) {
  struct datagram datagram;
  const int found = walk_headers(skb, first, 0);
  if (found == SEGMENT) return hash_connection(skb, ports_of(skb));
  if (found == NOTHING || !load_datagram(skb, &datagram)) return 0;
  const __u32* const known = bpf_map_lookup_elem(&accepted_datagrams, &datagram);
  return found == LATER_FRAGMENT && known ? *known : hash_addresses(&datagram);
}

// Offset 0 is here the network header of an incoming frame, with the tag taken out that the kernel took out,
// and the MAC header of an outgoing one. The network header of the latter may be behind tags that `protocol`
// names.
SEC("socket")
int fanout_by_connection(struct __sk_buff* skb) {
  struct plain_ipv4 plain;
  if (skb->protocol == bpf_htons(ETH_P_IP) &&
      bpf_skb_load_bytes_relative(skb, 0, &plain, sizeof plain, BPF_HDR_START_NET) == 0 &&
      plain.ip.version == 4 && plain.ip.ihl == 5 && !is_fragment(plain.ip.frag_off)) {
    if (plain.ip.protocol == IPPROTO_TCP)
      return hash_of_pair(hash_endpoint_v4(plain.ip.saddr, plain.ports.source),
                          hash_endpoint_v4(plain.ip.daddr, plain.ports.destination));
    if (!may_be_tunnel(plain.ip.protocol, plain.ports.destination)) return 0;
  }
  if (skb->pkt_type != PACKET_OUTGOING) return fan_out_headers(skb, bpf_ntohs(skb->protocol));
  return fan_out_headers(skb, has_link_header(skb) ? ETHERNET : RAW_IP);
}
