// The figures of a `tapline.stats` record, and how they are written as JSON.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "exporters/json.h"
#include "exporters/time_text.h"
#include "flows/counters.h"

namespace tapline {

// Frames, and their bytes on the wire, as far as the source of the figure tells.
struct Amount {
  std::optional<std::uint64_t> packets, bytes;
};

// Absent: the source can't know it (a file knows no drops; the ring counts dropped frames, not their bytes),
// and the record leaves it out.
struct StatsCounts {
  std::optional<Amount> received;           // what passed the filter: delivered and dropped
  std::optional<Amount> delivered;          // what came out of the rings, or of the file
  std::optional<Amount> dropped;            // lost because a ring was full
  std::optional<std::uint64_t> freezes;     // times that a ring was found full; written inside `dropped`
  std::optional<Amount> softnet_dropped;    // lost in the kernel before any socket saw them
  std::optional<Amount> interface_dropped;  // lost by the interface or its driver
  std::optional<Amount> filtered;           // refused by the filter
  std::optional<Amount> elided;             // left in the kernel on purpose
  std::optional<Amount> software_time;      // stamped by the kernel, where hardware time was asked for
  std::optional<FlowCounters> flows;        // cut, undecoded, connections, transactions, reassembly, gaps
};

struct SinkCounts {
  std::string_view name;                             // as given to --output
  std::uint64_t lines = 0, bytes = 0, lost = 0;      // lost: lines that it could not take
  std::optional<std::uint64_t> waiting;              // buffers handed over and not yet written
  std::optional<std::uint64_t> spilled, reconnects;  // for the sinks that do such things
};

struct StatsRecord {
  std::int64_t time = 0;
  StatsCounts total;                    // since the start
  std::optional<StatsCounts> interval;  // since the last record
  std::span<const SinkCounts> sinks;
  std::span<const StatsCounts> workers;
};

// What came between two readings. Levels (open connections, bytes held) are those of `now`; a figure that
// either reading lacks is absent.
StatsCounts difference(const StatsCounts& now, const StatsCounts& before);

// One line, with its '\n'.
void write_stats_record(const StatsRecord& stats, TimeText& times, JsonWriter& json);

}  // namespace tapline
