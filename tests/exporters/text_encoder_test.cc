#include "exporters/text_encoder.h"

#include <gtest/gtest.h>

#include <string>

#include "exporters/human_units.h"
#include "exporters/terminal_line.h"
#include "tests/exporters/event_samples.h"
#include "tests/exporters/exact_output.h"

namespace tapline {
namespace {

std::string line_of(TransactionSample& sample, TextOptions options = {}) {
  ExactOutput out;
  TextEncoder encoder(options, out);
  encoder.on_transaction(sample.event());
  return out.line();
}

std::string line_of(const ConnectionEvent& event, TextOptions options = {}) {
  ExactOutput out;
  TextEncoder encoder(options, out);
  encoder.on_connection(event);
  return out.line();
}

TEST(Text, ATransaction) {
  TransactionSample sample;
  EXPECT_EQ(line_of(sample),
            "13:46:42.145  127.0.0.1:41086        GET     200    299 B   3.0 ms  http://127.0.0.1/\n");
  sample.connection.client_ip = ipv4(255, 255, 255, 255);
  sample.connection.client_port = 65535;
  sample.request.method = "OPTIONS";
  sample.response.body_bytes = 123'456;
  sample.response.first_time = sample.request.last_time + 987'654'321;
  EXPECT_EQ(line_of(sample),
            "13:46:42.145  255.255.255.255:65535  OPTIONS 200   123 kB   987 ms  http://127.0.0.1/\n");
}

TEST(Text, ARequestThatIsStillToBeAnswered) {
  TransactionSample sample;
  ExactOutput out;
  TextOptions options;
  options.records = *parse_record_set("request");
  TextEncoder encoder(options, out);
  encoder.on_transaction(sample.event());
  encoder.on_request(sample.request_event(true));
  sample.incomplete = kMissingRequestHead;
  sample.request.target = "http://u:hunter2@h/";
  encoder.on_request(sample.request_event(false));
  EXPECT_EQ(
      out.lines(),
      (std::vector<std::string>{
          "13:46:42.145  127.0.0.1:41086        GET     ...                    http://127.0.0.1/\n",
          "13:46:42.145  127.0.0.1:41086        GET     ...                    [incomplete: request_head] "
          "http://u:[redacted]@h/\n"}));
  EXPECT_EQ(out.lines()[0].find("http://"), line_of(sample).find("[incomplete"));  // they stand in one column
}

TEST(Text, WhatIsTooLongForItsColumnMovesTheRest) {
  TransactionSample sample;
  sample.connection.client_ip = {.bytes = {0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff},
                                 .version = IpVersion::kV6};
  sample.connection.client_port = 65535;
  sample.request.method = "VERSION-CONTROL";
  EXPECT_EQ(
      line_of(sample),
      "13:46:42.145  [2001:db8::ffff]:65535 VERSION-CONTROL 200    299 B   3.0 ms  http://127.0.0.1/\n");
}

TEST(Text, MissingHalvesAndMarks) {
  TransactionSample sample;
  sample.has_response = false;
  sample.incomplete = kMissingResponse | kMissingRequestBody;
  sample.gap_bytes = 1460;
  EXPECT_EQ(line_of(sample),
            "13:46:42.145  127.0.0.1:41086        GET     -          -        -  "
            "[incomplete: response, request_body] [gap 1.4 kB] http://127.0.0.1/\n");
  TransactionSample response;
  response.has_request = false;
  response.incomplete = kMissingRequest;
  EXPECT_EQ(line_of(response),
            "13:46:42.148  127.0.0.1:41086        -       200    299 B        -  [incomplete: request] -\n");
  TransactionSample upgrade;
  upgrade.upgrade = "web\x1bsocket";
  upgrade.request_headers.clear();
  upgrade.request.target = "/chat";
  EXPECT_EQ(line_of(upgrade),
            "13:46:42.145  127.0.0.1:41086        GET     200    299 B   3.0 ms  [web\\x1bsocket] /chat\n");
}

TEST(Text, NoWireByteThatATerminalObeysGetsThrough) {
  TransactionSample sample;
  sample.request_headers.clear();
  std::string target = "/";
  for (int byte = 0; byte < 256; ++byte) target += static_cast<char>(byte);
  target +=
      "\xc2\x9b"
      "31m\xe2\x80\xae\xf3\xa0\x81\x81é→";
  sample.request.target = target;
  sample.request.method = "\x1b[2J";
  const std::string line = line_of(sample);
  ASSERT_EQ(line.back(), '\n');
  for (const char c : std::string_view(line).substr(0, line.size() - 1)) {
    EXPECT_FALSE(static_cast<unsigned char>(c) < 0x20 || c == 0x7f) << line;
  }
  EXPECT_NE(line.find("\\x1b[2J"), std::string::npos);
  EXPECT_NE(line.find("\\x00\\x01"), std::string::npos);
  EXPECT_NE(line.find("\\xfe\\xff\\u009b31m\\u202e\\U000e0041é→\n"), std::string::npos) << line;
  EXPECT_NE(line.find("[\\\\]"), std::string::npos) << line;
}

TEST(Text, PasswordsAreHidden) {
  TransactionSample sample;
  sample.request.target = "http://u:hunter2@h/";
  EXPECT_NE(line_of(sample).find("http://u:[redacted]@h/\n"), std::string::npos);
  EXPECT_NE(line_of(sample, {.redaction = Redaction::off()}).find("http://u:hunter2@h/\n"),
            std::string::npos);
  sample.request.method = "CONNECT";
  sample.request.target = "u:hunter2@h:443";
  EXPECT_NE(line_of(sample).find(" u:[redacted]@h:443\n"), std::string::npos);
}

TEST(Text, ListedQueryParametersAreHidden) {
  TransactionSample sample;
  sample.request.target = "/?token=hunter2";
  TextOptions options;
  options.redaction.add_query_names({"token"});
  EXPECT_NE(line_of(sample, options).find("http://127.0.0.1/?token=[redacted]\n"), std::string::npos);
  options.redaction = Redaction::keyed(KeyedHash("Jefe"));
  options.redaction.add_query_names({"token"});
  sample.request_headers.clear();
  sample.request.target = "/?token=what do ya want for nothing?";  // RFC 4231 section 4.3
  EXPECT_NE(line_of(sample, options).find(" /?token=[hmac:5bdcc146bf60754e]\n"), std::string::npos);
}

TEST(Text, LongUrlsAreCutAtTheWidth) {
  TransactionSample sample;
  sample.request.target = "/0123456789";
  const std::string whole = line_of(sample);
  const std::size_t columns = whole.size() - 1;
  EXPECT_EQ(line_of(sample, {.width = static_cast<std::uint32_t>(columns)}), whole);
  for (std::size_t width = columns - 1; width > columns - 20; --width) {
    EXPECT_EQ(line_of(sample, {.width = static_cast<std::uint32_t>(width)}),
              whole.substr(0, width - 1) + "…\n");
  }
  EXPECT_EQ(line_of(sample, {.width = 1}), whole.substr(0, whole.find("http")) + "…\n");
}

TEST(Text, NoEscapeIsCutInTwo) {
  TransactionSample sample;
  sample.request_headers.clear();
  sample.request.target = "/\x01z";
  const std::string whole = line_of(sample);
  const std::size_t url = whole.find("/\\x01z");
  ASSERT_NE(url, std::string::npos);
  for (std::size_t room : {2u, 3u, 4u, 5u}) {  // too little for the escape, and nothing may take its place
    EXPECT_EQ(line_of(sample, {.width = static_cast<std::uint32_t>(url + room)}).substr(url), "/…\n");
  }
  EXPECT_EQ(line_of(sample, {.width = static_cast<std::uint32_t>(url + 6)}), whole);

  // The URL's parts are written one by one: the path must not stand where the host's escape had no room.
  sample.request_headers = {{"Host", "h\x01"}};
  sample.request.target = "/path";
  for (std::size_t room = 9; room < 12; ++room) {
    EXPECT_EQ(line_of(sample, {.width = static_cast<std::uint32_t>(url + room)}).substr(url), "http://h…\n");
  }
}

TEST(Text, ColoursByStatusClass) {
  TransactionSample sample;
  const auto status_in_colour = [&](std::uint16_t status) {
    sample.response.status = status;
    const std::string line = line_of(sample, {.colour = true});
    const std::string digits = std::to_string(status);
    const std::size_t at = line.find(digits, line.find("GET"));
    return line.substr(line.rfind('\x1b', at), at + digits.size() - line.rfind('\x1b', at));
  };
  EXPECT_EQ(status_in_colour(200), "\x1b[32m200");
  EXPECT_EQ(status_in_colour(304), "\x1b[36m304");
  EXPECT_EQ(status_in_colour(404), "\x1b[33m404");
  EXPECT_EQ(status_in_colour(500), "\x1b[31m500");

  sample.response.status = 200;
  EXPECT_EQ(line_of(sample, {.colour = true}),
            "\x1b[2m13:46:42.145  \x1b[0m127.0.0.1:41086        \x1b[1mGET     \x1b[0m\x1b[32m200\x1b[0m"
            "    299 B   3.0 ms  http://127.0.0.1/\n");
}

TEST(Text, ConnectionSteps) {
  const ConnectionInfo connection = loopback_connection();
  ConnectionEvent event = closed_event(connection);
  event.action = ConnectionAction::kOpened;
  EXPECT_EQ(line_of(event), "13:46:42.283  127.0.0.1:41086        opened → 127.0.0.1:80\n");
  event.midstream = true;
  EXPECT_EQ(line_of(event), "13:46:42.283  127.0.0.1:41086        opened → 127.0.0.1:80  midstream\n");
  event.action = ConnectionAction::kEstablished;
  EXPECT_EQ(line_of(event), "13:46:42.283  127.0.0.1:41086        established  rtt 5 µs\n");
  event.action = ConnectionAction::kHalfClosed;
  EXPECT_EQ(line_of(event), "13:46:42.283  127.0.0.1:41086        half-closed by client\n");
  event.closed_by = Side::kServer;
  EXPECT_EQ(line_of(event), "13:46:42.283  127.0.0.1:41086        half-closed by server\n");
  event.action = ConnectionAction::kClosed;
  EXPECT_EQ(line_of(event),
            "13:46:42.283  127.0.0.1:41086        closed rst  3 transactions  1.2 kB/1.3 kB  283 ms\n");
  event.reason = CloseReason::kFin;
  event.teardown = Teardown::kFourWay;
  event.transactions = 1;
  event.server.missed_bytes = 20;
  EXPECT_EQ(line_of(event),
            "13:46:42.283  127.0.0.1:41086        closed fin four-way  1 transaction  1.2 kB/1.3 kB  283 ms  "
            "[gap 20 B]\n");
  EXPECT_EQ(line_of(event, {.colour = true}),
            "\x1b[2m13:46:42.283  127.0.0.1:41086        closed fin four-way  1 transaction  1.2 kB/1.3 kB  "
            "283 ms  "
            "\x1b[0m\x1b[1;31m[gap 20 B]\x1b[0m\n");
}

TEST(Text, ConnectionsOfOtherProtocolsAreNamed) {
  ConnectionInfo connection = loopback_connection();
  connection.protocol = AppProtocol::kTls;
  ConnectionEvent event = closed_event(connection);
  event.transactions = 0;
  EXPECT_EQ(line_of(event),
            "13:46:42.283  127.0.0.1:41086        closed rst  tls  0 transactions  1.2 kB/1.3 kB  283 ms\n");
  event.server_name = "h.example\x1b";
  EXPECT_EQ(line_of(event),
            "13:46:42.283  127.0.0.1:41086        closed rst  tls h.example\\x1b  0 transactions  "
            "1.2 kB/1.3 kB  283 ms\n");
}

TEST(Text, Statistics) {
  ExactOutput out;
  TextEncoder encoder({}, out);
  StatsRecord stats;
  stats.time = 1666532802145850123;
  stats.total.delivered = Amount{.packets = 1, .bytes = {}};
  stats.total.flows = FlowCounters{};
  stats.total.flows->transactions = 20;
  stats.total.flows->opened = 4;
  stats.total.flows->open = 3;
  encoder.on_stats(stats);
  stats.total.dropped = Amount{.packets = 7, .bytes = {}};
  const SinkCounts sinks[] = {
      {.name = "-", .lines = 1, .bytes = 1, .lost = 1, .waiting = {}, .spilled = {}, .reconnects = {}}};
  stats.sinks = sinks;
  encoder.on_stats(stats);
  const std::string common =
      "13:46:42.145  stats                  1 frame  20 transactions  4 connections (3 open)";
  EXPECT_EQ(out.lines(),
            (std::vector<std::string>{common + "\n", common + "  7 frames dropped  1 record lost\n"}));
}

TEST(Text, OnlyTheRecordsAskedFor) {
  TextOptions options;
  options.records = *parse_record_set("opened");
  TransactionSample sample;
  ExactOutput out;
  TextEncoder encoder(options, out);
  encoder.on_transaction(sample.event());
  encoder.on_connection(closed_event(sample.connection));
  EXPECT_TRUE(out.lines().empty());
}

TEST(HumanUnits, Bytes) {
  struct Case {
    std::uint64_t bytes;
    const char* text;
  };
  for (const Case& c : {Case{0, "0 B"},
                        {999, "999 B"},
                        {1000, "1.0 kB"},
                        {1999, "1.9 kB"},
                        {99'999, "99.9 kB"},
                        {100'000, "100 kB"},
                        {999'999, "999 kB"},
                        {1'000'000, "1.0 MB"},
                        {UINT64_MAX, "18.4 EB"}}) {
    EXPECT_EQ(human_bytes(c.bytes).view(), c.text);
  }
}

TEST(HumanUnits, Durations) {
  struct Case {
    std::uint64_t nanoseconds;
    const char* text;
  };
  for (const Case& c : {Case{0, "0 ns"},
                        {999, "999 ns"},
                        {1'000, "1 µs"},
                        {999'999, "999 µs"},
                        {1'000'000, "1.0 ms"},
                        {99'999'999, "99.9 ms"},
                        {100'000'000, "100 ms"},
                        {999'999'999, "999 ms"},
                        {1'000'000'000, "1.00 s"},
                        {9'999'999'999, "9.99 s"},
                        {59'999'999'999, "59.9 s"},
                        {60'000'000'000, "1m00s"},
                        {3'599'000'000'000, "59m59s"},
                        {3'600'000'000'000, "1h00m"},
                        {360'000'000'000'000, "100h00m"},
                        {UINT64_MAX, "5124095h34m"}}) {
    EXPECT_EQ(human_duration(c.nanoseconds).view(), c.text);
  }
}

}  // namespace
}  // namespace tapline
