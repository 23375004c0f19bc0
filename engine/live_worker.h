// A worker of a live run: it waits for blocks of its rings, and takes their frames through its chain.
#pragma once

#include <poll.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "bpf/port_filter.h"
#include "engine/block.h"
#include "engine/console.h"
#include "engine/kernel_elision.h"
#include "engine/packet_ring.h"
#include "engine/run_control.h"
#include "engine/worker.h"

namespace tapline {

struct LiveWorkerOptions {
  std::optional<int> core;         // to run on, alone
  bool number_frames = false;      // give Packet::ordinal
  bool reports = false;            // says on the console what happens to the interfaces, for all workers
  std::int64_t block_timeout = 0;  // ns, of the rings
  bool hardware_time = false;      // the rings' frames carry the time of their interfaces' clocks
  PortFilter* filter = nullptr;    // that of the rings, not null: it is closed when the run stops
};

class LiveWorker {
 public:
  struct Source {
    std::string interface;
    PacketRing ring;
  };

  LiveWorker(LiveWorkerOptions options, std::vector<Source> sources, const FlowOptions& flow_options,
             OutputChannel channel, FrameChannel* frames, RunControl& control, const Console& console);

  const Worker& worker() const { return worker_; }

  // Of the ring of source `i`. REQUIRES: run() has returned.
  const RingStatistics& statistics_of(std::size_t i) const { return inputs_[i].source.ring.statistics(); }

  // The thread's body. Ends when the run is stopped, or when no interface is left to capture on: a failure.
  void run();

 private:
  struct Input {
    Source source;
    std::optional<std::int64_t> lost_since;  // by frame_clock(); down or gone: no frame comes
  };

  struct FrameTime {
    std::int64_t frame, monotonic;  // ns of either clock, at the same time
  };

  void pin() const;
  std::optional<std::int64_t> frame_clock() const;
  void count_software_times(const Block& block);
  absl::Status capture();
  void drain();
  bool take_blocks();
  std::int64_t take(const Block& block);
  void hand_in(std::span<Packet> packets);
  void wait(std::int64_t nanos);
  void look_at(Input& input, pollfd& fd);
  void read_statistics();
  void take_elided();

  const LiveWorkerOptions options_;
  RunControl& control_;
  const Console& console_;
  std::vector<Input> inputs_;
  std::vector<pollfd> fds_;  // one for each input, and last the stop event
  std::optional<KernelElision> elision_;
  Worker worker_;
  std::uint64_t frames_ = 0;
  std::optional<FrameTime> latest_;   // with hardware time: of a frame, and when it was taken in
  std::uint64_t software_times_ = 0;  // the same: frames without one
  std::int64_t statistics_due_ = 0;   // monotonic
  absl::Status lost_;                 // why the latest of the lost interfaces was lost
};

}  // namespace tapline
