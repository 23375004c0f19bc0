#include "bench/tcp_frame.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace tapline::bench {
namespace {

constexpr std::size_t kShortestFrame = 60, kTcpHeader = 20;

void put32(std::uint8_t* at, std::uint32_t value) {
  put16(at, value >> 16);
  put16(at + 2, value & 0xffff);
}

std::uint32_t sum_of(const std::uint8_t* at, std::size_t size) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i + 1 < size; i += 2) sum += get16(at + i);
  if (size % 2 != 0) sum += static_cast<std::uint32_t>(at[size - 1] << 8);
  return sum;
}

}  // namespace

std::vector<std::uint8_t> frame_of(const Segment& segment, std::string_view payload) {
  const std::size_t header = kTcpHeader + segment.options.size();
  const auto tcp_size = static_cast<std::uint32_t>(header + payload.size());
  std::vector<std::uint8_t> frame(std::max(kShortestFrame, kTcpAt + tcp_size));
  std::uint8_t* const bytes = frame.data();
  const std::array<std::uint8_t, 14> ethernet = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0};
  std::copy(ethernet.begin(), ethernet.end(), bytes);
  bytes[kIpAt] = 0x45;
  put16(bytes + kIpAt + 2, 20 + tcp_size);
  bytes[kIpAt + 6] = 0x40;  // don't fragment
  bytes[kIpAt + 8] = 64;
  bytes[kIpAt + 9] = 6;
  put32(bytes + kSourceAt, segment.from_client ? segment.client : segment.server);
  put32(bytes + kDestinationAt, segment.from_client ? segment.server : segment.client);
  put16(bytes + kIpChecksumAt, ~folded(sum_of(bytes + kIpAt, 20)) & 0xffff);
  put16(bytes + kTcpAt, segment.from_client ? segment.port : kServerPort);
  put16(bytes + kTcpAt + 2, segment.from_client ? kServerPort : segment.port);
  put32(bytes + kTcpAt + 4, segment.seq);
  put32(bytes + kTcpAt + 8, segment.ack);
  bytes[kTcpAt + 12] = static_cast<std::uint8_t>(header / 4 << 4);
  bytes[kTcpAt + 13] = segment.flags;
  put16(bytes + kTcpAt + 14, segment.window);
  std::copy(segment.options.begin(), segment.options.end(), bytes + kTcpAt + kTcpHeader);
  if (!payload.empty()) std::memcpy(bytes + kTcpAt + header, payload.data(), payload.size());
  const std::uint32_t pseudo_header = sum_of(bytes + kSourceAt, 8) + 6 + tcp_size;
  put16(bytes + kTcpChecksumAt, ~folded(pseudo_header + sum_of(bytes + kTcpAt, tcp_size)) & 0xffff);
  return frame;
}

}  // namespace tapline::bench
