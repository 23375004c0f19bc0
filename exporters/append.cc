#include "exporters/append.h"

namespace tapline {

char* append_large_number(char* p, std::uint64_t value) {
  constexpr std::uint64_t kPart = 100'000'000;
  const std::uint64_t high = value / kPart;
  p = append_number(p, high);
  store_word(p, eight_digits(static_cast<std::uint32_t>(value % kPart)) | kEightZeros);
  return p + 8;
}

}  // namespace tapline
