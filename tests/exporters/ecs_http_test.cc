// The record `tapline.http`, parsed back.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "exporters/ecs_encoder.h"
#include "tests/exporters/event_samples.h"
#include "tests/exporters/exact_output.h"

namespace tapline {
namespace {

using nlohmann::json;

EcsOptions with_headers(HeaderPolicy policy, Redaction redaction = {}) {
  EcsOptions options;
  options.headers = std::move(policy);
  options.redaction = std::move(redaction);
  return options;
}

std::string line_of(TransactionSample& sample, EcsOptions options = {}) {
  ExactOutput out;
  EcsEncoder encoder(std::move(options), out);
  encoder.on_transaction(sample.event());
  return out.line();
}

json record_of(TransactionSample& sample, EcsOptions options = {}) {
  return json::parse(line_of(sample, std::move(options)));
}

TEST(EcsHttp, TheContractsExampleByteForByte) {
  TransactionSample sample;
  const std::string expected =
      R"j({"@timestamp":"2022-10-23T13:46:42.145850123Z",)j"
      R"j("event":{"dataset":"tapline.http","action":"transaction","duration":3079042,"outcome":"success"},)j"
      R"j("source":{"ip":"127.0.0.1","port":41086},"destination":{"ip":"127.0.0.1","port":80},)j"
      R"j("network":{"type":"ipv4","transport":"tcp","protocol":"http",)j"
      R"j("community_id":"1:V+flV9bTg37T9N4S6CkWJ73g/XA="},)j"
      R"j("connection":{"id":"aerukz4jvpg677w4xkmhmvbsca","number":1,"transaction":1},)j"
      R"j("url":{"original":"/","scheme":"http","domain":"127.0.0.1","path":"/","full":"http://127.0.0.1/"},)j"
      R"j("http":{"version":"1.1",)j"
      R"j("request":{"method":"GET","bytes":439,"body":{"bytes":0},"packet":4,)j"
      R"j("headers":[["Host","127.0.0.1"],["User-Agent","Mozilla/5.0"]]},)j"
      R"j("response":{"status_code":200,"reason":"OK","mime_type":"text/html","bytes":636,"body":{"bytes":299},)j"
      R"j("packet":6,)j"
      R"j("headers":[["Server","Apache/2.4.41 (Ubuntu)"],["Content-Type","Text/HTML; charset=UTF-8"]]}},)j"
      R"j("user_agent":{"original":"Mozilla/5.0"},)j"
      R"j("timing":{"request":0,"wait":3079042,"response":0}})j";
  EXPECT_EQ(line_of(sample, with_headers(HeaderPolicy::all())), expected + "\n");
}

EcsOptions with_records(std::string_view list) {
  EcsOptions options;
  options.records = *parse_record_set(list);
  return options;
}

std::string request_line_of(TransactionSample& sample, bool whole, EcsOptions options) {
  ExactOutput out;
  EcsEncoder encoder(std::move(options), out);
  encoder.on_request(sample.request_event(whole));
  return out.line();
}

TEST(EcsHttp, AnEarlyRecordIsTheRequestsPartOfItsTransaction) {
  TransactionSample sample;
  EcsOptions options = with_records("request,http");
  options.headers = HeaderPolicy::all();
  json early = json::parse(request_line_of(sample, true, options));
  EXPECT_EQ(early["event"], (json{{"dataset", "tapline.http"}, {"action", "request"}}));
  EXPECT_EQ(early["timing"], (json{{"request", 0}}));
  json later = record_of(sample, options);
  EXPECT_EQ(early["http"]["request"], later["http"]["request"]);
  later["http"].erase("response");
  for (const char* key : {"event", "timing"}) {
    early.erase(key);
    later.erase(key);
  }
  EXPECT_EQ(early, later);
}

TEST(EcsHttp, AnEarlyRecordClaimsNothingOfWhatIsStillToCome) {
  TransactionSample sample;
  sample.incomplete = kMissingRequestHead;
  const json early = json::parse(request_line_of(sample, false, with_records("request")));
  EXPECT_EQ(early["http"],
            (json{{"version", "1.1"},
                  {"request",
                   {{"method", "GET"}, {"packet", 4}, {"headers", json::array({{"Host", "127.0.0.1"}})}}},
                  {"incomplete", {"request_head"}}}));
  EXPECT_FALSE(early.contains("timing"));
  EXPECT_EQ(early["connection"]["transaction"], 1);
}

TEST(EcsHttp, AnEarlyRecordHidesWhatItsTransactionHides) {
  TransactionSample sample;
  sample.request.target = "/?token=hunter2";
  sample.request_headers = {{"Authorization", "Bearer hunter2"}, {"Cookie", "a=hunter2"}, {"X", "\xff"}};
  EcsOptions options = with_records("request");
  options.headers = HeaderPolicy::all();
  options.redaction.add_query_names({"token"});
  const std::string line = request_line_of(sample, true, options);
  EXPECT_EQ(line.find("hunter2"), std::string::npos) << line;
  EXPECT_EQ(json::parse(line)["url"]["query"], "token=[redacted]");
  EXPECT_EQ(json::parse(line)["encoding"], "latin1");
}

TEST(EcsHttp, EarlyRecordsAreWrittenOnlyWhereAskedFor) {
  TransactionSample sample;
  EXPECT_EQ(request_line_of(sample, true, with_records("http,connection,stats")), "not one line but 0");
  ExactOutput out;
  EcsEncoder encoder(with_records("request"), out);
  encoder.on_transaction(sample.event());
  EXPECT_TRUE(out.lines().empty());
}

TEST(EcsHttp, EverythingThatCanBeLeftOutIs) {
  TransactionSample sample;
  sample.connection.number = 0;
  sample.number = 0;
  sample.request.packet = sample.response.packet = 0;
  sample.request_headers.clear();
  sample.response_headers.clear();
  sample.response.reason = {};
  const json record = record_of(sample, with_headers(HeaderPolicy::none()));
  EXPECT_EQ(record["connection"], (json{{"id", "aerukz4jvpg677w4xkmhmvbsca"}}));
  EXPECT_EQ(record["url"], (json{{"original", "/"}, {"scheme", "http"}, {"path", "/"}}));
  EXPECT_EQ(record["http"],
            (json{{"version", "1.1"},
                  {"request", {{"method", "GET"}, {"bytes", 439}, {"body", {{"bytes", 0}}}}},
                  {"response", {{"status_code", 200}, {"bytes", 636}, {"body", {{"bytes", 299}}}}}}));
  for (const char* key : {"user_agent", "observer", "encoding", "tcp"})
    EXPECT_FALSE(record.contains(key)) << key;
}

TEST(EcsHttp, ARequestWithoutResponse) {
  TransactionSample sample;
  sample.has_response = false;
  sample.incomplete = kMissingResponse;
  sample.outcome = Outcome::kFailure;
  const json record = record_of(sample);
  EXPECT_EQ(record["event"],
            (json{{"dataset", "tapline.http"}, {"action", "transaction"}, {"outcome", "failure"}}));
  EXPECT_FALSE(record["http"].contains("response"));
  EXPECT_EQ(record["http"]["incomplete"], json({"response"}));
  EXPECT_EQ(record["timing"], (json{{"request", 0}}));

  sample.interim = {100};  // nothing is known of the response but that
  EXPECT_EQ(record_of(sample)["http"]["response"], (json{{"interim", {100}}}));
}

TEST(EcsHttp, AResponseWithoutRequest) {
  TransactionSample sample;
  sample.has_request = false;
  sample.incomplete = kMissingRequest;
  sample.outcome = Outcome::kUnknown;
  sample.response.version = {1, 0};
  const json record = record_of(sample);
  EXPECT_EQ(record["@timestamp"], "2022-10-23T13:46:42.148929165Z");
  EXPECT_EQ(record["http"]["version"], "1.0");
  EXPECT_FALSE(record.contains("url"));
  EXPECT_FALSE(record.contains("user_agent"));
  EXPECT_FALSE(record["http"].contains("request"));
  EXPECT_FALSE(record["event"].contains("duration"));
  EXPECT_EQ(record["timing"], (json{{"response", 0}}));
}

TEST(EcsHttp, AHeadThatWasNotSeenSaysNothingOfItself) {
  TransactionSample sample;
  sample.incomplete = kMissingRequestHead | kMissingResponseHead;
  sample.request.method = sample.request.target = {};
  sample.request_headers.clear();
  sample.response.status = 0;
  sample.response.reason = {};
  sample.response_headers.clear();
  const json record = record_of(sample);
  EXPECT_FALSE(record.contains("url"));
  EXPECT_EQ(record["http"]["request"], (json{{"bytes", 439}, {"body", {{"bytes", 0}}}, {"packet", 4}}));
  EXPECT_EQ(record["http"]["response"], (json{{"bytes", 636}, {"body", {{"bytes", 299}}}, {"packet", 6}}));
  EXPECT_EQ(record["http"]["incomplete"], json({"request_head", "response_head"}));
}

TEST(EcsHttp, WhatIsMissingInTheContractsOrder) {
  TransactionSample sample;
  sample.incomplete = 63;
  sample.gap_bytes = 1460;
  const json record = record_of(sample);
  EXPECT_EQ(record["http"]["incomplete"],
            json({"request", "response", "request_head", "response_head", "request_body", "response_body"}));
  EXPECT_EQ(record["http"]["gap"], (json{{"bytes", 1460}}));
}

TEST(EcsHttp, InterimUpgradeAndVersions) {
  TransactionSample sample;
  sample.interim = {100, 103};
  sample.upgrade = "websocket";
  sample.response.status = 101;
  sample.request.version = {0, 9};
  const json record = record_of(sample);
  EXPECT_EQ(record["http"]["response"]["interim"], json({100, 103}));
  EXPECT_EQ(record["http"]["upgrade"], "websocket");
  EXPECT_EQ(record["http"]["version"], "0.9");
}

TEST(EcsHttp, NoDurationIsNegative) {
  TransactionSample sample;
  sample.response.first_time = sample.request.first_time + 5;  // while the request's body is still going
  sample.response.last_time = sample.request.first_time + 9;
  sample.request.last_time = sample.request.first_time + 7;
  json record = record_of(sample);
  EXPECT_EQ(record["timing"], (json{{"request", 7}, {"response", 4}}));
  EXPECT_EQ(record["event"]["duration"], 9);

  sample.response.first_time = sample.response.last_time =
      sample.request.first_time - 1;  // time stamps ran back
  record = record_of(sample);
  EXPECT_EQ(record["timing"], (json{{"request", 7}, {"response", 0}}));
  EXPECT_FALSE(record["event"].contains("duration"));
}

TEST(EcsHttp, FieldsFromHeadersWhateverIsListed) {
  TransactionSample sample;
  sample.request_headers = {{"Host", "h"},
                            {"user-agent", "curl/8"},
                            {"User-Agent", "another"},
                            {"Referer", "http://r/"},
                            {"Content-Type", "Application/JSON"},
                            {"X-Forwarded-For", "2001:DB8::1, 10.0.0.1"}};
  sample.response_headers = {{"Content-Type", "  ;x"}, {"Content-Encoding", "gzip"}};
  const json record = record_of(sample, with_headers(HeaderPolicy::none()));
  EXPECT_EQ(record["user_agent"]["original"], "curl/8");
  EXPECT_EQ(record["http"]["request"]["referrer"], "http://r/");
  EXPECT_EQ(record["http"]["request"]["mime_type"], "application/json");
  EXPECT_EQ(record["network"]["forwarded_ip"], "2001:db8::1");
  EXPECT_EQ(record["http"]["response"]["content_encoding"], "gzip");
  EXPECT_FALSE(record["http"]["response"].contains("mime_type"));
  EXPECT_FALSE(record["http"]["request"].contains("headers"));

  sample.request_headers[5].value = "unknown";
  EXPECT_FALSE(record_of(sample)["network"].contains("forwarded_ip"));
}

TEST(EcsHttp, OddFormsOfForwardingHeaders) {
  const auto forwarded_ip = [](std::vector<HeaderField> headers) {
    TransactionSample sample;
    sample.request_headers = std::move(headers);
    const json record = record_of(sample);
    EXPECT_EQ(record["source"]["ip"], "127.0.0.1");  // the TCP peer, whatever headers say
    return record["network"].value("forwarded_ip", "none");
  };
  EXPECT_EQ(forwarded_ip({{"Forwarded", "for=\"[2001:db8::1]:4711\""}}), "2001:db8::1");
  EXPECT_EQ(forwarded_ip({{"forwarded", "proto=http;FOR=192.0.2.60"}}), "192.0.2.60");
  EXPECT_EQ(forwarded_ip({{"X-Forwarded-For", " 192.0.2.60:4711 , unknown"}}), "192.0.2.60");
  EXPECT_EQ(forwarded_ip({{"X-Forwarded-For", "unknown"}, {"Forwarded", "for=192.0.2.60"}}), "192.0.2.60");
  // The chain's first: proxies add to its end, be it on a line of their own.
  EXPECT_EQ(forwarded_ip({{"X-Forwarded-For", "192.0.2.60"}, {"X-Forwarded-For", "10.0.0.1"}}), "192.0.2.60");
  EXPECT_EQ(forwarded_ip({{"X-Forwarded-For", "192.0.2.60,\r\n 10.0.0.1", true}}), "192.0.2.60");
  EXPECT_EQ(forwarded_ip({{"X-Forwarded-For", ""}}), "none");
  EXPECT_EQ(forwarded_ip({{"X-Forwarded-For", "\xff"}}), "none");
}

TEST(EcsHttp, OddFormsOfMediaTypes) {
  struct Case {
    const char* value;
    const char* type;
  };
  for (const Case& c : {Case{"text/html", "text/html"},
                        {"TEXT/HTML;Charset=UTF-8", "text/html"},
                        {"text/html ; charset=utf-8", "text/html"},
                        {"\ttext/html", "text/html"},
                        {"multipart/form-data; boundary=\"a;b\"", "multipart/form-data"},
                        {"application/vnd.api+json,", "application/vnd.api+json,"},
                        {"html", "html"},
                        {"", ""},
                        {" ; charset=utf-8", ""}}) {
    TransactionSample sample;
    sample.request_headers = sample.response_headers = {{"Content-Type", c.value}};
    const json record = record_of(sample);
    for (const char* side : {"request", "response"}) {
      EXPECT_EQ(record["http"][side].value("mime_type", ""), c.type) << c.value;
      EXPECT_EQ(record["http"][side].contains("mime_type"), *c.type != '\0') << c.value;
    }
  }
}

TEST(EcsHttp, ListedHeadersInOrderTrailersLast) {
  TransactionSample sample;
  sample.response_headers = {{"Via", "a"}, {"X-Other", "b"}, {"via", "c"}, {"ETag", ""}};
  sample.response_trailers = {{"X-Other", "d"}, {"Via", "e"}};
  EXPECT_EQ(record_of(sample)["http"]["response"]["headers"],
            json::parse(R"([["Via","a"],["via","c"],["ETag",""],["Via","e"]])"));
  EXPECT_EQ(record_of(sample, with_headers(HeaderPolicy::only({"x-other"})))["http"]["response"]["headers"],
            json::parse(R"([["X-Other","b"],["X-Other","d"]])"));
  EXPECT_EQ(record_of(sample, with_headers(HeaderPolicy::only({"Date"})))["http"]["response"]["headers"],
            json::array());
}

TEST(EcsHttp, FoldedValuesAreJoinedWithOneSpace) {
  TransactionSample sample;
  sample.request_headers = {{"A", "one\r\n two \t\r\n\tthree\n four", true},
                            {"B", "x\r\n \r\n y", true},
                            {"C", "a\r\n b", false},  // line breaks of another making stay what they are
                            {"Cookie", "a=1;\r\n b=2", true},
                            {"User-Agent", "Moz\r\n illa", true},
                            {"Content-Type", "Text\r\n /x", true}};
  const json record = record_of(sample, with_headers(HeaderPolicy::all()));
  const json& headers = record["http"]["request"]["headers"];
  EXPECT_EQ(headers[0][1], "one two three four");
  EXPECT_EQ(headers[1][1], "x y");
  EXPECT_EQ(headers[2][1], "a\r\n b");
  EXPECT_EQ(headers[3][1], "a=[redacted]; b=[redacted]");
  EXPECT_EQ(record["user_agent"]["original"], "Moz illa");
  EXPECT_EQ(record["http"]["request"]["mime_type"], "text /x");
}

TEST(EcsHttp, SecretsAreHiddenEverywhereUnlessAskedFor) {
  TransactionSample sample;
  sample.request.target = "http://user:hunter2@h/p?u=ftp://v:hunter2@i/";
  sample.request_headers = {{"Authorization", "Basic hunter2"},           {"Proxy-Authorization", "hunter2"},
                            {"Cookie", "sid=hunter2; hunter2"},           {"Referer", "http://u:hunter2@r/"},
                            {"User-Agent", "bot (+http://u:hunter2@r/)"}, {"Host", "u:hunter2@h"},
                            {"X-Original-URL", "https://u:hunter2@r/"}};
  sample.request_trailers = {{"authorization", "Bearer hunter2"}};
  sample.response_headers = {{"Set-Cookie", "sid=hunter2; Path=/; HttpOnly"},
                             {"Location", "http://u:hunter2@l/"}};
  const std::string line = line_of(sample, with_headers(HeaderPolicy::all()));
  EXPECT_EQ(line.find("hunter2"), std::string::npos) << line;
  const json record = json::parse(line);
  EXPECT_EQ(record["url"]["original"], "http://user:[redacted]@h/p?u=ftp://v:[redacted]@i/");
  EXPECT_EQ(record["url"]["full"], record["url"]["original"]);
  EXPECT_EQ(record["url"]["query"], "u=ftp://v:[redacted]@i/");
  EXPECT_EQ(record["http"]["request"]["headers"][0][1], "Basic [redacted]");
  EXPECT_EQ(record["http"]["request"]["headers"][2][1], "sid=[redacted]; [redacted]");
  EXPECT_EQ(record["http"]["request"]["headers"][7][1], "Bearer [redacted]");
  EXPECT_EQ(record["http"]["response"]["headers"][0][1], "sid=[redacted]; Path=/; HttpOnly");

  const json shown = record_of(sample, with_headers(HeaderPolicy::all(), Redaction::off()));
  EXPECT_EQ(shown["url"]["full"], "http://user:hunter2@h/p?u=ftp://v:hunter2@i/");
  EXPECT_EQ(shown["http"]["request"]["headers"][2][1], "sid=hunter2; hunter2");
}

TEST(EcsHttp, ListedQueryParametersAreHiddenWhereverTheUrlGoes) {
  TransactionSample sample;
  sample.request.target = "/p?u=1&token=hunter2&v=2";
  sample.request_headers = {{"Host", "h"},
                            {"Referer", "http://r/?%74oken=hunter2"},
                            {"User-Agent", "bot (+http://r/?token=hunter2 )"},
                            {"X-Original-URL", "/p?token=hunter2"}};
  sample.response_headers = {{"Location", "/q?token=hunter2 hunter2"},
                             {"Content-Location", "/q#token=hunter2&x"},
                             {"Link", "</q?token=hunter2>; rel=next"}};
  Redaction redaction;
  redaction.add_query_names({"token"});
  const std::string line = line_of(sample, with_headers(HeaderPolicy::all(), redaction));
  EXPECT_EQ(line.find("hunter2"), std::string::npos) << line;
  const json record = json::parse(line);
  EXPECT_EQ(record["url"], (json{{"original", "/p?u=1&token=[redacted]&v=2"},
                                 {"scheme", "http"},
                                 {"domain", "h"},
                                 {"path", "/p"},
                                 {"query", "u=1&token=[redacted]&v=2"},
                                 {"full", "http://h/p?u=1&token=[redacted]&v=2"}}));
  EXPECT_EQ(record["http"]["request"]["referrer"], "http://r/?%74oken=[redacted]");
  EXPECT_EQ(record["http"]["response"]["headers"],
            json::parse(R"([["Location","/q?token=[redacted]"],["Content-Location","/q#token=[redacted]&x"],
                            ["Link","</q?token=[redacted]>; rel=next"]])"));
  // A value that begins in front of '?' must not go on behind it.
  sample.request.target = "/p#token=hunter2?hunter2";
  EXPECT_EQ(line_of(sample, with_headers(HeaderPolicy::none(), redaction)).find("hunter2"),
            std::string::npos);
}

TEST(EcsHttp, ConnectAndHostWithUserInfo) {
  TransactionSample sample;
  sample.request.method = "CONNECT";
  sample.request.target = "u:hunter2@a.example:443";
  EXPECT_EQ(record_of(sample)["url"],
            (json{{"original", "u:[redacted]@a.example:443"}, {"domain", "a.example"}, {"port", 443}}));
  sample.request.method = "GET";
  sample.request.target = "/x?";
  sample.request_headers = {{"Host", "u:hunter2@h:81"}};
  EXPECT_EQ(record_of(sample)["url"], (json{{"original", "/x?"},
                                            {"scheme", "http"},
                                            {"domain", "h"},
                                            {"port", 81},
                                            {"path", "/x"},
                                            {"query", ""},
                                            {"full", "http://u:[redacted]@h:81/x?"}}));
}

// Room is asked for by the largest that numbers and lists can be; the sanitizer sees where that is not
// enough.
TEST(EcsHttp, TheLargestOfEverythingHasRoom) {
  TransactionSample sample;
  std::vector<Tunnel> tunnels(4, {TunnelType::kErspan, UINT32_MAX});
  sample.connection.tunnels = tunnels;
  sample.connection.vlan = sample.connection.inner_vlan = 4095;
  sample.connection.client_ip.version = sample.connection.server_ip.version = IpVersion::kV6;
  sample.connection.client_ip.bytes.fill(0xff);
  sample.connection.server_ip.bytes.fill(0xff);
  sample.connection.client_port = sample.connection.server_port = UINT16_MAX;
  sample.connection.number = UINT64_MAX;
  sample.number = UINT32_MAX;
  for (MessageView* message : {&sample.request, &sample.response}) {
    message->packet = message->bytes = message->body_bytes = UINT64_MAX;
    message->version = {255, 255};
  }
  sample.request.first_time = 0;
  sample.request.last_time = INT64_MAX / 2;
  sample.response.first_time = sample.response.last_time = INT64_MAX;
  sample.response.status = UINT16_MAX;
  sample.interim.assign(100, UINT16_MAX);
  sample.incomplete = 63;
  sample.gap_bytes = UINT64_MAX;
  sample.upgrade = "\xff";
  sample.outcome = Outcome::kFailure;
  sample.request_headers.push_back({"X-Forwarded-For", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"});
  const json record = record_of(sample);
  EXPECT_EQ(record["encoding"], "latin1");
  EXPECT_EQ(record["http"]["gap"]["bytes"], UINT64_MAX);
  EXPECT_EQ(record["http"]["incomplete"].size(), 6u);
  EXPECT_EQ(record["http"]["response"]["interim"].size(), 100u);
  EXPECT_EQ(record["http"]["version"], "255.255");
  EXPECT_EQ(record["tunnel"].size(), 4u);
  EXPECT_EQ(record["timing"]["request"], INT64_MAX / 2);
}

TEST(EcsHttp, OneStringThatIsNoUtf8MakesAllOfThemLatin1) {
  TransactionSample sample;
  sample.request.target = "/caf\xc3\xa9";
  EXPECT_EQ(record_of(sample)["url"]["original"], "/café");
  EXPECT_FALSE(record_of(sample).contains("encoding"));

  sample.response_headers.push_back({"Server", "\xe9"});
  json record = record_of(sample);
  EXPECT_EQ(record["encoding"], "latin1");
  EXPECT_EQ(record["url"]["original"], "/cafÃ©");  // U+00C3 U+00A9: the bytes c3 a9
  EXPECT_EQ(record["http"]["response"]["headers"].back(), json({"Server", "é"}));

  // Only strings that are in the record count.
  record = record_of(sample, with_headers(HeaderPolicy::only({"Date"})));
  EXPECT_FALSE(record.contains("encoding"));
  EXPECT_EQ(record["url"]["original"], "/café");
}

TEST(EcsHttp, EachPlaceForWireBytesIsLookedAt) {
  const std::string bad = "\xff";
  const auto expect_latin1 = [](TransactionSample& sample, const char* where) {
    const std::string line = line_of(sample, with_headers(HeaderPolicy::none()));
    EXPECT_EQ(json::parse(line, nullptr, false).value("encoding", "none"), "latin1") << where << ": " << line;
  };
  const auto expect_header = [&](const char* name, bool request) {
    TransactionSample sample;
    (request ? sample.request_headers : sample.response_headers) = {{name, bad}};
    expect_latin1(sample, name);
  };
  TransactionSample method, target, reason, upgrade;
  method.request.method = bad;
  expect_latin1(method, "method");
  target.request.target = bad;
  expect_latin1(target, "target");
  reason.response.reason = bad;
  expect_latin1(reason, "reason");
  upgrade.upgrade = bad;
  expect_latin1(upgrade, "upgrade");
  for (const char* name : {"Host", "User-Agent", "Referer", "Content-Type"}) expect_header(name, true);
  for (const char* name : {"Content-Type", "Content-Encoding"}) expect_header(name, false);

  const std::vector<std::string> interfaces = {bad};
  EcsOptions options;
  options.interfaces = &interfaces;
  TransactionSample interface;
  EXPECT_EQ(record_of(interface, options)["encoding"], "latin1");

  TransactionSample name;
  name.request_headers = {{bad, "x"}};
  EXPECT_EQ(record_of(name, with_headers(HeaderPolicy::all()))["encoding"], "latin1");
}

TEST(EcsHttp, BytesInsideWhatIsRedactedDoNotCount) {
  TransactionSample sample;
  sample.request_headers = {{"Cookie", "a=\xff; caf\xc3\xa9=1"}};
  const json record = record_of(sample, with_headers(HeaderPolicy::all()));
  EXPECT_FALSE(record.contains("encoding"));
  EXPECT_EQ(record["http"]["request"]["headers"][0][1], "a=[redacted]; café=[redacted]");
  EXPECT_EQ(record_of(sample, with_headers(HeaderPolicy::all(), Redaction::off()))["encoding"], "latin1");
}

TEST(EcsHttp, AllBytesOfAllLengthsComeThrough) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  TransactionSample sample;
  for (std::size_t size = 0; size <= 1024; size += 31) {
    std::string value;
    while (value.size() < size) value += all;
    sample.request_headers = {{"X", value}};
    const json record = record_of(sample, with_headers(HeaderPolicy::all()));
    std::string expected;  // code points 0 to 255, as UTF-8
    for (const char c : value) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte < 0x80) {
        expected += c;
      } else {
        expected += static_cast<char>(0xc0 | byte >> 6);
        expected += static_cast<char>(0x80 | (byte & 0x3f));
      }
    }
    EXPECT_EQ(record["http"]["request"]["headers"][0][1].get<std::string>(), expected);
  }
}

TEST(EcsHttp, RecordsNotAskedForAreNotWritten) {
  TransactionSample sample;
  ExactOutput out;
  EcsOptions options;
  options.records = *parse_record_set("connection,stats");
  EcsEncoder encoder(options, out);
  encoder.on_transaction(sample.event());
  EXPECT_TRUE(out.lines().empty());
}

TEST(EcsHttp, NothingOfOneRecordIsLeftInTheNext) {
  ExactOutput out(10'000);
  EcsEncoder encoder(with_headers(HeaderPolicy::all()), out);
  TransactionSample full, response_only;
  full.request_headers.push_back({"X", "\xff"});
  response_only.has_request = false;
  encoder.on_transaction(full.event());
  encoder.on_transaction(response_only.event());
  ASSERT_EQ(out.lines().size(), 2u);
  EXPECT_EQ(out.lines()[1], line_of(response_only, with_headers(HeaderPolicy::all())));
}

}  // namespace
}  // namespace tapline
