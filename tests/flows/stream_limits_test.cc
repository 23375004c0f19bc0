// What is over a limit, or no framing, is told the same however the bytes are cut into segments.
#include <gtest/gtest.h>

#include <string>

#include "flows/flow_processor.h"
#include "tests/flows/conversation.h"

namespace tapline::test {
namespace {

constexpr std::uint32_t kMaxHead = 128;

Outcomes play(const std::string& request, const std::string& response, std::size_t segment_size) {
  FlowOptions options = default_options();
  options.max_head = kMaxHead;
  Conversation talk({.segment_size = segment_size});
  talk.handshake().client(request).server(response).close(Side::kServer);
  return run(talk, options);
}

// In segments of any size as in one.
void expect_same(const std::string& request, const std::string& response, const std::string& line,
                 std::uint64_t too_long) {
  for (std::size_t size = 1; size <= response.size(); ++size) {
    SCOPED_TRACE(size);
    const Outcomes out = play(request, response, size);
    EXPECT_EQ(out.sink.transaction_lines(), std::vector<std::string>{line});
    EXPECT_EQ(out.counters.heads_too_long, too_long);
  }
}

const std::string kGet = crlf("GET / HTTP/1.1\n\n");

// A chunk size that is none (RFC 9112 section 7.1): its line belongs to no message.
TEST(StreamLimitsTest, BytesInFrontOfABadChunkSize) {
  const std::string head = crlf("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n");
  const std::string line = "#1 GET / 1.1 [18+0] -> 200 OK [52+5] unknown missing=response_body";
  for (const char* bad :
       {"1z\r\n", "zz\r\n", "\r\n\r\n", "ffffffffffffffffff\r\n", "DELETE / HTTP/1.1\r\n"}) {
    SCOPED_TRACE(bad);
    expect_same(kGet, head + crlf("5\nhello\n") + bad + "more", line, 0);
  }
}

// Of trailers over the limit the lines before it are kept, and no part of a line.
TEST(StreamLimitsTest, TrailersOverTheLimit) {
  const std::string head = crlf("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n0\n");
  const std::string first = crlf("A: b\n"), second = "C: " + std::string(kMaxHead, 'd') + "\r\n";
  const std::string line = "#1 GET / 1.1 [18+0] -> 200 OK [";
  const std::string size = std::to_string(head.size() + first.size() * 2 + second.size() + 2);
  expect_same(kGet, head + first + second + first + "\r\n", line + size + "+0] success trailer A=b", 1);
}

// A request line over the limit is no request; what follows is found again where a segment starts.
TEST(StreamLimitsTest, ARequestLineOverTheLimit) {
  const std::string request = "GET /" + std::string(kMaxHead, 'a') + crlf(" HTTP/1.1\n\n");
  for (const std::size_t size : {1u, 7u, 100u, 1000u}) {
    SCOPED_TRACE(size);
    const Outcomes out = play(request, crlf("HTTP/1.1 414 URI Too Long\nContent-Length: 0\n\n"), size);
    EXPECT_EQ(out.sink.transaction_lines(),
              std::vector<std::string>{"#1 - -> 414 URI Too Long [48+0] failure missing=request"});
    EXPECT_EQ(out.counters.heads_too_long, 1u);
  }
}

}  // namespace
}  // namespace tapline::test
