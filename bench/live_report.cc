#include "bench/live_report.h"

#include <cmath>
#include <optional>

#include "bench/report_text.h"
#include "exporters/string_output.h"

namespace tapline::bench {
namespace {

using Value = std::function<double(const LiveRun&)>;

std::vector<double> each(const LiveRounds& rounds, const Value& value) {
  std::vector<double> values;
  for (const LiveRun* run : rounds) values.push_back(value(*run));
  return values;
}

double percent_of(std::uint64_t part, const LiveRun& run) {
  const std::uint64_t all = run.warm_up + run.offered.frames;
  return all > 0 ? 100 * static_cast<double>(part) / static_cast<double>(all) : 0;
}

double busy(const ProcessorTime& time) { return time.user + time.system + time.softirq; }

double busy_percent(const ProcessorTime& time) {
  const double all = busy(time) + time.idle;
  return all > 0 ? 100 * busy(time) / all : 0;
}

// Of the processor, the part that the kernel's work on frames takes.
double softirq_percent(const ProcessorTime& time) {
  const double all = busy(time) + time.idle;
  return all > 0 ? 100 * time.softirq / all : 0;
}

double bytes_a_frame(const LiveRun& run) {
  return run.offered.frames > 0
             ? static_cast<double>(run.offered.bytes) / static_cast<double>(run.offered.frames)
             : 0;
}

double gigabits(const LiveRun& run) { return run.received_rate() * bytes_a_frame(run) * 8 / 1e9; }

double transactions(const LiveRun& run) {
  return run.seconds > 0 ? static_cast<double>(run.transactions.value_or(0)) / run.seconds : 0;
}

double tool_ns(const LiveRun& run) {
  return run.frames > 0 ? run.process_seconds * 1e9 / static_cast<double>(run.frames) : 0;
}

double user_ns(const LiveRun& run) {
  return run.frames > 0 ? run.process.user * 1e9 / static_cast<double>(run.frames) : 0;
}

void add_tool(std::string& text, const LiveReport& report, const LiveRounds& rounds, const LiveRounds& base) {
  const LiveTool& tool = report.tools[rounds.front()->tool];
  const auto received = each(rounds, [](const LiveRun& run) { return run.received_rate(); });
  const auto base_received = each(base, [](const LiveRun& run) { return run.received_rate(); });
  add(text, "%10.1f  %-22s %9.1f %6.2f %6.2f %6.2f %6.2f ",
      median_of(rounds, [](const LiveRun& run) { return offered_rate(run); }) / 1e3, tool.name.c_str(),
      median(received) / 1e3, median_of(rounds, [](const LiveRun& run) { return 100 * lost_share(run); }),
      median_of(rounds, [](const LiveRun& run) { return percent_of(run.lost_on_link, run); }),
      median_of(rounds, [](const LiveRun& run) { return percent_of(run.lost_in_softnet, run); }),
      median_of(rounds,
                [](const LiveRun& run) { return percent_of(run.captured.lost_in_ring.value_or(0), run); }));
  add(text, "%7.2f ", median_of(rounds, gigabits));
  if (rounds.front()->transactions) {
    add(text, "%8.1f ", median_of(rounds, transactions) / 1e3);
  } else {
    add(text, "%8s ", "-");
  }
  add(text, "%5.0f %5.0f %5.0f ",
      median_of(rounds, [](const LiveRun& run) { return busy_percent(run.sending); }),
      median_of(rounds, [](const LiveRun& run) { return busy_percent(run.capturing); }),
      median_of(rounds, [](const LiveRun& run) { return softirq_percent(run.capturing); }));
  add(text, "%6.0f %6.0f ", median_of(rounds, tool_ns), median_of(rounds, user_ns));
  if (base.size() == rounds.size()) {
    const auto x = ratios(received, base_received);
    add(text, "%6.2f %5.1f", median(x), spread(x));
  }
  std::uint64_t sink = 0;
  for (const LiveRun* run : rounds) sink += run->captured.lost_in_sink.value_or(0);
  if (sink > 0) add(text, "  %llu records lost in the output", static_cast<unsigned long long>(sink));
  // The null consumer and tapline tell all; libpcap does not.
  std::int64_t missing = 0;
  for (const LiveRun* run : rounds) missing += run->unaccounted();
  if (report.interface.empty() && tool.kind != LiveTool::Kind::kOther && missing != 0) {
    add(text, "  WRONG: %lld frames neither came nor were lost", static_cast<long long>(missing));
  }
  text += "\n";
}

void add_group(std::string& text, const LiveReport& report, Mix mix, Placement placement) {
  const LiveSettings& settings = report.settings;
  if (!report.interface.empty()) {
    add(text, "\n%s, for %.1f s each\n", report.interface.c_str(), settings.seconds);
  } else {
    const LiveRun* of_mix = nullptr;
    for (const LiveRun& run : report.result.runs) {
      if (run.mix == mix) of_mix = &run;
    }
    if (of_mix == nullptr) return;
    add(text, "\n%s: frames of %.0f bytes", std::string(name_of(mix)).c_str(), bytes_a_frame(*of_mix));
    if (of_mix->at_once > 0) add(text, ", %u connections at once", of_mix->at_once);
    add(text, "; %s\n",
        placement == Placement::kSplit ? "split: the kernel's part beside the generator"
                                       : "onecore: the kernel's part and the tool on one processor");
  }
  add(text, "%10s  %-22s %9s %6s %6s %6s %6s %7s %8s %5s %5s %5s %6s %6s %6s %5s\n", "offered", "",
      "received", "lost", "link", "queue", "ring", "", "k trans", "gen", "cap", "kern", "tool", "user",
      "x null", "+-%");
  add(text, "%10s  %-22s %9s %6s %6s %6s %6s %7s %8s %5s %5s %5s %6s %6s\n", "k/s", "", "k/s", "%", "%", "%",
      "%", "Gbit/s", "/s", "cpu%", "cpu%", "%", "ns/fr", "ns/fr");
  const std::vector<double> rates = report.interface.empty() ? settings.rates : std::vector<double>{0};
  for (const double rate : rates) {
    const LiveRounds base = rounds_of(report, 0, mix, placement, rate);
    for (std::size_t tool = 0; tool < report.tools.size(); ++tool) {
      const LiveRounds rounds = rounds_of(report, tool, mix, placement, rate);
      if (!rounds.empty()) add_tool(text, report, rounds, base);
    }
  }
}

std::uint64_t whole(double value) { return value > 0 ? static_cast<std::uint64_t>(std::llround(value)) : 0; }
std::uint64_t nanoseconds(double seconds) { return whole(seconds * 1e9); }

void write_processor(JsonWriter& json, const ProcessorTime& time) {
  json.begin_object();
  json.field("user_ns", nanoseconds(time.user));
  json.field("system_ns", nanoseconds(time.system));
  json.field("softirq_ns", nanoseconds(time.softirq));
  json.field("idle_ns", nanoseconds(time.idle));
  json.end_object();
}

void write_lost(JsonWriter& json, const LiveRun& run) {
  json.key("lost");
  json.begin_object();
  json.field("link", run.lost_on_link);
  json.field("softnet", run.lost_in_softnet);
  if (run.captured.lost_in_ring) json.field("ring", *run.captured.lost_in_ring);
  if (run.captured.lost_in_sink) json.field("sink_records", *run.captured.lost_in_sink);
  json.end_object();
}

void write_run(JsonWriter& json, const LiveReport& report, const LiveRun& run) {
  json.begin_object();
  json.key("tool");
  json.string(report.tools[run.tool].name);
  if (report.interface.empty()) {
    json.field("mix", name_of(run.mix));
    json.field("placement", name_of(run.placement));
    json.field("rate", whole(run.rate));
  }
  json.field("round", run.round);
  if (run.at_once > 0) json.field("connections_at_once", run.at_once);
  json.field("warm_up", run.warm_up);
  json.key("offered");
  json.begin_object();
  json.field("frames", run.offered.frames);
  json.field("bytes", run.offered.bytes);
  json.field("connections", run.offered.connections);
  json.field("transactions", run.offered.transactions);
  json.field("ns", nanoseconds(run.offered.seconds));
  json.end_object();
  json.key("captured");
  json.begin_object();
  json.field("frames", run.captured.frames);
  if (run.captured.elided) json.field("elided", *run.captured.elided);
  if (run.captured.connections) json.field("connections", *run.captured.connections);
  if (run.captured.transactions) json.field("transactions", *run.captured.transactions);
  json.end_object();
  write_lost(json, run);
  json.key("window");
  json.begin_object();
  json.field("frames", run.frames);
  json.field("ns", nanoseconds(run.seconds));
  if (run.transactions) json.field("transactions", *run.transactions);
  json.field("tool_ns", nanoseconds(run.process_seconds));
  json.field("tool_user_ns", nanoseconds(run.process.user));
  json.field("tool_system_ns", nanoseconds(run.process.system));
  json.key("sending");
  write_processor(json, run.sending);
  json.key("capturing");
  write_processor(json, run.capturing);
  json.end_object();
  json.end_object();
}

}  // namespace

LiveRounds rounds_of(const LiveReport& report, std::size_t tool, Mix mix, Placement placement, double rate) {
  LiveRounds rounds;
  for (const LiveRun& run : report.result.runs) {
    if (run.tool != tool) continue;
    if (report.interface.empty() && (run.mix != mix || run.placement != placement || run.rate != rate))
      continue;
    rounds.push_back(&run);
  }
  return rounds;
}

double median_of(const LiveRounds& rounds, const Value& value) { return median(each(rounds, value)); }

double offered_rate(const LiveRun& run) {
  return run.offered.seconds > 0 ? static_cast<double>(run.offered.frames) / run.offered.seconds : 0;
}

double lost_share(const LiveRun& run) { return percent_of(run.lost(), run) / 100; }

std::string table_of(const LiveReport& report) {
  std::string text;
  add_machine(text, report.before, report.load_after);
  if (report.interface.empty()) {
    add(text, "traffic  from processor %d, %s; captured on", report.settings.sender,
        report.result.live_frames
            ? "made in the kernel (live frames)"
            : "through a packet socket: this kernel has no live frames, rates are lower");
  } else {
    add(text, "traffic  of %s; captured on", report.interface.c_str());
  }
  for (const int processor : report.capture.processors) add(text, " %d", processor);
  add(text, ", %u worker%s, ring of %llu MiB\n", report.capture.workers,
      report.capture.workers == 1 ? "" : "s",
      static_cast<unsigned long long>(report.capture.ring_size >> 20));
  add(text, "rounds   %u, in turn; medians; runs of %.1f s\n", report.settings.rounds,
      report.settings.seconds);
  if (!report.interface.empty()) {
    add_group(text, report, Mix::kHttp, Placement::kSplit);
    return text;
  }
  for (const Mix mix : report.settings.mixes) {
    for (const Placement placement : report.settings.placements) add_group(text, report, mix, placement);
  }
  return text;
}

std::string json_of(const LiveReport& report) {
  StringOutput out;
  JsonWriter json(out);
  json.begin_object();
  write_machine(json, report.before, report.load_after);
  if (!report.interface.empty()) {
    json.key("interface");
    json.string(report.interface);
  } else {
    json.field("generator", report.result.live_frames ? "live frames" : "packet socket");
    json.field("sending_processor", static_cast<std::uint64_t>(report.settings.sender));
  }
  json.field("workers", report.capture.workers);
  json.field("ring_size", report.capture.ring_size);
  json.key("tools");
  json.begin_array();
  for (const LiveTool& tool : report.tools) {
    json.begin_object();
    json.key("name");
    json.string(tool.name);
    json.key("command");
    json.begin_array();
    for (const std::string& word : tool.arguments) json.string(word);
    json.end_array();
    json.end_object();
  }
  json.end_array();
  json.key("runs");
  json.begin_array();
  for (const LiveRun& run : report.result.runs) write_run(json, report, run);
  json.end_array();
  json.end_line();
  return out.take();
}

}  // namespace tapline::bench
