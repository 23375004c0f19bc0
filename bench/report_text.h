// What the reports of measurements have in common.
#pragma once

#include <string>
#include <vector>

#include "bench/machine.h"
#include "exporters/json.h"

namespace tapline::bench {

// Appends a line of at most 511 bytes, as printf makes it.
[[gnu::format(printf, 2, 3)]] void add(std::string& text, const char* format, ...);

// REQUIRES: `values` is not empty.
double median(std::vector<double> values);

// Half of what lies between the least and the most, in percent of the median. REQUIRES: as above.
double spread(const std::vector<double>& values);

std::vector<double> ratios(std::vector<double> values, const std::vector<double>& base);

// A line of a table, and the member "machine".
void add_machine(std::string& text, const Machine& before, const std::string& load_after);
void write_machine(JsonWriter& json, const Machine& before, const std::string& load_after);

}  // namespace tapline::bench
