#include "engine/run_stats.h"

#include <algorithm>
#include <utility>

#include "engine/clocks.h"

namespace tapline {
namespace {

SinkCounts counts_of(std::string_view name, const Writer& writer) {
  const SinkCounters sink = writer.counters();
  return {.name = name,
          .lines = sink.lines,
          .bytes = sink.bytes,
          .lost = sink.lost,
          .waiting = sink.waiting,
          .spilled = {},
          .reconnects = {}};
}

std::optional<Amount> frames(const std::optional<std::uint64_t>& count) {
  if (!count) return std::nullopt;
  return Amount{.packets = *count, .bytes = std::nullopt};
}

}  // namespace

RunStats::RunStats(std::optional<LiveCounters> live, std::string sink, const Writer& writer,
                   OutputChannel channel, const FrameFile* frames)
    : live_(std::move(live)),
      sink_(std::move(sink)),
      writer_(writer),
      channel_(std::move(channel)),
      frames_(frames) {}

void RunStats::begin() {
  start_ = monotonic_now();
  if (live_) live_->early_loss.look();
}

void RunStats::end() {
  if (live_) live_->early_loss.look();
  end_ = monotonic_now();
}

WorkerFigures RunStats::sum() const {
  WorkerFigures all;
  for (const Worker* worker : workers_) {
    const WorkerFigures figures = worker->figures();
    if (figures.flows.packets > 0) {
      const bool first = all.flows.packets == 0;
      all.first_time = first ? figures.first_time : std::min(all.first_time, figures.first_time);
      all.last_time = first ? figures.last_time : std::max(all.last_time, figures.last_time);
    }
    all.flows = tapline::sum(all.flows, figures.flows);
    all.rings.packets += figures.rings.packets;
    all.rings.drops += figures.rings.drops;
    all.rings.freezes += figures.rings.freezes;
    all.software_times += figures.software_times;
  }
  return all;
}

// Of a worker, or of all together.
StatsCounts RunStats::counts(const WorkerFigures& figures) const {
  StatsCounts counts;
  counts.delivered = Amount{figures.flows.packets, figures.flows.bytes};
  counts.flows = figures.flows;
  if (live_) {
    counts.received = frames(figures.rings.packets);
    counts.dropped = frames(figures.rings.drops);
    counts.freezes = figures.rings.freezes;
    if (live_->hardware_time) counts.software_time = frames(figures.software_times);
    counts.elided = Amount{figures.flows.elided, figures.flows.elided_bytes};
  }
  return counts;
}

RunTotals RunStats::totals() {
  const WorkerFigures figures = sum();
  RunTotals totals;
  totals.counts = counts(figures);
  if (live_) {
    if (!end_) live_->early_loss.look();
    totals.live = true;
    totals.could_elide = live_->could_elide;
    totals.duration = end_.value_or(monotonic_now()) - start_;
    totals.counts.softnet_dropped = frames(live_->early_loss.counters().softnet);
    totals.counts.interface_dropped = frames(live_->early_loss.counters().interfaces);
    const PortFilter::Refused refused = live_->filter.refused();
    totals.counts.filtered = Amount{refused.packets, refused.bytes};
  } else {
    totals.duration = figures.last_time - figures.first_time;
  }
  totals.records = counts_of(sink_, writer_);
  if (frames_ != nullptr) {
    totals.saved = SavedFrames{.counts = counts_of("write", frames_->writer()),
                               .too_slow = frames_->writer().state() == SinkState::kOpen,
                               .file = frames_->writer().target().name()};
  }
  return totals;
}

void RunStats::write_record() {
  const RunTotals now = totals();
  std::vector<StatsCounts> workers;
  for (const Worker* worker : workers_) workers.push_back(counts(worker->figures()));
  std::vector<SinkCounts> sinks = {now.records};
  if (now.saved) sinks.push_back(now.saved->counts);
  StatsRecord record;
  record.time = wall_now();
  record.total = now.counts;
  record.interval = previous_ ? difference(now.counts, *previous_) : now.counts;
  record.sinks = sinks;
  record.workers = workers;
  channel_.encoder->on_stats(record);
  previous_ = now.counts;
}

}  // namespace tapline
