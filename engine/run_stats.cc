#include "engine/run_stats.h"

#include <algorithm>
#include <utility>

#include "engine/clocks.h"

namespace tapline {
namespace {

void add(const FlowCounters& from, FlowCounters& to) {
  to.packets += from.packets;
  to.bytes += from.bytes;
  to.cut += from.cut;
  to.cut_bytes += from.cut_bytes;
  for (std::size_t i = 0; i < to.undecoded.size(); ++i) to.undecoded[i] += from.undecoded[i];
  to.opened += from.opened;
  to.closed += from.closed;
  to.evicted += from.evicted;
  to.attempts += from.attempts;
  to.attempts_unwritten += from.attempts_unwritten;
  to.open += from.open;
  to.transactions += from.transactions;
  to.gaps += from.gaps;
  to.gap_bytes += from.gap_bytes;
  to.reassembly_bytes += from.reassembly_bytes;
  to.reassembly_refused += from.reassembly_refused;
  to.heads_too_long += from.heads_too_long;
}

}  // namespace

RunStats::RunStats(bool live, std::string sink, const Writer& writer, OutputChannel channel,
                   const FrameFile* frames)
    : live_(live), sink_(std::move(sink)), writer_(writer), channel_(std::move(channel)), frames_(frames) {}

void RunStats::begin() { start_ = monotonic_now(); }

WorkerFigures RunStats::sum() const {
  WorkerFigures sum;
  for (const Worker* worker : workers_) {
    const WorkerFigures figures = worker->figures();
    if (figures.flows.packets > 0) {
      const bool first = sum.flows.packets == 0;
      sum.first_time = first ? figures.first_time : std::min(sum.first_time, figures.first_time);
      sum.last_time = first ? figures.last_time : std::max(sum.last_time, figures.last_time);
    }
    add(figures.flows, sum.flows);
    sum.rings.packets += figures.rings.packets;
    sum.rings.drops += figures.rings.drops;
    sum.rings.freezes += figures.rings.freezes;
  }
  return sum;
}

StatsCounts RunStats::counts(const WorkerFigures& figures) const {
  StatsCounts counts;
  counts.delivered = Amount{figures.flows.packets, figures.flows.bytes};
  counts.flows = figures.flows;
  if (live_) {
    counts.received = Amount{figures.rings.packets, std::nullopt};
    counts.dropped = Amount{figures.rings.drops, std::nullopt};
    counts.freezes = figures.rings.freezes;
  }
  return counts;
}

SinkCounts RunStats::counts(std::string_view name, const Writer& writer) {
  const SinkCounters sink = writer.counters();
  return {.name = name,
          .lines = sink.lines,
          .bytes = sink.bytes,
          .lost = sink.lost,
          .waiting = sink.waiting,
          .spilled = {},
          .reconnects = {}};
}

void RunStats::write_record() {
  std::vector<StatsCounts> workers;
  for (const Worker* worker : workers_) workers.push_back(counts(worker->figures()));
  std::vector<SinkCounts> sinks = {counts(sink_, writer_)};
  if (frames_ != nullptr) sinks.push_back(counts("write", frames_->writer()));
  StatsRecord record;
  record.time = wall_now();
  record.total = counts(sum());
  record.interval = difference(record.total, previous_.value_or(counts(WorkerFigures{})));
  record.sinks = sinks;
  record.workers = workers;
  channel_.encoder->on_stats(record);
  previous_ = record.total;
}

RunTotals RunStats::totals() const {
  const WorkerFigures figures = sum();
  RunTotals totals;
  totals.duration = live_ ? monotonic_now() - start_ : figures.last_time - figures.first_time;
  totals.flows = figures.flows;
  if (live_) totals.rings = figures.rings;
  const SinkCounters sink = writer_.counters();
  totals.records = sink.lines;
  totals.lost = sink.lost;
  if (frames_ != nullptr) {
    const SinkCounters frames = frames_->writer().counters();
    totals.saved = SavedFrames{.frames = frames.lines,
                               .lost = frames.lost,
                               .too_slow = frames_->writer().state() == SinkState::kOpen,
                               .file = frames_->writer().target().name()};
  }
  return totals;
}

}  // namespace tapline
