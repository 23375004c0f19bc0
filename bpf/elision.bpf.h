// Which segments of a body that nobody reads stay in the kernel. Part of the filter programs; the layout of
// what is shared with user space, and who may write what, is told in elision.h.
//
// Taken out is only what tells nothing but that so much more has come: data that continues a run, and pure
// acknowledgements of it. Everything else is delivered whole. What goes on beyond a run also ends it: user
// space sees that segment, counts the run, and arms the range again from there. So no segment that is
// delivered stands before one of a run but those that were sent earlier, and whatever goes wrong only costs
// copies.
#pragma once

#include "bpf/elision.h"

#define MAY_BE_FRAGMENT 0x3fff  // of iphdr::frag_off: an offset, or more fragments to come

#define TCP_FIN 0x01u
#define TCP_SYN 0x02u
#define TCP_RST 0x04u
#define TCP_ACK 0x10u
#define TCP_URG 0x20u

__u32 armed;  // slots in use; written by user space

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, ELISION_BUCKETS);
  __type(key, __u32);
  __type(value, struct elision_bucket);
} elision SEC(".maps");

// A TCP segment as far as it is looked at, in host byte order.
struct elision_segment {
  __u32 sequence, acknowledgment;
  __u32 payload;  // bytes
  __u16 window;
  __u8 flags;
};

static __always_inline __s32 sequence_distance(__u32 a, __u32 b) { return (__s32)(a - b); }

static __always_inline __u64 load_once(const __u64* word) { return *(const volatile __u64*)word; }

static __always_inline bool is_full(__u64 run) { return (run & ELISION_PACKETS) == ELISION_PACKETS; }

static __always_inline void end_run(struct elision_range* range) {
  __sync_fetch_and_and(&range->run, ~ELISION_ARMED);
}

// The first segment of a run. `start` is won first, by one processor alone, and is true of `run` when that
// has a segment.
static __always_inline bool start_run(struct elision_range* range, __u64 run,
                                      const struct elision_segment* segment) {
  const __u64 generation = run & ELISION_GENERATION;
  if (__sync_val_compare_and_swap(&range->start, generation,
                                  ELISION_STARTED | generation | segment->sequence) != generation)
    return false;
  const __u32 next = segment->sequence + segment->payload;
  return __sync_val_compare_and_swap(&range->run, run,
                                     ELISION_ARMED | generation | ELISION_ONE_PACKET | next) == run;
}

// `run` was loaded before the slot was found to be this connection's: another one's has another generation.
static __always_inline bool takes_data(struct elision_range* range, __u64 run,
                                       const struct elision_segment* segment) {
  if (!(run & ELISION_ARMED)) return false;
  const __u32 sequence = segment->sequence, next = sequence + segment->payload;
  const bool reaches_end = sequence_distance(next, range->end) >= 0;
  const bool inside = sequence_distance(sequence, range->begin) >= 0 && !reaches_end;
  if (!(run & ELISION_PACKETS)) {
    if (reaches_end) end_run(range);
    if (!inside || !start_run(range, run, segment)) return false;
  } else {
    if (sequence_distance(next, (__u32)run) <= 0) return false;  // sent again
    const __u64 moved = (run & ~0xffffffffull) + ELISION_ONE_PACKET + next;
    if (sequence != (__u32)run || !inside || is_full(run) ||
        __sync_val_compare_and_swap(&range->run, run, moved) != run) {
      end_run(range);
      return false;
    }
  }
  range->time = bpf_ktime_get_ns();
  return true;
}

