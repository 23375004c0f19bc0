// Zeek's conn_state and history: conversations that reach each state and each letter.
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "tests/flows/conversation.h"

namespace tapline::test {
namespace {

const std::string kGet = crlf("GET /a HTTP/1.1\nHost: h\n\n");
const std::string kAnswer = crlf("HTTP/1.1 200 OK\nContent-Length: 5\n\n") + "hello";

// One more segment with numbers of its own, which moves none.
void add(Conversation& talk, Side from, const TcpFields& tcp) {
  talk.frames().push_back(talk.frame(from, tcp));
}

// "S0 S": the closed record's state and history.
std::string zeek(Conversation& talk, const FlowOptions& options = default_options()) {
  const Outcomes out = run(talk, options);
  EXPECT_EQ(out.counters.opened, 1u);
  return out.sink.closed().state + " " + out.sink.closed().history;
}

struct Case {
  const char* expected;
  std::function<void(Conversation&)> talk;
};

TEST(ConnStateTest, EachState) {
  const std::vector<Case> cases = {
      {"S0 S", [](auto& t) { t.syn().syn(); }},
      {"S1 Sh", [](auto& t) { t.syn().syn_ack(); }},
      {"S1 ShADad", [](auto& t) { t.handshake().client(kGet).server(kAnswer); }},
      {"SF ShADadFf", [](auto& t) { t.handshake().client(kGet).server(kAnswer).close(Side::kClient); }},
      {"SF ShAfFa", [](auto& t) { t.handshake().fin(Side::kServer).fin(Side::kClient).ack(Side::kServer); }},
      {"REJ Sr",
       [](auto& t) {
         t.syn();
         add(t, Side::kServer, {.seq = 0, .ack = 1001, .flags = kRst | kAck});
       }},
      {"S2 ShADadF", [](auto& t) { t.handshake().client(kGet).server(kAnswer).fin(Side::kClient); }},
      {"S3 ShADadf", [](auto& t) { t.handshake().client(kGet).server(kAnswer).fin(Side::kServer); }},
      {"RSTO ShADadR", [](auto& t) { t.handshake().client(kGet).server(kAnswer).rst(Side::kClient); }},
      {"RSTO ShADadFR",
       [](auto& t) {
         t.handshake().client(kGet).server(kAnswer).fin(Side::kClient).ack(Side::kServer).rst(Side::kClient);
       }},
      {"RSTR ShADar", [](auto& t) { t.handshake().client(kGet).rst(Side::kServer); }},
      // A port scan that takes the SYN+ACK for an answer and goes.
      {"RSTO ShR",
       [](auto& t) {
         t.syn().syn_ack();
         add(t, Side::kClient, {.seq = 1001, .flags = kRst});
       }},
      {"RSTOS0 SR",
       [](auto& t) {
         t.syn();
         add(t, Side::kClient, {.seq = 1001, .flags = kRst});
       }},
      {"RSTRH ^hr", [](auto& t) { t.syn_ack().rst(Side::kServer); }},
      {"SH SF", [](auto& t) { t.syn().segment(Side::kClient, kFin); }},
      {"SHR ^hf", [](auto& t) { t.syn_ack().fin(Side::kServer); }},
      {"OTH DadA", [](auto& t) { t.client(kGet).server(kAnswer); }},
      {"OTH ^dADa", [](auto& t) { t.server(kAnswer).client(kGet); }},
      {"OTH R", [](auto& t) { t.rst(Side::kClient); }},
      {"OTH SADd",  // the SYN+ACK was not captured
       [](auto& t) {
         t.syn().ack(Side::kClient);
         t.setup().acks = false;
         t.client(kGet).server(kAnswer);
       }},
      {"SF ^hADadFf",  // the SYN was not
       [](auto& t) { t.syn_ack().ack(Side::kClient).client(kGet).server(kAnswer).close(Side::kClient); }},
  };
  for (const Case& one : cases) {
    Conversation talk;
    one.talk(talk);
    EXPECT_EQ(zeek(talk), one.expected);
  }
}

// Both have said that they send no more: what comes then changes nothing.
TEST(ConnStateTest, AResetAfterBothFinsIsNone) {
  for (const Side by : {Side::kClient, Side::kServer}) {
    Conversation talk;
    talk.handshake().client(kGet).server(kAnswer).close(Side::kClient).rst(by);
    EXPECT_EQ(zeek(talk), by == Side::kClient ? "SF ShADadFfR" : "SF ShADadFfr");
  }
}

// The client is gone already when the server's FIN comes: that, too, was a close.
TEST(ConnStateTest, AFinAfterFinAndResetMakesAClose) {
  Conversation talk;
  talk.handshake().fin(Side::kClient).rst(Side::kClient).fin(Side::kServer);
  EXPECT_EQ(zeek(talk), "SF ShAFRf");
}

TEST(ConnStateTest, AResetOutsideTheWindowHasALetterAndEndsNothing) {
  Conversation talk;
  talk.handshake().client(kGet);
  add(talk, Side::kServer, {.seq = talk.next(Side::kServer) - 100'000, .ack = 0, .flags = kRst});
  talk.server(kAnswer).close(Side::kClient);
  EXPECT_EQ(zeek(talk), "SF ShADardFf");
}

TEST(ConnStateTest, SimultaneousOpenIsEstablished) {
  Conversation talk;
  talk.syn();
  add(talk, Side::kServer, {.seq = 5000, .flags = kSyn});
  add(talk, Side::kClient, {.seq = 1000, .ack = 5001, .flags = kSyn | kAck});
  add(talk, Side::kServer, {.seq = 5000, .ack = 1001, .flags = kSyn | kAck});
  EXPECT_EQ(zeek(talk), "S1 Ss") << "the SYN+ACKs have the numbers of the SYNs";
}

// FIN, RST and SYN count again only with another number; d, a, i and q never.
TEST(ConnStateTest, WhichLettersAreRepeated) {
  Conversation talk;
  talk.syn().syn().syn_ack().syn_ack().ack(Side::kClient);
  talk.client(kGet).client(kGet).server(kAnswer).server(kAnswer);
  const std::uint32_t client = talk.next(Side::kClient), server = talk.next(Side::kServer);
  const auto fin = [&](std::uint32_t seq) {
    add(talk, Side::kClient, {.seq = seq, .ack = server, .flags = kFin | kAck});
  };
  fin(client);
  fin(client);
  fin(client + 1);
  fin(client + 1);
  fin(client);
  const auto rst = [&](std::uint32_t seq) {
    add(talk, Side::kServer, {.seq = seq, .ack = client, .flags = kRst});
  };
  rst(server);
  rst(server);
  rst(server + 1);
  EXPECT_EQ(zeek(talk), "RSTR ShADadFFFrr");
}

TEST(ConnStateTest, FlagsThatContradictEachOther) {
  Conversation talk;
  talk.syn();
  for (int i = 0; i < 2; ++i) add(talk, Side::kServer, {.ack = 1001, .flags = kSyn | kFin | kAck});
  for (int i = 0; i < 2; ++i) add(talk, Side::kClient, {.seq = 1001, .flags = kFin | kRst});
  EXPECT_EQ(zeek(talk), "RSTO SqI") << "and no other letter for them";
  Conversation scan;
  add(scan, Side::kClient, {.seq = 1000, .flags = kSyn | kFin});
  EXPECT_EQ(zeek(scan), "SH Q");
}

// The last data segment has the FIN.
TEST(ConnStateTest, DataWithAFinIsOnlyAFin) {
  Conversation talk;
  talk.handshake().client(kGet).fin(Side::kServer, kAnswer).fin(Side::kClient);
  EXPECT_EQ(zeek(talk), "SF ShADafF");
}

// Zeek looks at numbers alone: what does not go beyond the highest was sent again, be it only late.
TEST(ConnStateTest, RetransmissionsAreWrittenLogarithmically) {
  Conversation talk;
  talk.setup().acks = false;
  talk.handshake().client(kGet);
  for (int i = 0; i < 9; ++i) talk.frames().push_back(talk.frames().back());
  EXPECT_EQ(zeek(talk), "S1 ShADT");
  talk.frames().push_back(talk.frames().back());
  EXPECT_EQ(zeek(talk), "S1 ShADTT");
  for (int i = 0; i < 90; ++i) talk.frames().push_back(talk.frames().back());
  EXPECT_EQ(zeek(talk), "S1 ShADTTT") << "the hundredth";
  Conversation late;
  late.handshake().client(kGet);
  late.setup().acks = false;
  late.server(kAnswer.substr(0, 20)).server(kAnswer.substr(20));
  std::swap(late.frames()[late.frames().size() - 2], late.frames().back());
  EXPECT_EQ(zeek(late), "S1 ShADadt");
}

TEST(ConnStateTest, GapsAreWrittenLogarithmically) {
  Conversation talk;
  talk.handshake().client(kGet);
  talk.setup().acks = false;
  talk.server(crlf("HTTP/1.1 200 OK\nContent-Length: 100000\n\n"));
  const auto lose_one = [&] { talk.server("lost").lose().server("seen").ack(Side::kClient); };
  lose_one();
  EXPECT_EQ(zeek(talk), "S1 ShADadg");
  for (int i = 0; i < 8; ++i) lose_one();
  EXPECT_EQ(zeek(talk), "S1 ShADadg");
  lose_one();
  EXPECT_EQ(zeek(talk), "S1 ShADadgg");
}

TEST(ConnStateTest, ZeroWindowsCountWhereTheyAreOfInterest) {
  const auto closed = [](Side of, unsigned flags) {
    Conversation talk;
    talk.handshake().client(kGet);
    const Side other = of == Side::kClient ? Side::kServer : Side::kClient;
    if (flags == 0) talk.fin(other);
    add(talk, of,
        {.seq = talk.next(of),
         .ack = talk.next(other),
         .flags = static_cast<std::uint8_t>(flags | kAck),
         .window = 0});
    return zeek(talk);
  };
  EXPECT_EQ(closed(Side::kClient, kPsh), "S1 ShADaW");
  EXPECT_EQ(closed(Side::kServer, kFin), "S3 ShADafw") << "it may still receive";
  EXPECT_EQ(closed(Side::kServer, kRst), "RSTR ShADar");
  EXPECT_EQ(closed(Side::kServer, 0), "S2 ShADaF") << "the client sends no more";
}

// Who is the client, the first frames leave open; what they had written follows.
TEST(ConnStateTest, LettersBeforeTheClientIsKnownChangeTheirCase) {
  FlowOptions options = default_options();
  options.ports.insert(40000);
  Conversation talk;
  talk.segment(Side::kServer, kAck, "???").segment(Side::kClient, kAck).client(kGet).server(kAnswer);
  EXPECT_EQ(zeek(talk, options), "OTH ^dADa");
  Conversation other;
  other.segment(Side::kClient, kAck).segment(Side::kServer, kAck, "???").client(kGet).server(kAnswer);
  EXPECT_EQ(zeek(other, options), "OTH AdDa");
}

}  // namespace
}  // namespace tapline::test
