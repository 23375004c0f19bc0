#include "bench/report_text.h"

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdio>

namespace tapline::bench {

void add(std::string& text, const char* format, ...) {
  std::array<char, 512> line{};
  va_list values;
  va_start(values, format);
  std::vsnprintf(line.data(), line.size(), format, values);
  va_end(values);
  text += line.data();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 != 0 ? values[half] : (values[half - 1] + values[half]) / 2;
}

double spread(const std::vector<double>& values) {
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  const double middle = median(values);
  return middle > 0 ? 50 * (*most - *least) / middle : 0;
}

std::vector<double> ratios(std::vector<double> values, const std::vector<double>& base) {
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = base[i] > 0 ? values[i] / base[i] : 0;
  return values;
}

void add_machine(std::string& text, const Machine& before, const std::string& load_after) {
  add(text, "machine  %s, %u processors, Linux %s, governor %s; load %s before, %s after\n",
      before.cpu.c_str(), before.processors, before.kernel.c_str(),
      before.governor.empty() ? "-" : before.governor.c_str(), before.load.c_str(), load_after.c_str());
}

void write_machine(JsonWriter& json, const Machine& before, const std::string& load_after) {
  json.key("machine");
  json.begin_object();
  json.key("cpu");
  json.string(before.cpu);
  json.field("processors", before.processors);
  json.key("kernel");
  json.string(before.kernel);
  json.key("governor");
  json.string(before.governor);
  json.key("load_before");
  json.string(before.load);
  json.key("load_after");
  json.string(load_after);
  json.end_object();
}

}  // namespace tapline::bench
