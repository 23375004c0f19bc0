// What is no HTTP on the port, from packets: its name, its server name, and that nothing is kept of it.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "flows/flow_processor.h"
#include "tests/flows/client_hello.h"
#include "tests/flows/conversation.h"

namespace tapline::test {
namespace {

using Lines = std::vector<std::string>;

const std::string kGet = crlf("GET /a HTTP/1.1\nHost: h\n\n");
const std::string kOk = crlf("HTTP/1.1 200 OK\nContent-Length: 5\n\n") + "hello";
const std::string kName = "www.example.org";
const std::string kServerHello("\x16\x03\x03\x00\x04\x02\x00\x00\x00", 9);
const std::string kRecord = std::string("\x17\x03\x03\x00\x20", 5) + std::string(32, 'e');
// A hello with post-quantum key shares: two segments, the name in the second.
const std::string& large_hello() {
  static const std::string hello = client_hello(kName, 1420);
  return hello;
}

// Of the closed record.
AppProtocol protocol_of(const Outcomes& out) { return out.sink.who.back().protocol; }

struct Foreigner {
  std::string client, server;
  AppProtocol protocol;
};
const std::vector<Foreigner>& foreigners() {
  static const std::vector<Foreigner> all = {
      {large_hello(), kServerHello, AppProtocol::kTls},
      {"", kServerHello, AppProtocol::kTls},
      {"SSH-2.0-OpenSSH_9.2\r\n", "SSH-2.0-OpenSSH_9.2\r\n", AppProtocol::kSsh},
      {"SSH-2.0-Go", "", AppProtocol::kSsh},  // the line does not end before the connection does
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", std::string("\0\0\0\4\0\0\0\0\0", 9), AppProtocol::kHttp2},
      {"", std::string("\0\0\0\4\0\0\0\0\0", 9), AppProtocol::kHttp2},
      {"OPTIONS * RTSP/1.0\r\n\r\n", "RTSP/1.0 200 OK\r\n\r\n", AppProtocol::kRtsp},
      {"EHLO me\r\n", "", AppProtocol::kSmtp},
      {"\x01\x02\x03", "\x05\x06" + kOk, AppProtocol::kUnknown},
      {"no words of HTTP\r\n", "HTTPS/1.1 200\r\n", AppProtocol::kUnknown},
  };
  return all;
}

TEST(OtherProtocolTest, NamedWhateverTheSegmentsAndNoTransaction) {
  for (const auto& [client, server, protocol] : foreigners()) {
    for (const std::size_t segment_size : {1u, 2u, 3u, 5u, 6u, 100u, 1400u}) {
      SCOPED_TRACE(testing::PrintToString(client) + " by " + std::to_string(segment_size));
      Conversation talk({.segment_size = segment_size});
      talk.handshake();
      if (!client.empty()) talk.client(client);
      if (!server.empty()) talk.server(server).server(kOk);
      talk.close(Side::kClient);
      const Outcomes out = run(talk);
      EXPECT_EQ(out.sink.transaction_lines(), Lines{});
      EXPECT_EQ(protocol_of(out), protocol);
      EXPECT_EQ(out.sink.closed().client.bytes, client.size());
      EXPECT_EQ(out.sink.closed().server.bytes, server.size() + (server.empty() ? 0 : kOk.size()));
    }
  }
}

TEST(OtherProtocolTest, TheServerMaySpeakFirst) {
  Conversation talk;
  talk.handshake().server("220 mail.example.org ESMTP\r\n").client("EHLO me\r\n").close(Side::kClient);
  EXPECT_EQ(protocol_of(run(talk)), AppProtocol::kSmtp);
}

TEST(OtherProtocolTest, AHelloCutAnywhereHasItsServerName) {
  const std::string& hello = large_hello();
  for (std::size_t cut = 1; cut < hello.size(); ++cut) {
    Conversation talk;
    talk.cut_at(Side::kClient, cut);
    talk.handshake().client(hello).server(kServerHello).close(Side::kClient);
    const Outcomes out = run(talk);
    ASSERT_EQ(protocol_of(out), AppProtocol::kTls) << cut;
    ASSERT_EQ(out.sink.closed().server_name, kName) << cut;
  }
}

TEST(OtherProtocolTest, EveryRecordAfterTheHelloHasTheServerName) {
  Conversation talk;
  talk.handshake().client(client_hello(kName)).server(kServerHello).close(Side::kServer);
  const Outcomes out = run(talk);
  EXPECT_EQ(out.sink.the(ConnectionAction::kOpened).server_name, "");
  EXPECT_EQ(out.sink.the(ConnectionAction::kEstablished).server_name, "");
  EXPECT_EQ(out.sink.the(ConnectionAction::kHalfClosed).server_name, kName);
  EXPECT_EQ(out.sink.closed().server_name, kName);
}

TEST(OtherProtocolTest, AHelloOutOfOrderAndSentAgain) {
  Conversation talk({.segment_size = 100, .acks = false});
  talk.handshake().client(large_hello());
  std::vector<Frame>& frames = talk.frames();
  std::reverse(frames.begin() + 3, frames.end());
  frames.push_back(frames[5]);
  talk.close(Side::kClient);
  const Outcomes out = run(talk);
  EXPECT_EQ(protocol_of(out), AppProtocol::kTls);
  EXPECT_EQ(out.sink.closed().server_name, kName);
}

TEST(OtherProtocolTest, AHelloOfWhichAPartIsMissingHasNoName) {
  for (const bool cut : {false, true}) {  // a lost segment, and a snaplen
    Conversation talk({.segment_size = 1400});
    talk.handshake().client(large_hello());
    std::vector<Frame>& frames = talk.frames();
    if (cut) {
      frames[3] = frames[3].cut_to(80);
    } else {
      frames.erase(frames.begin() + 3);
    }
    talk.server(kServerHello).close(Side::kServer);
    const Outcomes out = run(talk);
    EXPECT_EQ(protocol_of(out), AppProtocol::kTls);
    EXPECT_EQ(out.sink.closed().server_name, "");
    EXPECT_EQ(out.sink.transaction_lines(), Lines{});
  }
}

// Bytes held in the pool after each frame of a connection that goes on.
std::vector<std::uint64_t> held_after(const std::vector<Frame>& frames) {
  RecordingSink sink;
  FlowProcessor processor(default_options(), sink);
  std::vector<std::uint64_t> held;
  for (const Frame& frame : frames) {
    feed(processor, {&frame, 1});
    held.push_back(processor.counters().reassembly_bytes);
  }
  finish(processor, sink);
  return held;
}

TEST(OtherProtocolTest, NothingIsKeptButTheName) {
  Conversation talk({.segment_size = 1000});
  talk.handshake().client(large_hello()).server(kServerHello);
  for (int i = 0; i < 20; ++i) talk.client(std::string(5000, 'x')).server(std::string(5000, 'y')).lose();
  const std::vector<std::uint64_t> held = held_after(talk.frames());
  EXPECT_EQ(*std::max_element(held.begin(), held.end()), 512u)
      << "what reads the hello, between its segments";
  EXPECT_EQ(held[3], 512u);
  EXPECT_EQ(std::count(held.begin() + 4, held.end(), 256u), static_cast<std::ptrdiff_t>(held.size()) - 4);
}

TEST(OtherProtocolTest, NothingIsKeptBehindAHoleOfWhatIsNoHttp) {
  Conversation talk({.segment_size = 1000, .acks = false});
  talk.handshake().client("\x01").client(std::string(3000, 'x'));
  std::vector<Frame>& frames = talk.frames();
  std::rotate(frames.begin() + 3, frames.begin() + 4, frames.end());  // the first byte comes last
  const std::vector<std::uint64_t> held = held_after(frames);
  EXPECT_GT(held[held.size() - 2], 3000u);
  EXPECT_EQ(held.back(), 0u);
}

TEST(OtherProtocolTest, OneDirectionIsEnough) {
  for (const Side side : {Side::kClient, Side::kServer}) {
    Conversation talk({.acks = false});
    const bool client = side == Side::kClient;
    talk.segment(side, kAck | kPsh, client ? client_hello(kName) : kServerHello);
    for (int i = 0; i < 5; ++i) talk.segment(side, kAck, kRecord);
    const Outcomes out = run(talk);
    EXPECT_EQ(protocol_of(out), AppProtocol::kTls);
    EXPECT_EQ(out.sink.closed().server_name, client ? kName : "");
  }
}

TEST(OtherProtocolTest, TlsMetInTheMiddle) {
  Conversation talk;  // the server is in the middle of a record, the client's are whole
  talk.server(std::string(1000, 'e')).client(kRecord + kRecord).server(kOk).client(kGet);
  const Outcomes out = run(talk);
  EXPECT_EQ(protocol_of(out), AppProtocol::kTls);
  EXPECT_EQ(out.sink.closed().server_name, "");
  EXPECT_EQ(out.sink.closed().client.bytes, 2 * kRecord.size() + kGet.size());
}

TEST(OtherProtocolTest, AHelloInTheFirstSegmentsThatWereCaptured) {
  Conversation talk({.segment_size = 1400});  // the capture began behind the handshake
  talk.client(large_hello()).server(kServerHello).close(Side::kServer);
  const Outcomes out = run(talk);
  EXPECT_EQ(protocol_of(out), AppProtocol::kTls);
  EXPECT_EQ(out.sink.closed().server_name, kName);
}

TEST(OtherProtocolTest, HttpMetInTheMiddleOfABodyStaysHttp) {
  Conversation talk;
  talk.server(std::string("\x17\x03\x03\x01\x00 is a body", 15))
      .server("SSH-2.0-quoted\r\n")
      .client(kGet)
      .server(kOk)
      .close(Side::kClient);
  const Outcomes out = run(talk);
  EXPECT_EQ(protocol_of(out), AppProtocol::kHttp);
  EXPECT_EQ(out.sink.transaction_lines(), Lines{"#1 GET /a 1.1 [28+0] -> 200 OK [38+5] success"});
}

TEST(OtherProtocolTest, AnHttpServerAnswersInHttpWhatItDoesNotUnderstand) {
  const std::string refusal = crlf("HTTP/1.1 400 Bad Request\nContent-Length: 3\n\n") + "no\n";
  for (const auto& [bytes, protocol] : {std::pair{client_hello(kName), AppProtocol::kTls},
                                        {std::string("\x01\x02\x03"), AppProtocol::kHttp}}) {
    for (const std::size_t segment_size : {1460u, 1u}) {
      Conversation talk({.segment_size = segment_size});
      talk.handshake().client(bytes).server(refusal).close(Side::kServer);
      const Outcomes out = run(talk);
      EXPECT_EQ(out.sink.transaction_lines(),
                Lines{"#1 - -> 400 Bad Request [47+3] failure missing=request"});
      EXPECT_EQ(protocol_of(out), protocol);
    }
  }
}

TEST(OtherProtocolTest, ARequestToAServerThatSpeaksSomethingElse) {
  Conversation talk;
  talk.handshake().server("SSH-2.0-OpenSSH_9.2\r\n");
  for (int i = 0; i < 3; ++i) talk.client(kGet).server("\x01\x02");
  talk.close(Side::kServer);
  const Outcomes out = run(talk);
  EXPECT_EQ(protocol_of(out), AppProtocol::kSsh);
  EXPECT_EQ(out.sink.transaction_lines(), (Lines{"#1 GET /a 1.1 [28+0] -> - unknown missing=response",
                                                 "#2 GET /a 1.1 [28+0] -> - unknown missing=response",
                                                 "#3 GET /a 1.1 [28+0] -> - failure missing=response"}));
}

TEST(OtherProtocolTest, ATunnelStaysHttp) {
  Conversation talk;
  talk.handshake()
      .client(crlf("CONNECT h:443 HTTP/1.1\n\n"))
      .server(crlf("HTTP/1.1 200 Connection established\n\n"))
      .client(client_hello(kName))
      .close(Side::kClient);
  const Outcomes out = run(talk);
  EXPECT_EQ(protocol_of(out), AppProtocol::kHttp);
  EXPECT_EQ(out.sink.closed().server_name, "");
}

TEST(OtherProtocolTest, ANameThatFindsNoRoomIsCounted) {
  FlowOptions options = default_options();
  options.reassembly_memory = 64u << 10;
  std::vector<Frame> frames;
  for (int i = 0; i < 200; ++i) {  // of which all wait for the rest of their hello
    Conversation talk({.client = host(1, static_cast<std::uint16_t>(30000 + i)), .segment_size = 1000});
    talk.handshake().client(large_hello());
    talk.frames().resize(4);
    frames.insert(frames.end(), talk.frames().begin(), talk.frames().end());
  }
  const Outcomes out = run(frames, options);
  EXPECT_EQ(out.counters.reassembly_refused, 200u - 128u);
  for (const RecordingSink::Who& who : out.sink.who) {
    EXPECT_TRUE(who.protocol == AppProtocol::kTls || who.protocol == AppProtocol::kUnknown);
  }
}

}  // namespace
}  // namespace tapline::test
