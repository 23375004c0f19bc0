// Connections to draw.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <utility>

#include "exporters/ladder.h"
#include "tests/exporters/event_samples.h"

namespace tapline {

inline constexpr std::uint8_t kTestFin = 1, kTestSyn = 2, kTestRst = 4, kTestPsh = 8, kTestAck = 16;

// Adds segments one after the other, a microsecond apart. States are those given last.
class LadderSample {
 public:
  LadderSample() {
    ladder.summary.connection = loopback_connection();
    ladder.summary.start = 1666532802145850123;
    ladder.before = states_ = {TcpEndState{TcpState::kClosed}, TcpEndState{TcpState::kListen}};
  }

  LadderSample& states(TcpState client, TcpState server, bool certain = true) {
    states_ = {TcpEndState{client, certain}, TcpEndState{server, certain}};
    return *this;
  }
  LadderSample& segment(Side from, unsigned flags, std::uint32_t bytes = 0, unsigned analysis = 0) {
    LadderSegment segment;
    segment.frame = ladder.segments.size() + 1;
    segment.time = now_;
    now_ += 1000;
    segment.from = from;
    segment.flags = static_cast<std::uint8_t>(flags);
    segment.analysis = static_cast<std::uint16_t>(analysis);
    segment.sequence = next_[index(from)];
    segment.raw_sequence = segment.sequence + 4'000'000'000u;
    segment.acknowledgment = next_[1 - index(from)];
    segment.payload_bytes = bytes;
    segment.states = states_;
    next_[index(from)] += bytes + ((flags & (kTestFin | kTestSyn)) != 0 ? 1 : 0);
    ladder.segments.push_back(segment);
    ladder.summary.segments = ladder.segments.size();
    ladder.summary.end = segment.time;
    return *this;
  }
  // In the segment that comes next.
  LadderSample& message(Side from, std::string start_line) {
    ladder.messages.push_back({ladder.segments.size() + 1, from, std::move(start_line)});
    return *this;
  }
  LadderSample& wait(std::int64_t ns) {
    now_ += ns;
    return *this;
  }
  LadderSample& handshake() {
    states(TcpState::kSynSent, TcpState::kSynReceived).segment(Side::kClient, kTestSyn);
    states(TcpState::kEstablished, TcpState::kSynReceived).segment(Side::kServer, kTestSyn | kTestAck);
    return states(TcpState::kEstablished, TcpState::kEstablished).segment(Side::kClient, kTestAck);
  }
  LadderSample& number_from(std::uint32_t first) {
    next_ = {first, first};
    return *this;
  }

  Ladder ladder;

 private:
  static std::size_t index(Side side) { return static_cast<std::size_t>(side); }

  std::array<TcpEndState, 2> states_;
  std::array<std::uint32_t, 2> next_{};
  std::int64_t now_ = 1666532802145850123;
};

// Anything at all, the same for the same seed.
inline LadderSample random_ladder(unsigned seed) {
  std::mt19937 dice(seed);
  const auto up_to = [&dice](std::uint32_t most) { return static_cast<std::uint32_t>(dice() % (most + 1)); };
  LadderSample sample;
  if (up_to(3) == 0) {
    ConnectionInfo& info = sample.ladder.summary.connection;
    info.client_ip.version = info.server_ip.version = IpVersion::kV6;
    for (std::uint8_t& byte : info.client_ip.bytes) byte = static_cast<std::uint8_t>(128 + up_to(127));
    info.server_ip.bytes = info.client_ip.bytes;
  }
  sample.number_from(up_to(1) == 0 ? 0 : 4'000'000'000u);
  for (std::uint32_t i = 1 + up_to(60); i > 0; --i) {
    const Side from = up_to(1) == 0 ? Side::kClient : Side::kServer;
    if (up_to(5) == 0) {
      sample.states(static_cast<TcpState>(up_to(10)), static_cast<TcpState>(up_to(10)), up_to(1) == 0);
    }
    if (up_to(4) == 0) sample.wait(static_cast<std::int64_t>(1) << up_to(45));
    if (up_to(9) == 0) {
      for (std::uint32_t n = 1 + up_to(7); n > 0; --n) {
        sample.message(from, "GET /" + std::string(up_to(600), 'x') + "é HTTP/1.1");
      }
    }
    const bool plain = up_to(3) != 0;
    sample.segment(from, plain ? kTestAck : up_to(255), up_to(2) == 0 ? 0 : up_to(70'000),
                   plain ? 0 : 1u << up_to(13));
  }
  sample.ladder.summary.missed_bytes = {up_to(1) * 4'000'000'000u, 7};
  sample.ladder.summary.handshake = Handshake{.syn_ack = 3000, .ack = 2000};
  return sample;
}

}  // namespace tapline
