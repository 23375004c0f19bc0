// Heads: where they end, which start lines are good, what the header lines say.
#include "flows/http_head.h"

#include <gtest/gtest.h>

#include <cctype>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "flows/plain_head.h"
#include "tests/flows/guard_page.h"
#include "tests/flows/head_reference.h"

namespace tapline::test {
namespace {

using namespace std::string_view_literals;
using Fields = std::vector<std::pair<std::string, std::string>>;

constexpr std::size_t kNone = std::string_view::npos;

TEST(FindHeadEndTest, TakesCrlfAndBareLf) {
  EXPECT_EQ(find_head_end("A\r\n\r\nB"), 5u);
  EXPECT_EQ(find_head_end("A\n\nB"), 3u);
  EXPECT_EQ(find_head_end("A\r\n\nB"), 4u);
  EXPECT_EQ(find_head_end("A\n\r\nB"), 4u);
  EXPECT_EQ(find_head_end("A\r\nB: c\r\n\r\n"), 11u);
  EXPECT_EQ(find_head_end(""), kNone);
  EXPECT_EQ(find_head_end("A\r\n"), kNone);
  EXPECT_EQ(find_head_end("A\r\n\r"), kNone);
  EXPECT_EQ(find_head_end("A\r\r\n\r\rB"), kNone);
}

// However the bytes come, a search that goes on finds the same end, and reads nothing behind what has come.
TEST(FindHeadEndTest, GivesTheSameAnswerAtEverySplit) {
  for (const std::string_view head :
       {"GET / HTTP/1.1\r\nA: b\r\n\r\nrest"sv, "GET / HTTP/1.1\nA: b\n\nrest"sv, "G\n\r\nrest"sv,
        "G\r\n\nrest"sv, "G\r\r\n\r\r\n\r\n\r\n"sv}) {
    const std::size_t end = find_head_end(head);
    ASSERT_NE(end, kNone);
    GuardedBytes memory(head.size());
    for (std::size_t first = 0; first <= head.size(); ++first) {
      EXPECT_EQ(find_head_end(memory.hold(head.substr(0, first))), first < end ? kNone : end) << first;
      if (first >= end) continue;
      for (std::size_t second = first; second <= head.size(); ++second) {
        EXPECT_EQ(find_head_end(memory.hold(head.substr(0, second)), first), second < end ? kNone : end)
            << first << " then " << second;
      }
    }
  }
}

struct RequestLine {
  std::string_view line;
  std::string_view method = {}, target = {};  // empty: no request line
  int major = 1, minor = 1;
};

class RequestLineTest : public testing::TestWithParam<RequestLine> {};

TEST_P(RequestLineTest, IsReadAsItIsOrRefused) {
  const RequestLine& c = GetParam();
  GuardedBytes memory(c.line.size() + 8);
  for (const std::string_view end : {"\r\n\r\n"sv, "\n\n"sv}) {
    const std::string text = std::string(c.line) + std::string(end);
    HttpHead head;
    EXPECT_EQ(looks_like_request(memory.hold(text)), c.method.empty() ? Look::kNo : Look::kYes) << text;
    ASSERT_EQ(read_request_head(memory.hold(text), head), !c.method.empty()) << text;
    if (c.method.empty()) continue;
    EXPECT_EQ(head.method, c.method);
    EXPECT_EQ(head.target, c.target);
    EXPECT_EQ(head.version.major, c.major);
    EXPECT_EQ(head.version.minor, c.minor);
    // As long as the line is not there, more is needed; it is never refused.
    for (std::size_t n = 1; n <= c.line.size(); ++n) {
      EXPECT_EQ(looks_like_request(memory.hold(text.substr(0, n))), Look::kMoreNeeded) << n;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Lines, RequestLineTest,
    testing::Values(
        RequestLine{"GET / HTTP/1.1", "GET", "/"}, RequestLine{"GET / HTTP/1.0", "GET", "/", 1, 0},
        RequestLine{"M-SEARCH * HTTP/1.1", "M-SEARCH", "*"},
        RequestLine{"CONNECT a.example:443 HTTP/1.1", "CONNECT", "a.example:443"},
        RequestLine{"GET http://[::1]:80/a?b HTTP/1.1", "GET", "http://[::1]:80/a?b"},
        RequestLine{"GET  /a  HTTP/1.1", "GET", "/a"}, RequestLine{"GET /a b HTTP/1.1", "GET", "/a b"},
        RequestLine{"GET /\xff\x80 HTTP/1.1", "GET", "/\xff\x80"}, RequestLine{"GET /", "GET", "/", 0, 9},
        RequestLine{"GET\t/\tHTTP/1.1", "GET", "/"}, RequestLine{"!#$ / HTTP/1.1", "!#$", "/"},
        RequestLine{"GET HTTP/1.1", "GET", ""}, RequestLine{"OPTIONS  HTTP/1.0 ", "OPTIONS", "", 1, 0},
        RequestLine{"PRI * HTTP/2.0", "PRI", "*", 2, 0}, RequestLine{"POST /"}, RequestLine{"GET"},
        RequestLine{"GET "}, RequestLine{" GET / HTTP/1.1"}, RequestLine{"GET / HTTP/1"},
        RequestLine{"GET / http/1.1"}, RequestLine{"GET / HTTP/1.12"}, RequestLine{"G(T / HTTP/1.1"},
        RequestLine{"HTTP/1.1 200 OK"}, RequestLine{"\x16\x03\x01 x HTTP/1.1"},
        RequestLine{"hello world and more"}));

TEST(RequestLineTest, AMethodHasABound) {
  EXPECT_EQ(looks_like_request(std::string(64, 'A')), Look::kMoreNeeded);
  EXPECT_EQ(looks_like_request(std::string(65, 'A')), Look::kNo);
}

struct StatusLine {
  std::string_view line;
  int status = 0;  // 0: no status line
  std::string_view reason = {};
};

class StatusLineTest : public testing::TestWithParam<StatusLine> {};

TEST_P(StatusLineTest, IsReadAsItIsOrRefused) {
  const StatusLine& c = GetParam();
  const std::string text = std::string(c.line) + "\r\n\r\n";
  GuardedBytes memory(text.size());
  HttpHead head;
  EXPECT_EQ(looks_like_response(memory.hold(text)), c.status != 0 ? Look::kYes : Look::kNo);
  ASSERT_EQ(read_response_head(memory.hold(text), head), c.status != 0);
  if (c.status != 0) {
    EXPECT_EQ(head.status, c.status);
    EXPECT_EQ(head.reason, c.reason);
  }
  for (std::size_t n = 1; n < c.line.size(); ++n) {
    const Look look = looks_like_response(memory.hold(text.substr(0, n)));
    EXPECT_NE(look, c.status != 0 ? Look::kNo : Look::kYes) << n;
  }
}

INSTANTIATE_TEST_SUITE_P(Lines, StatusLineTest,
                         testing::Values(StatusLine{"HTTP/1.1 200 OK", 200, "OK"},
                                         StatusLine{"HTTP/1.0 404 Not Found", 404, "Not Found"},
                                         StatusLine{"HTTP/1.1 200", 200}, StatusLine{"HTTP/1.1 200 ", 200},
                                         StatusLine{"HTTP/1.1  301  Moved", 301, "Moved"},
                                         StatusLine{"HTTP/1.1 200 \xe9t\xe9", 200, "\xe9t\xe9"},
                                         StatusLine{"HTTP/1.1 999 x", 999, "x"},
                                         StatusLine{"HTTP/1.1 20x OK"}, StatusLine{"HTTP/1.1200 OK"},
                                         StatusLine{"HTTP/11 200 OK"}, StatusLine{"http/1.1 200 OK"},
                                         StatusLine{"ICY 200 OK and so on"}, StatusLine{"GET / HTTP/1.1"}));

// The header lines of a head.
Fields fields_of(std::string_view lines) {
  std::vector<HeaderField> fields;
  read_header_lines(lines, fields);
  Fields out;
  for (const HeaderField& field : fields) {
    out.emplace_back(field.name, field.value);
    EXPECT_EQ(field.folded, field.value.find('\n') != std::string_view::npos);
  }
  return out;
}

TEST(HeaderLinesTest, WhiteSpaceAroundNameAndValueIsTakenOff) {
  EXPECT_EQ(fields_of("A:b\r\nC: d\r\nE:\t f \t\r\nG :h\r\n\r\n"),
            (Fields{{"A", "b"}, {"C", "d"}, {"E", "f"}, {"G", "h"}}));
}

TEST(HeaderLinesTest, EmptyValuesDuplicatesAndWireOrderStay) {
  EXPECT_EQ(fields_of("B:\r\nA: 1\r\nB: 2\r\na: 3\r\n\r\nNot: this"),
            (Fields{{"B", ""}, {"A", "1"}, {"B", "2"}, {"a", "3"}}));
}

TEST(HeaderLinesTest, ALineWithoutColonIsPassedOver) {
  EXPECT_EQ(fields_of("A: 1\r\nnonsense\r\nB: 2\r\n\r\n"), (Fields{{"A", "1"}, {"B", "2"}}));
}

TEST(HeaderLinesTest, AValueKeepsColonsNulsAndHighBytes) {
  EXPECT_EQ(fields_of("A: b:c\r\nD: \xff\x80 x\r\n\r\n"), (Fields{{"A", "b:c"}, {"D", "\xff\x80 x"}}));
  EXPECT_EQ(fields_of("A: b\0c\r\n\r\n"sv), (Fields{{"A", std::string("b\0c", 3)}}));
}

TEST(HeaderLinesTest, FoldedLinesAreOneValue) {
  EXPECT_EQ(fields_of("A: b\r\n  c\r\n\td \r\nE: f\r\n\r\n"), (Fields{{"A", "b\r\n  c\r\n\td"}, {"E", "f"}}));
  // The first line empty: nothing is folded.
  EXPECT_EQ(fields_of("A:\r\n b\r\n\r\n"), (Fields{{"A", "b"}}));
  // A fold of nothing but white space adds nothing.
  EXPECT_EQ(fields_of("A: b\r\n \t\r\nC: d\r\n\r\n"), (Fields{{"A", "b"}, {"C", "d"}}));
  // Before any field there is nothing to go on with.
  EXPECT_EQ(fields_of(" A: b\r\nC: d\r\n\r\n"), (Fields{{"A", "b"}, {"C", "d"}}));
}

TEST(HeaderLinesTest, AHeadThatWasCutGivesWhatIsThere) {
  EXPECT_EQ(fields_of("A: 1\r\nB: 2"), (Fields{{"A", "1"}, {"B", "2"}}));
  EXPECT_EQ(fields_of("A: 1\r\nCont"), (Fields{{"A", "1"}}));
  EXPECT_EQ(fields_of(""), Fields{});
}

HttpHead response_with(std::string_view lines, std::string& text) {
  text = "HTTP/1.1 200 OK\r\n" + std::string(lines) + "\r\n";
  HttpHead head;
  EXPECT_TRUE(read_response_head(text, head));
  return head;
}

TEST(FramingTest, ContentLength) {
  std::string text;
  EXPECT_EQ(response_with("Content-Length: 42\r\n", text).framing.content_length, 42u);
  EXPECT_EQ(response_with("content-length:0\r\n", text).framing.content_length, 0u);
  EXPECT_EQ(response_with("Content-Length: 007\r\n", text).framing.content_length, 7u);
  EXPECT_EQ(response_with("A: b\r\n", text).framing.content_length, std::nullopt);
  const HttpHead equal = response_with("Content-Length: 5, 5\r\nContent-Length: 5\r\n", text);
  EXPECT_EQ(equal.framing.content_length, 5u);
  EXPECT_FALSE(equal.framing.bad_content_length);
  for (const std::string_view bad :
       {"Content-Length: 5, 6\r\n"sv, "Content-Length: 5\r\nContent-Length: 6\r\n"sv,
        "Content-Length: x\r\n"sv, "Content-Length: -1\r\n"sv, "Content-Length: +1\r\n"sv,
        "Content-Length: 5 5\r\n"sv, "Content-Length: 0x10\r\n"sv, "Content-Length:\r\n"sv,
        "Content-Length: 1.0\r\n"sv, "Content-Length: 99999999999999999999\r\n"sv,
        "Content-Length: 18446744073709551615\r\n"sv}) {
    EXPECT_TRUE(response_with(bad, text).framing.bad_content_length) << bad;
  }
}

TEST(FramingTest, TransferEncoding) {
  std::string text;
  const auto framing = [&](std::string_view lines) { return response_with(lines, text).framing; };
  EXPECT_TRUE(framing("Transfer-Encoding: chunked\r\n").chunked);
  EXPECT_TRUE(framing("transfer-encoding: CHUNKED\r\n").chunked);
  EXPECT_TRUE(framing("Transfer-Encoding: gzip, chunked\r\n").chunked);
  EXPECT_TRUE(framing("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n").chunked);
  EXPECT_FALSE(framing("Transfer-Encoding: chunked, gzip\r\n").chunked);
  EXPECT_TRUE(framing("Transfer-Encoding: chunked, gzip\r\n").other_coding);
  EXPECT_TRUE(framing("Transfer-Encoding: xchunked\r\n").other_coding);
  EXPECT_FALSE(framing("Transfer-Encoding: identity\r\n").chunked);
  EXPECT_FALSE(framing("Transfer-Encoding: identity\r\n").other_coding);
  EXPECT_FALSE(framing("X-Transfer-Encoding: chunked\r\n").chunked);
}

TEST(HeadTest, NothingOfTheHeadBeforeIsLeft) {
  HttpHead head;
  ASSERT_TRUE(
      read_request_head("POST / HTTP/1.1\r\nContent-Length: 4, 5\r\nTransfer-Encoding: chunked\r\n"
                        "Upgrade: x\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n",
                        head));
  EXPECT_TRUE(head.expect_continue);
  EXPECT_EQ(head.upgrade, "x");
  ASSERT_TRUE(read_request_head("GET /a HTTP/1.1\r\n\r\n", head));
  EXPECT_TRUE(head.headers.empty());
  EXPECT_FALSE(head.framing.chunked);
  EXPECT_FALSE(head.framing.bad_content_length);
  EXPECT_FALSE(head.framing.content_length);
  EXPECT_FALSE(head.expect_continue);
  EXPECT_EQ(head.upgrade, "");
}

TEST(HeadTest, ManyHeadersAreAllThere) {
  std::string text = "GET / HTTP/1.1\r\n";
  for (int i = 0; i < 500; ++i) text += "N" + std::to_string(i) + ": v\r\n";
  text += "\r\n";
  HttpHead head;
  ASSERT_TRUE(read_request_head(text, head));
  EXPECT_EQ(head.headers.size(), 500u);
  EXPECT_EQ(head.headers.back().name, "N499");
}

// Any start of a head ends at the page's end: what is there is read, and not one byte more.
TEST(HeadTest, ReadsNothingBehindItsBytes) {
  constexpr std::string_view kRequest =
      "POST /a?b HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: gzip, chunked\r\nA: b\r\n  "
      "c\r\n\r\n";
  constexpr std::string_view kResponse =
      "HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 5, 5\r\nConnection: close\r\nFold:\r\n \tx\r\n\r\n";
  GuardedBytes memory(200);
  HttpHead head;
  for (std::size_t n = 0; n <= kRequest.size(); ++n) {
    const std::string_view text = memory.hold(kRequest.substr(0, n));
    looks_like_request(text);
    if (!read_request_head(text, head)) continue;
    EXPECT_EQ(head.target, n < 10 ? kRequest.substr(5, n - 5) : "/a?b") << n;
  }
  EXPECT_EQ(head.headers.size(), 4u);
  for (std::size_t n = 0; n <= kResponse.size(); ++n) {
    const std::string_view text = memory.hold(kResponse.substr(0, n));
    looks_like_response(text);
    if (!read_response_head(text, head)) continue;
    EXPECT_EQ(head.status, 200) << n;
  }
  EXPECT_EQ(head.headers.size(), 4u);
}

TEST(KnownHeaderTest, InAnyCase) {
  const std::vector<std::pair<std::string, KnownHeader>> known = {
      {"Accept", KnownHeader::kAccept},
      {"Accept-Encoding", KnownHeader::kAcceptEncoding},
      {"Accept-Language", KnownHeader::kAcceptLanguage},
      {"Authorization", KnownHeader::kAuthorization},
      {"Cache-Control", KnownHeader::kCacheControl},
      {"Connection", KnownHeader::kConnection},
      {"Content-Encoding", KnownHeader::kContentEncoding},
      {"Content-Length", KnownHeader::kContentLength},
      {"Content-Location", KnownHeader::kContentLocation},
      {"Content-Range", KnownHeader::kContentRange},
      {"Content-Type", KnownHeader::kContentType},
      {"Cookie", KnownHeader::kCookie},
      {"Date", KnownHeader::kDate},
      {"ETag", KnownHeader::kEtag},
      {"Expect", KnownHeader::kExpect},
      {"Forwarded", KnownHeader::kForwarded},
      {"Host", KnownHeader::kHost},
      {"Last-Modified", KnownHeader::kLastModified},
      {"Location", KnownHeader::kLocation},
      {"Origin", KnownHeader::kOrigin},
      {"Proxy-Authorization", KnownHeader::kProxyAuthorization},
      {"Range", KnownHeader::kRange},
      {"Referer", KnownHeader::kReferer},
      {"Server", KnownHeader::kServer},
      {"Set-Cookie", KnownHeader::kSetCookie},
      {"Transfer-Encoding", KnownHeader::kTransferEncoding},
      {"Upgrade", KnownHeader::kUpgrade},
      {"User-Agent", KnownHeader::kUserAgent},
      {"Via", KnownHeader::kVia},
      {"X-Forwarded-For", KnownHeader::kXForwardedFor},
      {"X-Request-Id", KnownHeader::kXRequestId}};
  EXPECT_EQ(known.size() + 1, kKnownHeaders);
  for (const auto& [name, header] : known) {
    std::string text = name;
    EXPECT_EQ(known_header(text), header) << text;
    for (char& c : text) c = static_cast<char>(std::tolower(c));
    EXPECT_EQ(HeaderField(text, "").known, header) << text;
    for (char& c : text) c = static_cast<char>(std::toupper(c));
    EXPECT_EQ(HeaderField(text, "").known, header) << text;
    // As read, wherever in a head; white space that some servers ignore does not hide a name.
    for (const std::string_view form : {":"sv, ": a\r\n\r\n"sv, " \t: a"sv}) {
      std::vector<HeaderField> fields;
      const std::string line = text + std::string(form);
      GuardedBytes memory(line.size());
      read_header_lines(memory.hold(line), fields);
      ASSERT_EQ(fields.size(), 1u);
      EXPECT_EQ(fields[0].known, header) << text;
    }
    // Any byte that differs makes it another name; so do more and fewer.
    for (std::size_t i = 0; i < text.size(); ++i) {
      for (const int other : {text[i] ^ 0x40, text[i] ^ 0x80, text[i] ^ 1, text[i] == '-' ? 0x0d : 0}) {
        std::string near = text;
        near[i] = static_cast<char>(other);
        EXPECT_EQ(known_header(near), KnownHeader::kOther) << near;
      }
    }
    EXPECT_EQ(known_header(text + "s"), KnownHeader::kOther);
    EXPECT_EQ(known_header(text.substr(1)), KnownHeader::kOther);
    EXPECT_EQ(known_header(text.substr(0, text.size() - 1)), KnownHeader::kOther);
  }
  EXPECT_EQ(known_header(""), KnownHeader::kOther);
  EXPECT_EQ(known_header("X-Trace"), KnownHeader::kOther);
}

// By all scanners that this processor can run. The bytes end at a page's end, so that what is read behind
// them is a fault.
void expect_plain_answers(GuardedBytes& memory, std::string_view bytes) {
  const std::string_view held = memory.hold(bytes);
  for (const HeadScanner& scanner : head_scanners()) {
    ASSERT_EQ(head_difference(held, scanner), "") << scanner.name << ", of " << testing::PrintToString(bytes);
  }
}

TEST(HeadScannerTest, TheLastOneRunsAnywhere) {
  ASSERT_FALSE(head_scanners().empty());
  EXPECT_STREQ(head_scanners().back().name, "portable");
}

TEST(HeadScannerTest, AnswersAsThePlainParserDoesWhereverTheBytesEnd) {
  std::string browser =
      "GET /a:b?c HTTP/1.1\r\nHost: www.example:8080\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\n"
      "Accept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8\r\nContent-Length: 5\r\nCookie: a=b; c=d:e\r\n"
      "Expect: 100-continue\r\nX-Empty:\r\nUpgrade: x\r\n\r\nHost: of the next\r\n\r\n";
  std::string odd =
      "HTTP/1.1 200 a:b\nA:b\n:\nnothing\n : c\n\td\r\n:e\r\nf\n \n \r\n  g:h\n\r\r\nContent-Length :\n 1\n "
      "2\n"
      "i\nj\n\rk:l\nTransfer-Encoding: \t chunked \r\r\nx\r\ny:\t\r\n\r\r\n::::\n\n\n";
  std::string colons = "GET / HTTP/1.0\r\n" + std::string(150, ':') + "\r\n" + std::string(70, 'a') + ":" +
                       std::string(64, ' ') + "b" + std::string(63, ' ') + "\r\nc:d\r\n\r\n";
  GuardedBytes memory(1024);
  for (const std::string& text : {browser, odd, colons}) {
    for (std::size_t n = 0; n <= text.size(); ++n)
      expect_plain_answers(memory, std::string_view(text).substr(0, n));
  }
}

TEST(HeadScannerTest, AnswersAsThePlainParserDoesWithMoreLinesThanABatchHolds) {
  for (const std::string_view line :
       {":\n"sv, "a:\n"sv, "a\n"sv, "a:b\r\n"sv, "ab\n"sv, "\r\r\n"sv, "a: bcd\r\n"sv}) {
    std::string text = "GET / HTTP/1.1\r\n";
    while (text.size() < 3 * HeadMarks::kRoom) text += line;
    GuardedBytes memory(text.size() + 8);
    for (const std::string_view end : {""sv, "\r\n"sv, "\nA: b"sv, "c: d\r\n\r\n"sv}) {
      expect_plain_answers(memory, text + std::string(end));
    }
  }
}

// Of the characters that matter, and so few others that lines, names and folds of all lengths come.
TEST(HeadScannerTest, AnswersAsThePlainParserDoesForRandomLines) {
  constexpr std::string_view kPieces[] = {"\r\n",  "\n",         "\r",      ":",
                                          ": ",    " ",          "\t",      "a",
                                          "b",     "\xff",       "Upgrade", "Content-Length: 7",
                                          "\r\n ", "\r\nHost: ", "chunked", "\r\nTransfer-Encoding:"};
  std::mt19937 random(1);
  GuardedBytes memory(1024);
  for (int i = 0; i < 20'000; ++i) {
    std::string text = i % 3 == 0 ? "" : i % 3 == 1 ? "GET / HTTP/1.1\r\n" : "HTTP/1.1 200 OK\n";
    const std::size_t pieces = random() % 60;
    // Only then lines grow longer than 64 bytes.
    const bool breaks_lines = random() % 4 != 0;
    for (std::size_t n = 0; n < pieces; ++n) {
      const std::string_view piece = kPieces[random() % std::size(kPieces)];
      if (breaks_lines || piece.find('\n') == std::string_view::npos) text += piece;
    }
    if (random() % 2 == 0) text += "\r\n\r\n";
    expect_plain_answers(memory, text);
  }
}

const std::string kPlainRequest =
    "GET /a:b?c HTTP/1.1\r\nHost: www.example:8080\r\nX-Empty:\r\nY-Empty: \r\nAccept:*/*\r\nContent-Length: "
    "5\r\nExpect: 100-continue\r\nUpgrade: x\r\nabc:\r\n\r\n";
const std::string kPlainResponse =
    "HTTP/1.1 200 OK\r\nServer: x\r\nTransfer-Encoding: chunked\r\nSet-Cookie: a=b; c=d:e\r\nd: e\r\n\r\n";

bool is_plain(std::string_view bytes, bool response) {
  PlainHead head;
  return head.read(bytes, response);
}

TEST(PlainHeadTest, TakesWhatIsSentByTheGrammar) {
  EXPECT_TRUE(is_plain(kPlainRequest, false));
  EXPECT_TRUE(is_plain(kPlainRequest + "body", false));
  EXPECT_TRUE(is_plain(kPlainResponse, true));
  for (const char* start : {"HTTP/1.1 200\r\n", "HTTP/1.0 404 \r\n", "HTTP/1.1 404 Not Found\r\n"}) {
    EXPECT_TRUE(is_plain(std::string(start) + "\r\n", true)) << start;
  }
  std::string lines;
  while (lines.size() / 6 < PlainHead::kMaxLines - 1) lines += "A: b\r\n";
  EXPECT_TRUE(is_plain("GET / HTTP/1.1\r\n" + lines + "\r\n", false));
  EXPECT_FALSE(is_plain("GET / HTTP/1.1\r\n" + lines + "A: b\r\n\r\n", false));
}

TEST(PlainHeadTest, LeavesToTheOthersWhatItsLinesCannotSay) {
  for (std::size_t n = 0; n < kPlainRequest.size(); ++n)
    EXPECT_FALSE(is_plain(kPlainRequest.substr(0, n), false));
  EXPECT_FALSE(is_plain(kPlainRequest, true));
  EXPECT_FALSE(is_plain(kPlainResponse, false));
  const auto with = [](const std::string& lines) { return "GET / HTTP/1.1\r\n" + lines + "\r\n"; };
  for (const std::size_t size : {255u, 256u, 65535u, 65536u}) {
    const std::string text(size, 'a');
    const bool fits = size <= 255;
    EXPECT_EQ(is_plain(with(text + ": b\r\n"), false), fits) << size;
    EXPECT_EQ(is_plain(with("A: " + text + "\r\n"), false), size <= 65535) << size;
    EXPECT_EQ(is_plain("GET " + text + " HTTP/1.1\r\n\r\n", false), size <= 65535) << size;
    EXPECT_EQ(is_plain("HTTP/1.1 200 " + text + "\r\n\r\n", true), size <= 65535) << size;
  }
  for (const char* lines : {"A: b\n", "A: b\r\n c\r\n", " A: b\r\n", "A : b\r\n", "A:  b\r\n", "A: b \r\n",
                            "A\r\n", ": b\r\n", "A: b\r\r\n"}) {
    EXPECT_FALSE(is_plain(with(lines), false)) << lines;
  }
  EXPECT_FALSE(is_plain("GET / HTTP/1.1\r\nA: b\r\n\n", false));
  EXPECT_FALSE(is_plain("GET /\r\n\r\n", false));
  EXPECT_FALSE(is_plain(std::string(65, 'A') + " / HTTP/1.1\r\n\r\n", false));
}

// One byte more, less, or another, anywhere in a plain head.
TEST(PlainHeadTest, SaysTheSameAsTheOthersOfNearlyPlainHeads) {
  GuardedBytes memory(1024);
  for (const std::string& head : {kPlainRequest, kPlainResponse}) {
    expect_plain_answers(memory, head);
    for (std::size_t at = 0; at < head.size(); ++at) {
      expect_plain_answers(memory, std::string(head).erase(at, 1));
      for (const char c : "\r\n\t :a1\xff"sv) {
        expect_plain_answers(memory, std::string(head).insert(at, 1, c));
        expect_plain_answers(memory, std::string(head).replace(at, 1, 1, c));
      }
    }
  }
}

TEST(SameNameTest, FoldsAsciiCaseOnly) {
  EXPECT_TRUE(same_name("Content-Length", "cONTENT-lENGTH"));
  EXPECT_FALSE(same_name("Content-Length", "Content-Lengt"));
  EXPECT_FALSE(same_name("A[", "a{"));
  EXPECT_TRUE(same_name("", ""));
}

}  // namespace
}  // namespace tapline::test
