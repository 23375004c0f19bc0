// Each of Wireshark's words, on the smallest conversation that gives it.
#include "flows/tcp_analysis.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "flows/decode.h"
#include "tests/flows/conversation.h"

namespace tapline::test {
namespace {

constexpr std::uint16_t kWindow = 1000;

// Feeds segments between 10.0.0.1:40000 (the client, whose bytes begin at 1) and 10.0.0.2:80 (at 501), a
// millisecond apart unless wait() says otherwise.
class Capture {
 public:
  std::uint16_t send(Side from, std::uint32_t seq, std::uint32_t ack, std::size_t bytes = 0,
                     unsigned flags = kAck, std::uint16_t window = kWindow) {
    TcpFields tcp{.seq = seq, .ack = ack, .flags = static_cast<std::uint8_t>(flags), .window = window};
    tcp.payload.assign(bytes, 'x');
    return take(from, tcp);
  }
  std::uint16_t client(std::uint32_t seq, std::uint32_t ack, std::size_t bytes = 0, unsigned flags = kAck,
                       std::uint16_t window = kWindow) {
    return send(Side::kClient, seq, ack, bytes, flags, window);
  }
  std::uint16_t server(std::uint32_t seq, std::uint32_t ack, std::size_t bytes = 0, unsigned flags = kAck,
                       std::uint16_t window = kWindow) {
    return send(Side::kServer, seq, ack, bytes, flags, window);
  }
  // The first round trip takes two milliseconds.
  void handshake() {
    const Bytes scale = {3, 3, 2};
    take(Side::kClient, {.seq = 0, .ack = 0, .flags = kSyn, .window = kWindow, .options = scale});
    take(Side::kServer, {.seq = 500, .ack = 1, .flags = kSyn | kAck, .window = kWindow, .options = scale});
    client(1, 501);
  }
  void wait(std::int64_t ns) { now_ += ns; }
  const SegmentNumbers& last() const { return last_; }

 private:
  std::uint16_t take(Side from, const TcpFields& tcp) {
    const Host client = host(1, 40000), server = host(2, 80);
    const bool up = from == Side::kClient;
    Frame frame = build({}, up ? client : server, up ? server : client, tcp);
    frame.time_ns = now_ += kMillisecond;
    frame.ordinal = ++ordinal_;
    TcpSegment segment;
    EXPECT_EQ(decode(frame.view(), segment), Undecoded::kNone);
    last_ = analysis_.take(segment);
    return last_.analysis;
  }

