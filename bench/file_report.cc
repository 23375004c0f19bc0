#include "bench/file_report.h"

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdio>

#include "exporters/json.h"
#include "exporters/string_output.h"

namespace tapline::bench {
namespace {

[[gnu::format(printf, 2, 3)]] void add(std::string& text, const char* format, ...) {
  std::array<char, 512> line{};
  va_list values;
  va_start(values, format);
  std::vsnprintf(line.data(), line.size(), format, values);
  va_end(values);
  text += line.data();
}

// REQUIRES: `values` is not empty.
double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 != 0 ? values[half] : (values[half - 1] + values[half]) / 2;
}

template <class Value>
std::vector<double> each_round(const Measured& tool, Value value) {
  std::vector<double> values;
  for (const Usage& usage : tool.rounds) values.push_back(value(usage));
  return values;
}

double wall(const Usage& usage) { return usage.seconds; }
double cpu(const Usage& usage) { return usage.cpu_seconds; }

std::vector<double> ratios(std::vector<double> values, const std::vector<double>& base) {
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = base[i] > 0 ? values[i] / base[i] : 0;
  return values;
}

// Half of what lies between the least and the most, in percent of the median.
double spread(const std::vector<double>& values) {
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  const double middle = median(values);
  return middle > 0 ? 50 * (*most - *least) / middle : 0;
}

std::uint64_t nanoseconds(double seconds) { return static_cast<std::uint64_t>(seconds * 1e9); }

void write_machine(JsonWriter& json, const FileReport& report) {
  json.key("machine");
  json.begin_object();
  json.key("cpu");
  json.string(report.before.cpu);
  json.field("processors", report.before.processors);
  json.key("kernel");
  json.string(report.before.kernel);
  json.key("governor");
  json.string(report.before.governor);
  json.key("load_before");
  json.string(report.before.load);
  json.key("load_after");
  json.string(report.load_after);
  json.end_object();
}

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
  const Machine& machine = report.before;
  add(text, "machine  %s, %u processors, Linux %s, governor %s; load %s before, %s after\n",
      machine.cpu.c_str(), machine.processors, machine.kernel.c_str(),
      machine.governor.empty() ? "-" : machine.governor.c_str(), machine.load.c_str(),
      report.load_after.c_str());
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
  write_machine(json, report);
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
