// What every record format implements: events and statistics in, lines out.
#pragma once

#include "exporters/stats_record.h"
#include "flows/events.h"

namespace tapline {

// Not thread-safe: each worker has its own, writing to its own LineOutput.
class RecordEncoder : public EventSink {
 public:
  // Writes the record unconditionally: the caller knows when one is due. Views in `stats` are used during the
  // call only.
  virtual void on_stats(const StatsRecord& stats) = 0;
};

}  // namespace tapline
