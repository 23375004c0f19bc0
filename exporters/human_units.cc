#include "exporters/human_units.h"

#include <algorithm>
#include <charconv>

namespace tapline {
namespace {

// `value` in units of `unit`, with `decimals` digits behind the point.
void append_scaled(ShortText& text, std::uint64_t value, std::uint64_t unit, int decimals) {
  text.append(value / unit);
  if (decimals == 0) return;
  text.append(".");
  std::uint64_t rest = value % unit;
  for (int i = 0; i < decimals; ++i) {
    unit /= 10;
    text.append(rest / unit);
    rest %= unit;
  }
}

// Of a number that has another one of at most 59 before it.
void append_two_digits(ShortText& text, std::uint64_t number) {
  if (number < 10) text.append("0");
  text.append(number);
}

}  // namespace

void ShortText::append(std::string_view text) {
  const std::size_t n = std::min(text.size(), bytes_.size() - size_);
  std::copy_n(text.begin(), n, bytes_.data() + size_);
  size_ += n;
}

void ShortText::append(std::uint64_t number) {
  const auto [end, error] = std::to_chars(bytes_.data() + size_, bytes_.data() + bytes_.size(), number);
  if (error == std::errc{}) size_ = static_cast<std::size_t>(end - bytes_.data());
}

ShortText human_bytes(std::uint64_t bytes) {
  constexpr std::array<std::string_view, 7> kUnits = {" B", " kB", " MB", " GB", " TB", " PB", " EB"};
  std::uint64_t unit = 1;
  std::size_t i = 0;
  while (bytes / unit >= 1000) {
    unit *= 1000;
    ++i;
  }
  ShortText text;
  append_scaled(text, bytes, unit, i > 0 && bytes / unit < 100 ? 1 : 0);
  text.append(kUnits[i]);
  return text;
}

ShortText human_duration(std::uint64_t nanoseconds) {
  constexpr std::uint64_t kMicrosecond = 1'000, kMillisecond = 1'000'000, kSecond = 1'000'000'000;
  const std::uint64_t seconds = nanoseconds / kSecond;
  ShortText text;
  if (nanoseconds < kMicrosecond) {
    text.append(nanoseconds);
    text.append(" ns");
  } else if (nanoseconds < kMillisecond) {
    text.append(nanoseconds / kMicrosecond);
    text.append(" µs");
  } else if (nanoseconds < kSecond) {
    append_scaled(text, nanoseconds, kMillisecond, nanoseconds < 100 * kMillisecond ? 1 : 0);
    text.append(" ms");
  } else if (seconds < 60) {
    append_scaled(text, nanoseconds, kSecond, seconds < 10 ? 2 : 1);
    text.append(" s");
  } else if (seconds < 3600) {
    text.append(seconds / 60);
    text.append("m");
    append_two_digits(text, seconds % 60);
    text.append("s");
  } else {
    text.append(seconds / 3600);
    text.append("h");
    append_two_digits(text, seconds / 60 % 60);
    text.append("m");
  }
  return text;
}

}  // namespace tapline
