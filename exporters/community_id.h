// Community ID: a string for a connection that Zeek, Suricata, Wireshark and others compute alike.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "flows/events.h"

namespace tapline {

inline constexpr std::size_t kCommunityIdSize = 30;  // "1:" and base64 of 20 bytes
using CommunityIdText = std::array<char, kCommunityIdSize>;

// Version 1, seed 0, of a TCP connection: equal for both directions
// (https://github.com/corelight/community-id-spec).
CommunityIdText community_id(const ConnectionInfo& connection);

// Remembers ids, since a connection has several records and a SHA-1 costs as much as the rest of a short one.
// Fixed size; a connection takes the place of another whose hash is the same. Not thread-safe.
class CommunityIdCache {
 public:
  CommunityIdCache();

  // The view is valid until the next call.
  std::string_view of(const ConnectionInfo& connection);

 private:
  struct Entry {
    IpAddress client_ip, server_ip;
    std::uint16_t client_port = 0, server_port = 0;
    bool used = false;
    CommunityIdText text{};
  };
  static constexpr unsigned kBits = 9;

  std::vector<Entry> entries_;
};

}  // namespace tapline
