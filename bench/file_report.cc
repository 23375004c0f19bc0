#include "bench/file_report.h"

#include "bench/report_text.h"
#include "exporters/json.h"
#include "exporters/string_output.h"

namespace tapline::bench {
namespace {

template <class Value>
std::vector<double> each_round(const Measured& tool, Value value) {
  std::vector<double> values;
  for (const Usage& usage : tool.rounds) values.push_back(value(usage));
  return values;
}

double wall(const Usage& usage) { return usage.seconds; }
double cpu(const Usage& usage) { return usage.cpu_seconds; }

std::uint64_t nanoseconds(double seconds) { return static_cast<std::uint64_t>(seconds * 1e9); }

void write_tool(JsonWriter& json, const Measured& one) {
  json.begin_object();
  json.key("name");
  json.string(one.tool.name);
  json.key("command");
  json.begin_array();
  for (const std::string& word : one.tool.arguments) json.string(word);
  json.end_array();
  json.key("rounds");
  json.begin_array();
  for (const Usage& usage : one.rounds) {
    json.begin_object();
    json.field("wall_ns", nanoseconds(usage.seconds));
    json.field("cpu_ns", nanoseconds(usage.cpu_seconds));
    json.field("peak_rss", usage.peak_rss);
    json.end_object();
  }
  json.end_array();
  json.end_object();
}

}  // namespace

std::string table_of(const FileReport& report) {
  std::string text;
  add_machine(text, report.before, report.load_after);
  add(text, "capture  %llu frames, %.1f MB, %llu connections, %llu transactions, %s\n",
      static_cast<unsigned long long>(report.capture.frames), static_cast<double>(report.capture.bytes) / 1e6,
      static_cast<unsigned long long>(report.capture.connections),
      static_cast<unsigned long long>(report.capture.transactions),
      report.generated ? "as generated" : "by tapline's account");
  const Measured& base = report.measured.front();
  add(text, "rounds   %zu, in turn; medians; x: times what %s takes, round by round\n\n", base.rounds.size(),
      base.tool.name.c_str());
  add(text, "%-16s %10s %5s %8s %5s %9s %8s %5s %8s\n", "", "kframes/s", "+-%", "x time", "+-%", "cpu ns/fr",
      "x cpu", "+-%", "peak MB");
  const std::vector<double> base_wall = each_round(base, wall), base_cpu = each_round(base, cpu);
  const auto frames = static_cast<double>(report.capture.frames);
  for (const Measured& one : report.measured) {
    const std::vector<double> walls = each_round(one, wall), cpus = each_round(one, cpu);
    const std::vector<double> x_wall = ratios(walls, base_wall), x_cpu = ratios(cpus, base_cpu);
    const double rss =
        median(each_round(one, [](const Usage& usage) { return static_cast<double>(usage.peak_rss); }));
    add(text, "%-16s %10.1f %5.1f %8.2f %5.1f %9.1f %8.2f %5.1f %8.1f  %s\n", one.tool.name.c_str(),
        frames / median(walls) / 1e3, spread(walls), median(x_wall), spread(x_wall),
        median(cpus) * 1e9 / frames, median(x_cpu), spread(x_cpu), rss / 1e6, one.tool.does.c_str());
  }
  return text;
}

std::string json_of(const FileReport& report) {
  StringOutput out;
  JsonWriter json(out);
  json.begin_object();
  write_machine(json, report.before, report.load_after);
  json.key("capture");
  json.begin_object();
  json.key("generated");
  json.boolean(report.generated);
  json.field("frames", report.capture.frames);
  json.field("bytes", report.capture.bytes);
  json.field("connections", report.capture.connections);
  json.field("transactions", report.capture.transactions);
  json.end_object();
  json.key("tools");
  json.begin_array();
  for (const Measured& one : report.measured) write_tool(json, one);
  json.end_array();
  json.end_line();
  return out.take();
}

}  // namespace tapline::bench
