// What the generator's program in the kernel and user space share.
#pragma once

#include <linux/types.h>

#define LIVE_FRAME_ROOM 1520  // for a frame of kMaxFrame bytes (traffic.h), in whole words

// A frame of the traffic, as it is sent in round 0.
struct live_frame {
  __u32 size;
  __u8 from_client;
  __u8 begins_connection;
  __u8 ends_transaction;
  __u8 unused;
  __u8 bytes[LIVE_FRAME_ROOM];
};

// One sender's account and orders. The sender writes all but `stop`, `gap` and what is reset between runs;
// it stays where it was in the traffic.
struct live_state {
  __u64 frames, bytes, connections, transactions;  // sent since these were reset
  __u64 start, end;                                // CLOCK_MONOTONIC, ns: the first frame; when done was set
  __u64 step;                                      // where in the traffic: see live_frames.bpf.c
  __u32 lane;
  // ns from frame to frame in units of 2^-LIVE_GAP_SHIFT; 0: as fast as possible.
  __u64 gap;
  __u32 stop;  // asks for an end
  __u32 done;  // nothing is sent any more
};

#define LIVE_GAP_SHIFT 16
