// Requests that are told as soon as their head is complete.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/flows/conversation.h"

namespace tapline::test {
namespace {

using Lines = std::vector<std::string>;

const std::string kGet = crlf("GET /a HTTP/1.1\nHost: h\n\n");                            // 28 bytes
const std::string kPost = crlf("POST /b HTTP/1.1\nHost: h\nContent-Length: 5\n\nhello");  // 48 and 5 bytes
const std::string kOk = crlf("HTTP/1.1 200 OK\nContent-Length: 5\n\nhello");              // 38 and 5 bytes
const std::string kGetTold = "request #1 GET /a 1.1 [28+0] whole";
const std::string kGetDone = "#1 GET /a 1.1 [28+0] -> 200 OK [38+5] success";

// All lines, and the requests among them.
Lines lines_of(const RecordingSink& sink) {
  Lines lines = sink.lines;
  for (auto request = sink.requests.rbegin(); request != sink.requests.rend(); ++request) {
    lines.insert(lines.begin() + static_cast<std::ptrdiff_t>(request->lines_before), request->text());
  }
  return lines;
}
Lines lines_of(Conversation& talk, const FlowOptions& options = default_options()) {
  return lines_of(run(talk, options).sink);
}

TEST(RequestEventTest, ComesBeforeItsTransactionWithTheSameNumber) {
  Conversation talk;
  talk.handshake().client(kGet).server(kOk).client(kPost).server(kOk).close(Side::kClient);
  EXPECT_EQ(lines_of(talk),
            (Lines{"opened", "established", kGetTold, kGetDone, "request #2 POST /b 1.1 [48+0]",
                   "#2 POST /b 1.1 [48+5] -> 200 OK [38+5] success", "half-closed by client",
                   "closed fin four-way by client"}));
  FlowOptions options = default_options();
  options.tell_requests = false;
  EXPECT_EQ(lines_of(talk, options).size(), 6u);  // nothing of it where it is not asked for
}

TEST(RequestEventTest, ComesWithTheLastByteOfTheHeadWhereverItIsCut) {
  for (std::size_t cut = 1; cut < kPost.size(); ++cut) {
    Conversation talk;
    talk.cut_at(Side::kClient, cut);
    talk.handshake().client(kPost);  // SYN, SYN+ACK, ACK, the first part, the second, its ACK
    RecordingSink sink;
    FlowProcessor processor(default_options(), sink);
    feed(processor, std::span(talk.frames()).first(4));
    EXPECT_EQ(sink.requests.size(), cut < 48 ? 0u : 1u) << cut;
    feed(processor, std::span(talk.frames()).subspan(4));
    ASSERT_EQ(sink.requests.size(), 1u) << cut;
    EXPECT_EQ(sink.requests[0].text(), "request #1 POST /b 1.1 [48+0]") << cut;
    finish(processor, sink);
  }
}

TEST(RequestEventTest, PipelinedRequestsAreToldAtOnceInTheirOrder) {
  Conversation talk;
  talk.handshake().client(kGet + kGet + kGet).server(kOk + kOk + kOk);
  EXPECT_EQ(lines_of(talk), (Lines{"opened", "established", kGetTold, "request #2 GET /a 1.1 [28+0] whole",
                                   "request #3 GET /a 1.1 [28+0] whole", kGetDone,
                                   "#2 GET /a 1.1 [28+0] -> 200 OK [38+5] success",
                                   "#3 GET /a 1.1 [28+0] -> 200 OK [38+5] success", "closed end"}));
}

// begin_burst() writes what waits before the next request is read, into the same memory.
TEST(RequestEventTest, IsNotMixedUpWithTransactionsThatItsRequestEnds) {
  Conversation talk;
  talk.handshake().client(kPost).server(kOk);
  talk.lose(2);  // the response and its ACK
  talk.client(kGet).server(kOk);
  EXPECT_EQ(lines_of(talk), (Lines{"opened", "established", "request #1 POST /b 1.1 [48+0]",
                                   "#1 POST /b 1.1 [48+5] -> - unknown missing=response",
                                   "request #2 GET /a 1.1 [28+0] whole",
                                   "#2 GET /a 1.1 [28+0] -> 200 OK [38+5] success", "closed end"}));
}

TEST(RequestEventTest, AHeadThatStaysIncompleteSaysSo) {
  FlowOptions options = default_options();
  options.max_head = 1024;
  Conversation talk;
  talk.handshake().client(crlf("GET /long HTTP/1.1\nX: ") + std::string(3000, 'x') + "\r\n\r\n").server(kOk);
  EXPECT_EQ(lines_of(talk, options),
            (Lines{"opened", "established", "request #1 GET /long 1.1 [1024+0] missing=request_head",
                   "#1 GET /long 1.1 [3027+0] -> 200 OK [38+5] success missing=request_head", "closed end"}));

  Conversation cut;
  cut.handshake().client(crlf("GET /a HTTP/1.1\nHost: "));
  EXPECT_EQ(lines_of(cut),
            (Lines{"opened", "established", "request #1 GET /a 1.1 [23+0] missing=request_head",
                   "#1 GET /a 1.1 [23+0] -> - unknown missing=response missing=request_head "
                   "missing=request_body",
                   "closed end"}));
}

TEST(RequestEventTest, OtherProtocolsAndResponsesHaveNone) {
  Conversation http2;
  http2.handshake().client(crlf("PRI * HTTP/2.0\n\nSM\n\n"));
  EXPECT_EQ(lines_of(http2), (Lines{"opened", "established", "closed end"}));
  Conversation response;
  response.handshake().server(kOk);
  EXPECT_EQ(lines_of(response).size(), 4u);
  EXPECT_EQ(lines_of(response)[2], "#1 - -> 200 OK [38+5] success missing=request");
}

TEST(RequestEventTest, MidstreamItWaitsUntilTheRolesAreKnown) {
  FlowOptions options = default_options();
  options.ports.insert(40000);  // both ports are asked for: the first head decides
  Conversation talk;
  talk.ack(Side::kServer).client(kGet).server(kOk);
  const Outcomes out = run(talk, options);
  EXPECT_EQ(lines_of(out.sink), (Lines{"opened midstream", kGetTold, kGetDone, "closed end"}));
  EXPECT_EQ(out.sink.who.at(1).client, "10.0.0.1:40000");
}

}  // namespace
}  // namespace tapline::test
