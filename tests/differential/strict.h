// HTTP/1.x by the letter of RFC 9112: what is well-formed, and for the rest which rule it breaks.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "tests/differential/reading.h"

namespace tapline::test {

// The first message of a direction that is not as the RFC has it: what is made of it, and of all behind it,
// is up to the reader. Interim responses do not count.
struct Flaw {
  std::size_t message = 0;
  std::string_view rule;  // what is wrong, with the section
};

struct Flaws {
  std::optional<Flaw> requests, responses;
};

Flaws find_flaws(const Exchange& exchange);

}  // namespace tapline::test
