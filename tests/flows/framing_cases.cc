#include "tests/flows/framing_cases.h"

namespace tapline::test {
namespace {

constexpr Side kC = Side::kClient, kS = Side::kServer;

const std::string kGet = crlf("GET /n HTTP/1.1\n\n");
const std::string kOk = crlf("HTTP/1.1 200 OK\nContent-Length: 2\n\nok");
const std::string kNext = "GET /n 1.1 [19+0] -> 200 OK [38+2] success";

// A request and its response; then another pair, which is right only if the first ended where it should.
FramingCase one(std::string name, const std::string& request, const std::string& response,
                const std::string& record) {
  return {std::move(name),
          {{kC, request}, {kS, response}, {kC, kGet}, {kS, kOk}},
          {"#1 " + record, "#2 " + kNext}};
}

// A response that takes the rest of the connection with it.
FramingCase last(std::string name, const std::string& request, const std::string& response,
                 const std::string& record) {
  return {std::move(name), {{kC, request}, {kS, response}}, {"#1 " + record}};
}

FramingCase target(std::string name, const std::string& method, const std::string& target) {
  const std::string line = method + " " + target + " HTTP/1.1\r\nHost: h\r\n\r\n";
  return one(std::move(name), line, kOk,
             method + " " + target + " 1.1 [" + std::to_string(line.size()) + "+0] -> 200 OK [38+2] success");
}

std::vector<FramingCase> message_body_length() {
  const std::string no_body = crlf("\nContent-Length: 500\n\n");
  return {
      one("S6_3_1_ResponseToHead", crlf("HEAD /h HTTP/1.1\n\n"), "HTTP/1.1 200 OK" + no_body,
          "HEAD /h 1.1 [20+0] -> 200 OK [40+0] success"),
      one("S6_3_1_ResponseToHeadThatSpeaksOfChunks", crlf("HEAD /h HTTP/1.1\n\n"),
          crlf("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n"),
          "HEAD /h 1.1 [20+0] -> 200 OK [47+0] success"),
      one("S6_3_1_Interim", crlf("GET /i HTTP/1.1\n\n"),
          crlf("HTTP/1.1 100 Continue\nContent-Length: 5\n\nHTTP/1.1 103 Early Hints\nLink: <x>\n\n"
               "HTTP/1.1 199 Odd\n\n") +
              kOk,
          "GET /i 1.1 [19+0] -> 200 OK [38+2] success interim=100 interim=103 interim=199"),
      one("S6_3_1_NoContent", kGet, "HTTP/1.1 204 No Content" + no_body,
          "GET /n 1.1 [19+0] -> 204 No Content [48+0] success"),
      one("S6_3_1_NotModified", kGet,
          crlf("HTTP/1.1 304 Not Modified\nTransfer-Encoding: chunked\nContent-Length: 9\n\n"),
          "GET /n 1.1 [19+0] -> 304 Not Modified [76+0] success"),
      {"S6_3_2_Tunnel",
       {{kC, crlf("CONNECT h:443 HTTP/1.1\nHost: h:443\n\n")},
        {kS, crlf("HTTP/1.1 200 Connection established\nContent-Length: 3\n\n")},
        {kC, "\x16\x03\x01 GET /not HTTP/1.1\r\n\r\n"},
        {kS, kOk}},
       {"#1 CONNECT h:443 1.1 [39+0] -> 200 Connection established [58+0] success upgrade=tunnel"}},
      one("S6_3_2_ConnectThatIsRefused", crlf("CONNECT h:443 HTTP/1.1\n\n"),
          crlf("HTTP/1.1 407 Auth\nContent-Length: 2\n\nno"),
          "CONNECT h:443 1.1 [26+0] -> 407 Auth [40+2] failure"),
      one("S6_3_3_TransferEncodingOverridesContentLength",
          crlf("POST /p HTTP/1.1\nContent-Length: 100\nTransfer-Encoding: chunked\n\n3\nabc\n0\n\n"),
          crlf("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\nContent-Length: 1\n\n2\nok\n0\n\n"),
          "POST /p 1.1 [79+3] -> 200 OK [76+2] success"),
      one("S6_3_4_ChunkedLast", kGet,
          crlf("HTTP/1.1 200 OK\nTransfer-Encoding: gzip, chunked\n\n2\nok\n0\n\n"),
          "GET /n 1.1 [19+0] -> 200 OK [63+2] success"),
      last("S6_3_4_OtherCodingLastIsUntilClose", kGet,
           crlf("HTTP/1.1 200 OK\nTransfer-Encoding: chunked, gzip\nContent-Length: 1\n\nrest"),
           "GET /n 1.1 [19+0] -> 200 OK [72+4] success"),
      one("S6_3_5_EqualContentLengths", kGet,
          crlf("HTTP/1.1 200 OK\nContent-Length: 2\nContent-Length: 2, 2\n\nok"),
          "GET /n 1.1 [19+0] -> 200 OK [60+2] success"),
      last("S6_3_5_UnequalContentLengthsAreUntilClose", kGet,
           crlf("HTTP/1.1 200 OK\nContent-Length: 2\nContent-Length: 3\n\nabcdef"),
           "GET /n 1.1 [19+0] -> 200 OK [57+6] success"),
      last("S6_3_5_ContentLengthThatIsNoNumber", kGet, crlf("HTTP/1.1 200 OK\nContent-Length: -2\n\nabcdef"),
           "GET /n 1.1 [19+0] -> 200 OK [39+6] success"),
      one("S6_3_6_ContentLength",
          crlf("PUT /p HTTP/1.1\nContent-Length: 16\n\nGET / HTTP/1.1\n\n").substr(0, 55), kOk,
          "PUT /p 1.1 [39+16] -> 200 OK [38+2] success"),
      one("S6_3_7_RequestWithoutLengthHasNoBody", crlf("POST /p HTTP/1.1\n\n"), kOk,
          "POST /p 1.1 [20+0] -> 200 OK [38+2] success"),
      last("S6_3_8_UntilClose", kGet, crlf("HTTP/1.1 200 OK\n\nGET / HTTP/1.1\n\nHTTP/1.1 200 OK\n\n"),
           "GET /n 1.1 [19+0] -> 200 OK [19+37] success"),
      {"S8_ResponseThatEndsEarly",
       {{kC, kGet}, {kS, crlf("HTTP/1.1 200 OK\nContent-Length: 100\n\nonly this")}},
       {"#1 GET /n 1.1 [19+0] -> 200 OK [40+9] failure missing=response_body"}},
      {"S8_ChunkedResponseThatEndsEarly",
       {{kC, kGet}, {kS, crlf("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n4\nabcd\n")}},
       {"#1 GET /n 1.1 [19+0] -> 200 OK [52+4] failure missing=response_body"}},
  };
}

std::vector<FramingCase> chunked_coding() {
  const auto chunks = [](std::string name, const std::string& body, const std::string& sizes) {
    return one(std::move(name), kGet, crlf("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n") + body,
               "GET /n 1.1 [19+0] -> 200 OK " + sizes);
  };
  return {
      chunks("S7_1_Empty", crlf("0\n\n"), "[52+0] success"),
      chunks("S7_1_LastChunkOfManyZeros", crlf("2\nok\n00000\n\n"), "[61+2] success"),
      chunks("S7_1_HexInEitherCaseAndLeadingZeros",
             crlf("1a\n") + std::string(26, 'x') + crlf("\n001B\n") + std::string(27, 'y') + crlf("\n0\n\n"),
             "[66+53] success"),
      chunks("S7_1_DataThatLooksLikeTheLastChunk", crlf("11\n0\n\nHTTP/1.1 200\n0\n\n"), "[58+17] success"),
      chunks("S7_1_SpacesBehindTheSize", crlf("2  \nok\n0 \n\n"), "[60+2] success"),
      chunks("S7_1_1_Extensions", crlf("2;a=b;c=\"d;e\"\nok\n0;last\n\n"), "[74+2] success"),
      chunks("S7_1_2_Trailers", crlf("2\nok\n0\nT: 1\nU: 2\n  folded\n\n"),
             "[79+2] success trailer T=1 trailer U=2 folded"),
  };
}

std::vector<FramingCase> whole_exchanges() {
  return {
      {"S9_3_2_Pipelining",
       {{kC, crlf("GET /1 HTTP/1.1\n\nPOST /2 HTTP/1.1\nContent-Length: 6\n\nGET / HEAD /3 HTTP/1.1\n\nGET "
                  "/4 HTTP/1.1\n\n")},
        {kS,
         crlf("HTTP/1.1 304 Not Modified\nContent-Length: 9\n\nHTTP/1.1 200 OK\nContent-Length: 8\n\nHTTP/1.1"
              "HTTP/1.1 200 OK\nContent-Length: 8\n\nHTTP/1.1 204 No Content\n\n")}},
       {"#1 GET /1 1.1 [19+0] -> 304 Not Modified [48+0] success",
        "#2 POST /2 1.1 [39+6] -> 200 OK [38+8] success", "#3 HEAD /3 1.1 [20+0] -> 200 OK [38+0] success",
        "#4 GET /4 1.1 [19+0] -> 204 No Content [27+0] success"}},
      {"S9_5_ResponseBeforeTheRequestEnds",
       {{kC, crlf("POST /p HTTP/1.1\nContent-Length: 12\n\nabcdef")},
        {kS, crlf("HTTP/1.1 413 Too Large\nContent-Length: 2\n\nno")},
        {kC, "ghijkl" + kGet},
        {kS, kOk}},
       {"#1 POST /p 1.1 [40+12] -> 413 Too Large [45+2] failure", "#2 " + kNext}},
      {"Rfc9110_10_1_1_ExpectContinue",
       {{kC, crlf("POST /p HTTP/1.1\nExpect: 100-continue\nContent-Length: 4\n\n")},
        {kS, crlf("HTTP/1.1 100 Continue\n\n")},
        {kC, "body"},
        {kS, kOk},
        {kC, kGet},
        {kS, kOk}},
       {"#1 POST /p 1.1 [61+4] -> 200 OK [38+2] success interim=100", "#2 " + kNext}},
      {"Rfc9110_10_1_1_ExpectContinueRefused",  // nothing of the request is missing: its body was never sent
       {{kC, crlf("POST /p HTTP/1.1\nExpect: 100-continue\nContent-Length: 4\n\n")},
        {kS, crlf("HTTP/1.1 417 No\nContent-Length: 0\n\n")}},
       {"#1 POST /p 1.1 [61+0] -> 417 No [38+0] failure"}},
      {"Rfc9110_10_1_1_BodyThatDoesNotWaitForTheContinue",
       {{kC, crlf("POST /p HTTP/1.1\nExpect: 100-continue\nContent-Length: 4\n\nbody")},
        {kS, crlf("HTTP/1.1 401 No\nContent-Length: 0\n\n")},
        {kC, kGet},
        {kS, kOk}},
       {"#1 POST /p 1.1 [61+4] -> 401 No [38+0] failure", "#2 " + kNext}},
      {"Rfc9110_7_8_WebSocket",
       {{kC, crlf("GET /ws HTTP/1.1\nUpgrade: websocket\nConnection: Upgrade\n\n")},
        {kS, crlf("HTTP/1.1 101 Switching Protocols\nUpgrade: websocket\n\n") + "\x81\x02hi"},
        {kC, "\x81\x82GET /not HTTP/1.1\r\n\r\n"},
        {kS, kOk}},
       {"#1 GET /ws 1.1 [61+0] -> 101 Switching Protocols [56+0] success upgrade=websocket"}},
      {"Rfc9110_7_8_H2c",
       {{kC, crlf("GET / HTTP/1.1\nUpgrade: h2c\nHTTP2-Settings: AAMAAABkAAQAAP__\n\n")},
        {kS, crlf("HTTP/1.1 101 Switching Protocols\nUpgrade: h2c\n\n") + std::string("\0\0\6\4", 4)},
        {kC, crlf("PRI * HTTP/2.0\n\nSM\n\n")}},
       {"#1 GET / 1.1 [66+0] -> 101 Switching Protocols [50+0] success upgrade=h2c"}},
      one("Rfc9110_7_8_UpgradeThatIsIgnored", crlf("GET /a HTTP/1.1\nUpgrade: h2c\n\n"), kOk,
          "GET /a 1.1 [33+0] -> 200 OK [38+2] success"),
      one("S9_3_Http10WithKeepAlive", crlf("GET /a HTTP/1.0\nConnection: keep-alive\n\n"),
          crlf("HTTP/1.0 200 OK\nConnection: keep-alive\nContent-Length: 2\n\nok"),
          "GET /a 1.0 [43+0] -> 200 OK [62+2] success"),
      last("S9_3_Http10WithoutKeepAlive", crlf("GET /a HTTP/1.0\n\n"),
           crlf("HTTP/1.0 200 OK\n\nall the rest"), "GET /a 1.0 [19+0] -> 200 OK [19+12] success"),
      last("Http09", "GET /old\r\n", "plain text, HTTP/1.1 200 OK",
           "GET /old 0.9 [10+0] -> 0 [0+27] success"),
  };
}

std::vector<FramingCase> start_lines() {
  const auto status = [](std::string name, const std::string& line, const std::string& told,
                         const std::string& outcome) {
    const std::string head = line + "\r\nContent-Length: 2\r\n\r\n";
    return one(std::move(name), kGet, head + "ok",
               "GET /n 1.1 [19+0] -> " + told + " [" + std::to_string(head.size()) + "+2] " + outcome);
  };
  return {
      target("S3_2_1_OriginForm", "GET", "/a/b?c=d&e"),
      target("S3_2_2_AbsoluteForm", "GET", "http://host:8080/a?b"),
      target("S3_2_4_AsteriskForm", "OPTIONS", "*"),
      target("S3_2_EightBitBytes", "GET", "/\xc3\xa4\xff\x80"),
      target("S3_1_AnyToken", "M-SEARCH!#$%&'*+.^_`|~09", "/"),
      status("S4_AnyThreeDigits", "HTTP/1.1 999 Odd", "999 Odd", "failure"),
      status("S4_EmptyReason", "HTTP/1.1 200 ", "200", "success"),
      status("S4_NoReasonAndNoSpace", "HTTP/1.1 200", "200", "success"),
      status("S4_EightBitReason", "HTTP/1.1 200 \xd6k", "200 \xd6k", "success"),
      one("S2_2_EmptyLinesBeforeTheRequestLine", "\r\n\n\r\n" + kGet, "\r\n" + kOk,
          "GET /n 1.1 [19+0] -> 200 OK [38+2] success"),
      one("S2_2_BareLf", "GET /l HTTP/1.1\nHost: h\n\n", "HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
          "GET /l 1.1 [25+0] -> 200 OK [35+2] success"),
      one("S5_1_SpacesWhereThereShouldBeNone", crlf("POST /s HTTP/1.1\nContent-Length : 2\n\nab"),
          crlf("HTTP/1.1 200 OK\nContent-Length:\t 2 \t\n\nok"),
          "POST /s 1.1 [40+2] -> 200 OK [41+2] success"),
      one("S5_2_FoldedHeader", crlf("POST /f HTTP/1.1\nX: a\n b\nContent-Length:\n 2\n\nab"),
          crlf("HTTP/1.1 200 OK\nTransfer-Encoding: gzip,\n\tchunked\n\n2\nok\n0\n\n"),
          "POST /f 1.1 [51+2] -> 200 OK [65+2] success"),
      one("S5_5_BytesThatAreNoText", std::string("GET /b HTTP/1.1\r\nA: \x80\0\x01\r\nB:\r\n\r\n", 31), kOk,
          "GET /b 1.1 [31+0] -> 200 OK [38+2] success"),
  };
}

}  // namespace

const std::vector<FramingCase>& framing_cases() {
  static const std::vector<FramingCase> all = [] {
    std::vector<FramingCase> cases;
    for (auto group : {message_body_length(), chunked_coding(), whole_exchanges(), start_lines()}) {
      cases.insert(cases.end(), group.begin(), group.end());
    }
    return cases;
  }();
  return all;
}

}  // namespace tapline::test
