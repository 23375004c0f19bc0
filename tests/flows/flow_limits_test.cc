// Every bound: what happens when it bites, and which counter tells.
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

Conversation talk_of(std::uint8_t client, std::int64_t start) {
  return Conversation({.client = host(client, 40000), .start = kStart + start});
}

TEST(LimitsTest, AHeadOverTheLimitIsCutAndItsMessageGoesOn) {
  FlowOptions options = default_options();
  options.max_head = 100;
  const std::string big(300, 'v');
  for (const std::size_t segment_size : {1460u, 50u, 7u, 1u}) {
    SCOPED_TRACE(segment_size);
    Conversation talk;
    talk.setup().segment_size = segment_size;
    talk.handshake()
        .client(crlf("GET /big HTTP/1.1\nHost: h\nCookie: " + big + "\n\n") + kGet)
        .server(crlf("HTTP/1.1 200 OK\nContent-Length: 5\nX: " + big + "\n\n") + "hello" + kAnswer)
        .close(Side::kClient);
    const Outcomes out = run(talk, options);
    EXPECT_EQ(
        out.sink.transaction_lines(),
        (Lines{"#1 GET /big 1.1 [340+0] -> 200 OK [343+5] success missing=request_head missing=response_head",
               "#2 GET /a 1.1 [28+0] -> 200 OK [38+5] success"}));
    EXPECT_EQ(out.counters.heads_too_long, 2u);
    EXPECT_EQ(out.sink.transactions.at(0).request->headers.at(0).second, "h");
  }
}

TEST(LimitsTest, AHeadOfExactlyTheLimitIsWhole) {
  FlowOptions options = default_options();
  options.max_head = static_cast<std::uint32_t>(kGet.size());
  Conversation talk;
  talk.handshake().client(kGet).close(Side::kClient);
  EXPECT_EQ(run(talk, options).counters.heads_too_long, 0u);
}

TEST(LimitsTest, OneConnectionIsRoomEnough) {
  FlowOptions options = default_options();
  options.max_flows = 1;
  Conversation one = talk_of(1, 0), two = talk_of(3, 100 * kMillisecond);
  one.handshake().client(kGet);
  two.handshake().client(kGet).server(kAnswer).close(Side::kClient);
  const Outcomes out = run(merge(one.frames(), two.frames()), options);
  EXPECT_EQ(out.sink.lines,
            (Lines{"opened", "established", "#1 GET /a 1.1 [28+0] -> - unknown missing=response",
                   "closed evicted", "opened", "established", "#1 GET /a 1.1 [28+0] -> 200 OK [38+5] success",
                   "half-closed by client", "closed fin four-way by client"}));
  EXPECT_EQ(out.counters.evicted, 1u);
  EXPECT_EQ(out.counters.opened, 2u);
}

TEST(LimitsTest, WhatIsEvictedFirst) {
  FlowOptions options = default_options();
  options.max_flows = 4;
  options.close_linger = 1000 * kSecond;
  Conversation idle = talk_of(1, 0), lingering = talk_of(2, kSecond), half_open = talk_of(4, 2 * kSecond),
               attempt = talk_of(3, 3 * kSecond);
  idle.handshake();
  half_open.syn().syn_ack();
  lingering.handshake().close(Side::kServer);
  attempt.syn();
  std::vector<Frame> frames =
      merge(merge(idle.frames(), lingering.frames()), merge(half_open.frames(), attempt.frames()));
  for (std::uint8_t i = 0; i < 4; ++i) {  // four more that stay
    Conversation talk = talk_of(static_cast<std::uint8_t>(10 + i), (10 + i) * kSecond);
    talk.handshake();
    frames = merge(frames, talk.frames());
  }
  const Outcomes out = run(frames, options);
  Lines closed;
  for (std::size_t i = 0; i < out.sink.lines.size(); ++i) {
    if (out.sink.lines[i].starts_with("closed"))
      closed.push_back(out.sink.who[i].client + " " + out.sink.lines[i]);
  }
  EXPECT_EQ(closed, (Lines{"10.0.0.3:40000 closed evicted", "10.0.0.4:40000 closed evicted",
                           "10.0.0.2:40000 closed fin four-way by server", "10.0.0.1:40000 closed evicted",
                           "10.0.0.10:40000 closed end", "10.0.0.11:40000 closed end",
                           "10.0.0.12:40000 closed end", "10.0.0.13:40000 closed end"}));
  EXPECT_EQ(out.counters.evicted, 3u) << "what only lingered lost nothing";
  EXPECT_EQ(out.counters.attempts, 1u);
}

