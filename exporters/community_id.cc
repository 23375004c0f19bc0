#include "exporters/community_id.h"

#include <nettle/sha1.h>

#include <algorithm>
#include <cstdint>
#include <tuple>
#include <utility>

namespace tapline {
namespace {

constexpr std::uint8_t kTcp = 6;  // IP protocol number

struct Endpoint {
  const IpAddress* ip;
  std::uint16_t port;
};

bool comes_first(const Endpoint& a, const Endpoint& b) {
  return std::tie(a.ip->bytes, a.port) < std::tie(b.ip->bytes, b.port);
}

using Digest = std::array<std::uint32_t, 5>;  // of SHA-1, the first bits in the highest of the first

// RFC 3174, of what fits into one block with its padding, `block[size..]` being zero: nettle's compression
// alone, as to gather a message of several blocks costs twice as much. REQUIRES: size <= 55.
Digest sha1_of_block(std::array<std::uint8_t, SHA1_BLOCK_SIZE>& block, std::size_t size) {
  block[size] = 0x80;
  block[SHA1_BLOCK_SIZE - 2] = static_cast<std::uint8_t>(size * 8 >> 8);
  block[SHA1_BLOCK_SIZE - 1] = static_cast<std::uint8_t>(size * 8);
  Digest digest = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
  nettle_sha1_compress(digest.data(), block.data());
  return digest;
}

// RFC 4648 section 4: 28 characters, the last of them '='.
void append_base64(char* p, const Digest& digest) {
  constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const std::uint64_t a = std::uint64_t{digest[0]} << 32 | digest[1];
  const std::uint64_t b = std::uint64_t{digest[2]} << 32 | digest[3];
  const std::uint64_t c = digest[4];
  // 48 bits at a time; 16 are left.
  for (const std::uint64_t bits : {a >> 16, a << 32 | b >> 32, b << 16 | c >> 16}) {
    for (int shift = 42; shift >= 0; shift -= 6) *p++ = kAlphabet[bits >> shift & 63];
  }
  for (int shift = 12; shift >= 0; shift -= 6) *p++ = kAlphabet[c << 2 >> shift & 63];
  *p = '=';
}

}  // namespace

CommunityIdText community_id(const ConnectionInfo& connection) {
  Endpoint low{&connection.client_ip, connection.client_port};
  Endpoint high{&connection.server_ip, connection.server_port};
  if (comes_first(high, low)) std::swap(low, high);
  const std::size_t size = low.ip->version == IpVersion::kV4 ? 4 : 16;

  // Seed (2 bytes), the two addresses, protocol, padding, the two ports; all in network byte order.
  std::array<std::uint8_t, SHA1_BLOCK_SIZE> input{};
  auto p = input.begin() + 2;
  p = std::copy_n(low.ip->bytes.begin(), size, p);
  p = std::copy_n(high.ip->bytes.begin(), size, p);
  *p++ = kTcp;
  *p++ = 0;
  for (const std::uint16_t port : {low.port, high.port}) {
    *p++ = static_cast<std::uint8_t>(port >> 8);
    *p++ = static_cast<std::uint8_t>(port);
  }

  const Digest digest = sha1_of_block(input, static_cast<std::size_t>(p - input.begin()));

  CommunityIdText text;
  static_assert(kCommunityIdSize == 2 + (SHA1_DIGEST_SIZE + 2) / 3 * 4);
  text[0] = '1';
  text[1] = ':';
  append_base64(text.data() + 2, digest);
  return text;
}

}  // namespace tapline
