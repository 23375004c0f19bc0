// The figures of a whole run: added up over its workers, written as `stats` records, summed up at the end.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/frame_file.h"
#include "engine/output.h"
#include "engine/summary.h"
#include "engine/worker.h"
#include "exporters/stats_record.h"

namespace tapline {

// Used by one thread. It has a channel of its own, so that a record can be written while no worker moves.
class RunStats {
 public:
  // `sink` is the name the user gave it; `frames` may be null. All must outlive the object.
  RunStats(bool live, std::string sink, const Writer& writer, OutputChannel channel, const FrameFile* frames);

  void add_worker(const Worker& worker) { workers_.push_back(&worker); }

  // Of a live run: frames can come from now on.
  void begin();

  // One record, with what changed since the previous one.
  void write_record();
  // Hands over a record that waits; at least every 50 ms, like Worker::tick.
  void tick(std::int64_t monotonic_ns) { channel_.lines->flush_if_older(monotonic_ns); }
  void flush() { channel_.lines->flush(); }

  // Of a live run the duration is that since begin(); of a file, the time from its first to its last frame.
  RunTotals totals() const;

 private:
  WorkerFigures sum() const;
  StatsCounts counts(const WorkerFigures& figures) const;
  static SinkCounts counts(std::string_view name, const Writer& writer);

  const bool live_;
  const std::string sink_;
  const Writer& writer_;
  OutputChannel channel_;
  const FrameFile* const frames_;
  std::vector<const Worker*> workers_;
  std::int64_t start_ = 0;  // monotonic
  std::optional<StatsCounts> previous_;
};

}  // namespace tapline