TEST(LimitsTest, ASynFloodDoesNotPushOutConnections) {
  FlowOptions options = default_options();
  options.max_flows = 8;
  Conversation talk = talk_of(1, 0);
  talk.handshake().client(kGet);
  std::vector<Frame> frames = talk.frames();
  for (int i = 0; i < 500; ++i) {
    Conversation attempt({.client = host(9, static_cast<std::uint16_t>(1000 + i)), .start = talk.now() + i});
    attempt.syn();
    frames.push_back(attempt.frames()[0]);
  }
  const std::size_t before = talk.frames().size();
  talk.wait(kSecond).server(kAnswer).close(Side::kClient);
  frames.insert(frames.end(), talk.frames().begin() + static_cast<std::ptrdiff_t>(before),
                talk.frames().end());
  const Outcomes out = run(frames, options);
  EXPECT_EQ(out.sink.transaction_lines(), Lines{"#1 GET /a 1.1 [28+0] -> 200 OK [38+5] success"});
  EXPECT_EQ(out.counters.attempts, 500u);
  EXPECT_EQ(out.counters.evicted, 493u);
}

// SYNs of distinct clients, `step` apart, and what the server says to each.
std::vector<Frame> syn_flood(int count, std::int64_t step, bool answered) {
  std::vector<Frame> frames;
  for (int i = 0; i < count; ++i) {
    Conversation attempt({.client = host(static_cast<std::uint8_t>(3 + i / 50'000),
                                         static_cast<std::uint16_t>(1000 + i % 50'000)),
                          .start = kStart + i * step,
                          .step = 1});
    attempt.syn();
    if (answered) attempt.syn_ack();
    frames.insert(frames.end(), attempt.frames().begin(), attempt.frames().end());
  }
  return frames;
}

TEST(LimitsTest, AThousandEvictedAttemptsASecondAreWritten) {
  FlowOptions options = default_options();
  options.max_flows = 8;
  const std::vector<Frame> frames = syn_flood(3000, kMillisecond / 2, false);  // one and a half seconds
  const Outcomes out = run(frames, options);
  EXPECT_EQ(std::count(out.sink.lines.begin(), out.sink.lines.end(), "closed evicted"), 1000 + 1000);
  EXPECT_EQ(std::count(out.sink.lines.begin(), out.sink.lines.end(), "closed end"), 8) << "not evicted";
  EXPECT_EQ(out.counters.attempts, 3000u);
  EXPECT_EQ(out.counters.evicted, 2992u);
  EXPECT_EQ(out.counters.attempts_unwritten, 992u);
  options.all_attempts = true;
  const Outcomes all = run(frames, options);
  EXPECT_EQ(all.sink.lines.size(), 3000u);
  EXPECT_EQ(all.counters.attempts_unwritten, 0u);
}

// A server answers SYNs, forged ones too. Nothing comes back for those.
TEST(LimitsTest, AFloodOfAnsweredSynsDoesNotPushOutConnections) {
  FlowOptions options = default_options();
  options.max_flows = 8;
  Conversation talk = talk_of(1, 0);
  talk.handshake().client(kGet);
  talk.wait(60 * kSecond).server(kAnswer).close(Side::kClient);
  const std::vector<Frame> frames = merge(talk.frames(), syn_flood(500, kMillisecond, true));
  const Outcomes out = run(frames, options);
  EXPECT_EQ(out.sink.transaction_lines(), Lines{"#1 GET /a 1.1 [28+0] -> 200 OK [38+5] success"});
  EXPECT_EQ(out.counters.attempts, 0u);
  EXPECT_EQ(std::count(out.sink.lines.begin(), out.sink.lines.end(), "closed evicted"), 493);
  EXPECT_EQ(std::count(out.sink.lines.begin(), out.sink.lines.end(), "closed timeout"), 7)
      << "the time-out of attempts";
}

TEST(LimitsTest, OutOfOrderDataBeyondTheMemoryIsLetGoAndCounted) {
  FlowOptions options = default_options();
  options.reassembly_memory = 64u << 10;
  Conversation talk;
  talk.handshake().client(kGet);
  talk.setup().acks = false;
  talk.server(crlf("HTTP/1.1 200 OK\nContent-Length: 200000\n\n") + std::string(100, 'x')).server("y").lose();
  talk.server(std::string(199'899, 'z')).ack(Side::kClient).close(Side::kClient);
  RecordingSink sink;
  FlowProcessor processor(options, sink);
  for (const Frame& frame : talk.frames()) {
    const Packet packet = frame.view();
    processor.process({&packet, 1});
    ASSERT_LE(processor.counters().reassembly_bytes, 64u << 10);
  }
  finish(processor, sink);
  EXPECT_GT(processor.counters().reassembly_refused, 0u);
  ASSERT_EQ(sink.transactions.size(), 1u);
  EXPECT_EQ(sink.transactions[0].incomplete, kMissingResponseBody);
}

TEST(LimitsTest, RequestsBeyondTheMemoryAreCountedAndNeverMixedUp) {
  FlowOptions options = default_options();
  options.reassembly_memory = 64u << 10;  // room for 256 blocks: a request takes two
  Conversation talk;
  talk.handshake();
  for (int i = 0; i < 300; ++i) talk.client(kGet);
  for (int i = 0; i < 3; ++i) talk.server(kAnswer);
  talk.close(Side::kClient);
  const Outcomes out = run(talk, options);
  EXPECT_GT(out.counters.reassembly_refused, 100u);
  // The memory is full when the first response comes: its status is all that can be kept.
  EXPECT_EQ(out.sink.transaction_lines().at(0),
            "#1 GET /a 1.1 [28+0] -> 200 [38+5] success missing=response_head");
  EXPECT_EQ(out.sink.transaction_lines().at(1), "#2 GET /a 1.1 [28+0] -> 200 OK [38+5] success");
  EXPECT_EQ(out.sink.transaction_lines().at(2), "#3 GET /a 1.1 [28+0] -> 200 OK [38+5] success");
  EXPECT_EQ(out.sink.closed().transactions, 300u);
}

TEST(LimitsTest, FramesThatAreNoSegmentsAreCountedByReason) {
  const auto frame = [](const Envelope& envelope, std::uint16_t port = 80) {
    return build(envelope, host(1, 40000), host(2, port), {.flags = kSyn});
  };
  std::vector<Frame> frames = {frame({.link = static_cast<LinkType>(147)}),
                               frame({.ether_type = 0x0806}),
                               frame({.protocol = 17}),
                               frame({.fragment = 5}),
                               frame({}).cut_to(40),
                               frame({.tcp_header_size = 2}),
                               frame({.tags = std::vector<VlanTag>(kMaxHeaders)}),
                               frame({}, 81),
                               frame({})};
  std::uint64_t bytes = 0;
  for (Frame& f : frames) {
    f.time_ns = kStart;
    bytes += f.length;
  }
  for (const std::uint32_t workers : {1u, 2u, 3u}) {
    FlowCounters sum;
    for (std::uint32_t worker = 0; worker < workers; ++worker) {
      FlowOptions options = default_options();
      options.worker = worker;
      options.workers = workers;
      const FlowCounters counters = run(frames, options).counters;
      sum.packets += counters.packets;
      sum.bytes += counters.bytes;
      sum.cut += counters.cut;
      sum.cut_bytes += counters.cut_bytes;
      sum.opened += counters.opened;
      for (std::size_t i = 0; i < sum.undecoded.size(); ++i) sum.undecoded[i] += counters.undecoded[i];
    }
    EXPECT_EQ(sum.packets, 9u) << workers;
    EXPECT_EQ(sum.bytes, bytes) << workers;
    EXPECT_EQ(sum.cut, 1u);
    EXPECT_EQ(sum.cut_bytes, 14u);
    EXPECT_EQ(sum.opened, 1u);
    for (std::size_t why = 1; why < sum.undecoded.size(); ++why) EXPECT_EQ(sum.undecoded[why], 1u) << why;
  }
}

TEST(LimitsTest, ManyConnectionsAtOnceLeaveNothing) {
  std::vector<Frame> frames;
  for (int i = 0; i < 200; ++i) {
    Conversation talk(
        {.client = host(1, static_cast<std::uint16_t>(20000 + i)), .start = kStart + i * kMillisecond});
    talk.setup().segment_size = 10;
    talk.handshake().client(kGet).server(kAnswer);
    if (i % 3 == 0) talk.close(Side::kServer);
    if (i % 3 == 1) talk.rst(Side::kClient);
    frames.insert(frames.end(), talk.frames().begin(), talk.frames().end());
  }
  std::stable_sort(frames.begin(), frames.end(),
                   [](const Frame& a, const Frame& b) { return a.time_ns < b.time_ns; });
  const Outcomes out = run(frames);
  EXPECT_EQ(out.counters.opened, 200u);
  EXPECT_EQ(out.counters.transactions, 200u);
}

}  // namespace
}  // namespace tapline::test
