#include "exporters/time_text.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <ctime>
#include <limits>
#include <random>
#include <string>

namespace tapline {
namespace {

std::string text_of(TimeText& times, std::int64_t time) {
  std::string text(TimeText::kSize, '?');
  EXPECT_EQ(times.append(text.data(), time), text.data() + text.size());
  return text;
}

std::string expected(std::int64_t time) {
  std::int64_t second = time / 1'000'000'000, fraction = time % 1'000'000'000;
  if (fraction < 0) {
    --second;
    fraction += 1'000'000'000;
  }
  const std::time_t seconds = second;
  std::tm tm{};
  gmtime_r(&seconds, &tm);
  char text[64];
  std::snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%09ldZ", tm.tm_year + 1900, tm.tm_mon + 1,
                tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, static_cast<long>(fraction));
  return text;
}

TEST(TimeText, TheContractsExample) {
  TimeText times;
  EXPECT_EQ(text_of(times, 1666532802145850123), "2022-10-23T13:46:42.145850123Z");
  EXPECT_EQ(text_of(times, 0), "1970-01-01T00:00:00.000000000Z");
  EXPECT_EQ(text_of(times, -1), "1969-12-31T23:59:59.999999999Z");
}

TEST(TimeText, EveryDayOfFourCenturiesAgreesWithTheLibrary) {
  TimeText times;
  constexpr std::int64_t kDay = 86'400'000'000'000;
  for (std::int64_t day = -100'000; day <= 100'000; ++day) {
    ASSERT_EQ(text_of(times, day * kDay), expected(day * kDay));
    ASSERT_EQ(text_of(times, day * kDay - 1), expected(day * kDay - 1));
  }
}

TEST(TimeText, RandomTimesAndTheEndsOfTheRange) {
  TimeText times;
  std::mt19937_64 random(3);
  for (int i = 0; i < 100'000; ++i) {
    const auto time = static_cast<std::int64_t>(random());
    ASSERT_EQ(text_of(times, time), expected(time));
  }
  for (const std::int64_t time :
       {std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()}) {
    EXPECT_EQ(text_of(times, time), expected(time));
  }
}

TEST(TimeText, TheSecondThatItRemembersIsNotTakenForAnother) {
  TimeText times;
  for (const std::int64_t time :
       {5'000'000'001, 5'999'999'999, 6'000'000'000, 5'000'000'000, -5'000'000'000, -4'999'999'999}) {
    EXPECT_EQ(text_of(times, time), expected(time));
  }
}

}  // namespace
}  // namespace tapline
