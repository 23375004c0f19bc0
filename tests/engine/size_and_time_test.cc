// Sizes, durations and counts, read and written.
#include "engine/size_and_time.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace tapline {
namespace {

TEST(ParseSize, ReadsUnitsInAnyCase) {
  const std::vector<std::pair<std::string, std::uint64_t>> table = {
      {"0", 0},
      {"4096", 4096},
      {"17b", 17},
      {"64K", 65536},
      {"64k", 65536},
      {"64KiB", 65536},
      {"64kib", 65536},
      {"64 KiB", 65536},
      {"64KB", 64000},
      {"1.5MiB", 1572864},
      {"0.5k", 512},
      {"2M", 2097152},
      {"3GiB", std::uint64_t{3} << 30},
      {"3GB", 3'000'000'000},
      {"0.000000001GB", 1},
      {"9223372036854775807", 9223372036854775807u},
  };
  for (const auto& [text, expected] : table) {
    absl::StatusOr<std::uint64_t> size = parse_size(text);
    ASSERT_TRUE(size.ok()) << text << ": " << size.status();
    EXPECT_EQ(*size, expected) << text;
  }
}

TEST(ParseSize, RefusesTheRest) {
  for (const char* text : {"", "x", "-1", "+1", "MiB", "1.MiB", ".5M", "1.5.5M", "1TiBx", "1MiB2", " 1",
                           "1e3", "9223372036854775808", "99999999999999999999", "9999999999GiB"}) {
    EXPECT_FALSE(parse_size(text).ok()) << text;
  }
}

TEST(ParseDuration, ReadsUnits) {
  const std::vector<std::pair<std::string, std::int64_t>> table = {
      {"0", 0},
      {"10", 10'000'000'000},
      {"10s", 10'000'000'000},
      {"1.5s", 1'500'000'000},
      {"0.000000001", 1},
      {"250ms", 250'000'000},
      {"7us", 7'000},
      {"7ns", 7},
      {"2m", 120'000'000'000},
      {"2min", 120'000'000'000},
      {"1.5h", 5'400'000'000'000},
      {"0.1d", 8'640'000'000'000},
      {"0.999999999d", 86'399'999'913'600},
  };
  for (const auto& [text, expected] : table) {
    absl::StatusOr<std::int64_t> duration = parse_duration(text);
    ASSERT_TRUE(duration.ok()) << text << ": " << duration.status();
    EXPECT_EQ(*duration, expected) << text;
  }
}

TEST(ParseDuration, RefusesTheRest) {
  for (const char* text : {"", "s", "-5s", "5x", "5 weeks", "1s1", "1,5s", "300000000000", "106752d"}) {
    EXPECT_FALSE(parse_duration(text).ok()) << text;
  }
}

TEST(ParseCount, TakesDigitsOnly) {
  EXPECT_EQ(*parse_count("0"), 0u);
  EXPECT_EQ(*parse_count("18446744073709551615"), 18446744073709551615u);
  for (const char* text : {"", "-1", "+1", "1.0", "0x10", "1 ", " 1", "18446744073709551616"}) {
    EXPECT_FALSE(parse_count(text).ok()) << text;
  }
}

TEST(Format, ReadsWell) {
  EXPECT_EQ(format_count(0), "0");
  EXPECT_EQ(format_count(999), "999");
  EXPECT_EQ(format_count(1000), "1,000");
  EXPECT_EQ(format_count(1234567), "1,234,567");
  EXPECT_EQ(format_size(0), "0 B");
  EXPECT_EQ(format_size(1023), "1023 B");
  EXPECT_EQ(format_size(64u << 20), "64 MiB");
  EXPECT_EQ(format_size((3u << 30) / 2), "1.5 GiB");
  EXPECT_EQ(format_duration(4'000'000), "4 ms");
  EXPECT_EQ(format_duration(12'345'000'000), "12.3 s");
  EXPECT_EQ(format_duration(125'000'000'000), "2 min 5 s");
  EXPECT_EQ(format_duration(11'400'000'000'000), "3 h 10 min");
}

}  // namespace
}  // namespace tapline
