// Numbers with units as people write and read them: sizes, durations, counts.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace tapline {

// A whole number of things, digits only: "100".
absl::StatusOr<std::uint64_t> parse_count(std::string_view text);

// Bytes, from "4096", "64KiB", "1.5MiB", "2GB". K, M and G alone, and with iB, are powers of 1024; with B
// alone powers of 1000. Case does not matter. Errors name what is wrong and show a right one.
absl::StatusOr<std::uint64_t> parse_size(std::string_view text);

// Nanoseconds, from "10s", "1.5s", "250ms", "2m" (or "2min"), "1h", "1d", "us", "ns"; a bare number is
// seconds. Never negative.
absl::StatusOr<std::int64_t> parse_duration(std::string_view text);

std::string format_count(std::uint64_t count);    // "1,234,567"
std::string format_size(std::uint64_t bytes);     // "812 B", "64 MiB", "1.4 GiB"
std::string format_duration(std::int64_t nanos);  // "4 ms", "12.3 s", "2 min 5 s", "3 h 10 min"

}  // namespace tapline
