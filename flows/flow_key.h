// What makes two TCP segments belong to one connection: addresses, ports, VLAN tags and tunnels, the same for
// both directions.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>

#include "flows/address.h"
#include "flows/encapsulation.h"

namespace tapline {

// The two endpoints stand in a fixed order (the smaller address, then the smaller port, first), so that both
// directions have one key. Forty-eight bytes without padding: hashed and compared as six words.
class FlowKey {
 public:
  FlowKey() = default;

  // Endpoint 0 and 1 must be in order already. `ip` points to 4 or 16 bytes, network order; ports are in host
  // order.
  void set(IpVersion version, const std::uint8_t* ip0, const std::uint8_t* ip1, std::uint16_t port0,
           std::uint16_t port1) {
    const std::uint64_t ports = port0 | std::uint64_t{port1} << 16;
    if (version == IpVersion::kV4) {
      words_ = {load(ip0, 4), 0, load(ip1, 4), 0, ports, 0};
    } else {
      words_ = {load(ip0, 8), load(ip0 + 8, 8), load(ip1, 8), load(ip1 + 8, 8), kVersion6 | ports, 0};
    }
  }
  // The same for IPv4 addresses in host order, each with its port below it: as numbers the endpoints are in
  // order when they are in the order of keys.
  static std::uint64_t ipv4_endpoint(std::uint32_t address, std::uint16_t port) {
    return std::uint64_t{address} << 16 | port;
  }
  void set_ipv4(std::uint64_t endpoint0, std::uint64_t endpoint1) {
    words_ = {ipv4_word(static_cast<std::uint32_t>(endpoint0 >> 16)), 0,
              ipv4_word(static_cast<std::uint32_t>(endpoint1 >> 16)), 0,
              (endpoint0 & 0xffff) | (endpoint1 & 0xffff) << 16,      0};
  }
  // From here on equal to nothing that set() makes.
  void set_to_none() { words_[4] = kNone; }
  // Keeps connections apart that have equal addresses in different VLANs or tunnels.
  void set_encapsulation(const Encapsulation& around) {
    if (around.empty()) return;
    if (const auto outer = around.vlan(0)) words_[4] |= (kTagged | *outer) << 32;
    if (const auto inner = around.vlan(1)) words_[4] |= (kTagged | *inner) << 48;
    for (const Tunnel& tunnel : around.tunnels()) {
      const std::uint64_t type = static_cast<std::uint64_t>(tunnel.type) + 1;
      words_[5] =
          mix(words_[5], type << 33 | std::uint64_t{tunnel.id.has_value()} << 32 | tunnel.id.value_or(0));
    }
  }

  void clear_encapsulation() {
    words_[4] &= ~(std::uint64_t{0x1fff} << 32 | std::uint64_t{0x1fff} << 48);
    words_[5] = 0;
  }

  IpVersion version() const { return (words_[4] & kVersion6) != 0 ? IpVersion::kV6 : IpVersion::kV4; }
  std::uint16_t port(int endpoint) const { return static_cast<std::uint16_t>(words_[4] >> (16 * endpoint)); }
  IpAddress ip(int endpoint) const {
    IpAddress address;
    address.version = version();
    std::memcpy(address.bytes.data(), &words_[static_cast<std::size_t>(2 * endpoint)], 16);
    return address;
  }
  // The ids that set_encapsulation() was given; 0: the outer tag's, 1: the inner one's.
  std::optional<std::uint16_t> vlan(int which) const {
    const std::uint64_t bits = words_[4] >> (32 + 16 * which) & 0x1fffu;
    return (bits & kTagged) != 0 ? std::optional(static_cast<std::uint16_t>(bits & 0x0fffu)) : std::nullopt;
  }
  bool tunnelled() const { return words_[5] != 0; }

  // What a table's places hang on, so that strangers cannot choose keys that collide.
  class Secret {
   public:
    explicit Secret(std::uint64_t seed) {
      for (std::uint64_t& word : words_) word = seed = mix(seed, kMultiplier);
    }