// One that acknowledges more, and only of what has not been delivered: so when user space has counted the
// run, it can believe it. `run` as above.
static __always_inline bool takes_ack(struct elision_range* range, __u64 run, __u64 acks,
                                      const struct elision_segment* segment) {
  if (!(run & ELISION_ARMED) || !(run & ELISION_PACKETS) || !(acks & ELISION_ARMED) || is_full(acks))
    return false;
  const __u32 ack = segment->acknowledgment;
  if (segment->sequence != range->ack_sequence || segment->window == 0) return false;
  if (sequence_distance(ack, (__u32)load_once(&range->start)) <= 0 || sequence_distance((__u32)run, ack) < 0)
    return false;
  if ((acks & ELISION_PACKETS) && sequence_distance(ack, (__u32)acks) <= 0) return false;
  const __u64 moved = (acks & ~0xffffffffull) + ELISION_ONE_PACKET + ack;
  if (__sync_val_compare_and_swap(&range->acks, acks, moved) != acks) return false;
  range->ack_window = segment->window;
  range->ack_time = bpf_ktime_get_ns();
  return true;
}

static __always_inline bool stays(struct elision_range* own, struct elision_range* peer, __u64 own_run,
                                  __u64 peer_run, __u64 peer_acks, const struct elision_segment* segment) {
  // From here on the other side's acknowledgements say how the connection ends.
  if (segment->flags & (TCP_FIN | TCP_SYN | TCP_RST)) {
    end_run(own);
    end_run(peer);
    return false;
  }
  // A keep-alive is one by where the data before it ends: that must not go on while it is on its way.
  const bool keep_alive =
      segment->payload <= 1 && (own_run & ELISION_PACKETS) && segment->sequence == (__u32)own_run - 1;
  if (keep_alive || (segment->flags & (TCP_ACK | TCP_URG)) != TCP_ACK) {
    end_run(own);
    return false;
  }
  return segment->payload > 0 ? takes_data(own, own_run, segment)
                              : takes_ack(peer, peer_run, peer_acks, segment);
}

// `key`: the sender is its end 0.
static __always_inline bool stays_in(struct elision_slot* slot, const struct elision_key* key,
                                     const struct elision_segment* segment, bool* found) {
  if (slot->state != ELISION_SLOT_USED) return false;
  // Before the key, so that what belongs to another connection by now has another generation.
  const __u64 run0 = load_once(&slot->ranges[0].run), run1 = load_once(&slot->ranges[1].run);
  const __u64 acks0 = load_once(&slot->ranges[0].acks), acks1 = load_once(&slot->ranges[1].acks);
  if (*(const __u32*)slot->key.vlan != *(const __u32*)key->vlan) return false;
  const struct elision_key* const other = &slot->key;
  if (other->port[0] == key->port[0] && other->port[1] == key->port[1] &&
      other->address[0][0] == key->address[0][0] && other->address[0][1] == key->address[0][1] &&
      other->address[1][0] == key->address[1][0] && other->address[1][1] == key->address[1][1]) {
    *found = true;
    return stays(&slot->ranges[0], &slot->ranges[1], run0, run1, acks1, segment);
  }
  if (other->port[0] == key->port[1] && other->port[1] == key->port[0] &&
      other->address[0][0] == key->address[1][0] && other->address[0][1] == key->address[1][1] &&
      other->address[1][0] == key->address[0][0] && other->address[1][1] == key->address[0][1]) {
    *found = true;
    return stays(&slot->ranges[1], &slot->ranges[0], run1, run0, acks0, segment);
  }
  return false;
}

// Whether the segment need not be delivered. Its IP packet ends `packet_end` bytes into the frame, its TCP
// header starts at `offset`; `key` has addresses and version.
static __always_inline bool is_elided(struct __sk_buff* skb, struct elision_key* key,
                                      const struct tcphdr* tcp, __u32 offset, __u32 packet_end) {
  const __u32 payload_offset = offset + tcp->doff * 4u;
  if (packet_end > skb->len || tcp->doff < 5 || payload_offset > packet_end) return false;
  const struct elision_segment segment = {
      .sequence = bpf_ntohl(tcp->seq),
      .acknowledgment = bpf_ntohl(tcp->ack_seq),
      .payload = packet_end - payload_offset,
      .window = bpf_ntohs(tcp->window),
      .flags = ((const __u8*)tcp)[13],
  };
  key->port[0] = tcp->source;
  key->port[1] = tcp->dest;
  if (skb->vlan_present && (skb->vlan_tci & ELISION_VLAN_ID))
    key->vlan[0] |= ELISION_VLAN_PRESENT | (skb->vlan_tci & ELISION_VLAN_ID);
  const __u32 index = elision_bucket_of(key);
  struct elision_bucket* const bucket = bpf_map_lookup_elem(&elision, &index);
  if (bucket == NULL) return false;
  bool found = false;
  if (stays_in(&bucket->slots[0], key, &segment, &found)) return true;
  return !found && stays_in(&bucket->slots[1], key, &segment, &found);
}

