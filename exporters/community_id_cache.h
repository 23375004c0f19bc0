// The community ids of connections, remembered: a connection has several records, and a SHA-1 costs as much
// as the rest of a short one.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "exporters/community_id.h"
#include "flows/events.h"

namespace tapline {

// Fixed size; a connection takes the place of another whose hash is the same. Not thread-safe.
class CommunityIdCache {
 public:
  CommunityIdCache();

  // Fetches what of() will look at, which two thousand connections keep out of the nearest cache.
  void prefetch(const ConnectionInfo& connection) const {
    __builtin_prefetch(&entries_[place_of(connection.id)], 1);
  }
  // Valid until the next call.
  const CommunityIdText& of(const ConnectionInfo& connection) {
    Entry& entry = entries_[place_of(connection.id)];
    const std::array<std::uint64_t, 2> tuple = tuple_of(connection);
    const std::uint64_t difference = (entry.id.words[0] ^ connection.id.words[0]) |
                                     (entry.id.words[1] ^ connection.id.words[1]) |
                                     (entry.tuple[0] ^ tuple[0]) | (entry.tuple[1] ^ tuple[1]);
    if (difference != 0 || entry.text[0] == '\0') fill(entry, connection, tuple);
    return entry.text;
  }

 private:
  // The tuple is what the community id is made of; ids of connections are unique in a run, but that is not
  // for us to rely on. One line of the cache each: of an IPv6 tuple its words folded to half are kept.
  struct alignas(64) Entry {
    ConnectionId id;
    std::array<std::uint64_t, 2> tuple;
    CommunityIdText text;  // begins with '\0': empty
  };
  static_assert(sizeof(Entry) == 64);
  // Eight places for each of two thousand connections at once. Memory that no connection reached is not
  // there.
  static constexpr unsigned kBits = 14;

  static std::size_t place_of(const ConnectionId& id) {
    // The id's bits need not be random; the multiplication (by 2^64 / golden ratio) spreads what differs.
    return ((id.words[0] ^ id.words[1]) * 0x9e3779b97f4a7c15u) >> (64 - kBits);
  }
  static std::array<std::uint64_t, 2> tuple_of(const ConnectionInfo& connection);
  static void fill(Entry& entry, const ConnectionInfo& connection, const std::array<std::uint64_t, 2>& tuple);

  struct Free {
    void operator()(void* memory) const;
  };
  std::unique_ptr<void, Free> memory_;
  Entry* entries_;  // in memory_, on lines of the cache
};

inline std::array<std::uint64_t, 2> CommunityIdCache::tuple_of(const ConnectionInfo& connection) {
  const auto client = std::bit_cast<std::array<std::uint64_t, 2>>(connection.client_ip.bytes);
  const auto server = std::bit_cast<std::array<std::uint64_t, 2>>(connection.server_ip.bytes);
  const std::uint64_t rest = std::uint64_t{connection.client_port} << 16 | connection.server_port |
                             static_cast<std::uint64_t>(connection.client_ip.version) << 32;
  return {client[0] ^ std::rotl(server[0], 32), client[1] ^ std::rotl(server[1], 32) ^ rest};
}

}  // namespace tapline
