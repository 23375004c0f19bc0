// A secret's place in a text.
#pragma once

#include <cstddef>
#include <string_view>

namespace tapline {

struct SecretSpan {
  static constexpr std::size_t kNone = std::string_view::npos;
  std::size_t begin = kNone, end = kNone;  // may be empty: an empty password is a secret as well
};

}  // namespace tapline
