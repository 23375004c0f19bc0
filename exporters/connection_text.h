// What all records of a connection say of it in the same words.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "exporters/address_text.h"
#include "exporters/community_id.h"
#include "flows/events.h"

namespace tapline {

struct ConnectionText {
  CommunityIdText community_id;
  std::array<char, kConnectionIdText> id;
};

// Remembers them, since a connection has several records and a SHA-1 costs as much as the rest of a short
// one. Fixed size; a connection takes the place of another whose hash is the same. Not thread-safe.
class ConnectionTextCache {
 public:
  ConnectionTextCache();

  // Fetches what of() will look at, which two thousand connections keep out of the nearest cache.
  void prefetch(const ConnectionInfo& connection) const {
    const Entry& entry = entries_[place_of(connection.id)];
    __builtin_prefetch(&entry, 1);
    __builtin_prefetch(&entry.text.id, 1);
  }
  // Valid until the next call.
  const ConnectionText& of(const ConnectionInfo& connection);

 private:
  // The tuple is what the community id is made of; ids of connections are unique in a run, but that is not
  // for us to rely on.
  struct alignas(64) Entry {
    ConnectionId id;
    IpAddress client_ip, server_ip;
    std::uint16_t client_port, server_port;
    bool used;
    ConnectionText text;
  };
  static_assert(sizeof(Entry) == 128);
  // Eight places for each of two thousand connections at once. Memory that no connection reached is not
  // there.
  static constexpr unsigned kBits = 14;

  static std::size_t place_of(const ConnectionId& id) {
    // The id's bits need not be random; the multiplication (by 2^64 / golden ratio) spreads what differs.
    return ((id.words[0] ^ id.words[1]) * 0x9e3779b97f4a7c15u) >> (64 - kBits);
  }

  struct Free {
    void operator()(void* memory) const;
  };
  std::unique_ptr<void, Free> memory_;
  Entry* entries_;  // in memory_, on lines of the cache
};

}  // namespace tapline
