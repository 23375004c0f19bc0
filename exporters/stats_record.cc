#include "exporters/stats_record.h"

#include <cstddef>

#include "exporters/utf8.h"

namespace tapline {
namespace {

template <std::size_t N>
void write_field(JsonWriter& json, const char (&name)[N], const std::optional<std::uint64_t>& value) {
  if (value) json.field(name, *value);
}

void write_amount_members(JsonWriter& json, const Amount& amount) {
  write_field(json, "packets", amount.packets);
  write_field(json, "bytes", amount.bytes);
}

template <std::size_t N>
void write_amount(JsonWriter& json, const char (&name)[N], const std::optional<Amount>& amount) {
  if (!amount || (!amount->packets && !amount->bytes)) return;
  json.key(name);
  json.begin_object();
  write_amount_members(json, *amount);
  json.end_object();
}

void write_dropped(JsonWriter& json, const StatsCounts& counts) {
  if (!counts.dropped && !counts.freezes) return;
  json.key("dropped");
  json.begin_object();
  if (counts.dropped) write_amount_members(json, *counts.dropped);
  write_field(json, "freezes", counts.freezes);
  json.end_object();
}

void write_gap_members(JsonWriter& json, const GapCounters& gaps) {
  json.field("count", gaps.count);
  json.field("bytes", gaps.bytes);
}

void write_flows(JsonWriter& json, const FlowCounters& flows) {
  json.key("undecoded");
  json.begin_object();
  for (std::size_t i = 1; i < kUndecodedNames.size(); ++i) {
    json.key_name(kUndecodedNames[i]);
    json.number(flows.undecoded[i]);
  }
  json.end_object();
  json.key("connections");
  json.begin_object();
  json.field("open", flows.open);
  json.field("opened", flows.opened);
  json.field("closed", flows.closed);
  json.field("evicted", flows.evicted);
  json.field("attempts", flows.attempts);
  json.field("attempts_unwritten", flows.attempts_unwritten);
  json.end_object();
  json.field("transactions", flows.transactions);
  json.key("reassembly");
  json.begin_object();
  json.field("bytes", flows.reassembly_bytes);
  json.field("refused", flows.reassembly_refused);
  json.end_object();
  json.field("heads_too_long", flows.heads_too_long);
  json.key("gaps");
  json.begin_object();
  write_gap_members(json, flows.gaps());
  json.key("source");
  json.begin_object();
  write_gap_members(json, flows.client_gaps);
  json.end_object();
  json.key("destination");
  json.begin_object();
  write_gap_members(json, flows.server_gaps);
  json.end_object();
  json.end_object();
}

// The members, without the braces.
void write_counts(JsonWriter& json, const StatsCounts& counts) {
  write_amount(json, "received", counts.received);
  write_amount(json, "delivered", counts.delivered);
  write_dropped(json, counts);
  write_amount(json, "softnet_dropped", counts.softnet_dropped);
  write_amount(json, "interface_dropped", counts.interface_dropped);
  write_amount(json, "filtered", counts.filtered);
  if (counts.flows) {
    write_amount(json, "cut", Amount{.packets = counts.flows->cut, .bytes = counts.flows->cut_bytes});
  }
  if (counts.flows && counts.flows->duplicates > 0) {
    write_amount(json, "duplicates",
                 Amount{.packets = counts.flows->duplicates, .bytes = counts.flows->duplicate_bytes});
  }
  write_amount(json, "elided", counts.elided);
  write_amount(json, "software_time", counts.software_time);
  if (counts.flows) write_flows(json, *counts.flows);
}

void write_sink(JsonWriter& json, const SinkCounts& sink) {
  json.begin_object();
  json.key("name");
  json.string(sink.name);
  json.field("lines", sink.lines);
  json.field("bytes", sink.bytes);
  write_field(json, "waiting", sink.waiting);
  json.field("lost", sink.lost);
  write_field(json, "spilled", sink.spilled);
  write_field(json, "reconnects", sink.reconnects);
  json.end_object();
}

std::optional<std::uint64_t> grown(const std::optional<std::uint64_t>& now,
                                   const std::optional<std::uint64_t>& before) {
  if (!now || !before || *now < *before) return std::nullopt;
  return *now - *before;
}

std::optional<Amount> grown(const std::optional<Amount>& now, const std::optional<Amount>& before) {
  if (!now || !before) return std::nullopt;
  return Amount{.packets = grown(now->packets, before->packets), .bytes = grown(now->bytes, before->bytes)};
}

}  // namespace

StatsCounts difference(const StatsCounts& now, const StatsCounts& before) {
  StatsCounts since;
  since.received = grown(now.received, before.received);
  since.delivered = grown(now.delivered, before.delivered);
  since.dropped = grown(now.dropped, before.dropped);
  since.freezes = grown(now.freezes, before.freezes);
  since.softnet_dropped = grown(now.softnet_dropped, before.softnet_dropped);
  since.interface_dropped = grown(now.interface_dropped, before.interface_dropped);
  since.filtered = grown(now.filtered, before.filtered);
  since.elided = grown(now.elided, before.elided);
  since.software_time = grown(now.software_time, before.software_time);
  if (now.flows && before.flows) since.flows = difference(*now.flows, *before.flows);
  return since;
}

void write_stats_record(const StatsRecord& stats, TimeText& times, JsonWriter& json) {
  bool utf8 = true;
  for (const SinkCounts& sink : stats.sinks) utf8 = utf8 && is_utf8(sink.name);
  json.set_latin1(!utf8);

  json.begin_object();
  json.key("@timestamp");
  json.string_of(TimeText::kSize, [&](char* p) { return times.append(p, stats.time); });
  json.key("event");
  json.begin_object();
  json.field("dataset", "tapline.stats");
  json.field("action", "stats");
  json.end_object();
  write_counts(json, stats.total);
  json.key("sinks");
  json.begin_array();
  for (const SinkCounts& sink : stats.sinks) write_sink(json, sink);
  json.end_array();
  if (!stats.workers.empty()) {
    json.key("workers");
    json.begin_array();
    for (const StatsCounts& worker : stats.workers) {
      json.begin_object();
      write_counts(json, worker);
      json.end_object();
    }
    json.end_array();
  }
  if (stats.interval) {
    json.key("interval");
    json.begin_object();
    write_counts(json, *stats.interval);
    json.end_object();
  }
  if (json.latin1()) json.field("encoding", "latin1");
  json.end_line();
}

}  // namespace tapline
