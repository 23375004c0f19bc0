// HTTP messages as browsers and web servers write them, from random numbers that are the same at each run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <string>

namespace tapline::bench {

// The standard fixes what std::mt19937_64 gives, but not what its distributions make of it.
class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}
  // 0 to n - 1. REQUIRES: n > 0.
  std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>((engine_() >> 32) * n >> 32); }
  std::uint32_t between(std::uint32_t least, std::uint32_t most) { return least + below(most - least + 1); }
  std::uint32_t number() { return static_cast<std::uint32_t>(engine_() >> 32); }
  bool percent(std::uint32_t share) { return below(100) < share; }

 private:
  std::mt19937_64 engine_;
};

// A GET of a page or a part of one, with the header fields of a browser: some 460 bytes. With `head_bytes`
// it is made longer with a cookie; a head that is longer already stays as it is.
std::string request_text(Random& random, bool last, std::optional<std::uint32_t> head_bytes);

struct ResponseShape {
  std::optional<std::uint32_t> head_bytes;  // as for requests
  std::optional<std::uint32_t>
      body_bytes;  // none: a fifth 304s, half of 40 to 1,000 bytes, the rest to 20,000
};

// With a body of its own length one in ten is chunked. Head without cookies: some 310 bytes.
std::string response_text(Random& random, bool last, const ResponseShape& shape);

}  // namespace tapline::bench