  TcpAnalysis analysis_;
  SegmentNumbers last_;
  std::int64_t now_ = kStart;
  std::uint64_t ordinal_ = 0;
};

class TcpAnalysisTest : public ::testing::Test {
 protected:
  TcpAnalysisTest() { capture.handshake(); }
  Capture capture;
};

TEST_F(TcpAnalysisTest, AnOrdinaryConversationHasNoWords) {
  EXPECT_EQ(capture.client(1, 501, 100), 0);
  EXPECT_EQ(capture.server(501, 101), 0);
  EXPECT_EQ(capture.server(501, 101, 300), 0);
  EXPECT_EQ(capture.client(101, 801), 0);
  EXPECT_EQ(capture.client(101, 801, 0, kFin | kAck), 0);
  EXPECT_EQ(capture.server(801, 102, 0, kFin | kAck), 0);
  EXPECT_EQ(capture.client(102, 802), 0);
}

TEST_F(TcpAnalysisTest, Retransmission) {
  capture.client(1, 501, 100);
  capture.wait(200 * kMillisecond);
  EXPECT_EQ(capture.client(1, 501, 100), kRetransmission);
  EXPECT_EQ(capture.client(101, 501, 100), 0);
}

TEST_F(TcpAnalysisTest, ASynAndAFinAreSentAgainToo) {
  Capture other;
  other.client(0, 0, 0, kSyn);
  other.wait(kSecond);
  EXPECT_EQ(other.client(0, 0, 0, kSyn), kRetransmission);
  capture.client(1, 501, 0, kFin | kAck);
  capture.wait(kSecond);
  EXPECT_EQ(capture.client(1, 501, 0, kFin | kAck), kRetransmission);
}

TEST_F(TcpAnalysisTest, FastRetransmission) {
  for (int i = 0; i < 3; ++i) capture.server(501 + 100u * static_cast<unsigned>(i), 1, 100);
  capture.client(1, 601);
  EXPECT_EQ(capture.client(1, 601), kDuplicateAck);
  EXPECT_EQ(capture.client(1, 601), kDuplicateAck);
  EXPECT_EQ(capture.last().duplicate_acks, 2u);
  EXPECT_EQ(capture.last().duplicate_of, 7u);
  EXPECT_EQ(capture.server(601, 1, 100), kRetransmission | kFastRetransmission);
}

TEST_F(TcpAnalysisTest, ARetransmissionLongAfterTheDuplicatesIsNotFast) {
  for (int i = 0; i < 3; ++i) capture.server(501 + 100u * static_cast<unsigned>(i), 1, 100);
  for (int i = 0; i < 3; ++i) capture.client(1, 601);
  capture.wait(20 * kMillisecond);
  EXPECT_EQ(capture.server(601, 1, 100), kRetransmission);
}

TEST_F(TcpAnalysisTest, SpuriousRetransmission) {
  capture.client(1, 501, 100);
  capture.server(501, 101);
  EXPECT_EQ(capture.client(1, 501, 100), kRetransmission | kSpuriousRetransmission);
}

TEST_F(TcpAnalysisTest, OutOfOrder) {
  EXPECT_EQ(capture.client(101, 501, 100), kLostSegment);
  EXPECT_EQ(capture.client(1, 501, 100), kOutOfOrder);
  EXPECT_EQ(capture.server(501, 201), 0) << "both came";
}

// What comes later than a round trip behind its successors was sent again.
TEST_F(TcpAnalysisTest, OutOfOrderEndsAtTheFirstRoundTrip) {
  capture.client(101, 501, 100);
  capture.wait(kMillisecond);
  EXPECT_EQ(capture.client(1, 501, 100), kRetransmission);
}

TEST_F(TcpAnalysisTest, TimeStampsThatRunBackwardsAreNotSoon) {
  capture.client(101, 501, 100);
  capture.wait(-kSecond);
  EXPECT_EQ(capture.client(1, 501, 100), kRetransmission);
}

TEST_F(TcpAnalysisTest, AcknowledgedWithoutHavingBeenSeen) {
  EXPECT_EQ(capture.server(501, 101), kAckLostSegment);
  EXPECT_EQ(capture.server(501, 201), 0) << "told already";
  EXPECT_EQ(capture.client(301, 501, 100), kLostSegment);
  EXPECT_EQ(capture.server(501, 401), kAckLostSegment);
}

// As tshark has it.
TEST_F(TcpAnalysisTest, AcknowledgedUnseenAmongDuplicates) {
  capture.client(1, 501);
  EXPECT_EQ(capture.last().duplicate_acks, 1u);
  EXPECT_EQ(capture.server(501, 2), 0);
  EXPECT_EQ(capture.client(1, 501), kDuplicateAck);
  EXPECT_EQ(capture.last().duplicate_acks, 1u);
}

TEST_F(TcpAnalysisTest, KeepAlives) {
  capture.client(1, 501, 100);
  capture.server(501, 101);
  EXPECT_EQ(capture.client(100, 501), kKeepAlive);
  EXPECT_EQ(capture.server(501, 101), kKeepAliveAck);
  EXPECT_EQ(capture.client(100, 501, 1), kKeepAlive) << "with the byte that was sent before";
  EXPECT_EQ(capture.server(501, 101), kKeepAliveAck);
}

TEST_F(TcpAnalysisTest, ZeroWindowProbes) {
  capture.client(1, 501, 100);
  EXPECT_EQ(capture.server(501, 101, 0, kAck, 0), kZeroWindow);
  EXPECT_EQ(capture.client(101, 501, 1), kZeroWindowProbe);
  EXPECT_EQ(capture.server(501, 101, 0, kAck, 0), kZeroWindow);
  EXPECT_EQ(capture.client(101, 501, 1), kZeroWindowProbe);
  EXPECT_EQ(capture.server(501, 101, 0, kAck, 50), kWindowUpdate);
  EXPECT_EQ(capture.client(101, 501, 50), 0);
}

TEST_F(TcpAnalysisTest, AZeroWindowInAResetMeansNothing) {
  EXPECT_EQ(capture.client(1, 501, 0, kRst | kAck, 0), 0);
}

TEST_F(TcpAnalysisTest, WindowUpdate) {
  capture.client(1, 501, 100);
  capture.server(501, 101, 0, kAck, 10);
  EXPECT_EQ(capture.server(501, 101, 0, kAck, 20), kWindowUpdate);
}

// The window is scaled: 25 means 100 bytes.
TEST_F(TcpAnalysisTest, WindowFull) {
  capture.client(1, 501, 1);
  capture.server(501, 2, 0, kAck, 25);
  EXPECT_EQ(capture.client(2, 501, 60), 0);
  EXPECT_EQ(capture.client(62, 501, 40), kWindowFull);
}

TEST_F(TcpAnalysisTest, SequenceNumbersWrap) {
  Capture wrap;
  wrap.client(0xffffff9cu, 501, 50);
  EXPECT_EQ(wrap.client(0xffffffceu, 501, 100), 0);
  EXPECT_EQ(wrap.last().sequence, 51u);
  EXPECT_EQ(wrap.client(50, 501, 10), 0);
  EXPECT_EQ(wrap.last().next_sequence, 161u);
  EXPECT_EQ(wrap.server(501, 60), 0);
  EXPECT_EQ(wrap.server(501, 60), kDuplicateAck);
}

TEST(UnackedRangesTest, JoinsWhatTouches) {
  UnackedRanges ranges;
  ranges.add(10, 20);
  ranges.add(30, 40);
  EXPECT_EQ(ranges.end_of_run(10), 20u);
  EXPECT_EQ(ranges.end_of_run(25), 25u);
  ranges.add(20, 30);
  EXPECT_EQ(ranges.end_of_run(10), 40u);
  ranges.acknowledge(35);
  EXPECT_EQ(ranges.end_of_run(10), 10u);
  EXPECT_EQ(ranges.end_of_run(35), 40u);
  ranges.acknowledge(40);
  EXPECT_EQ(ranges.end_of_run(35), 35u);
}

TEST(UnackedRangesTest, KeepsTheOldestOfTooManyHoles) {
  UnackedRanges ranges;
  for (std::uint32_t i = 0; i < 100; ++i) ranges.add(i * 10, i * 10 + 5);
  EXPECT_EQ(ranges.end_of_run(0), 5u);
  EXPECT_EQ(ranges.end_of_run(990), 990u);
}

}  // namespace
}  // namespace tapline::test
