// The generator: makes each frame that BPF_PROG_TEST_RUN puts through it (BPF_F_TEST_XDP_LIVE_FRAMES) the
// next one of the traffic, and sends that out of an interface. Where none is due yet it drops the empty
// frame: the kernel comes back with another some tens of nanoseconds later, and what was sent goes on its way
// meanwhile, as it would not if the program waited.
//
// The traffic is a sequence of frames, the same in each round but for the clients' addresses. `lanes` rounds
// are sent at the same time, a frame of each in turn: so there are `lanes` times as many connections at once.
// Lanes begin up to LATEST frames late, each at its own, so that at any time all that happens in a
// transaction happens somewhere.
//
// Checksums stay right: what a round adds to the sum is the same for all frames (RFC 1624).

// clang-format off
#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "bench/live_frames.bpf.h"
// clang-format on

#define SHORTEST 60
#define LONGEST 1514
#define IP_AT 14
#define IP_CHECKSUM_AT 24
#define SOURCE_AT 26
#define DESTINATION_AT 30
#define TCP_CHECKSUM_AT 50

#define LATEST 256  // a power of two

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);  // as many as there are frames: set before loading
  __type(key, __u32);
  __type(value, struct live_frame);
} traffic SEC(".maps");

const volatile __u32 frame_count = 1;
const volatile __u32 lanes = 1;
const volatile __u32 lane_stride = 1;   // coprime to lanes: the order in which lanes have their turn
const volatile __u32 whole_rounds = 0;  // stop where a round ends
const volatile __u32 interface = 0;     // index

struct live_state state;

static __always_inline __u16 adjusted(__u16 checksum, __u32 difference) {
  __u32 sum = (__u16)~checksum + difference;
  sum = (sum & 0xffff) + (sum >> 16);
  return ~((sum & 0xffff) + (sum >> 16));
}

static __always_inline bool due(void) {
  __u64 now = 0;
  if (state.gap != 0 || state.frames == 0) now = bpf_ktime_get_ns();
  if (state.frames == 0) state.start = now;
  return now >= state.start + (state.frames * state.gap >> LIVE_GAP_SHIFT) || state.gap == 0;
}

SEC("xdp")
int send_live_frame(struct xdp_md* ctx) {
  if (state.done) return XDP_DROP;
  if (state.stop && (!whole_rounds || state.step % frame_count == 0)) {
    state.end = bpf_ktime_get_ns();
    state.done = 1;
    return XDP_DROP;
  }
  if (!due()) return XDP_DROP;

  __u32 lane = (__u64)state.lane * lane_stride % lanes;
  __u64 step = state.step;
  if (++state.lane >= lanes) {
    state.lane = 0;
    ++state.step;
  }
  __u32 late = lane * 37 % LATEST;
  if (step < late) return XDP_DROP;
  step -= late;

  __u32 index = step % frame_count;
  const struct live_frame* frame = bpf_map_lookup_elem(&traffic, &index);
  if (!frame) return XDP_ABORTED;
  __u32 size = frame->size;
  if (size < SHORTEST || size > LONGEST) return XDP_ABORTED;
  long longer = (long)size - (long)(ctx->data_end - ctx->data);
  if (longer != 0 && bpf_xdp_adjust_tail(ctx, longer) != 0) return XDP_ABORTED;
  if (bpf_xdp_store_bytes(ctx, 0, (void*)frame->bytes, size) != 0) return XDP_ABORTED;

  // 10.0.0.n becomes 10.x.y.n: write_frame() in traffic.cc does the same.
  __u8* data = (void*)(long)ctx->data;
  if ((void*)(data + SHORTEST) > (void*)(long)ctx->data_end) return XDP_ABORTED;
  __u32 round = (lane + step / frame_count * lanes) & 0xffff;
  __u8* client = data + (frame->from_client ? SOURCE_AT : DESTINATION_AT);
  client[1] = round >> 8;
  client[2] = round;
  __u32 difference = bpf_htons(round >> 8 | (round & 0xff) << 8);
  __u16* ip_checksum = (__u16*)(data + IP_CHECKSUM_AT);
  __u16* tcp_checksum = (__u16*)(data + TCP_CHECKSUM_AT);
  *ip_checksum = adjusted(*ip_checksum, difference);
  *tcp_checksum = adjusted(*tcp_checksum, difference);

  ++state.frames;
  state.bytes += size;
  state.connections += frame->begins_connection;
  state.transactions += frame->ends_transaction;
  return bpf_redirect(interface, 0);
}

// At the other end: an interface with a program receives by NAPI, which is what takes live frames. Receive
// offload would do that, too, but would make one frame of several.
SEC("xdp")
int receive_live_frame(struct xdp_md* ctx) {
  (void)ctx;
  return XDP_PASS;
}
