// Ladder diagrams: what is drawn, as text and as a picture, and that nothing leaves its place.
#include "exporters/ladder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "exporters/ladder_rows.h"
#include "exporters/ladder_svg.h"
#include "exporters/ladder_text.h"
#include "exporters/string_output.h"
#include "exporters/terminal_line.h"
#include "tests/exporters/ladder_sample.h"

namespace tapline {
namespace {

constexpr unsigned kSeeds = 300;

std::string draw(const Ladder& ladder, const LadderTextOptions& options = {}) {
  StringOutput out;
  draw_ladder(ladder, options, out);
  return out.take();
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

std::vector<std::string> labels(const std::vector<LadderRow>& rows) {
  std::vector<std::string> labels;
  for (const LadderRow& row : rows) labels.push_back(row.label);
  return labels;
}

LadderSample page_load() {
  using S = TcpState;
  LadderSample sample;
  sample.handshake();
  sample.message(Side::kClient, "GET / HTTP/1.1").segment(Side::kClient, kTestPsh | kTestAck, 439);
  sample.segment(Side::kServer, kTestAck);
  sample.message(Side::kServer, "HTTP/1.1 200 OK").segment(Side::kServer, kTestPsh | kTestAck, 636);
  sample.states(S::kFinWait1, S::kCloseWait).segment(Side::kClient, kTestFin | kTestAck);
  sample.wait(1'000'000).states(S::kTimeWait, S::kLastAck).segment(Side::kServer, kTestFin | kTestAck);
  sample.states(S::kTimeWait, S::kClosed).segment(Side::kClient, kTestAck);
  LadderSummary& summary = sample.ladder.summary;
  summary.transactions = 1;
  summary.handshake = Handshake{.syn_ack = 1000, .ack = 1000};
  summary.reason = CloseReason::kFin;
  summary.teardown = Teardown::kThreeWay;
  summary.closed_by = Side::kClient;
  return sample;
}

TEST(LadderTextTest, APageLoad) {
  EXPECT_EQ(draw(page_load().ladder),
            R"(connection 1  aerukz4jvpg677w4xkmhmvbsca
start      2022-10-23T13:46:42.145850123Z
size       9 segments in 1.0 ms, 1 transaction (http)
handshake  2 µs: SYN+ACK after 1 µs, ACK after 1 µs
close      fin, three-way, by client (FIN, FIN+ACK, ACK)

                  client 127.0.0.1:41086                  server 127.0.0.1:80
                      CLOSED │                                     │ LISTEN
0.000000            SYN_SENT │────── SYN seq 0 (4000000000) ──────►│ SYN_RCVD
0.000001   +1 µs ESTABLISHED │◄─ SYN+ACK seq 0 (4000000000) ack 1 ─│
0.000002   +1 µs             │───────── ACK seq 1 ack 1 ──────────►│ ESTABLISHED
                             │ GET / HTTP/1.1                      │
0.000003   +1 µs             │─── PSH+ACK seq 1 ack 1 len 439 ────►│
0.000004   +1 µs             │◄──────── ACK seq 1 ack 440 ─────────│
                             │                     HTTP/1.1 200 OK │
0.000005   +1 µs             │◄── PSH+ACK seq 1 ack 440 len 636 ───│
0.000006   +1 µs  FIN_WAIT_1 │───── FIN+ACK seq 440 ack 637 ──────►│ CLOSE_WAIT
                             │┄┄┄┄┄┄ half-closed for 1.0 ms ┄┄┄┄┄┄┄│
0.001007 +1.0 ms   TIME_WAIT │◄───── FIN+ACK seq 637 ack 441 ──────│ LAST_ACK
0.001008   +1 µs             │─────── ACK seq 441 ack 638 ────────►│ CLOSED
)");
}

TEST(LadderTextTest, NoLineIsLongerThanAskedFor) {
  for (unsigned seed = 0; seed < kSeeds; ++seed) {
    const LadderSample sample = random_ladder(seed);
    for (const std::size_t width : {1u, 60u, 61u, 80u, 97u, 120u, 500u}) {
      const std::size_t most = std::clamp<std::size_t>(width, kNarrowest, kWidest);
      for (const std::string& line : lines_of(draw(sample.ladder, {.width = width, .all = seed % 2 == 0}))) {
        ASSERT_LE(columns_of_own(line), most) << "seed " << seed << ", width " << width << ": " << line;
      }
    }
  }
}

// The rails stand in the same columns in every line, whatever stands beside and between them.
TEST(LadderTextTest, TheRailsAreStraight) {
  for (unsigned seed = 0; seed < kSeeds; ++seed) {
    const LadderSample sample = random_ladder(seed);
    for (const std::size_t width : {60u, 80u, 120u}) {
      std::vector<std::size_t> rails;
      for (const std::string& line : lines_of(draw(sample.ladder, {.width = width}))) {
        std::vector<std::size_t> found;
        for (std::size_t at = line.find("│"); at != std::string::npos; at = line.find("│", at + 1)) {
          found.push_back(columns_of_own(line.substr(0, at)));
        }
        if (found.empty()) continue;
        if (rails.empty()) rails = found;
        ASSERT_EQ(found, rails) << "seed " << seed << ", width " << width << ": " << line;
      }
      ASSERT_EQ(rails.size(), 2u) << "seed " << seed;
    }
  }
}

// A number that does not fit into its arrow moves, and is never cut.
TEST(LadderTextTest, NumbersAreWhole) {
  LadderSample sample;
  sample.number_from(4'000'000'000u).states(TcpState::kSynReceived, TcpState::kEstablished, false);
  sample.segment(Side::kServer, kTestFin | kTestPsh | kTestAck | kTestSyn, 65535);
  for (std::size_t width = kNarrowest; width <= kWidest; ++width) {
    const std::string text = draw(sample.ladder, {.width = width});
    for (const char* number : {"seq 4000000000", "(3705032704)", "ack 4000000000", "len 65535"}) {
      EXPECT_NE(text.find(number), std::string::npos) << number << " at width " << width << ":\n" << text;
    }
  }
}

TEST(LadderRowsTest, DataInARowIsFolded) {
  LadderSample sample;
  sample.handshake().message(Side::kServer, "HTTP/1.1 200 OK");
  for (int i = 0; i < 13; ++i) {
    sample.segment(Side::kServer, kTestAck, 1448);
    if (i % 4 == 3) sample.segment(Side::kClient, kTestAck);
  }
  sample.segment(Side::kClient, kTestAck);
  const std::vector<LadderRow> rows = ladder_rows(sample.ladder, /*all=*/false);
  ASSERT_EQ(rows.size(), 6u) << "handshake, the head, the run, the last ACK";
  EXPECT_EQ(rows[3].messages, std::vector<std::string>{"HTTP/1.1 200 OK"});
  EXPECT_EQ(rows[4].label, "12 segments, 17,376 bytes");
  EXPECT_EQ(rows[4].notes, "sent over 14 µs, 3 ACKs between them");
  EXPECT_EQ(rows[5].label, "ACK seq 1 ack 18825");
  EXPECT_EQ(rows[5].since_before, 1000);
  EXPECT_EQ(ladder_rows(sample.ladder, /*all=*/true).size(), sample.ladder.segments.size());
}

TEST(LadderRowsTest, WhatIsRemarkableIsNotFolded) {
  LadderSample sample;
  sample.handshake();
  for (const unsigned words : {0u, 0u, 0u, unsigned{kRetransmission | kFastRetransmission}, 0u, 0u, 0u, 0u}) {
    sample.segment(Side::kServer, kTestAck, 1000, words);
  }
  sample.wait(200'000'000);  // a stall
  for (int i = 0; i < 3; ++i) sample.segment(Side::kServer, kTestAck, 1000);
  const std::vector<LadderRow> rows = ladder_rows(sample.ladder, /*all=*/false);
  EXPECT_EQ(labels({rows.begin() + 3, rows.end()}),
            (std::vector<std::string>{"3 segments, 3,000 bytes", "ACK seq 3001 ack 1 len 1000",
                                      "4 segments, 4,000 bytes", "3 segments, 3,000 bytes"}));
  EXPECT_EQ(rows[4].notes, "fast retransmission");
  EXPECT_TRUE(rows[4].alarming);
}

TEST(LadderRowsTest, HalfClosedTimeEndsWithTheOtherFinOrAReset) {
  for (const unsigned end : {unsigned{kTestFin | kTestAck}, unsigned{kTestRst}}) {
    LadderSample sample;
    sample.handshake().segment(Side::kServer, kTestFin | kTestAck).segment(Side::kClient, kTestAck, 5);
    sample.wait(299'999'000).segment(Side::kServer, kTestFin | kTestAck, 0, kRetransmission);
    sample.segment(Side::kClient, end).segment(Side::kServer, kTestAck);
    const std::vector<LadderRow> rows = ladder_rows(sample.ladder, /*all=*/false);
    ASSERT_EQ(rows.size(), 9u);
    EXPECT_EQ(rows[6].kind, LadderRow::Kind::kBand);
    EXPECT_EQ(rows[6].label, "half-closed for 300 ms");
    for (std::size_t i = 0; i < rows.size(); ++i) EXPECT_EQ(rows[i].half_closed, i >= 3 && i <= 6) << i;
  }
}

TEST(LadderRowsTest, StatesAreToldWhereTheyChange) {
  const std::vector<LadderRow> rows = ladder_rows(page_load().ladder, /*all=*/false);
  std::vector<std::string> told;
  for (const LadderRow& row : rows) {
    std::string line;
    for (const auto& change : row.changes) line += (change ? state_text(*change) : "-") + " ";
    told.push_back(line);
  }
  EXPECT_EQ(told, (std::vector<std::string>{"SYN_SENT SYN_RCVD ", "ESTABLISHED - ", "- ESTABLISHED ", "- - ",
                                            "- - ", "- - ", "FIN_WAIT_1 CLOSE_WAIT ", "- - ",
                                            "TIME_WAIT LAST_ACK ", "- CLOSED "}));
}

struct Box {
  int left, top, right, bottom;
  std::string text;
};

// The place of every text of a picture, by the widest character it is laid out for.
std::vector<Box> boxes_of(const std::string& svg) {
  constexpr int kWide = 8, kAscent = 10, kDescent = 3;
  static const std::regex kText(
      "<text x=\"(\\d+)\" y=\"(\\d+)\"(?: text-anchor=\"(\\w+)\")?(?: class=\"(\\w+)\")?>"
      "(?:<title>[^<]*</title>)?([^<]*)</text>");
  std::vector<Box> boxes;
  for (std::sregex_iterator it(svg.begin(), svg.end(), kText), end; it != end; ++it) {
    const std::smatch& match = *it;
    const std::string shown = std::regex_replace(match[5].str(), std::regex("&\\w+;"), "x");
    const int wide = match[4] == "title" ? 10 : kWide;
    const int width = static_cast<int>(columns_of_own(shown)) * wide;
    const int x = std::stoi(match[1]), y = std::stoi(match[2]);
    const int left = match[3] == "end" ? x - width : match[3] == "middle" ? x - width / 2 : x;
    boxes.push_back({left, y - kAscent, left + width, y + kDescent, shown});
  }
  return boxes;
}

TEST(LadderSvgTest, NoTextCoversAnotherOrLeavesThePaper) {
  for (unsigned seed = 0; seed < kSeeds / 3; ++seed) {
    const std::string svg = ladder_svg(random_ladder(seed).ladder, seed % 2 == 0);
    const std::vector<Box> boxes = boxes_of(svg);
    std::size_t texts = 0;
    for (std::size_t at = svg.find("<text "); at != std::string::npos; at = svg.find("<text ", at + 1))
      ++texts;
    ASSERT_EQ(boxes.size(), texts);
    std::smatch size;
    ASSERT_TRUE(std::regex_search(svg, size, std::regex("viewBox=\"0 0 (\\d+) (\\d+)\"")));
    for (std::size_t i = 0; i < boxes.size(); ++i) {
      const Box& a = boxes[i];
      ASSERT_TRUE(a.left >= 0 && a.right <= std::stoi(size[1]) && a.bottom <= std::stoi(size[2]))
          << "seed " << seed << ": " << a.text;
      for (std::size_t j = i + 1; j < boxes.size(); ++j) {
        const Box& b = boxes[j];
        const bool apart = a.right <= b.left || b.right <= a.left || a.bottom <= b.top || b.bottom <= a.top;
        ASSERT_TRUE(apart) << "seed " << seed << ": '" << a.text << "' and '" << b.text << "'";
      }
    }
  }
}

TEST(LadderSvgTest, WireBytesAreNoMarkup) {
  LadderSample sample;
  sample.message(Side::kClient, "GET /<script>&\"\xef\xbf\xbe\xef\xbf\xbf HTTP/1.1")
      .segment(Side::kClient, kTestAck, 9);
  const std::string svg = ladder_svg(sample.ladder, false);
  EXPECT_NE(svg.find("GET /&lt;script&gt;&amp;&quot;\xef\xbf\xbd\xef\xbf\xbd HTTP/1.1"), std::string::npos);
  EXPECT_EQ(svg.find("<script"), std::string::npos);
}

TEST(LadderSvgTest, ALongTargetIsWholeOnlyWhereThePointerRests) {
  LadderSample sample;
  const std::string line = "GET /" + std::string(200, 'x') + " HTTP/1.1";
  sample.message(Side::kClient, line).segment(Side::kClient, kTestAck, 9);
  const std::string svg = ladder_svg(sample.ladder, false);
  EXPECT_NE(svg.find("<title>" + line + "</title>GET /xxx"), std::string::npos);
  EXPECT_NE(svg.find("x…</text>"), std::string::npos);
}

TEST(LadderTest, StartLinesAreHarmlessAndWithoutSecrets) {
  TransactionSample sample;
  const auto request_line = [&sample](std::string_view target, const Redaction& redaction = {}) {
    sample.request.target = target;
    return start_line_text(*sample.event().request, Side::kClient, redaction);
  };
  EXPECT_EQ(request_line("/"), "GET / HTTP/1.1");
  EXPECT_EQ(request_line("http://u:pw@h/"), "GET http://u:[redacted]@h/ HTTP/1.1");
  EXPECT_EQ(request_line("http://u:pw@h/", Redaction::off()), "GET http://u:pw@h/ HTTP/1.1");
  EXPECT_EQ(request_line("/\x1b[2J\xff"), "GET /\\x1b[2J\\xff HTTP/1.1");
  EXPECT_EQ(columns_of_own(request_line("/" + std::string(100'000, 'x'))), kMaxStartLine + 1);
  sample.response.reason = "Not\tFound";
  EXPECT_EQ(start_line_text(*sample.event().response, Side::kServer, {}), "HTTP/1.1 200 Not\\x09Found");
}

TEST(LadderTest, TextIsCutBetweenCharacters) {
  EXPECT_EQ(cut_to_columns("abc", 3), "abc");
  EXPECT_EQ(cut_to_columns("abcd", 3), "ab…");
  EXPECT_EQ(cut_to_columns("éèê", 2), "é…");
  EXPECT_EQ(cut_to_columns("abc", 1), "…");
  EXPECT_EQ(cut_to_columns("abc", 0), "");
}

TEST(LadderTest, TheEndInWords) {
  LadderSummary summary;
  const auto text = [&summary](CloseReason reason, Teardown teardown, std::optional<Side> by, unsigned seen) {
    summary.reason = reason;
    summary.teardown = teardown;
    summary.closed_by = by;
    summary.completeness = static_cast<std::uint8_t>(seen);
    return close_text(summary);
  };
  EXPECT_EQ(text(CloseReason::kFin, Teardown::kFourWay, Side::kServer, 31), "fin, four-way, by server");
  EXPECT_EQ(text(CloseReason::kRst, Teardown::kReset, Side::kClient, 47), "rst, by client");
  EXPECT_EQ(text(CloseReason::kRst, Teardown::kReset, Side::kServer, 33), "refused, rst, by server");
  EXPECT_EQ(text(CloseReason::kTimeout, Teardown::kNone, std::nullopt, 1), "no answer");
  EXPECT_EQ(text(CloseReason::kTimeout, Teardown::kNone, std::nullopt, 7), "open, timeout");
  EXPECT_EQ(text(CloseReason::kEnd, Teardown::kHalf, Side::kClient, 31),
            "half-closed by client at the end of the capture");
  EXPECT_EQ(text(CloseReason::kEnd, Teardown::kNone, std::nullopt, 15), "open at the end of the capture");
}

TEST(LadderTest, TheListIsATable) {
  LadderSummary first = page_load().ladder.summary, second = first;
  second.connection.number = 12;
  second.connection.client_ip.version = second.connection.server_ip.version = IpVersion::kV6;
  second.midstream = true;
  StringOutput out;
  list_connections(std::vector{first, second}, /*colour=*/false, out);
  EXPECT_EQ(
      out.take(),
      R"(number  start         client            server         protocol  transactions  id                          closed
1       13:46:42.145  127.0.0.1:41086   127.0.0.1:80   http      1             aerukz4jvpg677w4xkmhmvbsca  fin, three-way, by client
12      13:46:42.145  [7f00:1::]:41086  [7f00:1::]:80  http      1             aerukz4jvpg677w4xkmhmvbsca  midstream, fin, three-way, by client
)");
}

}  // namespace
}  // namespace tapline
