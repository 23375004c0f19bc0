// Cases of RFC 9293 as a capture meets them, and what the records say of each.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/flows/conversation.h"

namespace tapline::test {
namespace {

using Lines = std::vector<std::string>;

const std::string kGet = crlf("GET /a HTTP/1.1\nHost: h\n\n");
const std::string kAnswer = crlf("HTTP/1.1 200 OK\nContent-Length: 5\n\n") + "hello";
const std::string kRecord = "#1 GET /a 1.1 [28+0] -> 200 OK [38+5] success";
const Lines kWhole = {"opened", "established", kRecord, "half-closed by client",
                      "closed fin four-way by client"};

// One more segment with numbers of its own, which moves none.
void add(Conversation& talk, Side from, const TcpFields& tcp) {
  talk.frames().push_back(talk.frame(from, tcp));
}

// Section 3.5, figure 7: both send a SYN, and answer that of the other.
TEST(Rfc9293Test, SimultaneousOpenIsEstablished) {
  Conversation talk;
  talk.syn();
  add(talk, Side::kServer, {.seq = 5000, .flags = kSyn});
  add(talk, Side::kClient, {.seq = 1000, .ack = 5001, .flags = kSyn | kAck});
  add(talk, Side::kServer, {.seq = 5000, .ack = 1001, .flags = kSyn | kAck});
  talk.client(kGet).server(kAnswer).close(Side::kClient);
  const Outcomes out = run(talk);
  EXPECT_EQ(out.sink.lines, kWhole);
  EXPECT_EQ(out.sink.closed().state, "SF");
  EXPECT_EQ(out.sink.closed().client.syn->isn, 1000u);
  EXPECT_EQ(out.sink.closed().server.syn->isn, 5000u);
}

// Section 3.6, figure 13: each FIN is acknowledged after both were sent.
TEST(Rfc9293Test, SimultaneousCloseWithTheLastBytes) {
  Conversation talk;
  talk.handshake().client(kGet);
  talk.server(kAnswer.substr(0, 40));
  const std::uint32_t client = talk.next(Side::kClient);
  talk.fin(Side::kServer, kAnswer.substr(40));
  add(talk, Side::kClient,
      {.seq = client, .ack = talk.next(Side::kServer) - 4, .flags = kFin | kAck});  // before those came
  add(talk, Side::kServer, {.seq = talk.next(Side::kServer), .ack = client + 1});
  add(talk, Side::kClient, {.seq = client + 1, .ack = talk.next(Side::kServer)});
  EXPECT_EQ(run(talk).sink.lines, (Lines{"opened", "established", kRecord, "half-closed by server",
                                         "closed fin simultaneous by server"}));
}

// Section 3.5.1: one end has forgotten the connection. The other answers its SYN with an ACK of what it
// knows, and is reset.
TEST(Rfc9293Test, AHalfOpenConnectionIsFoundAndReset) {
  Conversation old;
  old.handshake().client(kGet).server(kAnswer);
  Conversation fresh({.client_isn = 77'000, .server_isn = 99'000, .start = old.now() + kSecond});
  fresh.syn();
  add(fresh, Side::kServer, {.seq = old.next(Side::kServer), .ack = old.next(Side::kClient)});
  add(fresh, Side::kClient, {.seq = old.next(Side::kClient), .flags = kRst});
  fresh.wait(kSecond).syn().syn_ack().ack(Side::kClient).client(kGet).server(kAnswer).close(Side::kClient);
  const Outcomes out = run(merge(old.frames(), fresh.frames()));
  EXPECT_EQ(out.sink.lines.at(3), "closed reused") << "before anything of the new one";
  EXPECT_EQ(out.sink.transaction_lines(), (Lines{kRecord, kRecord}));
  EXPECT_EQ(out.sink.lines.back(), "closed fin four-way by client");
}

// Section 3.10.7.4: only one inside the window is believed; the closing one may stand at either edge.
TEST(Rfc9293Test, WhichResetsAreBelieved) {
  const auto reason = [](std::int32_t distance, Side from) {
    Conversation talk;
    talk.handshake().client(kGet).server(kAnswer);
    add(talk, from, {.seq = talk.next(from) + static_cast<std::uint32_t>(distance), .flags = kRst});
    return run(talk).sink.lines.back();
  };
  for (const Side from : {Side::kClient, Side::kServer}) {
    const std::string reset =
        std::string("closed rst reset by ") + (from == Side::kClient ? "client" : "server");
    EXPECT_EQ(reason(0, from), reset);
    EXPECT_EQ(reason(64'000, from), reset) << "what it sent before was lost by the capture";
    EXPECT_EQ(reason(-1000, from), "closed end") << "old";
    EXPECT_EQ(reason(-(1 << 30), from), "closed end");
    EXPECT_EQ(reason((1 << 30) + 1000, from), "closed end") << "further than any window";
  }
}

// RFC 5961 section 4: a SYN or RST with a number that fits nowhere is answered with an ACK; nothing else
// happens.
TEST(Rfc9293Test, ChallengeAcksChangeNothing) {
  Conversation talk;
  talk.handshake().client(kGet);
  for (int i = 0; i < 3; ++i) {
    add(talk, Side::kClient, {.seq = talk.next(Side::kClient) - 5000, .flags = kRst});
    add(talk, Side::kServer, {.seq = talk.next(Side::kServer), .ack = talk.next(Side::kClient)});
  }
  talk.server(kAnswer).close(Side::kClient);
  EXPECT_EQ(run(talk).sink.lines, kWhole);
}

TEST(Rfc9293Test, ASynAckThatTheCaptureMissed) {
  Conversation talk;
  talk.syn().syn_ack().lose().ack(Side::kClient).client(kGet).server(kAnswer).close(Side::kClient);
  const Outcomes out = run(talk);
  EXPECT_EQ(out.sink.lines,
            (Lines{"opened", kRecord, "half-closed by client", "closed fin four-way by client"}))
      << "a handshake that was not seen is not told";
  EXPECT_FALSE(out.sink.closed().handshake);
  EXPECT_FALSE(out.sink.closed().server.syn);
  EXPECT_EQ(out.sink.closed().server.bytes, kAnswer.size());
}

// RFC 7413: the request comes with the SYN, and the response before the handshake is complete.
TEST(Rfc9293Test, FastOpen) {
  Conversation talk;
  add(talk, Side::kClient, {.seq = 1000, .flags = kSyn, .options = syn_options(1460, 7), .payload = kGet});
  talk.next(Side::kClient) = 1001 + static_cast<std::uint32_t>(kGet.size());
  add(talk, Side::kServer,
      {.seq = 5000, .ack = talk.next(Side::kClient), .flags = kSyn | kAck, .options = syn_options(1400, 8)});
  talk.server(kAnswer).close(Side::kClient);
  const Outcomes out = run(talk);
  EXPECT_EQ(out.sink.transaction_lines(), Lines{kRecord});
  EXPECT_EQ(out.sink.lines.back(), kWhole.back());
  EXPECT_EQ(out.sink.closed().client.bytes, kGet.size());
  EXPECT_EQ(out.sink.closed().history, "ShdAFaf") << "what a SYN carries is no d";
}

// A server that knows no cookie acknowledges the SYN alone; the data comes again.
TEST(Rfc9293Test, FastOpenThatIsRefused) {
  Conversation talk;
  add(talk, Side::kClient, {.seq = 1000, .flags = kSyn, .options = syn_options(1460, 7), .payload = kGet});
  talk.syn_ack().client(kGet).server(kAnswer).close(Side::kClient);
  const Outcomes out = run(talk);
  EXPECT_EQ(out.sink.transaction_lines(), Lines{kRecord});
  EXPECT_EQ(out.sink.closed().client.bytes, kGet.size());
  EXPECT_EQ(out.sink.closed().client.retransmits.bytes, kGet.size());
}

// Section 3.6: after its FIN an end may not send; one that does is counted, and changes nothing of the close.
TEST(Rfc9293Test, DataAfterAFin) {
  Conversation talk;
  talk.handshake().client(kGet).server(kAnswer).fin(Side::kServer).ack(Side::kClient);
  talk.setup().acks = false;
  talk.server("more").fin(Side::kClient).ack(Side::kServer);
  const Outcomes out = run(talk);
  EXPECT_EQ(out.sink.lines, (Lines{"opened", "established", kRecord, "half-closed by server",
                                   "closed fin four-way by server"}));
  EXPECT_EQ(out.sink.closed().server.bytes, kAnswer.size() + 4);
}

// A new SYN while the old close lingers, or in the middle of the old connection: its closed comes first.
TEST(Rfc9293Test, PortReuse) {
  for (const bool closed : {true, false}) {
    Conversation old;
    old.handshake().client(kGet).server(kAnswer);
    if (closed) old.close(Side::kClient);
    Conversation fresh({.client_isn = 500'000, .server_isn = 900'000, .start = old.now() + kMillisecond});
    fresh.handshake().client(kGet).server(kAnswer).close(Side::kClient);
    const Outcomes out = run(merge(old.frames(), fresh.frames()));
    Lines expected = closed ? kWhole : Lines{"opened", "established", kRecord, "closed reused"};
    expected.insert(expected.end(), kWhole.begin(), kWhole.end());
    EXPECT_EQ(out.sink.lines, expected);
  }
}

// Both directions come round, in the middle of the head, of the body and at the FIN.
TEST(Rfc9293Test, NumbersComeRoundAnywhere) {
  for (std::uint32_t before = 0; before < 50; ++before) {
    Conversation talk({.client_isn = 0u - before, .server_isn = 0u - before - 3});
    talk.setup().segment_size = 9;
    talk.handshake().client(kGet).server(kAnswer).close(Side::kClient);
    const Outcomes out = run(talk);
    EXPECT_EQ(out.sink.lines, kWhole) << before;
    EXPECT_EQ(out.sink.closed().client.bytes, kGet.size()) << before;
    EXPECT_EQ(out.sink.closed().server.bytes, kAnswer.size()) << before;
    EXPECT_EQ(out.sink.closed().server.missed_bytes + out.sink.closed().client.missed_bytes, 0u) << before;
  }
}

}  // namespace
}  // namespace tapline::test
