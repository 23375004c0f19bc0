// What makes two TCP segments belong to one connection: addresses, ports and VLAN tags, the same for both
// directions.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>

#include "flows/address.h"

namespace tapline {

// The two endpoints stand in a fixed order (the smaller address, then the smaller port, first), so that both
// directions have one key. Forty bytes without padding: hashed and compared as five words.
class FlowKey {
 public:
  FlowKey() = default;

  // Endpoint 0 and 1 must be in order already; see ordered(). `ip` points to 4 or 16 bytes, network order;
  // ports are in host order. Tags are VLAN TCIs, of which the id (12 bits) counts.
  void set(IpVersion version, const std::uint8_t* ip0, const std::uint8_t* ip1, std::uint16_t port0,
           std::uint16_t port1) {
    const std::size_t n = version == IpVersion::kV4 ? 4 : 16;
    words_ = {};
    std::memcpy(&words_[0], ip0, n);
    std::memcpy(&words_[2], ip1, n);
    words_[4] = port0 | std::uint64_t{port1} << 16 |
                (version == IpVersion::kV6 ? std::uint64_t{1} << 63 : std::uint64_t{0});
  }
  // Id 0 means "priority only, no VLAN" (IEEE 802.1Q) and leaves the key as it is.
  void add_vlan(std::uint16_t tci) {
    if ((tci & 0x0fffu) == 0) return;
    const std::uint64_t tag = kTagged | (tci & 0x0fffu);
    words_[4] |= (vlan_bits(0) & kTagged) == 0 ? tag << 32 : tag << 48;
  }

  IpVersion version() const { return words_[4] >> 63 != 0 ? IpVersion::kV6 : IpVersion::kV4; }
  std::uint16_t port(int endpoint) const { return static_cast<std::uint16_t>(words_[4] >> (16 * endpoint)); }
  IpAddress ip(int endpoint) const {
    IpAddress address;
    address.version = version();
    std::memcpy(address.bytes.data(), &words_[static_cast<std::size_t>(2 * endpoint)], 16);
    return address;
  }
  // 0: the outer tag, 1: the inner one.
  std::optional<std::uint16_t> vlan(int which) const {
    if ((vlan_bits(which) & kTagged) == 0) return std::nullopt;
    return static_cast<std::uint16_t>(vlan_bits(which) & 0x0fffu);
  }

  // Well mixed in all bits. `seed` keeps strangers from choosing colliding tuples.
  std::uint64_t hash(std::uint64_t seed) const {
    std::uint64_t h = seed;
    for (const std::uint64_t word : words_) h = mix(h ^ word, 0x9e3779b97f4a7c15u);
    return h;
  }
  static std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
    __extension__ using Wide = unsigned __int128;
    const Wide product = static_cast<Wide>(a ^ 0xa0761d6478bd642fu) * (b ^ 0xe7037ed1a0b428dbu);
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
  }

  friend bool operator==(const FlowKey&, const FlowKey&) = default;

 private:
  static constexpr std::uint64_t kTagged = 0x1000;
  std::uint64_t vlan_bits(int which) const { return words_[4] >> (32 + 16 * which) & 0x1fffu; }

  std::array<std::uint64_t, 5> words_{};  // address 0, address 1, ports and tags and version
};
static_assert(sizeof(FlowKey) == 40);

}  // namespace tapline
