// The figures of a whole run: added up over its workers, written as `stats` records, summed up at the end.
// Both, and the warnings on the way, are told from the same totals.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bpf/port_filter.h"
#include "engine/early_loss.h"
#include "engine/frame_file.h"
#include "engine/output.h"
#include "engine/summary.h"
#include "engine/worker.h"
#include "exporters/stats_record.h"

namespace tapline {

// What counts beside the workers in a live run.
struct LiveCounters {
  bool hardware_time = false;  // was asked for
  const PortFilter& filter;    // must outlive the run's figures
  EarlyLoss early_loss;
  bool could_elide = false;  // RunTotals::could_elide
};

// Used by one thread. It has a channel of its own, so that a record can be written while no worker moves.
class RunStats {
 public:
  // `live`: absent where a file is read. `sink` is the name the user gave it; `frames` may be null. All must
  // outlive the object.
  RunStats(std::optional<LiveCounters> live, std::string sink, const Writer& writer, OutputChannel channel,
           const FrameFile* frames);

  void add_worker(const Worker& worker) { workers_.push_back(&worker); }

  // Of a live run: frames can come from now on; and: no more do, the workers have ended. What the kernel
  // counts for the host is counted between these two.
  void begin();
  void end();

  // One record, with what changed since the previous one.
  void write_record();
  // Hands over a record that waits; at least every 50 ms, like Worker::tick.
  void tick(std::int64_t monotonic_ns) { channel_.lines->flush_if_older(monotonic_ns); }
  void flush() { channel_.lines->flush(); }

  // Up to now, or to end(). Of a live run the duration is that since begin(); of a file, the time from its
  // first to its last frame.
  RunTotals totals();

 private:
  WorkerFigures sum() const;
  StatsCounts counts(const WorkerFigures& figures) const;

  std::optional<LiveCounters> live_;
  const std::string sink_;
  const Writer& writer_;
  OutputChannel channel_;
  const FrameFile* const frames_;
  std::vector<const Worker*> workers_;
  std::int64_t start_ = 0;           // monotonic
  std::optional<std::int64_t> end_;  // monotonic
  std::optional<StatsCounts> previous_;
};

}  // namespace tapline
