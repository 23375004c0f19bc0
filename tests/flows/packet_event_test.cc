// What is told of each segment: whose it is, relative numbers, the true window, time deltas.
#include <gtest/gtest.h>

#include <optional>
#include <vector>

#include "flows/decode.h"
#include "flows/flow_processor.h"
#include "tests/flows/conversation.h"

namespace tapline::test {
namespace {

struct Told {
  ConnectionId id;
  std::uint64_t connection = 0, ordinal = 0;
  std::uint8_t flags = 0;
  Side sender{};
  bool roles_known = false;
  SegmentNumbers numbers;
  std::optional<std::int64_t> time_delta;
};

class PacketSink final : public EventSink {
 public:
  void on_transaction(const TransactionEvent&) override {}
  void on_connection(const ConnectionEvent&) override {}
  void on_packet(const PacketEvent& event) override {
    told.push_back({event.connection.id, event.connection.number, event.packet.ordinal, event.segment.flags,
                    event.sender, event.roles_known, event.numbers, event.time_delta});
  }
  std::vector<Told> told;
};

std::vector<Told> tell(std::vector<Frame> frames, bool asked = true) {
  FlowOptions options = default_options();
  options.tell_packets = asked;
  PacketSink sink;
  FlowProcessor processor(options, sink);
  std::uint64_t ordinal = 0;
  for (Frame& frame : frames) frame.ordinal = ++ordinal;
  feed(processor, frames);
  processor.finish(CloseReason::kEnd);
  return sink.told;
}

TEST(PacketEventTest, OnlyWhenAskedFor) {
  Conversation talk;
  talk.handshake();
  EXPECT_TRUE(tell(talk.frames(), false).empty());
  EXPECT_EQ(tell(talk.frames()).size(), 3u);
}

TEST(PacketEventTest, NumbersCountFromTheSyn) {
  Conversation talk;
  talk.handshake().client("GET / HTTP/1.1\r\n\r\n").fin(Side::kServer);
  const std::vector<Told> told = tell(talk.frames());
  ASSERT_EQ(told.size(), 6u);
  const auto numbers = [&told](std::size_t i) {
    const SegmentNumbers& n = told[i].numbers;
    return std::vector<std::int64_t>{n.sequence, n.next_sequence,
                                     n.acknowledgment ? std::int64_t{*n.acknowledgment} : -1};
  };
  using Numbers = std::vector<std::int64_t>;
  EXPECT_EQ(numbers(0), (Numbers{0, 1, -1}));
  EXPECT_EQ(numbers(1), (Numbers{0, 1, 1}));
  EXPECT_EQ(numbers(2), (Numbers{1, 1, 1}));
  EXPECT_EQ(numbers(3), (Numbers{1, 19, 1}));
  EXPECT_EQ(numbers(4), (Numbers{1, 1, 19}));
  EXPECT_EQ(numbers(5), (Numbers{1, 2, 19}));
  EXPECT_EQ(told[0].sender, Side::kClient);
  EXPECT_EQ(told[1].sender, Side::kServer);
  EXPECT_TRUE(told[0].roles_known);
  for (const Told& one : told) EXPECT_EQ(one.id, told[0].id);
}

// A SYN's window is never scaled, and without both SYNs nobody knows by how much to scale.
TEST(PacketEventTest, WindowsAreScaledWhenBothSynsWereSeen) {
  Conversation talk;
  talk.handshake();  // shifts of 7 and 8
  talk.ack(Side::kServer);
  std::vector<Told> told = tell(talk.frames());
  EXPECT_EQ(told[0].numbers.scaled_window, 64240u);
  EXPECT_EQ(told[1].numbers.scaled_window, 65160u);
  EXPECT_EQ(told[2].numbers.scaled_window, 65535u << 7);
  EXPECT_EQ(told[3].numbers.scaled_window, 65535u << 8);
  talk.frames().erase(talk.frames().begin());
  told = tell(talk.frames());
  EXPECT_EQ(told[0].numbers.scaled_window, 65160u);
  EXPECT_EQ(told[1].numbers.scaled_window, std::nullopt);
}

TEST(PacketEventTest, MidstreamNumbersCountFromOne) {
  Conversation talk;
  talk.client("GET / HTTP/1.1\r\n\r\n");
  const std::vector<Told> told = tell(talk.frames());
  EXPECT_EQ(told[0].numbers.sequence, 1u);
  EXPECT_EQ(told[0].numbers.acknowledgment, 1u);
  EXPECT_EQ(told[1].numbers.sequence, 1u);
  EXPECT_EQ(told[1].numbers.acknowledgment, 19u);
}

TEST(PacketEventTest, DeltasAreOfTheCaptureAndOfTheConnection) {
  Conversation::Setup other;
  other.client = host(9, 50000);
  other.start += kMillisecond / 4;
  Conversation one, two(other);
  one.syn().syn_ack();
  two.syn();
  const std::vector<Told> told = tell(merge(one.frames(), two.frames()));
  ASSERT_EQ(told.size(), 3u);
  EXPECT_EQ(told[0].time_delta, std::nullopt);
  EXPECT_EQ(told[0].numbers.time_delta, std::nullopt);
  EXPECT_EQ(told[1].time_delta, kMillisecond / 4);
  EXPECT_EQ(told[1].numbers.time_delta, std::nullopt);
  EXPECT_EQ(told[1].connection, 2u);
  EXPECT_EQ(told[2].time_delta, kMillisecond * 3 / 4);
  EXPECT_EQ(told[2].numbers.time_delta, kMillisecond);
}

TEST(PacketEventTest, ASynOnTheSamePortsIsToldWhetherOrNotTheOldConnectionLingers) {
  for (const std::int64_t pause : {kMillisecond, 20 * kSecond}) {
    Conversation talk;
    talk.handshake().close(Side::kClient).wait(pause);
    Conversation::Setup again = talk.setup();
    again.client_isn = 777000;
    again.start = talk.now();
    Conversation next(again);
    next.syn();
    const std::vector<Told> told = tell(merge(talk.frames(), next.frames()));
    ASSERT_EQ(told.size(), 8u);
    EXPECT_EQ(told[7].numbers.analysis, kReusedPorts);
    EXPECT_EQ(told[7].numbers.sequence, 0u);
    EXPECT_NE(told[7].id, told[0].id);
    for (int i = 0; i < 7; ++i) EXPECT_EQ(told[static_cast<std::size_t>(i)].numbers.analysis, 0) << i;
  }
}

// It begins a connection, for the old one has been told; its numbers are still those of the old one.
TEST(PacketEventTest, ALateSegmentGoesOnCounting) {
  Conversation talk;
  talk.handshake().client("GET / HTTP/1.1\r\n\r\n").close(Side::kClient).wait(20 * kSecond);
  talk.rst(Side::kClient);
  const std::vector<Told> told = tell(talk.frames());
  EXPECT_NE(told.back().id, told.front().id);
  EXPECT_EQ(told.back().numbers.sequence, 20u);
  EXPECT_EQ(told.back().numbers.time_delta, std::nullopt);
}

}  // namespace
}  // namespace tapline::test
