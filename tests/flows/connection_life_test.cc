// The life of a connection: handshake, numbers, who closed and how, time-outs, reuse.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "flows/flow_processor.h"
#include "tests/flows/conversation.h"

namespace tapline::test {
namespace {

using Lines = std::vector<std::string>;

const std::string kGet = crlf("GET /a HTTP/1.1\nHost: h\n\n");
const std::string kAnswer = crlf("HTTP/1.1 200 OK\nContent-Length: 5\n\n") + "hello";
const std::string kRecord = "#1 GET /a 1.1 [28+0] -> 200 OK [38+5] success";

TEST(ConnectionTest, HandshakeNumbersAndTimes) {
  Conversation talk;
  talk.syn().wait(3 * kMillisecond).syn_ack().wait(2 * kMillisecond).ack(Side::kClient);
  talk.client(kGet).server(kAnswer).close(Side::kClient);
  const Outcomes out = run(talk);
  const RecordedConnection& closed = out.sink.closed();
  ASSERT_TRUE(closed.client.syn && closed.server.syn);
  EXPECT_EQ(closed.client.syn->isn, 1000u);
  EXPECT_EQ(closed.client.syn->mss, 1460);
  EXPECT_EQ(closed.client.syn->window, 64240);
  EXPECT_EQ(closed.client.syn->window_scale, 7);
  EXPECT_TRUE(closed.client.syn->sack_permitted);
  EXPECT_TRUE(closed.client.syn->timestamps);
  EXPECT_EQ(closed.server.syn->isn, 5000u);
  EXPECT_EQ(closed.server.syn->mss, 1400);
  EXPECT_EQ(closed.server.syn->window_scale, 8);
  const RecordedConnection& established = out.sink.the(ConnectionAction::kEstablished);
  ASSERT_TRUE(established.handshake && closed.handshake);
  EXPECT_EQ(established.handshake->syn_ack, 3 * kMillisecond);
  EXPECT_EQ(established.handshake->ack, 2 * kMillisecond);
  EXPECT_EQ(out.sink.the(ConnectionAction::kOpened).time, kStart);
  EXPECT_EQ(established.time, kStart + 5 * kMillisecond);
  // ACK 5 ms, request and its ACK, response and its ACK, then FIN at 10 ms.
  EXPECT_EQ(out.sink.the(ConnectionAction::kHalfClosed).time, kStart + 10 * kMillisecond);
  EXPECT_EQ(closed.time, kStart + 13 * kMillisecond) << "the ACK of the last FIN";
  EXPECT_EQ(closed.start, kStart);
  EXPECT_EQ(closed.end, kStart + 13 * kMillisecond);
  EXPECT_EQ(closed.client.packets, 6u);
  EXPECT_EQ(closed.server.packets, 5u);
  EXPECT_EQ(closed.client.bytes, 28u);
  EXPECT_EQ(closed.server.bytes, 43u);
  EXPECT_EQ(closed.transactions, 1u);
  EXPECT_EQ(closed.completeness, 31);
  EXPECT_EQ(closed.state, "SF");
  EXPECT_EQ(closed.history, "ShADadFf") << "Zeek's letters, each once";
}

TEST(ConnectionTest, SynWithoutOptionsSaysNothingOfThem) {
  Conversation talk;
  TcpFields syn;
  syn.seq = 1000;
  syn.flags = kSyn;
  talk.frames().push_back(talk.frame(Side::kClient, syn));
  talk.syn_ack().ack(Side::kClient);
  const Outcomes out = run(talk);
  ASSERT_TRUE(out.sink.closed().client.syn);
  EXPECT_FALSE(out.sink.closed().client.syn->mss);
  EXPECT_FALSE(out.sink.closed().client.syn->window_scale);
  EXPECT_FALSE(out.sink.closed().client.syn->sack_permitted);
  EXPECT_FALSE(out.sink.closed().client.syn->timestamps);
}

TEST(ConnectionTest, ThreeWayClose) {
  Conversation talk;
  talk.handshake().client(kGet).server(kAnswer);
  talk.fin(Side::kServer).fin(Side::kClient).ack(Side::kServer);
  const Outcomes out = run(talk);
  EXPECT_EQ(out.sink.lines, (Lines{"opened", "established", kRecord, "half-closed by server",
                                   "closed fin three-way by server"}));
}

TEST(ConnectionTest, SimultaneousClose) {
  Conversation talk;
  talk.handshake().client(kGet).server(kAnswer);
  const std::uint32_t client = talk.next(Side::kClient), server = talk.next(Side::kServer);
  talk.frames().push_back(talk.frame(Side::kClient, {.seq = client, .ack = server, .flags = kFin | kAck}));
  talk.frames().push_back(talk.frame(Side::kServer, {.seq = server, .ack = client, .flags = kFin | kAck}));
  talk.frames().push_back(talk.frame(Side::kClient, {.seq = client + 1, .ack = server + 1}));
  talk.frames().push_back(talk.frame(Side::kServer, {.seq = server + 1, .ack = client + 1}));
  EXPECT_EQ(run(talk).sink.lines.back(), "closed fin simultaneous by client");
}

TEST(ConnectionTest, HalfClosedForLong) {
  Conversation talk;
  talk.handshake().client(kGet).fin(Side::kClient).ack(Side::kServer).wait(500 * kSecond);
  talk.server(kAnswer).fin(Side::kServer).ack(Side::kClient);
  EXPECT_EQ(run(talk).sink.lines, (Lines{"opened", "established", "half-closed by client", kRecord,
                                         "closed fin four-way by client"}));
}

TEST(ConnectionTest, ResetByEitherSide) {
  for (const Side side : {Side::kClient, Side::kServer}) {
    Conversation talk;
    talk.handshake().client(kGet).server(kAnswer).rst(side);
    const Outcomes out = run(talk);
    const std::string by = side == Side::kClient ? "client" : "server";
    EXPECT_EQ(out.sink.lines, (Lines{"opened", "established", kRecord, "closed rst reset by " + by}));
    EXPECT_EQ(out.sink.closed().state, side == Side::kClient ? "RSTO" : "RSTR");
    EXPECT_EQ(out.sink.closed().completeness, 47);
  }
}

TEST(ConnectionTest, ResetInsideAResponseIsAFailure) {
  Conversation talk;
  talk.handshake().client(kGet).server(kAnswer.substr(0, 40)).rst(Side::kServer);
  EXPECT_EQ(run(talk).sink.transaction_lines(),
            (Lines{"#1 GET /a 1.1 [28+0] -> 200 OK [38+2] failure missing=response_body"}));
}

TEST(ConnectionTest, ResetBeforeAResponseIsAFailure) {
  Conversation talk;
  talk.handshake().client(kGet).rst(Side::kServer);
  EXPECT_EQ(run(talk).sink.transaction_lines(),
            (Lines{"#1 GET /a 1.1 [28+0] -> - failure missing=response"}));
}

TEST(ConnectionTest, ACloseWithoutAResponseIsAFailure) {
  for (const Side first : {Side::kClient, Side::kServer}) {
    Conversation talk;
    talk.handshake().client(kGet).close(first);
    EXPECT_EQ(run(talk).sink.transaction_lines(),
              (Lines{"#1 GET /a 1.1 [28+0] -> - failure missing=response"}));
  }
}

TEST(ConnectionTest, ABlindResetIsNotBelieved) {
  Conversation talk;
  talk.handshake().client(kGet);
  talk.frames().push_back(
      talk.frame(Side::kServer, {.seq = talk.next(Side::kServer) - 100'000, .ack = 0, .flags = kRst}));
  talk.server(kAnswer).close(Side::kClient);
  EXPECT_EQ(run(talk).sink.lines, (Lines{"opened", "established", kRecord, "half-closed by client",
                                         "closed fin four-way by client"}));
}

TEST(ConnectionTest, RefusedAttempt) {
  Conversation talk;
  talk.syn();
  talk.frames().push_back(talk.frame(Side::kServer, {.seq = 0, .ack = 1001, .flags = kRst | kAck}));
  const Outcomes out = run(talk);
  EXPECT_EQ(out.sink.lines, (Lines{"opened", "closed rst reset by server"}));
  EXPECT_EQ(out.sink.closed().state, "REJ");
  EXPECT_EQ(out.sink.closed().completeness, 37) << "Wireshark counts the RST's ACK";
}

TEST(ConnectionTest, AnAttemptThatNobodyAnswersHasOnlyAClosed) {
  Conversation talk;
  talk.syn().wait(kSecond).syn().wait(2 * kSecond).syn();
  RecordingSink sink;
  FlowProcessor processor(default_options(), sink);
  feed(processor, talk.frames());
  processor.advance(talk.now() + 29 * kSecond);
  EXPECT_EQ(sink.lines, Lines{});
  processor.advance(talk.now() + 31 * kSecond);
  EXPECT_EQ(sink.lines, Lines{"closed timeout"});
  EXPECT_EQ(sink.closed().state, "S0");
  EXPECT_EQ(sink.closed().client.packets, 3u);
  EXPECT_EQ(sink.closed().time, talk.frames().back().time_ns);
  EXPECT_EQ(processor.counters().attempts, 1u);
  finish(processor, sink);
  EXPECT_EQ(sink.lines.size(), 1u);
}

TEST(ConnectionTest, AScanThatSendsSynThenFinHasOnlyAClosed) {
  Conversation talk;
  talk.syn().segment(Side::kClient, kFin);
  EXPECT_EQ(run(talk).sink.lines, (Lines{"closed end half by client"}));
}

TEST(ConnectionTest, RepeatedSynIsMeasuredFromTheLastOne) {
  Conversation talk;
  talk.syn().wait(kSecond).syn().wait(4 * kMillisecond).syn_ack().ack(Side::kClient);
  const Outcomes out = run(talk);
  EXPECT_EQ(out.counters.opened, 1u);
  EXPECT_EQ(out.sink.closed().handshake->syn_ack, 4 * kMillisecond);
  EXPECT_EQ(out.sink.the(ConnectionAction::kOpened).time, kStart);
}

TEST(ConnectionTest, ASynWithAnotherNumberIsAnotherConnection) {
  Conversation one, two({.client_isn = 77000, .server_isn = 99000, .start = kStart + 10 * kSecond});
  one.handshake().client(kGet);
  two.handshake().client(kGet).server(kAnswer).close(Side::kClient);
  const Outcomes out = run(merge(one.frames(), two.frames()));
  EXPECT_EQ(
      out.sink.lines,
      (Lines{"opened", "established", "#1 GET /a 1.1 [28+0] -> - unknown missing=response", "closed reused",
             "opened", "established", kRecord, "half-closed by client", "closed fin four-way by client"}));
  EXPECT_EQ(out.sink.who.front().number, 1u);
  EXPECT_EQ(out.sink.who.back().number, 2u);
  EXPECT_NE(out.sink.who.front().id, out.sink.who.back().id);
}

TEST(ConnectionTest, ReuseDuringTheLingerKeepsTheReasonOfTheClose) {
  Conversation one, two({.client_isn = 77000, .server_isn = 99000, .start = kStart + kSecond / 2});
  one.handshake().client(kGet).server(kAnswer).close(Side::kServer);
  two.handshake().client(kGet).server(kAnswer).rst(Side::kClient);
  const Outcomes out = run(merge(one.frames(), two.frames()));
  EXPECT_EQ(out.sink.lines,
            (Lines{"opened", "established", kRecord, "half-closed by server", "closed fin four-way by server",
                   "opened", "established", kRecord, "closed rst reset by client"}));
}

TEST(ConnectionTest, LateFramesCountInTheClosed) {
  Conversation talk;
  talk.handshake().client(kGet).server(kAnswer).close(Side::kClient);
  const std::int64_t last_ack = talk.frames().back().time_ns;
  Frame late = talk.frames()[5];  // the server's data once more
  late.time_ns = talk.now() + kSecond / 2;
  talk.frames().push_back(late);
  RecordingSink sink;
  FlowProcessor processor(default_options(), sink);
  feed(processor, talk.frames());
  processor.advance(late.time_ns + kSecond / 2);
  EXPECT_EQ(processor.counters().open, 1u) << "the linger starts anew with each frame";
  processor.advance(late.time_ns + 2 * kSecond);
  EXPECT_EQ(processor.counters().open, 0u);
  EXPECT_EQ(sink.closed().text(), "closed fin four-way by client");
  EXPECT_EQ(sink.closed().time, last_ack);
  EXPECT_EQ(sink.closed().end, late.time_ns);
  EXPECT_EQ(sink.closed().server.packets, 6u);
  EXPECT_EQ(sink.closed().server.bytes, 43u) << "each sequence number once";
  finish(processor, sink);
}

TEST(ConnectionTest, AFrameAfterTheLingerIsAnotherConnection) {
  Conversation talk;
  talk.handshake().close(Side::kClient).wait(5 * kSecond).ack(Side::kClient);
  const Outcomes out = run(talk);
  EXPECT_EQ(out.sink.lines, (Lines{"opened", "established", "half-closed by client",
                                   "closed fin four-way by client", "closed end"}));
  EXPECT_EQ(out.counters.opened, 2u);
}

TEST(ConnectionTest, ExpiryIsDecidedByPacketTimeAtLookUp) {
  for (const bool expired : {false, true}) {
    Conversation talk;
    talk.handshake().client(kGet).wait(3600 * kSecond + (expired ? kSecond : -kSecond)).server(kAnswer);
    const Outcomes out = run(talk);
    EXPECT_EQ(out.counters.opened, expired ? 2u : 1u);
    EXPECT_EQ(out.sink.transaction_lines()[0],
              expired ? "#1 GET /a 1.1 [28+0] -> - unknown missing=response" : kRecord);
  }
}

TEST(ConnectionTest, TimeOutsOfEachState) {
  FlowOptions options = default_options();
  options.attempt_timeout = 20 * kSecond;
  options.established_timeout = 300 * kSecond;
  options.half_closed_timeout = 150 * kSecond;
  options.close_linger = 7 * kSecond;
  const auto closes_after = [&](Conversation& talk, std::int64_t patience, const std::string& line) {
    RecordingSink sink;
    FlowProcessor processor(options, sink);
    feed(processor, talk.frames());
    const std::int64_t last = talk.frames().back().time_ns;
    processor.advance(last + patience - kSecond / 10);
    EXPECT_EQ(processor.counters().open, 1u) << line;
    processor.advance(last + patience + kSecond / 5);
    EXPECT_EQ(processor.counters().open, 0u) << line;
    EXPECT_EQ(sink.lines.back(), line);
    finish(processor, sink);
  };
  Conversation attempt, half_open, established, half, ended, reset;
  attempt.syn();
  half_open.syn().syn_ack();
  established.handshake();
  // A frame long after the handshake, so that its first time-out was looked at already.
  half.handshake().wait(100 * kSecond).fin(Side::kClient).ack(Side::kServer);
  ended.handshake().wait(100 * kSecond).close(Side::kClient);
  reset.handshake().wait(100 * kSecond).rst(Side::kClient);
  closes_after(attempt, options.attempt_timeout, "closed timeout");
  closes_after(half_open, options.attempt_timeout, "closed timeout");
  closes_after(established, options.established_timeout, "closed timeout");
  closes_after(half, options.half_closed_timeout, "closed timeout half by client");
  closes_after(ended, options.close_linger, "closed fin four-way by client");
  closes_after(reset, options.close_linger, "closed rst reset by client");
}

TEST(ConnectionTest, FinishWritesInTheOrderOfFirstFrames) {
  for (const std::uint64_t seed : {1u, 2u, 3u}) {
    std::vector<Frame> frames;
    for (std::uint8_t i = 0; i < 20; ++i) {
      Conversation talk({.client = host(static_cast<std::uint8_t>(200 - 7 * i), 40000), .start = kStart + i});
      talk.handshake().client(kGet);
      frames = merge(frames, talk.frames());
    }
    FlowOptions options = default_options();
    options.hash_seed = seed;
    const Outcomes out = run(frames, options, CloseReason::kShutdown);
    std::vector<std::uint64_t> numbers;
    for (std::size_t i = 0; i < out.sink.lines.size(); ++i) {
      if (out.sink.lines[i] == "closed shutdown") numbers.push_back(out.sink.who[i].number);
    }
    EXPECT_EQ(numbers.size(), 20u);
    EXPECT_TRUE(std::is_sorted(numbers.begin(), numbers.end()));
    EXPECT_EQ(out.sink.transaction_lines()[0], "#1 GET /a 1.1 [28+0] -> - unknown missing=response");
  }
}

TEST(ConnectionTest, WithoutNumbersThereAreNone) {
  FlowOptions options = default_options();
  options.number_connections = false;
  Conversation talk;
  talk.handshake();
  EXPECT_EQ(run(talk, options).sink.who.at(0).number, 0u);
}

TEST(ConnectionTest, SynAckTellsTheServerWherePortsDoNot) {
  FlowOptions options = default_options();
  options.ports.insert(40000);
  Conversation talk;
  talk.handshake().client(kGet).server(kAnswer).close(Side::kClient);
  talk.frames().erase(talk.frames().begin());  // without its SYN
  const Outcomes out = run(talk, options);
  EXPECT_EQ(out.sink.who.at(0).client, "10.0.0.1:40000");
  EXPECT_EQ(out.sink.transaction_lines(), Lines{kRecord});
}

TEST(ConnectionTest, AHeadTellsTheClientWherePortsDoNot) {
  FlowOptions options = default_options();
  options.ports.insert(40000);
  for (const bool request_first : {true, false}) {
    Conversation talk;
    talk.client(kGet).server(kAnswer);
    if (!request_first) talk.frames().erase(talk.frames().begin(), talk.frames().begin() + 2);
    const Outcomes out = run(talk, options);
    EXPECT_EQ(out.sink.lines.at(0), "opened midstream");
    EXPECT_EQ(out.sink.who.at(0).client, "10.0.0.1:40000");
  }
}

TEST(ConnectionTest, TheLowerPortIsTheServerWhenNothingElseTells) {
  FlowOptions options = default_options();
  options.ports.insert(40000);
  Conversation talk;
  for (int i = 0; i < 2; ++i) talk.segment(Side::kServer, kAck, "???").segment(Side::kClient, kAck, "???");
  const Outcomes out = run(talk, options);
  EXPECT_EQ(out.sink.lines, (Lines{"opened midstream", "closed end"}));
  EXPECT_EQ(out.sink.who.at(0).server, "10.0.0.2:80");
  EXPECT_EQ(out.sink.closed().client.packets, 2u);
}

TEST(ConnectionTest, SimultaneousOpenIsOneConnection) {
  Conversation talk;
  talk.syn();
  talk.frames().push_back(talk.frame(Side::kServer, {.seq = 5000, .flags = kSyn}));
  talk.frames().push_back(talk.frame(Side::kClient, {.seq = 1000, .ack = 5001, .flags = kSyn | kAck}));
  talk.frames().push_back(talk.frame(Side::kServer, {.seq = 5000, .ack = 1001, .flags = kSyn | kAck}));
  talk.client(kGet).server(kAnswer).close(Side::kClient);
  const Outcomes out = run(talk);
  EXPECT_EQ(out.counters.opened, 1u);
  EXPECT_EQ(out.sink.transaction_lines(), Lines{kRecord});
  EXPECT_EQ(out.sink.who.at(0).client, "10.0.0.1:40000");
}

TEST(ConnectionTest, KeepAliveProbesAreNoData) {
  Conversation talk;
  talk.handshake().client(kGet).server(kAnswer);
  for (int i = 0; i < 3; ++i) {
    talk.frames().push_back(
        talk.frame(Side::kClient,
                   {.seq = talk.next(Side::kClient) - 1, .ack = talk.next(Side::kServer), .payload = "\1"}));
    talk.ack(Side::kServer);
  }
  talk.client(kGet).server(kAnswer).close(Side::kClient);
  const Outcomes out = run(talk);
  EXPECT_EQ(out.counters.transactions, 2u);
  EXPECT_EQ(out.sink.closed().client.bytes, 56u);
  EXPECT_EQ(out.sink.closed().client.retransmits.packets, 0u);
}

// A tail loss probe repeats the last segment, which often has the FIN.
TEST(ConnectionTest, BytesSentAgainWithTheFinAreRetransmitted) {
  Conversation talk;
  talk.handshake().client(kGet).fin(Side::kServer, kAnswer);
  talk.frames().push_back(talk.frames().back());
  talk.ack(Side::kClient).fin(Side::kClient).ack(Side::kServer);
  const Outcomes out = run(talk);
  EXPECT_EQ(out.sink.transaction_lines(), Lines{kRecord});
  EXPECT_EQ(out.sink.closed().server.bytes, 43u);
  EXPECT_EQ(out.sink.closed().server.retransmits.packets, 1u);
  EXPECT_EQ(out.sink.closed().server.retransmits.bytes, 43u);
}

TEST(ConnectionTest, SequenceNumbersWrap) {
  Conversation plain, wrapping({.client_isn = 0xffffffffu, .server_isn = 0xfffffff0u});
  for (Conversation* talk : {&plain, &wrapping}) {
    talk->setup().segment_size = 7;
    talk->handshake().client(kGet).server(kAnswer).client(kGet).server(kAnswer).close(Side::kClient);
  }
  EXPECT_EQ(run(plain).sink.lines, run(wrapping).sink.lines);
  EXPECT_EQ(run(wrapping).sink.closed().server.bytes, 86u);
}

TEST(ConnectionTest, FrameTimesThatGoBackMakeNoNegativeDurations) {
  Conversation talk;
  talk.handshake().client(kGet).server(kAnswer).close(Side::kClient);
  for (std::size_t i = 0; i < talk.frames().size(); ++i) talk.frames()[i].time_ns -= i % 3 * 5 * kMillisecond;
  const Outcomes out = run(talk);
  EXPECT_EQ(out.sink.transaction_lines(), Lines{kRecord});
  EXPECT_LE(out.sink.closed().start, out.sink.closed().time);
}

}  // namespace
}  // namespace tapline::test
