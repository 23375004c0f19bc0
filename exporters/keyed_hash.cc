#include "exporters/keyed_hash.h"

#include <nettle/base16.h>
#include <nettle/hmac.h>

#include <cstdint>

#include "exporters/message_scan.h"

namespace tapline {
namespace {

const std::uint8_t* bytes_of(std::string_view text) {
  return reinterpret_cast<const std::uint8_t*>(text.data());
}

}  // namespace

KeyedHash::KeyedHash(std::string_view key) {
  auto keyed = std::make_shared<hmac_sha256_ctx>();
  hmac_sha256_set_key(keyed.get(), key.size(), bytes_of(key));
  keyed_ = std::move(keyed);
}

std::array<char, KeyedHash::kDigits> KeyedHash::of(std::string_view text, bool folded) const {
  hmac_sha256_ctx hmac = *keyed_;
  const auto add = [&hmac](std::string_view part) { hmac_sha256_update(&hmac, part.size(), bytes_of(part)); };
  if (folded) {
    for_each_unfolded(text, add);
  } else {
    add(text);
  }
  std::array<std::uint8_t, kDigits / 2>
      digest;  // nettle writes as many bytes as it is asked for, the first ones
  hmac_sha256_digest(&hmac, digest.size(), digest.data());
  std::array<char, kDigits> digits;
  static_assert(kDigits == BASE16_ENCODE_LENGTH(digest.size()));
  base16_encode_update(digits.data(), digest.size(), digest.data());
  return digits;
}

}  // namespace tapline
