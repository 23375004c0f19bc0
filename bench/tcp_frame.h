// TCP segments as Ethernet frames, with right checksums.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace tapline::bench {

// Where things stand in the frames that are made here.
inline constexpr std::size_t kIpAt = 14, kTcpAt = 34;
inline constexpr std::size_t kIpChecksumAt = kIpAt + 10, kTcpChecksumAt = kTcpAt + 16;
inline constexpr std::size_t kSourceAt = kIpAt + 12, kDestinationAt = kIpAt + 16;

inline constexpr std::uint16_t kServerPort = 80;

// Flags of RFC 9293 section 3.1.
inline constexpr std::uint8_t kFinFlag = 1, kSynFlag = 2, kPshFlag = 8, kAckFlag = 16;

// Numbers are in host byte order.
struct Segment {
  std::uint32_t client = 0, server = 0;  // addresses
  std::uint16_t port = 0;                // of the client
  bool from_client = true;
  std::uint8_t flags = 0;
  std::uint32_t seq = 0, ack = 0;
  std::span<const std::uint8_t> options{};  // of TCP; whole words, 40 bytes at most
  std::uint16_t window = 65535;
};

// An untagged Ethernet frame with IPv4, padded to the least length of one. Its MAC addresses are locally
// administered ones of nobody: a host that receives it leaves it alone.
std::vector<std::uint8_t> frame_of(const Segment& segment, std::string_view payload);

// Big endian.
inline void put16(std::uint8_t* at, std::uint32_t value) {
  at[0] = static_cast<std::uint8_t>(value >> 8);
  at[1] = static_cast<std::uint8_t>(value);
}
inline std::uint32_t get16(const std::uint8_t* at) { return static_cast<std::uint32_t>(at[0] << 8 | at[1]); }

// The sum of RFC 1071, with the carries added in.
inline std::uint32_t folded(std::uint32_t sum) {
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

}  // namespace tapline::bench
