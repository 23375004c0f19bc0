// What is counted and measured of each side of a connection.
#include <gtest/gtest.h>

#include <string>

#include "flows/flow_processor.h"
#include "tests/flows/conversation.h"

namespace tapline::test {
namespace {

const std::string kGet = crlf("GET /a HTTP/1.1\nHost: h\n\n");
const std::string kAnswer = crlf("HTTP/1.1 200 OK\nContent-Length: 5\n\n") + "hello";

// One more segment with numbers of its own, which moves none.
void add(Conversation& talk, Side from, const TcpFields& tcp) {
  talk.frames().push_back(talk.frame(from, tcp));
}

TEST(FiguresTest, DuplicateAcknowledgements) {
  Conversation talk;
  talk.setup().acks = false;
  talk.handshake().client(kGet).server(kAnswer);
  const TcpFields again{.seq = talk.next(Side::kClient), .ack = talk.next(Side::kServer)};
  for (int i = 0; i < 4; ++i) add(talk, Side::kClient, again);  // the first is no duplicate
  TcpFields update = again;
  update.window = 500;
  add(talk, Side::kClient, update);  // a window update is none
  talk.close(Side::kClient);
  const Outcomes out = run(talk);
  EXPECT_EQ(out.sink.closed().client.duplicate_acks, 3u);
  EXPECT_EQ(out.sink.closed().server.duplicate_acks, 0u);
}

TEST(FiguresTest, KeepAlives) {
  for (const char* byte : {"", "x"}) {
    Conversation talk;
    talk.handshake().client(kGet).server(kAnswer);
    for (int i = 0; i < 3; ++i) {
      talk.wait(10 * kSecond);
      add(talk, Side::kServer,
          {.seq = talk.next(Side::kServer) - 1, .ack = talk.next(Side::kClient), .payload = byte});
      talk.ack(Side::kClient);
    }
    talk.close(Side::kClient);
    const RecordedConnection closed = run(talk).sink.closed();
    EXPECT_EQ(closed.server.keep_alives, 3u);
    EXPECT_EQ(closed.client.keep_alives, 0u);
    EXPECT_EQ(closed.client.duplicate_acks, 0u) << "their answers are none";
    EXPECT_EQ(closed.server.retransmits.packets, 0u);
    EXPECT_EQ(closed.server.bytes, kAnswer.size());
    EXPECT_EQ(closed.server.conflicts, 0u);
  }
}

TEST(FiguresTest, ZeroWindows) {
  Conversation talk;
  talk.handshake().client(kGet).server(kAnswer);
  for (int i = 0; i < 12; ++i) {
    add(talk, Side::kClient, {.seq = talk.next(Side::kClient), .ack = talk.next(Side::kServer), .window = 0});
  }
  talk.ack(Side::kClient).close(Side::kClient);
  const RecordedConnection closed = run(talk).sink.closed();
  EXPECT_EQ(closed.client.zero_windows, 12u);
  EXPECT_EQ(closed.client.duplicate_acks, 0u);
  EXPECT_EQ(closed.server.zero_windows, 0u);
  EXPECT_EQ(closed.history, "ShADadWWFf") << "the first and the tenth";
}

TEST(FiguresTest, RoundTripsOfAFlight) {
  Conversation talk;
  talk.setup().acks = false;
  talk.setup().segment_size = 20;
  talk.handshake().client(kGet);  // 28 bytes: two segments, 1 ms apart
  talk.wait(5 * kMillisecond).ack(Side::kServer);
  talk.server(kAnswer).wait(3 * kMillisecond).ack(Side::kClient).close(Side::kClient);
  const RecordedConnection closed = run(talk).sink.closed();
  ASSERT_TRUE(closed.client.round_trips && closed.server.round_trips);
  EXPECT_EQ(closed.client.round_trips->max, 6 * kMillisecond);
  EXPECT_EQ(closed.client.round_trips->min, 5 * kMillisecond);
  EXPECT_EQ(closed.server.round_trips->max, 5 * kMillisecond) << "three segments";
  EXPECT_EQ(closed.server.round_trips->min, 3 * kMillisecond);
}

// Nanoseconds of a handshake that do not fit in 32 bits: the server's queue was full, and the client patient.
TEST(FiguresTest, ASlowHandshake) {
  Conversation talk;
  talk.syn().wait(5 * kSecond).syn_ack().wait(6 * kSecond).ack(Side::kClient);
  talk.client(kGet).server(kAnswer).close(Side::kClient);
  const Outcomes out = run(talk);
  const RecordedConnection& established = out.sink.the(ConnectionAction::kEstablished);
  ASSERT_TRUE(established.handshake);
  EXPECT_EQ(established.handshake->syn_ack, 5 * kSecond);
  EXPECT_EQ(established.handshake->ack, 6 * kSecond);
  EXPECT_EQ(established.time, kStart + 11 * kSecond);
}

// Each RST has another number: the first ends the connection, and the history is full with the eighteenth.
TEST(FiguresTest, ManyResets) {
  Conversation talk;
  talk.handshake().client(kGet);
  const std::int64_t end = talk.now();
  for (int i = 0; i < 25; ++i) {
    talk.rst(Side::kServer);
    ++talk.next(Side::kServer);
  }
  const RecordedConnection closed = run(talk).sink.closed();
  EXPECT_EQ(closed.history, "ShADa" + std::string(18, 'r'));
  EXPECT_EQ(closed.time, end);
  EXPECT_EQ(closed.end, end + 24 * kMillisecond);
}

// Which of the two was acknowledged, nobody can tell (RFC 6298 section 3).
TEST(FiguresTest, WhatIsSentAgainIsNotMeasured) {
  Conversation talk;
  talk.setup().acks = false;
  talk.handshake().client(kGet);
  Frame again = talk.frames().back();
  again.time_ns = talk.now();
  talk.frames().push_back(again);
  talk.wait(5 * kMillisecond).ack(Side::kServer).server(kAnswer).close(Side::kServer);
  const RecordedConnection closed = run(talk).sink.closed();
  EXPECT_FALSE(closed.client.round_trips);
  EXPECT_EQ(closed.client.retransmits.packets, 1u);
}

// The SYN came past after its answer: what lies between them is not known.
TEST(FiguresTest, ASynBehindItsSynAckGivesNoRoundTrip) {
  Conversation talk;
  talk.syn().syn_ack();
  std::swap(talk.frames()[0], talk.frames()[1]);
  std::swap(talk.frames()[0].time_ns, talk.frames()[1].time_ns);
  talk.ack(Side::kClient).client(kGet).server(kAnswer).close(Side::kClient);
  const Outcomes out = run(talk);
  EXPECT_FALSE(out.sink.the(ConnectionAction::kEstablished).handshake);
  EXPECT_FALSE(out.sink.closed().handshake);
  EXPECT_EQ(out.sink.who.front().client, "10.0.0.1:40000");
}

// The last FIN is lost and sent again after three seconds, and the data with it.
TEST(FiguresTest, ACloseWaitsForTheLastAcknowledgement) {
  Conversation talk;
  talk.setup().acks = false;
  talk.handshake().client(kGet).fin(Side::kServer).ack(Side::kClient);
  talk.fin(Side::kClient, "late").wait(3 * kSecond);
  Frame again = talk.frames().back();
  again.time_ns = talk.now();
  talk.frames().push_back(again);
  talk.wait(kMillisecond).ack(Side::kServer);
  const std::int64_t last = talk.frames().back().time_ns;
  const Outcomes out = run(talk);
  EXPECT_EQ(out.counters.opened, 1u);
  EXPECT_EQ(out.sink.closed().reason, CloseReason::kFin);
  EXPECT_EQ(out.sink.closed().time, last);
  EXPECT_EQ(out.sink.closed().client.packets, 6u);
}

// What a connection carries after HTTP is counted as exactly, though nobody reads it.
TEST(FiguresTest, ATunnelIsCountedByItsNumbers) {
  Conversation talk;
  talk.handshake().client(crlf("CONNECT h:443 HTTP/1.1\nHost: h:443\n\n"));
  talk.server(crlf("HTTP/1.1 200 OK\n\n"));
  const std::uint64_t head = talk.next(Side::kServer) - 5001;
  talk.setup().acks = false;
  talk.setup().segment_size = 10;
  talk.server("0123456789abcdefghijABCDEFGHIJ");  // the second comes last, and the third twice
  std::vector<Frame>& frames = talk.frames();
  std::swap(frames[frames.size() - 2], frames.back());
  frames.push_back(frames[frames.size() - 2]);
  talk.server("lost").lose().server("more").ack(Side::kClient).close(Side::kClient);
  const RecordedConnection closed = run(talk).sink.closed();
  EXPECT_EQ(closed.server.bytes, head + 30 + 4);
  EXPECT_EQ(closed.server.out_of_order.packets, 1u);
  EXPECT_EQ(closed.server.out_of_order.bytes, 10u);
  EXPECT_EQ(closed.server.retransmits.packets, 1u);
  EXPECT_EQ(closed.server.retransmits.bytes, 10u);
  EXPECT_EQ(closed.server.missed_bytes, 4u);
  EXPECT_EQ(closed.history, "ShADadtgFf");
}

// The FIN comes past before what it ends.
TEST(FiguresTest, BytesOfATunnelBelowAnEarlyFin) {
  Conversation talk;
  talk.handshake().client(crlf("CONNECT h:443 HTTP/1.1\nHost: h:443\n\n"));
  talk.server(crlf("HTTP/1.1 200 OK\n\n"));
  const std::uint64_t head = talk.next(Side::kServer) - 5001;
  talk.setup().acks = false;
  talk.server("the end").fin(Side::kServer);
  std::swap(talk.frames()[talk.frames().size() - 2], talk.frames().back());
  talk.ack(Side::kClient).fin(Side::kClient).ack(Side::kServer);
  const RecordedConnection closed = run(talk).sink.closed();
  EXPECT_EQ(closed.server.bytes, head + 7);
  EXPECT_EQ(closed.server.missed_bytes, 0u);
  EXPECT_EQ(closed.server.retransmits.packets, 0u);
}

// A capture that starts between the two segments of a response: the first comes late, or again.
TEST(FiguresTest, BytesBeforeTheFirstOnesSeenCountOnce) {
  Conversation talk;
  talk.setup().acks = false;
  talk.server(kAnswer.substr(0, 20)).server(kAnswer.substr(20));
  std::swap(talk.frames()[0], talk.frames()[1]);
  talk.frames().push_back(talk.frames()[1]);
  const RecordedConnection closed = run(talk).sink.closed();
  EXPECT_EQ(closed.server.bytes, kAnswer.size());
  EXPECT_EQ(closed.server.out_of_order.bytes, 20u);
  EXPECT_EQ(closed.server.retransmits.bytes, 20u);
}

}  // namespace
}  // namespace tapline::test
