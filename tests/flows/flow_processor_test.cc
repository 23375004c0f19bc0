// HTTP from packets: which transactions come of what is on the wire, when nothing is lost.
#include "flows/flow_processor.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/flows/conversation.h"

namespace tapline::test {
namespace {

using Lines = std::vector<std::string>;

const std::string kGet = crlf("GET /a HTTP/1.1\nHost: h\n\n");           // 28 bytes
const std::string kOk = crlf("HTTP/1.1 200 OK\nContent-Length: 5\n\n");  // 38 bytes

// The transactions of one connection with a handshake, these bytes, and a close by the client.
Lines transactions_of(std::string_view request, std::string_view response) {
  Conversation talk;
  talk.handshake().client(request).server(response).close(Side::kClient);
  return run(talk).sink.transaction_lines();
}

TEST(HttpTest, OneConnectionFromSynToLastAck) {
  Conversation talk;
  talk.handshake().client(kGet).server(kOk + "hello").close(Side::kClient);
  const Outcomes out = run(talk);
  EXPECT_EQ(out.sink.lines, (Lines{"opened", "established", "#1 GET /a 1.1 [28+0] -> 200 OK [38+5] success",
                                   "half-closed by client", "closed fin four-way by client"}));
  const RecordedTransaction& http = out.sink.transactions[0];
  // SYN 1, SYN+ACK 2, ACK 3, request 4, its ACK 5, response 6.
  EXPECT_EQ(http.request->packet, 4u);
  EXPECT_EQ(http.response->packet, 6u);
  EXPECT_EQ(http.request->first_time, kStart + 3 * kMillisecond);
  EXPECT_EQ(http.request->last_time, kStart + 3 * kMillisecond);
  EXPECT_EQ(http.response->first_time, kStart + 5 * kMillisecond);
  EXPECT_EQ(http.response->last_time, kStart + 5 * kMillisecond);
  EXPECT_EQ(http.request->headers, (std::vector<std::pair<std::string, std::string>>{{"Host", "h"}}));
  EXPECT_EQ(http.response->headers,
            (std::vector<std::pair<std::string, std::string>>{{"Content-Length", "5"}}));
  for (const RecordingSink::Who& who : out.sink.who) {
    EXPECT_EQ(who.client, "10.0.0.1:40000");
    EXPECT_EQ(who.server, "10.0.0.2:80");
    EXPECT_EQ(who.number, 1u);
    EXPECT_EQ(who.id, out.sink.who[0].id);
  }
  EXPECT_EQ(out.sink.who.back().protocol, AppProtocol::kHttp);
}

TEST(HttpTest, TimesOfMessagesInSeveralSegments) {
  Conversation talk;
  talk.setup().segment_size = 10;
  talk.handshake().client(kGet).server(kOk + "hello").close(Side::kClient);
  const Outcomes out = run(talk);
  const RecordedTransaction& http = out.sink.transactions.at(0);
  EXPECT_EQ(http.request->last_time - http.request->first_time, 2 * kMillisecond);
  EXPECT_EQ(http.response->last_time - http.response->first_time, 4 * kMillisecond);
  EXPECT_EQ(http.request->packet, 4u);
  EXPECT_EQ(http.response->packet, 8u);
}

TEST(HttpTest, KeepAliveNumbersTransactionsInOrder) {
  Conversation talk;
  talk.handshake();
  for (int i = 0; i < 3; ++i) talk.client(kGet).server(kOk + "hello");
  talk.close(Side::kServer);
  EXPECT_EQ(run(talk).sink.transaction_lines(), (Lines{"#1 GET /a 1.1 [28+0] -> 200 OK [38+5] success",
                                                       "#2 GET /a 1.1 [28+0] -> 200 OK [38+5] success",
                                                       "#3 GET /a 1.1 [28+0] -> 200 OK [38+5] success"}));
}

TEST(HttpTest, StatusDecidesTheOutcome) {
  for (const auto& [status, outcome] :
       {std::pair{"399", "success"}, {"400", "failure"}, {"503", "failure"}}) {
    const Lines lines =
        transactions_of(kGet, crlf(std::string("HTTP/1.1 ") + status + " X\nContent-Length: 0\n\n"));
    ASSERT_EQ(lines.size(), 1u);
    EXPECT_TRUE(lines[0].ends_with(outcome)) << lines[0];
  }
}

TEST(HttpTest, BodyUntilCloseWhoseLastBytesCarryTheFin) {
  Conversation talk;
  talk.handshake()
      .client(kGet)
      .server(crlf("HTTP/1.0 200 OK\n\n"))
      .fin(Side::kServer, "last")
      .ack(Side::kClient);
  talk.fin(Side::kClient).ack(Side::kServer);
  const Outcomes out = run(talk);
  EXPECT_EQ(out.sink.lines, (Lines{"opened", "established", "#1 GET /a 1.1 [28+0] -> 200 OK [19+4] success",
                                   "half-closed by server", "closed fin four-way by server"}));
}

// The client has the refusal before it goes on: with its next request, without the body.
TEST(HttpTest, ARefusedExpectationIsFollowedByTheNextRequest) {
  Conversation talk;
  talk.handshake()
      .client(crlf("POST /p HTTP/1.1\nExpect: 100-continue\nContent-Length: 500\n\n"))
      .server(crlf("HTTP/1.1 417 No\nContent-Length: 0\n\n"))
      .client(kGet)
      .server(kOk + "hello")
      .close(Side::kClient);
  EXPECT_EQ(run(talk).sink.transaction_lines(), (Lines{"#1 POST /p 1.1 [63+0] -> 417 No [38+0] failure",
                                                       "#2 GET /a 1.1 [28+0] -> 200 OK [38+5] success"}));
}

// The same, but the body was sent before the refusal came: what looks like a request is its beginning.
TEST(HttpTest, ABodyThatBeginsLikeARequestIsABody) {
  Conversation talk;
  talk.setup().acks = false;
  talk.handshake()
      .client(crlf("POST /p HTTP/1.1\nExpect: 100-continue\nContent-Length: 28\n\n"))
      .client(kGet);
  talk.server(crlf("HTTP/1.1 401 No\nContent-Length: 0\n\n")).close(Side::kClient);
  EXPECT_EQ(run(talk).sink.transaction_lines(), (Lines{"#1 POST /p 1.1 [62+28] -> 401 No [38+0] failure"}));
}

TEST(HttpTest, ConnectMakesATunnel) {
  Conversation talk;
  talk.handshake()
      .client(crlf("CONNECT h:443 HTTP/1.1\nHost: h:443\n\n"))
      .server(crlf("HTTP/1.1 200 Connection established\n\n"))
      .client("\x16\x03\x01 GET / HTTP/1.1\r\n\r\n")
      .server(kOk)
      .close(Side::kClient);
  const Outcomes out = run(talk);
  EXPECT_EQ(
      out.sink.transaction_lines(),
      (Lines{"#1 CONNECT h:443 1.1 [39+0] -> 200 Connection established [39+0] success upgrade=tunnel"}));
  // What the tunnel carries counts for the connection alone.
  EXPECT_EQ(out.sink.closed().client.bytes, 39u + 22u);
  EXPECT_EQ(out.sink.closed().server.bytes, 39u + kOk.size());
}

TEST(HttpTest, FoldedHeadersAndBytesThatAreNoText) {
  const std::string request = "GET /\xff HTTP/1.1\r\nA: b\r\n\t c\r\nD: \x80\r\n\r\n";
  Conversation talk;
  talk.handshake().client(request).server(kOk + "hello").close(Side::kClient);
  const Outcomes out = run(talk);
  EXPECT_EQ(out.sink.transactions.at(0).request->target, "/\xff");
  EXPECT_EQ(out.sink.transactions.at(0).request->headers,
            (std::vector<std::pair<std::string, std::string>>{{"A", "b c"}, {"D", "\x80"}}));
}

// Where a head stands with its lines in its block (256 or 512 bytes), and where there is room for it alone.
TEST(HttpTest, HeadsOfAllSizesAreToldWhole) {
  for (std::size_t pad = 150; pad < 450; ++pad) {
    const std::string value(pad, 'x');
    const std::string fields = "Host: a\r\nX-Pad: " + value + "\r\nUpgrade: b\r\nUpgrade: c\r\n\r\n";
    Conversation talk;
    talk.handshake().client("GET /a HTTP/1.1\r\n" + fields).server("HTTP/1.0 101 So be it\r\n" + fields);
    const Outcomes out = run(talk);
    ASSERT_EQ(out.sink.transactions.size(), 1u);
    const RecordedTransaction& told = out.sink.transactions[0];
    const std::vector<std::pair<std::string, std::string>> headers = {
        {"Host", "a"}, {"X-Pad", value}, {"Upgrade", "b"}, {"Upgrade", "c"}};
    ASSERT_EQ(told.request->headers, headers) << pad;
    ASSERT_EQ(told.response->headers, headers) << pad;
    ASSERT_EQ(told.request->method + told.request->target + told.request->version, "GET/a1.1");
    ASSERT_EQ(told.response->reason + told.response->version, "So be it1.0");
    ASSERT_EQ(told.upgrade, "c");
  }
}

TEST(HttpTest, DataOnTheSynAndBeforeTheHandshakeEnds) {
  Conversation talk;  // TCP Fast Open
  TcpFields syn;
  syn.seq = 1000;
  syn.flags = kSyn;
  syn.payload = kGet;
  talk.frames().push_back(talk.frame(Side::kClient, syn));
  talk.next(Side::kClient) += static_cast<std::uint32_t>(kGet.size());
  talk.syn_ack().server(kOk + "hello").close(Side::kClient);
  EXPECT_EQ(run(talk).sink.transaction_lines(), (Lines{"#1 GET /a 1.1 [28+0] -> 200 OK [38+5] success"}));
}

TEST(HttpTest, EveryLinkAndAddressFamilyGivesTheSame) {
  const Envelope envelopes[] = {{.v6 = true},
                                {.tags = {{0x8100, 5}}},
                                {.taken_tag = 5},
                                {.tags = {{0x8100, 6}}, .taken_tag = 5, .v6 = true},
                                {.link = LinkType::kLinuxSll2},
                                {.link = LinkType::kRaw, .v6 = true},
                                {.ip_options = Bytes(8, 1), .padding = 4}};
  const char* vlans[] = {"", "5", "5", "5/6", "", "", ""};
  Conversation plain;
  plain.handshake().client(kGet).server(kOk + "hello").close(Side::kServer);
  const Lines expected = run(plain).sink.lines;
  for (std::size_t i = 0; i < std::size(envelopes); ++i) {
    SCOPED_TRACE(i);
    Conversation talk({.envelope = envelopes[i]});
    talk.handshake().client(kGet).server(kOk + "hello").close(Side::kServer);
    const Outcomes out = run(talk);
    EXPECT_EQ(out.sink.lines, expected);
    EXPECT_EQ(out.sink.who[0].client, envelopes[i].v6 ? "[1]:40000" : "10.0.0.1:40000");
    EXPECT_EQ(out.sink.who[0].vlan, vlans[i]);
  }
}

TEST(HttpTest, TheSameTupleInTwoVlansIsTwoConnections) {
  Conversation one({.envelope = {.tags = {{0x8100, 1}}}}),
      two({.envelope = {.tags = {{0x8100, 2}}}, .server_isn = 9});
  one.handshake().client(kGet).server(kOk + "hello").close(Side::kClient);
  two.handshake().client(kGet).server(kOk + "hello").close(Side::kClient);
  const Outcomes out = run(merge(one.frames(), two.frames()));
  EXPECT_EQ(out.counters.opened, 2u);
  EXPECT_EQ(out.counters.transactions, 2u);
  EXPECT_NE(out.sink.who.front().id, out.sink.who.back().id);
}

}  // namespace
}  // namespace tapline::test
