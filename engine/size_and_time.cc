#include "engine/size_and_time.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <limits>
#include <optional>
#include <span>

#include "absl/status/status.h"

namespace tapline {
namespace {

struct Unit {
  std::string_view name;  // lower case
  std::uint64_t factor;
};

constexpr std::uint64_t kKi = 1024, kMi = kKi * kKi, kGi = kMi * kKi;
constexpr std::array<Unit, 11> kSizeUnits = {{{"", 1},
                                              {"b", 1},
                                              {"k", kKi},
                                              {"kib", kKi},
                                              {"m", kMi},
                                              {"mib", kMi},
                                              {"g", kGi},
                                              {"gib", kGi},
                                              {"kb", 1'000},
                                              {"mb", 1'000'000},
                                              {"gb", 1'000'000'000}}};

constexpr std::uint64_t kNanosPerSecond = 1'000'000'000;
constexpr std::array<Unit, 9> kTimeUnits = {{{"", kNanosPerSecond},
                                             {"ns", 1},
                                             {"us", 1'000},
                                             {"ms", 1'000'000},
                                             {"s", kNanosPerSecond},
                                             {"m", 60 * kNanosPerSecond},
                                             {"min", 60 * kNanosPerSecond},
                                             {"h", 3600 * kNanosPerSecond},
                                             {"d", 86400 * kNanosPerSecond}}};

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool is_digit(char c) { return c >= '0' && c <= '9'; }

enum class Wrong { kNumber, kUnit, kRange };

struct Parsed {
  std::uint64_t value = 0;
  std::optional<Wrong> wrong;
};

// `limit` is the largest value that may come out. Decimals are exact to 9 digits; what is smaller than one of
// the smallest unit is cut off.
Parsed parse_with_unit(std::string_view text, std::span<const Unit> units, std::uint64_t limit) {
  const std::size_t number_end =
      static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), is_digit) - text.begin());
  if (number_end == 0) return {0, Wrong::kNumber};
  std::uint64_t whole = 0;
  if (std::from_chars(text.data(), text.data() + number_end, whole).ec != std::errc()) {
    return {0, Wrong::kRange};
  }
  std::uint64_t billionths = 0;
  text.remove_prefix(number_end);
  if (!text.empty() && text[0] == '.') {
    text.remove_prefix(1);
    if (text.empty() || !is_digit(text[0])) return {0, Wrong::kNumber};
    for (std::uint64_t scale = kNanosPerSecond / 10; !text.empty() && is_digit(text[0]); scale /= 10) {
      billionths += scale * static_cast<std::uint64_t>(text[0] - '0');
      text.remove_prefix(1);
    }
  }
  while (!text.empty() && text[0] == ' ') text.remove_prefix(1);
  std::string name(text);
  std::transform(name.begin(), name.end(), name.begin(), lower);
  const auto unit = std::find_if(units.begin(), units.end(), [&](const Unit& u) { return u.name == name; });
  if (unit == units.end()) return {0, Wrong::kUnit};
  std::uint64_t value = 0;
  // billionths * factor / 10^9 without leaving 64 bits: split the factor (the largest is a day: 8.64e13 ns).
  const std::uint64_t fraction = unit->factor / kNanosPerSecond * billionths +
                                 unit->factor % kNanosPerSecond * billionths / kNanosPerSecond;
  if (__builtin_mul_overflow(whole, unit->factor, &value) ||
      __builtin_add_overflow(value, fraction, &value) || value > limit) {
    return {0, Wrong::kRange};
  }
  return {value, std::nullopt};
}

absl::Status refuse(std::string_view text, std::string_view expected) {
  return absl::InvalidArgumentError("'" + std::string(text) + "' is not " + std::string(expected));
}

std::string one_decimal(double value, std::string_view unit) {
  char buffer[48];
  // 64.0 reads as a claim of precision; 64 does not.
  const bool whole = std::abs(value - std::round(value)) < 0.05;
  std::snprintf(buffer, sizeof buffer, whole ? "%.0f %.*s" : "%.1f %.*s", value,
                static_cast<int>(unit.size()), unit.data());
  return buffer;
}

std::string two_parts(std::int64_t seconds, std::int64_t large, const char* large_name, std::int64_t small,
                      const char* small_name) {
  std::string text = std::to_string(seconds / large) + " " + large_name;
  const std::int64_t rest = seconds % large / small;
  if (rest != 0) text += " " + std::to_string(rest) + " " + small_name;
  return text;
}

}  // namespace

absl::StatusOr<std::uint64_t> parse_count(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::result_out_of_range) {
    return absl::InvalidArgumentError("'" + std::string(text) + "' is too large");
  }
  if (error != std::errc() || end != text.data() + text.size()) return refuse(text, "a whole number");
  return value;
}

absl::StatusOr<std::uint64_t> parse_size(std::string_view text) {
  const Parsed parsed = parse_with_unit(text, kSizeUnits, std::numeric_limits<std::int64_t>::max());
  if (!parsed.wrong) return parsed.value;
  switch (*parsed.wrong) {
    case Wrong::kNumber:
      return refuse(text, "a size (write it like 64MiB, 512K or 1GB)");
    case Wrong::kUnit:
      return refuse(text, "a size: the unit is one of B, K or KiB, M or MiB, G or GiB, KB, MB, GB");
    case Wrong::kRange:
      break;
  }
  return absl::InvalidArgumentError("'" + std::string(text) + "' is too large");
}

absl::StatusOr<std::int64_t> parse_duration(std::string_view text) {
  const Parsed parsed = parse_with_unit(text, kTimeUnits, std::numeric_limits<std::int64_t>::max());
  if (!parsed.wrong) return static_cast<std::int64_t>(parsed.value);
  switch (*parsed.wrong) {
    case Wrong::kNumber:
      return refuse(text, "a time (write it like 10s, 250ms or 1h)");
    case Wrong::kUnit:
      return refuse(text, "a time: the unit is one of ns, us, ms, s, m, h, d");
    case Wrong::kRange:
      break;
  }
  return absl::InvalidArgumentError("'" + std::string(text) + "' is too large");
}

std::string format_count(std::uint64_t count) {
  std::string digits = std::to_string(count);
  for (std::size_t at = digits.size(); at > 3;) {
    at -= 3;
    digits.insert(at, 1, ',');
  }
  return digits;
}

std::string format_size(std::uint64_t bytes) {
  if (bytes < kKi) return std::to_string(bytes) + " B";
  const auto value = static_cast<double>(bytes);
  if (bytes < kMi) return one_decimal(value / static_cast<double>(kKi), "KiB");
  if (bytes < kGi) return one_decimal(value / static_cast<double>(kMi), "MiB");
  return one_decimal(value / static_cast<double>(kGi), "GiB");
}

std::string format_duration(std::int64_t nanos) {
  const auto value = static_cast<double>(nanos);
  if (nanos < 1'000'000) return one_decimal(value / 1e3, "us");
  if (nanos < 1'000'000'000) return one_decimal(value / 1e6, "ms");
  const std::int64_t seconds = nanos / 1'000'000'000;
  if (seconds < 120) return one_decimal(value / 1e9, "s");
  if (seconds < 7200) return two_parts(seconds, 60, "min", 1, "s");
  return two_parts(seconds, 3600, "h", 60, "min");
}

}  // namespace tapline