   private:
    friend class FlowKey;
    std::array<std::uint64_t, 4> words_;
  };

  // For tables in memory alone. Well mixed in all bits. Both factors of each product are hidden by secret
  // words, so who knows no places cannot tell how far the products of two keys are apart: with a known factor
  // one could choose keys whose products differ in none of the bits that are used. Three multiplications, of
  // which two do not wait for each other.
  std::uint64_t hash(const Secret& secret) const {
    const std::uint64_t one = multiply(words_[0] ^ secret.words_[0], words_[2] ^ secret.words_[1]);
    const std::uint64_t other = multiply(words_[1] ^ secret.words_[2], words_[3] ^ secret.words_[3]);
    return multiply(one ^ words_[4], other ^ words_[5]);
  }
  // The same everywhere and always: connections' ids are made of it. Well mixed in all bits.
  std::uint64_t hash(std::uint64_t seed) const {
    std::uint64_t h = seed;
    for (std::size_t i = 0; i < 4; ++i) h = mix(h ^ words_[i], kMultiplier);
    return mix(h ^ words_[4], kMultiplier ^ words_[5]);
  }
  // By which several workers divide connections: equal for both directions, and whatever is around them.
  // Well mixed in all bits, without a secret.
  std::uint64_t spread() const {
    return spread(words_[0] ^ words_[2], words_[1] ^ words_[3],
                  static_cast<std::uint16_t>(port(0) ^ port(1)));
  }
  // The same from a frame, so that who leaves it to another need not take it apart. Addresses as they stand
  // there, ports in host order.
  static std::uint64_t spread_ipv4(const std::uint8_t* ip0, const std::uint8_t* ip1, std::uint16_t port0,
                                   std::uint16_t port1) {
    std::uint32_t address0 = 0, address1 = 0;
    std::memcpy(&address0, ip0, sizeof address0);
    std::memcpy(&address1, ip1, sizeof address1);
    return spread(std::uint64_t{address0 ^ address1} << kIpv4Shift, 0,
                  static_cast<std::uint16_t>(port0 ^ port1));
  }
  static std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
    return multiply(a ^ 0xa0761d6478bd642fu, b ^ 0xe7037ed1a0b428dbu);
  }

  friend bool operator==(const FlowKey& one, const FlowKey& other) {
    std::uint64_t difference = 0;
    for (std::size_t i = 0; i < one.words_.size(); ++i) difference |= one.words_[i] ^ other.words_[i];
    return difference == 0;
  }

 private:
  // The upper half of the product onto the lower one.
  static std::uint64_t multiply(std::uint64_t a, std::uint64_t b) {
    __extension__ using Wide = unsigned __int128;
    const Wide product = static_cast<Wide>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
  }
  static std::uint64_t ipv4_word(std::uint32_t address) {
    const bool little = std::endian::native == std::endian::little;
    return std::uint64_t{little ? __builtin_bswap32(address) : address} << kIpv4Shift;
  }
  static std::uint64_t load(const std::uint8_t* bytes, std::size_t size) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes, size);
    return word;
  }
  static std::uint64_t spread(std::uint64_t low, std::uint64_t high, std::uint16_t ports) {
    return mix(low ^ std::rotl(high, 32), ports);
  }

  // In words_ IPv4 addresses stand in the bytes of lowest address.
  static constexpr int kIpv4Shift = std::endian::native == std::endian::little ? 0 : 32;
  static constexpr std::uint64_t kTagged = 0x1000;
  static constexpr std::uint64_t kVersion6 = std::uint64_t{1} << 63, kNone = std::uint64_t{1} << 62;
  static constexpr std::uint64_t kMultiplier = 0x9e3779b97f4a7c15u;

  // Address 0, address 1; ports, tags and version; a digest of the tunnels, 0 where there is none.
  std::array<std::uint64_t, 6> words_{};
};
static_assert(sizeof(FlowKey) == 48);

}  // namespace tapline