// What packets of bodies start with, mostly. Each is one load: alignment 2, as the Ethernet header has 14
// bytes.
struct plain_ipv4_segment {
  struct iphdr ip;
  struct tcphdr tcp;
} __attribute__((packed, aligned(2)));
struct plain_ipv6_segment {
  struct ipv6hdr ip;
  struct tcphdr tcp;
} __attribute__((packed, aligned(2)));
struct plain_ethernet_segment {
  struct ethhdr ethernet;
  struct plain_ipv4_segment plain;
} __attribute__((packed, aligned(2)));

// A total length of 0 means that the packet goes to the end of the frame (BIG TCP). Packets with options are
// delivered.
static __always_inline bool is_elided_ipv4(struct __sk_buff* skb, const struct plain_ipv4_segment* plain,
                                           __u32 offset) {
  if (plain->ip.version != 4 || plain->ip.ihl != 5 || plain->ip.protocol != IPPROTO_TCP ||
      (plain->ip.frag_off & bpf_htons(MAY_BE_FRAGMENT)))
    return false;
  struct elision_key key = {};
  ((__u32*)key.address[0])[0] = plain->ip.saddr;
  ((__u32*)key.address[1])[0] = plain->ip.daddr;
  const __u32 length = bpf_ntohs(plain->ip.tot_len);
  const struct tcphdr tcp = plain->tcp;
  return is_elided(skb, &key, &tcp, offset + sizeof plain->ip, length == 0 ? skb->len : offset + length);
}

// A payload length of 0: to the end of the frame. Packets with extension headers are delivered.
static __always_inline bool is_elided_ipv6(struct __sk_buff* skb, __u32 offset) {
  struct plain_ipv6_segment plain;
  if (bpf_skb_load_bytes(skb, offset, &plain, sizeof plain) != 0) return false;
  if (plain.ip.version != 6 || plain.ip.nexthdr != IPPROTO_TCP) return false;
  struct elision_key key = {};
  __builtin_memcpy(key.address[0], &plain.ip.saddr, sizeof plain.ip.saddr);
  __builtin_memcpy(key.address[1], &plain.ip.daddr, sizeof plain.ip.daddr);
  key.vlan[0] = ELISION_IPV6;
  const __u32 length = bpf_ntohs(plain.ip.payload_len), header = offset + sizeof plain.ip;
  const struct tcphdr tcp = plain.tcp;
  return is_elided(skb, &key, &tcp, header, length == 0 ? skb->len : header + length);
}

// With tags in the frame it is delivered: a connection's key has their ids, which are not read here.
static __always_inline bool is_elided_ethernet(struct __sk_buff* skb) {
  struct plain_ethernet_segment frame;
  if (!armed || bpf_skb_load_bytes(skb, 0, &frame, sizeof frame) != 0) return false;
  if (frame.ethernet.h_proto == bpf_htons(ETH_P_IP)) return is_elided_ipv4(skb, &frame.plain, ETH_HLEN);
  return frame.ethernet.h_proto == bpf_htons(ETH_P_IPV6) && is_elided_ipv6(skb, ETH_HLEN);
}

static __always_inline bool is_elided_raw_ip(struct __sk_buff* skb) {
  struct plain_ipv4_segment packet;
  if (!armed || bpf_skb_load_bytes(skb, 0, &packet, sizeof packet) != 0) return false;
  return is_elided_ipv4(skb, &packet, 0) || is_elided_ipv6(skb, 0);
}
