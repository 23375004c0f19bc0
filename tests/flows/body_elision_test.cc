// Body elision changes no record but for what the contract's row `elided` gives up: conversations through a
// model of the filter, with the frames that it delivers waiting in a ring, against the same conversations
// whole.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <string>
#include <tuple>
#include <vector>

#include "flows/connection.h"
#include "tests/flows/elision_model.h"
#include "tests/flows/generated_conversation.h"

namespace tapline::test {
namespace {

#ifdef TAPLINE_SANITIZED
constexpr std::uint64_t kConversations = 100;
#else
constexpr std::uint64_t kConversations = 1000;
#endif

FlowOptions eliding_options(std::uint32_t above) {
  FlowOptions options = default_options();
  options.elide_above = above;
  return options;
}

// A capture with body elision: frames go past the filter at once, and are handled when handle() takes them
// out of the ring.
class ElidingCapture {
 public:
  explicit ElidingCapture(const FlowOptions& options, std::size_t room = 1000)
      : filter(room), processor(options, sink, &filter) {}

  // True: it stayed in the kernel.
  bool arrive(const Frame& frame) {
    TcpSegment segment;
    if (decode(frame.view(), segment) == Undecoded::kNone && filter.takes(segment)) return true;
    ring.push_back(frame);
    ++delivered;
    return false;
  }
  void handle(std::size_t frames) {
    for (; frames > 0 && !ring.empty(); --frames) {
      const Packet packet = ring.front().view();
      processor.process({&packet, 1});
      ring.pop_front();
    }
  }
  void handle_all() { handle(ring.size()); }
  // Each frame is handled before the next one comes.
  void capture(const std::vector<Frame>& frames) {
    for (const Frame& frame : frames) {
      arrive(frame);
      handle_all();
    }
  }
  void finish(CloseReason reason = CloseReason::kEnd) {
    handle_all();
    test::finish(processor, sink, reason);
    EXPECT_EQ(filter.in_use(), 0u);
  }

