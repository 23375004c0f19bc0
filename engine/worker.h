// One worker's chain from frames to lines: analysis, encoder, buffers, and figures that others may read; and
// on the way the copy of the frames that --write asks for.
#pragma once

#include <cstdint>
#include <span>

#include "engine/frame_file.h"
#include "engine/output.h"
#include "engine/packet_ring.h"
#include "engine/published.h"
#include "flows/flow_processor.h"

namespace tapline {

struct WorkerFigures {
  FlowCounters flows;
  RingStatistics rings;                        // live: over all rings of the worker
  std::uint64_t software_times = 0;            // live, of frames that should have had a hardware time
  std::int64_t first_time = 0, last_time = 0;  // of the frames taken in, if there are any; ns since 1970
};

// Used by its own thread alone, but for figures().
class Worker {
 public:
  // Reserves all of its memory. `frames`: where to save what is processed, or null; it must outlive the
  // worker. `elision`: what leaves bodies out of the frames, or null; likewise.
  Worker(const FlowOptions& options, OutputChannel channel, FrameChannel* frames,
         BodyElision* elision = nullptr);

  void process(std::span<const Packet> packets) {
    if (packets.empty()) return;
    if (!started_) figures_.first_time = packets.front().time_ns;
    started_ = true;
    figures_.last_time = packets.back().time_ns;
    if (frames_ != nullptr) frames_->save(packets);
    processor_.process(packets);
  }
  void advance(std::int64_t time_ns) { processor_.advance(time_ns); }
  void take_elided() { processor_.take_elided(); }
  void set_ring_statistics(const RingStatistics& rings, std::uint64_t software_times) {
    figures_.rings = rings;
    figures_.software_times = software_times;
  }

  // To be called at least every 50 ms (LineBuffers says why), or flush() before a longer wait.
  void tick(std::int64_t monotonic_ns) {
    channel_.lines->flush_if_older(monotonic_ns);
    if (frames_ != nullptr) frames_->tick(monotonic_ns);
    publish();
  }
  void flush() {
    channel_.lines->flush();
    if (frames_ != nullptr) frames_->flush();
    publish();
  }

  // Writes all that is open, and flushes; no frame may follow.
  void finish(CloseReason reason);

  // From any thread, as of the latest tick or flush.
  WorkerFigures figures() const { return published_.read(); }

 private:
  void publish() {
    figures_.flows = processor_.counters();
    published_.publish(figures_);
  }

  OutputChannel channel_;
  FrameChannel* const frames_;
  FlowProcessor processor_;
  WorkerFigures figures_;
  bool started_ = false;  // a frame came
  Published<WorkerFigures> published_;
};

}  // namespace tapline
