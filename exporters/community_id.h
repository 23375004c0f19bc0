// Community ID: a string for a connection that Zeek, Suricata, Wireshark and others compute alike.
#pragma once

#include <array>
#include <cstddef>

#include "flows/events.h"

namespace tapline {

inline constexpr std::size_t kCommunityIdSize = 30;  // "1:" and base64 of 20 bytes
using CommunityIdText = std::array<char, kCommunityIdSize>;

// Version 1, seed 0, of a TCP connection: equal for both directions
// (https://github.com/corelight/community-id-spec).
CommunityIdText community_id(const ConnectionInfo& connection);

}  // namespace tapline
