// The table of body bytes that stay in the kernel: its layout, for the filter programs (C) and user space
// (C++). Both have it mapped, and using it takes no system call.
//
// A slot is one connection, with a range of sequence numbers for each direction. User space writes a range
// while it is not armed, arms it, and from then on only reads, until it stops the range again. The programs
// move `run` on by compare-and-swap, so that what a segment was judged by and what it changes are one step: a
// range that was stopped meanwhile, or armed again, has another generation, and the swap fails.
#ifndef TAPLINE_BPF_ELISION_H_
#define TAPLINE_BPF_ELISION_H_

#include <linux/types.h>

// elision_range::run and ::acks, from the top: 1 bit; 11 bits of generation, one more each time that the
// range is armed; 20 bits of segments taken, of which no more are taken when they are all set; and, with a
// segment at least, a sequence number.
#define ELISION_ARMED (1ull << 63)  // cleared by user space, or by a program that met something unusual
#define ELISION_GENERATION (0x7ffull << 52)
#define ELISION_ONE_GENERATION (1ull << 52)
#define ELISION_PACKETS (0xfffffull << 32)
#define ELISION_ONE_PACKET (1ull << 32)

#define ELISION_STARTED (1ull << 63)  // of elision_range::start

// The ports' word of elision_key.
#define ELISION_VLAN_ID 0x0fffu
#define ELISION_VLAN_PRESENT 0x1000u
#define ELISION_IPV6 0x8000u  // in vlan[0]

#define ELISION_SLOT_FREE 0u
#define ELISION_SLOT_CLAIMED 1u  // its key is being written
#define ELISION_SLOT_USED 2u

#define ELISION_SLOTS_OF_BUCKET 2
#define ELISION_BUCKETS 4096u  // a power of two; 1.5 MiB in all

// A connection, with its ends in either order. As in a packet: network byte order, an IPv4 address in the
// first four bytes of its 16. `vlan` has the ids of up to two tags, outer first.
struct elision_key {
  __u64 address[2][2];
  __u16 port[2];
  __u16 vlan[2];
};

// What one end sends. A run are segments that followed each other without a hole, and were not delivered.
struct elision_range {
  __u64 run;           // its number: the one behind the run
  __u64 start;         // ELISION_STARTED, the generation, and the number of the run's first byte
  __u64 acks;          // pure acknowledgements of bytes of the run, not delivered; its number: the highest
  __u64 time;          // of the latest segment of the run: CLOCK_MONOTONIC, ns
  __u64 ack_time;      // of the latest of `acks`
  __u32 begin, end;    // a segment is taken that lies inside, and does not have the last byte
  __u32 ack_sequence;  // that `acks` have
  __u32 ack_window;    // of the latest of `acks`, as sent
  __u64 unused;
};

struct elision_slot {
  struct elision_key key;
  __u32 state;  // ELISION_SLOT_...
  __u32 unused[5];
  struct elision_range ranges[2];  // by the end that sends
};

struct elision_bucket {
  struct elision_slot slots[ELISION_SLOTS_OF_BUCKET];
};

static inline __u64 elision_mix(const __u64* address, __u16 port) {
  __u64 h = (address[0] ^ (address[1] << 21 | address[1] >> 43)) * 0x9e3779b97f4a7c15ull;
  h = (h ^ h >> 32 ^ port) * 0xbf58476d1ce4e5b9ull;
  return h ^ h >> 29;
}

// The same whichever end stands first. Whose connections collide, his are captured whole: that needs no
// secret.
static inline __u32 elision_bucket_of(const struct elision_key* key) {
  const __u64 h = elision_mix(key->address[0], key->port[0]) + elision_mix(key->address[1], key->port[1]);
  return (__u32)(h >> 40) & (ELISION_BUCKETS - 1);
}

#endif  // TAPLINE_BPF_ELISION_H_
