// One packet socket with its TPACKET_V3 ring: how frames of one interface come to one worker.
//
// Capture on several rings starts without a frame that is seen twice, or by the wrong ring, only in this
// order (DESIGN.md, invariant 7):
//
//   PortFilter filter = ...;                          // closed: refuses everything
//   for each worker:  PacketRing::open(interface, options, filter.program_fd())
//   for each worker:  ring.join_fanout(group)         // one FanoutGroup an interface; with one worker, none
//   for each worker:  ring.lock_filter()
//   filter.set_open(true)
//
// A socket that is bound and in no group gets every frame, and each join changes which ring a flow goes to:
// the closed filter hides both.
#pragma once

#include <linux/if_packet.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/block.h"
#include "engine/fd.h"
#include "engine/interfaces.h"

namespace tapline {

struct RingOptions {
  // Bytes of memory, a multiple of block_size (what is over is not used). Rings of 4 MiB and less lose frames
  // when the consumer's core also takes the packets in; beyond 16 MiB size buys time, not speed.
  std::size_t ring_size = 64u << 20;
  // Bytes, a power of two, 1 MiB to 1 GiB: a frame must fit in whole, and with receive offload frames reach
  // 64 KiB, with BIG TCP more.
  std::size_t block_size = 1u << 20;
  // Milliseconds, at least 1, after which a block with a frame in it is handed over, full or not: what a lone
  // packet waits, at most. It also bounds how long the consumer may stall: when a little traffic comes all
  // the time, a ring of n blocks is full after n times this, however small the frames (64 blocks: 256 ms).
  int block_timeout_ms = 4;
  // Frames carry the time of the interface's own clock, where it gives one (engine/hardware_time.h).
  bool hardware_time = false;
  // Becomes Packet::interface.
  std::uint16_t interface_slot = 0;
  // For a ring on kAnyInterface, in place of interface_slot: numbers the interfaces. Must outlive the ring.
  SeenInterfaces* seen = nullptr;
};

// The rings that share an interface's flows among them, by the order in which they join: where the workers
// join the groups of all interfaces in the same order, a connection has the same worker on each. Both
// directions of a connection go to the same ring, and all its packets while nobody joins or leaves. Not
// thread-safe.
class FanoutGroup {
 public:
  // By the kernel's own hash (PACKET_FANOUT_HASH), which does not look into tunnels over UDP, and takes
  // fragments by their addresses.
  FanoutGroup() = default;
  // By a program (PortFilter::fanout_program_fd()), which may be closed once a ring has joined.
  explicit FanoutGroup(int program) : program_(program) {}

 private:
  friend class PacketRing;
  std::optional<int> program_;
  std::optional<std::uint16_t> id_;  // given by the kernel to the first who joins
};

// Totals since the ring was opened. The kernel counts in 32 bits between two readings.
struct RingStatistics {
  std::uint64_t packets = 0;  // accepted by the filter, `drops` included
  std::uint64_t drops = 0;    // of these, lost because the ring was full
  std::uint64_t freezes = 0;  // how often it became full
};

// Move-only; may be used by one thread at a time.
class PacketRing {
 public:
  // Sets up socket, ring and filter, and binds to the interface, which is put into promiscuous mode (but for
  // loopback, and where it stands for all interfaces) as long as the ring lives. `filter_program` is a loaded
  // BPF socket filter, which may be closed afterwards. When memory for the ring is short, a smaller one is
  // taken: see size().
  //
  // kPermissionDenied: CAP_NET_RAW is missing (or CAP_NET_ADMIN, for hardware time). kInvalidArgument:
  // options, or a kind of interface that is not read, or that has no hardware time where that is asked for.
  // kNotFound: the interface went away. kUnavailable: it is down. kResourceExhausted: no memory.
  static absl::StatusOr<PacketRing> open(const Interface& interface, const RingOptions& options,
                                         int filter_program);

  PacketRing(PacketRing&&) noexcept = default;
  PacketRing& operator=(PacketRing&&) noexcept = default;

  // REQUIRES: all rings of the group are bound to the same interface, and none has its filter locked.
  absl::Status join_fanout(FanoutGroup& group);

  // From now on nobody, not even a process that has taken over this one, can change the filter. REQUIRES:
  // what concerns the group is done.
  absl::Status lock_filter();

  // For poll: POLLIN when there is a block, POLLERR when interface_status() has something to tell.
  int fd() const { return socket_.get(); }

  // The oldest block that the kernel has handed over, or none. Never waits.
  // REQUIRES: at most block_count() - 1 blocks are on loan. They should be few: the kernel drops frames when
  // it comes to a block that it does not have back.
  std::optional<Block> next_block();

  // Adds up what the kernel counted since the last call. Nobody else may read PACKET_STATISTICS of this
  // socket: reading resets them.
  const RingStatistics& read_statistics();
  // As of the last call of that.
  const RingStatistics& statistics() const { return statistics_; }

  // OK while frames can come. kUnavailable: the interface went down since the last call; frames come again
  // when it is up again. kNotFound: it is gone (deleted, or moved to another network namespace) for good.
  // Blocks filled before can still be read in both cases.
  //
  // The kernel raises POLLERR as the interface goes down, and not again when it then disappears: after
  // kUnavailable ask again from time to time.
  absl::Status interface_status();

  std::size_t size() const {
    return memory_.get_deleter().size;
  }  // bytes; less than asked for when memory was short
  std::size_t block_count() const { return size() / block_size_; }

 private:
  struct Unmap {
    std::size_t size = 0;
    void operator()(std::uint8_t* memory) const;
  };
  using Memory = std::unique_ptr<std::uint8_t, Unmap>;

  PacketRing(const Interface& interface, const RingOptions& options, Fd socket, Memory memory);

  std::string interface_name_;
  int interface_index_;
  bool loopback_;
  Block::Source source_;
  std::size_t block_size_;
  Fd socket_;
  Memory memory_;
  std::size_t next_ = 0;  // index of the block that the kernel hands over next
  RingStatistics statistics_;
};

// Asks `set_up` (which returns 0 or an errno) for a ring of the options' size, and for half as many blocks
// again and again while it answers ENOMEM, down to four blocks. Gives what it agreed to. Apart from
// PacketRing, so that a machine without memory is not needed to test it.
absl::StatusOr<tpacket_req3> fit_ring(const RingOptions& options,
                                      const std::function<int(const tpacket_req3&)>& set_up);

}  // namespace tapline
