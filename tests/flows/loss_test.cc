// What is told when the capture misses frames, parts of frames, beginnings, ends, or a direction.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "flows/flow_processor.h"
#include "tests/flows/conversation.h"

namespace tapline::test {
namespace {

using Lines = std::vector<std::string>;

const std::string kGet = crlf("GET /a HTTP/1.1\nHost: h\n\n");
const std::string kGetB = crlf("GET /b HTTP/1.1\nHost: h\n\n");
const std::string kAnswer = crlf("HTTP/1.1 200 OK\nContent-Length: 5\n\n") + "hello";
const std::string kAnswerB = crlf("HTTP/1.1 404 No\nContent-Length: 3\n\n") + "bye";
const std::string kRecord = "#1 GET /a 1.1 [28+0] -> 200 OK [38+5] success";
const std::string kRecordB = "#2 GET /b 1.1 [28+0] -> 404 No [38+3] failure";

std::string answer_of(std::size_t size) {
  return crlf("HTTP/1.1 200 OK\nContent-Length: " + std::to_string(size) + "\n\n");
}

TEST(LossTest, AGapInABodyOfKnownLengthCostsNothingButItsBytes) {
  Conversation talk;
  talk.setup().acks = false;
  talk.handshake().client(kGet).server(answer_of(300) + std::string(100, 'x'));
  talk.server(std::string(100, 'x')).lose().server(std::string(100, 'x')).ack(Side::kClient);
  talk.client(kGetB).server(kAnswerB).close(Side::kClient);
  const Outcomes out = run(talk);
  EXPECT_EQ(
      out.sink.transaction_lines(),
      (Lines{"#1 GET /a 1.1 [28+0] -> 200 OK [40+300] success missing=response_body gap=100", kRecordB}));
  EXPECT_EQ(out.counters.server_gaps.count, 1u);
  EXPECT_EQ(out.counters.server_gaps.bytes, 100u);
  EXPECT_EQ(out.counters.gaps().count, 1u) << "none in what the client sent";
  EXPECT_EQ(out.sink.closed().server.missed_bytes, 100u);
  EXPECT_EQ(out.sink.closed().history, "ShADdgFaf");
}

TEST(LossTest, TheTailOfABodyIsLostAndTheConnectionGoesOn) {
  Conversation talk;
  talk.setup().acks = false;
  talk.handshake().client(kGet).server(answer_of(200) + std::string(100, 'x'));
  talk.server(std::string(100, 'x')).lose().ack(Side::kClient);
  talk.client(kGetB).server(kAnswerB).ack(Side::kClient).close(Side::kClient);
  EXPECT_EQ(
      run(talk).sink.transaction_lines(),
      (Lines{"#1 GET /a 1.1 [28+0] -> 200 OK [40+200] success missing=response_body gap=100", kRecordB}));
}

TEST(LossTest, TheTailOfABodyIsLostBeforeTheFin) {
  Conversation talk;
  talk.setup().acks = false;
  talk.handshake().client(kGet).server(answer_of(200) + std::string(100, 'x'));
  talk.server(std::string(100, 'x')).lose().ack(Side::kClient).close(Side::kServer);
  const Outcomes out = run(talk);
  ASSERT_EQ(out.sink.transactions.size(), 1u);
  EXPECT_EQ(out.sink.transactions[0].text(),
            "#1 GET /a 1.1 [28+0] -> 200 OK [40+200] success missing=response_body gap=100");
}

TEST(LossTest, TheTailOfABodyIsLostBeforeTheCaptureEnds) {
  Conversation talk;
  talk.setup().acks = false;
  talk.handshake().client(kGet).server(answer_of(200) + std::string(100, 'x'));
  talk.server(std::string(60, 'x')).lose().ack(Side::kClient);
  EXPECT_EQ(run(talk).sink.transaction_lines(),
            (Lines{"#1 GET /a 1.1 [28+0] -> 200 OK [40+160] unknown missing=response_body gap=60"}));
}

TEST(LossTest, ALostResponseBeforeTheCloseIsNoFailure) {
  for (const bool reset : {true, false}) {
    Conversation talk;
    talk.setup().acks = false;
    talk.handshake().client(kGet).server(kAnswer).lose().ack(Side::kClient);
    reset ? talk.rst(Side::kServer) : talk.close(Side::kServer);
    EXPECT_EQ(run(talk).sink.transaction_lines(),
              (Lines{"#1 GET /a 1.1 [28+0] -> - unknown missing=response"}));
  }
}

TEST(LossTest, AGapInAChunkedBodyLosesTheFramingAndTheNextHeadIsFound) {
  Conversation talk;
  talk.setup().acks = false;
  talk.handshake().client(kGet).server(crlf("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n5\nhello\n"));
  talk.server(crlf("5\nworld\n")).lose().server(crlf("0\n\n")).ack(Side::kClient);
  talk.client(kGetB).server(kAnswerB).close(Side::kClient);
  const Outcomes out = run(talk);
  ASSERT_EQ(out.sink.transactions.size(), 2u);
  EXPECT_EQ(out.sink.transactions[0].outcome, Outcome::kUnknown);
  EXPECT_EQ(out.sink.transactions[0].incomplete, kMissingResponseBody);
  EXPECT_GT(out.sink.transactions[0].gap_bytes, 0u);
  EXPECT_EQ(out.sink.transaction_lines()[1], kRecordB);
}

TEST(LossTest, AGapInsideAChunkKeepsTheFraming) {
  Conversation talk;
  talk.setup().acks = false;
  talk.handshake().client(kGet).server(crlf("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n9\n") + "abc");
  talk.server("def").lose().server(crlf("ghi\n0\n\n")).ack(Side::kClient);
  talk.client(kGetB).server(kAnswerB).close(Side::kClient);
  EXPECT_EQ(run(talk).sink.transaction_lines(),
            (Lines{"#1 GET /a 1.1 [28+0] -> 200 OK [57+9] success missing=response_body gap=3", kRecordB}));
}

TEST(LossTest, AGapInABodyUntilClose) {
  Conversation talk;
  talk.setup().acks = false;
  talk.handshake().client(kGet).server(crlf("HTTP/1.0 200 OK\n\n") + "abc");
  talk.server("def").lose().server("ghi").ack(Side::kClient).close(Side::kServer);
  EXPECT_EQ(run(talk).sink.transaction_lines(),
            (Lines{"#1 GET /a 1.1 [28+0] -> 200 OK [19+9] success missing=response_body gap=3"}));
}

TEST(LossTest, ALostResponseGoesToNobodyAndTheNextToItsOwnRequest) {
  Conversation talk;
  talk.handshake().client(kGet);
  talk.setup().acks = false;
  talk.server(kAnswer).lose().ack(Side::kClient);
  talk.client(kGetB).server(kAnswerB).ack(Side::kClient).close(Side::kClient);
  EXPECT_EQ(run(talk).sink.transaction_lines(),
            (Lines{"#1 GET /a 1.1 [28+0] -> - unknown missing=response", kRecordB}));
}

TEST(LossTest, ALostRequestLeavesAResponseOfItsOwn) {
  Conversation talk;
  talk.handshake();
  talk.setup().acks = false;
  talk.client(kGet).lose().server(kAnswer).ack(Side::kClient).client(kGetB).server(kAnswerB);
  talk.ack(Side::kClient).close(Side::kClient);
  const Outcomes out = run(talk);
  ASSERT_EQ(out.sink.transactions.size(), 2u);
  EXPECT_EQ(out.sink.transactions[0].text(), "#1 - -> 200 OK [38+5] success missing=request");
  EXPECT_EQ(out.sink.transactions[1].text(), kRecordB);
}

TEST(LossTest, AGapInARequestHead) {
  Conversation talk;
  talk.handshake();
  talk.setup().acks = false;
  talk.client("GET /a HTTP/1.1\r\nHost: h\r\n").client("X: y\r\n").lose().client("\r\n").ack(Side::kServer);
  talk.server(kAnswer).client(kGetB).server(kAnswerB).ack(Side::kClient).close(Side::kClient);
  const Outcomes out = run(talk);
  ASSERT_EQ(out.sink.transactions.size(), 2u);
  EXPECT_EQ(out.sink.transactions[0].request->target, "/a");
  EXPECT_EQ(out.sink.transactions[0].response->status, 200);
  EXPECT_NE(out.sink.transactions[0].incomplete & kMissingRequestHead, 0);
  EXPECT_EQ(out.sink.transactions[1].text(), kRecordB);
}

TEST(LossTest, ABodyThatQuotesAHeadIsNone) {
  Conversation talk;
  talk.handshake().client(kGet);
  talk.setup().acks = false;
  talk.server(answer_of(2000)).lose().server(std::string(1000, 'x') + "\r\n" + kAnswer);
  talk.server(std::string(2000 - 1002 - kAnswer.size(), 'x')).ack(Side::kClient);
  talk.client(kGetB).server(kAnswerB).ack(Side::kClient).close(Side::kClient);
  const Lines lines = run(talk).sink.transaction_lines();
  EXPECT_EQ(lines, (Lines{"#1 GET /a 1.1 [28+0] -> - unknown missing=response", kRecordB}));
}

TEST(LossTest, FramesCutByASnaplenCountAsTheyWereOnTheWire) {
  Conversation talk;
  talk.handshake().client(kGet).server(answer_of(1000) + std::string(1000, 'x'));
  talk.client(kGetB).server(kAnswerB).close(Side::kClient);
  for (Frame& frame : talk.frames()) frame = frame.cut_to(54 + 200);
  const Outcomes out = run(talk);
  EXPECT_EQ(
      out.sink.transaction_lines(),
      (Lines{"#1 GET /a 1.1 [28+0] -> 200 OK [41+1000] success missing=response_body gap=841", kRecordB}));
  EXPECT_EQ(out.counters.cut, 1u);
  EXPECT_EQ(out.counters.cut_bytes, 841u);
  EXPECT_EQ(out.sink.closed().server.bytes, 1041u + kAnswerB.size());
}

TEST(LossTest, HeadersAloneGiveNoTransactionsButTheTrueSizes) {
  Conversation talk;
  talk.handshake().client(kGet).server(kAnswer).close(Side::kClient);
  for (Frame& frame : talk.frames()) frame = frame.cut_to(54);
  const Outcomes out = run(talk);
  EXPECT_EQ(out.sink.transaction_lines(), Lines{});
  EXPECT_EQ(out.sink.closed().client.bytes, kGet.size());
  EXPECT_EQ(out.sink.closed().server.bytes, kAnswer.size());
  EXPECT_EQ(out.sink.lines.back(), "closed fin four-way by client");
}

TEST(LossTest, MetMidstreamAtAMessage) {
  Conversation talk;
  talk.client(kGet).server(kAnswer).close(Side::kClient);
  const Outcomes out = run(talk);
  EXPECT_EQ(out.sink.lines,
            (Lines{"opened midstream", kRecord, "half-closed by client", "closed fin four-way by client"}));
  EXPECT_TRUE(out.sink.closed().midstream);
  EXPECT_FALSE(out.sink.closed().handshake);
  EXPECT_FALSE(out.sink.closed().client.syn);
  EXPECT_EQ(out.sink.closed().completeness & 7, 4);
}

TEST(LossTest, MetMidstreamInsideABody) {
  Conversation talk;
  talk.server(std::string(3000, 'x'));
  talk.client(kGet).server(kAnswer).close(Side::kClient);
  EXPECT_EQ(run(talk).sink.transaction_lines(), Lines{kRecord});
}

TEST(LossTest, OnlyTheClientIsCaptured) {
  Conversation talk;
  talk.handshake().client(kGet).server(kAnswer).client(kGetB).server(kAnswerB).close(Side::kClient);
  std::vector<Frame> frames;
  TcpSegment segment;
  for (const Frame& frame : talk.frames()) {
    if (decode(frame.view(), segment) == Undecoded::kNone && segment.sender == 0) frames.push_back(frame);
  }
  const Outcomes out = run(frames);
  EXPECT_EQ(out.sink.transaction_lines(), (Lines{"#1 GET /a 1.1 [28+0] -> - unknown missing=response",
                                                 "#2 GET /b 1.1 [28+0] -> - unknown missing=response"}));
  EXPECT_EQ(out.sink.closed().server.packets, 0u);
  EXPECT_EQ(out.sink.closed().text(), "closed end half by client");
}

TEST(LossTest, OnlyTheServerIsCaptured) {
  Conversation talk;
  talk.handshake().client(kGet).server(kAnswer).client(kGetB).server(kAnswerB).close(Side::kServer);
  std::vector<Frame> frames;
  TcpSegment segment;
  for (const Frame& frame : talk.frames()) {
    if (decode(frame.view(), segment) == Undecoded::kNone && segment.sender == 1) frames.push_back(frame);
  }
  EXPECT_EQ(run(frames).sink.transaction_lines(), (Lines{"#1 - -> 200 OK [38+5] success missing=request",
                                                         "#2 - -> 404 No [38+3] failure missing=request"}));
}

TEST(LossTest, TheHandshakeAckIsLost) {
  Conversation talk;
  talk.handshake().lose().client(kGet).server(kAnswer).close(Side::kClient);
  EXPECT_EQ(run(talk).sink.lines, (Lines{"opened", "established", kRecord, "half-closed by client",
                                         "closed fin four-way by client"}));
}

// The only frames of the client are its SYN and, after the server's FIN, an ACK.
TEST(LossTest, StepsKeepTheirOrderWhateverIsLost) {
  Conversation talk;
  talk.handshake().lose().server("220 hello\r\n").lose(2).fin(Side::kServer).ack(Side::kClient);
  talk.fin(Side::kClient).ack(Side::kServer);
  EXPECT_EQ(run(talk).sink.lines,
            (Lines{"opened", "half-closed by server", "closed fin four-way by server"}));
  Conversation late;  // the first FIN is all that came before the data
  late.fin(Side::kClient).server(kAnswer).fin(Side::kServer).ack(Side::kClient);
  EXPECT_EQ(run(late).sink.lines.at(0), "opened midstream");
}

// Any frames may be missing: it is told in order, in memory that is given back, and never a made-up size.
TEST(LossTest, AnyFramesMayBeMissing) {
  Conversation talk;
  talk.setup().segment_size = 20;
  talk.handshake();
  for (int i = 0; i < 3; ++i) talk.client(kGet + kGetB).server(kAnswer + kAnswerB);
  talk.close(Side::kServer);
  const std::vector<Frame> all = talk.frames();
  for (std::size_t first = 0; first < all.size(); ++first) {
    for (std::size_t second = first; second < all.size(); ++second) {
      std::vector<Frame> frames;
      for (std::size_t i = 0; i < all.size(); ++i) {
        if (i != first && i != second) frames.push_back(all[i]);
      }
      const Outcomes out = run(frames);
      ASSERT_FALSE(testing::Test::HasFailure()) << "without frames " << first << " and " << second;
      std::uint64_t in_transactions = 0;
      for (const RecordedTransaction& t : out.sink.transactions) {
        in_transactions += (t.request ? t.request->bytes : 0) + (t.response ? t.response->bytes : 0);
      }
      ASSERT_LE(in_transactions, 3 * (kGet.size() + kGetB.size() + kAnswer.size() + kAnswerB.size()));
    }
  }
}

// The response acknowledges a request that never comes; its connection falls silent after it.
TEST(LossTest, ARecordBehindAHoleDoesNotWaitForItsConnection) {
  Conversation talk;
  talk.setup().acks = false;
  talk.handshake().client(kGet).lose().server(kAnswer);
  Conversation other({.client = host(3, 40001), .start = talk.now() + kSecond});
  other.handshake();
  RecordingSink sink;
  FlowProcessor processor(default_options(), sink);
  feed(processor, talk.frames());
  EXPECT_EQ(sink.transaction_lines(), Lines{});
  feed(processor, other.frames());
  EXPECT_EQ(sink.transaction_lines(), (Lines{"#1 - -> 200 OK [38+5] success missing=request"}));
  finish(processor, sink);
}

// Only the responses are captured; the first answers a HEAD.
TEST(LossTest, TheAnswerToAnUnseenHeadHasNoBody) {
  for (const bool chunked : {false, true}) {
    const std::string head = crlf(chunked ? "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n"
                                          : "HTTP/1.1 200 OK\nContent-Length: 500\n\n");
    Conversation talk;
    talk.setup().acks = false;
    talk.client("HEAD / HTTP/1.1\r\n\r\n").lose().server(head);
    talk.client(kGetB).lose().server(kAnswerB);
    const Lines lines = run(talk).sink.transaction_lines();
    ASSERT_EQ(lines.size(), 2u);
    EXPECT_EQ(lines[0], "#1 - -> 200 OK [" + std::to_string(head.size()) + "+0] success missing=request");
    EXPECT_EQ(lines[1], "#2 - -> 404 No [38+3] failure missing=request");
  }
}

// The same, but the second segment acknowledges nothing new: it is a body, though it looks like a head.
TEST(LossTest, ABodyThatQuotesAHeadBelongsToItsResponse) {
  Conversation talk;
  talk.setup().acks = false;
  talk.client(kGet).lose().server(crlf("HTTP/1.1 200 OK\nContent-Length: 41\n\n")).server(kAnswerB);
  EXPECT_EQ(run(talk).sink.transaction_lines(), (Lines{"#1 - -> 200 OK [39+41] success missing=request"}));
}

}  // namespace
}  // namespace tapline::test
