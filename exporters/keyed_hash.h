// A hash that only who has the key can compute: equal secrets can be told without being shown.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <string_view>

struct hmac_sha256_ctx;  // nettle's

namespace tapline {

// HMAC-SHA-256 (RFC 2104), of which the first 64 bits are kept. Immutable; copies share the key, and may be
// used by several threads at once.
class KeyedHash {
 public:
  static constexpr std::size_t kDigits = 16;

  // Every byte of `key` counts.
  explicit KeyedHash(std::string_view key);

  // In lower-case hex, the first byte first. With `folded`, of `text` with each of its folds as one space:
  // the value as a record would show it, however the sender broke its lines.
  std::array<char, kDigits> of(std::string_view text, bool folded) const;

 private:
  std::shared_ptr<const hmac_sha256_ctx> keyed_;  // the state before the first byte
};

}  // namespace tapline
