#include "exporters/time_text.h"

#include <algorithm>

#include "exporters/append.h"

namespace tapline {
namespace {

constexpr std::int64_t kNanoseconds = 1'000'000'000;
constexpr std::int64_t kSecondsInDay = 86'400;

// Writes `value` right-aligned in `digits` places.
char* append_digits(char* p, std::int64_t value, int digits) {
  for (int i = digits - 1; i >= 0; --i) {
    p[i] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
  return p + digits;
}

struct Date {
  std::int64_t year, month, day;
};

// The Gregorian calendar's date, `days` after 1970-01-01. Years are taken to begin in March, so that the leap
// day comes last and a month's first day is linear in the month but for rounding (153 days in five months).
Date date_of(std::int64_t days) {
  constexpr std::int64_t kDaysIn400Years = 146'097;
  constexpr std::int64_t kMarchOfYear0 = 719'468;  // days from 0000-03-01 to 1970-01-01
  days += kMarchOfYear0;
  const std::int64_t era = (days >= 0 ? days : days - (kDaysIn400Years - 1)) / kDaysIn400Years;
  const std::int64_t day_of_era = days - era * kDaysIn400Years;
  const std::int64_t year_of_era =
      (day_of_era - day_of_era / 1'460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const std::int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::int64_t month = (5 * day_of_year + 2) / 153;  // 0: March
  const bool next_year = month >= 10;
  return {.year = era * 400 + year_of_era + (next_year ? 1 : 0),
          .month = next_year ? month - 9 : month + 3,
          .day = day_of_year - (153 * month + 2) / 5 + 1};
}

void write_prefix(char* p, std::int64_t second) {
  std::int64_t days = second / kSecondsInDay;
  std::int64_t of_day = second % kSecondsInDay;
  if (of_day < 0) {
    of_day += kSecondsInDay;
    --days;
  }
  const Date date = date_of(days);
  p = append_digits(p, date.year, 4);
  *p++ = '-';
  p = append_digits(p, date.month, 2);
  *p++ = '-';
  p = append_digits(p, date.day, 2);
  *p++ = 'T';
  p = append_digits(p, of_day / 3600, 2);
  *p++ = ':';
  p = append_digits(p, of_day / 60 % 60, 2);
  *p++ = ':';
  p = append_digits(p, of_day % 60, 2);
  *p = '.';
}

}  // namespace

char* TimeText::append(char* p, std::int64_t time) {
  std::uint64_t fraction = static_cast<std::uint64_t>(time) - begin_;
  if (fraction >= static_cast<std::uint64_t>(kNanoseconds) || (time < 0) != negative_) {
    const std::int64_t second = time / kNanoseconds - (time % kNanoseconds < 0 ? 1 : 0);
    write_prefix(prefix_.data(), second);
    begin_ = static_cast<std::uint64_t>(second) * std::uint64_t{kNanoseconds};
    negative_ = time < 0;
    fraction = static_cast<std::uint64_t>(time) - begin_;
  }
  p = std::copy(prefix_.begin(), prefix_.end(), p);
  *p = static_cast<char>('0' + fraction / 100'000'000);
  store_word(p + 1, eight_digits(static_cast<std::uint32_t>(fraction % 100'000'000)) | kEightZeros);
  p[9] = 'Z';
  return p + 10;
}

}  // namespace tapline