  ElisionModel filter;
  RecordingSink sink;
  FlowProcessor processor;
  std::deque<Frame> ring;
  std::size_t delivered = 0;
};

std::string without(std::string text, std::string_view letters) {
  std::erase_if(text, [&](char c) { return letters.find(c) != std::string_view::npos; });
  return text;
}

// What hangs on the order in which copies of a byte come is left out where a test says so.
struct Compared {
  bool last_times = true, keep_alives = true;
};

std::string text_of(const std::optional<RecordedMessage>& message, const Compared& compared) {
  if (!message) return " none";
  return " " + std::to_string(message->first_time - kStart) + "-" +
         (compared.last_times ? std::to_string(message->last_time - kStart) : "") + ":" +
         std::to_string(message->bytes) + "/" + std::to_string(message->body_bytes);
}

std::string text_of(const SideReport& side, const Compared& compared) {
  return " packets=" + std::to_string(side.packets) + " bytes=" + std::to_string(side.bytes) +
         " missed=" + std::to_string(side.missed_bytes) + " conflicts=" + std::to_string(side.conflicts) +
         (compared.keep_alives ? " keep_alives=" + std::to_string(side.keep_alives) : "") +
         (side.syn ? " isn=" + std::to_string(side.syn->isn) : "");
}

// All that records say, but for http.*.packet and the closed list.
std::vector<std::string> texts(const RecordingSink& sink, const Compared& compared = {}) {
  std::vector<std::string> out;
  std::size_t transaction = 0, connection = 0;
  for (const std::string& line : sink.lines) {
    if (line.starts_with("#")) {
      const RecordedTransaction& record = sink.transactions[transaction++];
      out.push_back(line + text_of(record.request, compared) + text_of(record.response, compared));
      continue;
    }
    const RecordedConnection& record = sink.connections[connection++];
    std::string text = line + " at " + std::to_string(record.time - kStart);
    if (record.action == ConnectionAction::kClosed) {
      text += " " + std::to_string(record.start - kStart) + "-" + std::to_string(record.end - kStart) +
              text_of(record.client, compared) + text_of(record.server, compared) + " " +
              std::to_string(record.transactions) + " " + std::to_string(record.completeness) + " " +
              record.state + " " + without(record.history, "twgTWG");
    }
    out.push_back(text);
  }
  return out;
}

Volume elided(const RecordingSink& sink) {
  Volume sum;
  for (const RecordedConnection& record : sink.connections) {
    for (const SideReport* side : {&record.client, &record.server}) {
      sum.packets += side->elided.packets;
      sum.bytes += side->elided.bytes;
    }
  }
  return sum;
}

// `deepest`: how many frames may wait in the ring. `exact`: compare what hangs on the order in which copies
// of one byte come.
Volume expect_same(const std::vector<Frame>& frames, const FlowOptions& options, std::size_t deepest,
                   Random& random, const Compared& compared = {}) {
  const Outcomes whole = run(frames, options);
  ElidingCapture capture(options);
  std::size_t stayed = 0;
  for (const Frame& frame : frames) {
    stayed += capture.arrive(frame) ? 1 : 0;
    if (capture.ring.size() > deepest) capture.handle(1 + random.below(capture.ring.size()));
    if (random.one_in(50)) capture.processor.take_elided();
  }
  capture.finish();
  const std::vector<std::string> got = texts(capture.sink, compared), expected = texts(whole.sink, compared);
  EXPECT_EQ(got.size(), expected.size());
  for (std::size_t i = 0; i < std::min(got.size(), expected.size()); ++i) EXPECT_EQ(got[i], expected[i]);
  const Volume sum = elided(capture.sink);
  const FlowCounters& counters = capture.processor.counters();
  EXPECT_EQ(sum.packets, stayed);
  EXPECT_EQ(counters.elided, stayed);
  EXPECT_EQ(counters.elided_bytes, sum.bytes);
  EXPECT_EQ(counters.packets + counters.elided, whole.counters.packets);
  EXPECT_EQ(counters.gaps().count, whole.counters.gaps().count);
  EXPECT_EQ(counters.gaps().bytes, whole.counters.gaps().bytes);
  return sum;
}

std::string body(std::size_t size) { return std::string(size, 'b'); }

std::string response(std::size_t size) {
  return crlf("HTTP/1.1 200 OK\nContent-Length: " + std::to_string(size) + "\n\n") + body(size);
}

const std::string kGet = crlf("GET /a HTTP/1.1\nHost: h\n\n");

// One end's bytes as segments, each acknowledged by the other end.
void exchange(Conversation& talk, Side from, std::string_view bytes) {
  for (; !bytes.empty(); bytes.remove_prefix(std::min<std::size_t>(bytes.size(), 1460)))
    talk.send(from, bytes.substr(0, 1460));
}

// Two requests on one connection, the first answered with a large body.
Conversation download(std::size_t size, const Conversation::Setup& setup = {}) {
  Conversation talk(setup);
  talk.handshake().client(kGet);
  exchange(talk, Side::kServer, response(size));
  talk.client(kGet);
  exchange(talk, Side::kServer, response(10));
  talk.close(Side::kClient);
  return talk;
}

class BodyElisionTest : public testing::Test {
 protected:
  Volume expect_same(const std::vector<Frame>& frames, std::size_t deepest = 0) {
    return test::expect_same(frames, eliding_options(4096), deepest, random_);
  }
  Volume expect_same(Conversation& talk, std::size_t deepest = 0) {
    return expect_same(talk.frames(), deepest);
  }
  Random random_{1};
};

TEST_F(BodyElisionTest, BodyOfKnownLengthStaysButForItsEnds) {
  Conversation talk = download(1460 * 100);
  const Volume stayed = expect_same(talk);
  // The first segment shows that the body has begun, the last two hold its end; and their acknowledgements.
  EXPECT_GE(stayed.packets, 2u * 95);
  EXPECT_GE(stayed.bytes, 1460u * 96);
}

TEST_F(BodyElisionTest, SmallBodiesAreNotWorthIt) {
  Conversation talk = download(4096);
  ElidingCapture capture(eliding_options(4096));
  capture.capture(talk.frames());
  capture.finish();
  EXPECT_EQ(capture.filter.claims, 0u);
}

// A table would be full of connections that are idle.
TEST_F(BodyElisionTest, TunnelsAndOtherProtocolsMustHaveShownThatTheyAreLong) {
  Conversation talk;
  talk.handshake().server("SSH-2.0-OpenSSH_9.2\r\n").client("SSH-2.0-OpenSSH_9.2\r\n");
  for (int i = 0; i < 20; ++i) talk.client(body(100)).server(body(100));
  talk.close(Side::kServer);
  ElidingCapture capture(eliding_options(4096));
  capture.capture(talk.frames());
  capture.finish();
  EXPECT_EQ(capture.filter.claims, 0u);
}

TEST_F(BodyElisionTest, SequenceNumbersWrapInside) {
  Conversation talk = download(1460 * 100, {.server_isn = 0u - 1460 * 50});
  EXPECT_GT(expect_same(talk).packets, 150u);
}

TEST_F(BodyElisionTest, ArmedLateWithFramesInTheRing) {
  for (const std::size_t deepest : {1u, 5u, 20u, 60u, 400u}) {
    SCOPED_TRACE(deepest);
    Conversation talk = download(1460 * 100);
    expect_same(talk, deepest);
  }
}

TEST_F(BodyElisionTest, LargeChunksAndTheFramingBetween) {
  Conversation talk;
  talk.handshake().client(kGet);
  std::string answer = crlf("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n");
  for (int i = 0; i < 3; ++i) answer += "10000\r\n" + body(0x10000) + "\r\n";
  exchange(talk, Side::kServer, answer + "0\r\nTrailer: x\r\n\r\n");
  talk.client(kGet);
  exchange(talk, Side::kServer, response(10));
  talk.close(Side::kServer);
  EXPECT_GT(expect_same(talk).bytes, 3u * 0xf000);
}

TEST_F(BodyElisionTest, UploadsToo) {
  Conversation talk;
  talk.handshake();
  exchange(talk, Side::kClient, crlf("POST /u HTTP/1.1\nHost: h\nContent-Length: 300000\n\n") + body(300000));
  talk.server(crlf("HTTP/1.1 201 Created\nContent-Length: 0\n\n")).client(kGet).server(response(3));
  talk.close(Side::kClient);
  EXPECT_GT(expect_same(talk).bytes, 280000u);
}

TEST_F(BodyElisionTest, BodyUntilCloseEndsWithItsLastByteThoughItStayed) {
  for (const bool data_with_fin : {false, true}) {
    Conversation talk;
    talk.handshake().client(kGet);
    exchange(talk, Side::kServer, crlf("HTTP/1.1 200 OK\n\n") + body(100000));
    talk.wait(kSecond);
    talk.fin(Side::kServer, data_with_fin ? "the end" : "").ack(Side::kClient);
    talk.fin(Side::kClient).ack(Side::kServer);
    EXPECT_GT(expect_same(talk).bytes, 90000u);
  }
}

TEST_F(BodyElisionTest, TunnelInBothDirections) {
  Conversation talk;
  talk.handshake().client(crlf("CONNECT h:443 HTTP/1.1\nHost: h:443\n\n"));
  talk.server(crlf("HTTP/1.1 200 OK\n\n"));
  for (int i = 0; i < 30; ++i) {
    exchange(talk, Side::kClient, body(5000));
    exchange(talk, Side::kServer, body(20000));
  }
  talk.close(Side::kClient);
  EXPECT_GT(expect_same(talk).bytes, 600000u);
}

TEST_F(BodyElisionTest, ProtocolThatIsNotHttp) {
  Conversation talk;
  talk.handshake().server("SSH-2.0-OpenSSH_9.2\r\n").client("SSH-2.0-OpenSSH_9.2\r\n");
  exchange(talk, Side::kServer, body(200000));
  talk.close(Side::kServer);
  EXPECT_GT(expect_same(talk).bytes, 180000u);
}

TEST_F(BodyElisionTest, PipelinedRequestInsideTheRange) {
  Conversation talk;
  talk.handshake().client(kGet);
  const std::string first = response(100000);
  exchange(talk, Side::kServer, first.substr(0, 50000));
  talk.client(kGet);
  exchange(talk, Side::kServer, first.substr(50000) + response(70000));
  talk.close(Side::kClient);
  EXPECT_GT(expect_same(talk).bytes, 130000u);
}

TEST_F(BodyElisionTest, BodyThatAnUnseenHeadAnnouncesMayBeTheNextResponse) {
  Conversation talk;
  talk.handshake().client(crlf("HEAD /a HTTP/1.1\nHost: h\n\n")).lose(2);
  talk.server(crlf("HTTP/1.1 200 OK\nContent-Length: 1000000\n\n"));
  talk.client(kGet).lose(2);
  exchange(talk, Side::kServer, response(20000));
  talk.close(Side::kClient);
  expect_same(talk);
}

TEST_F(BodyElisionTest, ResetInsideTheRange) {
  Conversation talk;
  talk.handshake().client(kGet);
  exchange(talk, Side::kServer, response(200000).substr(0, 100000));
  talk.rst(Side::kClient);
  EXPECT_GT(expect_same(talk).bytes, 90000u);
}

TEST_F(BodyElisionTest, EndOfTheCaptureInsideTheRange) {
  Conversation talk;
  talk.handshake().client(kGet);
  exchange(talk, Side::kServer, response(200000).substr(0, 100000));
  EXPECT_GT(expect_same(talk).bytes, 90000u);
  for (const std::size_t deepest : {7u, 50u, 1000u}) expect_same(talk, deepest);
}

TEST_F(BodyElisionTest, TupleUsedAgainInsideTheRange) {
  Conversation talk;
  talk.handshake().client(kGet);
  exchange(talk, Side::kServer, response(200000).substr(0, 100000));
  Conversation again = download(50000, {.client_isn = 900000, .server_isn = 77, .start = talk.now()});
  std::vector<Frame> frames = talk.frames();
  frames.insert(frames.end(), again.frames().begin(), again.frames().end());
  expect_same(frames);
  expect_same(frames, 30);
}

TEST_F(BodyElisionTest, MetInTheMiddle) {
  Conversation talk;
  talk.client(kGet);
  exchange(talk, Side::kServer, response(100000));
  talk.client(kGet).server(response(3)).close(Side::kClient);
  EXPECT_GT(expect_same(talk).bytes, 90000u);
}

TEST_F(BodyElisionTest, ServersSideAlone) {
  Conversation talk = download(200000);
  std::vector<Frame> frames;
  for (const Frame& frame : talk.frames()) {
    TcpSegment segment;
    ASSERT_EQ(decode(frame.view(), segment), Undecoded::kNone);
    if (segment.key.port(segment.sender) == 80) frames.push_back(frame);
  }
  EXPECT_GT(expect_same(frames).bytes, 180000u);
}

TEST_F(BodyElisionTest, FullTableLeavesNothingOut) {
  Conversation talk = download(100000);
  const Outcomes whole = run(talk);
  ElidingCapture capture(eliding_options(4096), /*room=*/0);
  capture.capture(talk.frames());
  capture.finish();
  EXPECT_EQ(texts(capture.sink), texts(whole.sink));
  EXPECT_EQ(capture.delivered, talk.frames().size());
}

// The ring had no room for frames from before the run: they are missed, and nothing else is.
TEST_F(BodyElisionTest, FramesThatTheRingLostBeforeARun) {
  Conversation talk = download(1460 * 100, {.acks = false});
  ElidingCapture capture(eliding_options(4096));
  for (std::size_t i = 0; i < talk.frames().size(); ++i) {
    capture.arrive(talk.frames()[i]);
    if (i == 5)
      capture.handle(capture.ring.size() - 1);  // the range is armed while a segment of it is in the ring
    if (i == 10) {
      ASSERT_EQ(capture.ring.size(), 1u);
      capture.ring.clear();
    }
  }
  capture.finish();
  const RecordedConnection& closed = capture.sink.closed();
  EXPECT_EQ(closed.server.missed_bytes, 1460u);
  EXPECT_EQ(closed.server.bytes + 1460, run(talk).sink.closed().server.bytes);
  EXPECT_GT(closed.server.elided.packets, 90u);
  EXPECT_EQ(capture.sink.transactions.at(0).gap_bytes, 1460u);
  EXPECT_EQ(capture.sink.transactions.at(1).text(), run(talk).sink.transactions.at(1).text());
}

// The range is armed while what came behind a lost segment is in the ring still, and that segment stays when
// it is sent again: it is the last of the body to come, and what stood behind it no later than it was.
TEST_F(BodyElisionTest, LostSegmentIsSentAgainAndStays) {
  Conversation talk({.acks = false});
  talk.handshake().client(kGet);
  exchange(talk, Side::kServer, response(1460 * 30));
  std::vector<Frame> frames = talk.frames();
  const auto lost = frames.end() - 10;
  Frame again = *lost;
  frames.erase(lost);
  talk.frames().clear();
  talk.wait(kSecond);
  again.time_ns = talk.now();
  talk.client(kGet).server(response(3)).close(Side::kClient);

  ElidingCapture capture(eliding_options(4096));
  for (const Frame& frame : frames) capture.arrive(frame);
  capture.handle(6);
  EXPECT_TRUE(capture.arrive(again));
  capture.handle_all();
  capture.capture(talk.frames());
  capture.finish();

  frames.push_back(again);
  frames.insert(frames.end(), talk.frames().begin(), talk.frames().end());
  EXPECT_EQ(texts(capture.sink), texts(run(frames, eliding_options(4096)).sink));
}

// A connection all of whose bytes stay in the kernel is alive.
TEST_F(BodyElisionTest, RunsKeepAConnectionFromExpiry) {
  FlowOptions options = eliding_options(4096);
  options.established_timeout = 10 * kSecond;
  Conversation talk({.step = kSecond});
  talk.handshake().client(kGet);
  exchange(talk, Side::kServer, response(1460 * 60));
  talk.client(kGet).server(response(3)).close(Side::kClient);
  EXPECT_GT(test::expect_same(talk.frames(), options, 0, random_).packets, 50u);
}

TEST_F(BodyElisionTest, SilenceInsideTheRangeEndsAConnectionAtItsTime) {
  FlowOptions options = eliding_options(4096);
  options.established_timeout = 10 * kSecond;
  Conversation talk;
  talk.handshake().client(kGet);
  exchange(talk, Side::kServer, response(200000).substr(0, 100000));
  ElidingCapture capture(options);
  capture.capture(talk.frames());
  const std::int64_t last = talk.frames().back().time_ns;
  capture.processor.advance(last + 9 * kSecond);
  EXPECT_EQ(capture.processor.counters().open, 1u);
  capture.processor.advance(last + 11 * kSecond);
  EXPECT_EQ(capture.sink.closed().reason, CloseReason::kTimeout);
  EXPECT_EQ(capture.sink.closed().end, last);
  EXPECT_EQ(capture.filter.in_use(), 0u);
  EXPECT_FALSE(capture.arrive(talk.frames().back()));
  capture.finish();
}

// Eviction takes what is quiet, and a connection that goes on in the kernel is not.
TEST_F(BodyElisionTest, EvictionSparesARunThatGoesOn) {
  FlowOptions options = eliding_options(4096);
  options.max_flows = 2;
  Conversation talk;
  talk.handshake().client(kGet);
  const std::string answer = response(200000);
  exchange(talk, Side::kServer, answer.substr(0, 50000));
  Conversation quiet({.client = host(1, 40001), .start = talk.now()});
  quiet.handshake().client(kGet);
  talk.wait(kSecond);
  exchange(talk, Side::kServer, answer.substr(50000, 50000));
  Conversation third({.client = host(1, 40002), .start = talk.now()});
  third.handshake().client(kGet);
  const std::vector<Frame> frames = merge(merge(talk.frames(), quiet.frames()), third.frames());
  EXPECT_GT(test::expect_same(frames, options, 0, random_).packets, 50u);
}

// Several ranges, and sequence numbers that come round. The frames are large (BIG TCP), and their bytes are
// not captured.
TEST_F(BodyElisionTest, BodyOfFiveGibibytes) {
  constexpr std::uint64_t kSize = 5ull << 30;
  constexpr std::uint32_t kSegment = 1u << 20;
  Conversation talk;
  talk.handshake().client(kGet).server(
      crlf("HTTP/1.1 200 OK\nContent-Length: " + std::to_string(kSize) + "\n\n"));
  ElidingCapture capture(eliding_options(64 << 10));
  capture.capture(talk.frames());
  Envelope envelope;
  envelope.length_field = 0;
  TcpFields tcp;
  tcp.seq = talk.next(Side::kServer);
  tcp.ack = talk.next(Side::kClient);
  for (std::uint64_t sent = 0; sent < kSize; sent += kSegment, tcp.seq += kSegment) {
    Frame frame = build(envelope, talk.setup().server, talk.setup().client, tcp);
    frame.length += kSegment;
    frame.time_ns = talk.now();
    capture.capture({frame});
  }
  talk.next(Side::kServer) = tcp.seq;
  talk.frames().clear();
  talk.client(kGet).server(response(3)).close(Side::kClient);
  capture.capture(talk.frames());
  capture.finish();
  ASSERT_EQ(capture.sink.transactions.size(), 2u);
  EXPECT_EQ(capture.sink.transactions[0].response->body_bytes, kSize);
  EXPECT_GE(capture.filter.arms, 5u);
  EXPECT_LT(capture.delivered, 50u);
  // The first and the last segment of each range came without their bytes.
  EXPECT_EQ(capture.sink.closed().server.elided.bytes + capture.sink.closed().server.missed_bytes, kSize);
}

// What a capture at one end sees of a download over a bad network: in each flight segments are lost by the
// capture, late, and sent again, with other boundaries too; then the client acknowledges all of it.
std::vector<Frame> bad_network(Random& random) {
  Conversation talk({.server_isn = static_cast<std::uint32_t>(0u - random.below(60000)), .acks = false});
  talk.handshake().client(kGet);
  std::vector<Frame> frames = std::move(talk.frames());
  const std::string answers = response(1460 * (10 + random.below(30)) + random.below(1460)) + response(5);
  for (std::size_t at = 0; at < answers.size();) {
    talk.frames().clear();
    const std::size_t flight = std::min(answers.size() - at, 1 + random.below(1460 * 12));
    const std::uint32_t first = talk.next(Side::kServer);
    talk.server(std::string_view(answers).substr(at, flight));
    std::vector<Frame> sent = std::move(talk.frames());
    for (std::size_t n = random.below(4) == 0 ? random.below(4) : 0; n > 0; --n) {
      const auto from = sent.begin() + static_cast<std::ptrdiff_t>(random.below(sent.size()));
      const auto to = sent.begin() + static_cast<std::ptrdiff_t>(random.below(sent.size()));
      switch (random.below(4)) {
        case 0:
          std::swap(*from, *to);
          break;
        case 1:
          sent.insert(to, Frame(*from));
          break;
        case 2: {
          const std::size_t offset = random.below(flight);
          TcpFields tcp;
          tcp.seq = first + static_cast<std::uint32_t>(offset);
          tcp.ack = talk.next(Side::kClient);
          tcp.payload =
              answers.substr(at + offset, 1 + random.below(std::min<std::size_t>(flight - offset, 3000)));
          sent.insert(to, talk.frame(Side::kServer, tcp));
          break;
        }
        default:
          if (sent.size() > 1) sent.erase(from);
          break;
      }
    }
    at += flight;
    frames.insert(frames.end(), sent.begin(), sent.end());
    talk.frames().clear();
    talk.ack(Side::kClient);
    if (random.one_in(8)) talk.ack(Side::kClient);
    if (random.one_in(20)) talk.client(kGet);  // pipelined
    frames.insert(frames.end(), talk.frames().begin(), talk.frames().end());
  }
  talk.frames().clear();
  talk.client(kGet).server(response(5)).close(Side::kClient);
  frames.insert(frames.end(), talk.frames().begin(), talk.frames().end());
  for (std::size_t i = 0; i < frames.size(); ++i)
    frames[i].time_ns = kStart + static_cast<std::int64_t>(i) * kMillisecond / 10;
  return frames;
}

TEST_F(BodyElisionTest, WhatNetworksDoToADownload) {
  Volume stayed;
  for (std::uint64_t seed = 0; seed < kConversations / 2 && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    const std::size_t deepest = random.one_in(2) ? 0 : random.below(30);
    stayed.packets += test::expect_same(bad_network(random), eliding_options(2000), deepest, random).packets;
  }
  EXPECT_GT(stayed.packets, kConversations * 5);
}

TEST_F(BodyElisionTest, GeneratedConversations) {
  Volume stayed;
  for (std::uint64_t seed = 0; seed < kConversations && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    const std::vector<Frame> frames = deliver(generate(random), 20000, kStart, random);
    // A byte that comes alone and late may be taken for a keep-alive, and is then missed though it was
    // captured.
    const RecordedConnection closed = run(frames).sink.closed();
    if (closed.client.missed_bytes + closed.server.missed_bytes > 0) continue;
    // A range that is armed while the first copy of a byte is in the ring takes the second one, which then
    // counts as the first. And of segments of one byte, sent again and out of order, some look like
    // keep-alives.
    const std::size_t deepest = random.one_in(2) ? 0 : random.below(40);
    const FlowOptions options = eliding_options(static_cast<std::uint32_t>(random.below(100)));
    const Volume one = test::expect_same(frames, options, deepest, random,
                                         {.last_times = deepest == 0, .keep_alives = false});
    stayed.packets += one.packets;
    stayed.bytes += one.bytes;
  }
  EXPECT_GT(stayed.packets, kConversations);
}

}  // namespace
}  // namespace tapline::test
