#include "exporters/community_id.h"

#include <nettle/base64.h>
#include <nettle/sha1.h>

#include <algorithm>
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

}  // namespace

CommunityIdText community_id(const ConnectionInfo& connection) {
  Endpoint low{&connection.client_ip, connection.client_port};
  Endpoint high{&connection.server_ip, connection.server_port};
  if (comes_first(high, low)) std::swap(low, high);
  const std::size_t size = low.ip->version == IpVersion::kV4 ? 4 : 16;

  // Seed (2 bytes), the two addresses, protocol, padding, the two ports; all in network byte order.
  std::array<std::uint8_t, 2 + 16 + 16 + 2 + 4> input{};
  auto p = input.begin() + 2;
  p = std::copy_n(low.ip->bytes.begin(), size, p);
  p = std::copy_n(high.ip->bytes.begin(), size, p);
  *p++ = kTcp;
  *p++ = 0;
  for (const std::uint16_t port : {low.port, high.port}) {
    *p++ = static_cast<std::uint8_t>(port >> 8);
    *p++ = static_cast<std::uint8_t>(port);
  }

  sha1_ctx sha1;
  std::array<std::uint8_t, SHA1_DIGEST_SIZE> digest;
  sha1_init(&sha1);
  sha1_update(&sha1, static_cast<std::size_t>(p - input.begin()), input.data());
  sha1_digest(&sha1, digest.size(), digest.data());

  CommunityIdText text;
  static_assert(kCommunityIdSize == 2 + BASE64_ENCODE_RAW_LENGTH(SHA1_DIGEST_SIZE));
  text[0] = '1';
  text[1] = ':';
  base64_encode_raw(text.data() + 2, digest.size(), digest.data());
  return text;
}

}  // namespace tapline
