// The record `tapline.connection`, parsed back; and what it shares with all records.
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

std::string line_of(const ConnectionEvent& event, EcsOptions options = {}) {
  ExactOutput out;
  EcsEncoder encoder(std::move(options), out);
  encoder.on_connection(event);
  return out.line();
}

json record_of(const ConnectionEvent& event, EcsOptions options = {}) {
  return json::parse(line_of(event, std::move(options)));
}

TEST(EcsConnection, TheContractsExampleByteForByte) {
  const ConnectionInfo connection = loopback_connection();
  EXPECT_EQ(
      line_of(closed_event(connection)),
      R"({"@timestamp":"2022-10-23T13:46:42.283530000Z",)"
      R"("event":{"dataset":"tapline.connection","action":"closed","reason":"rst",)"
      R"("start":"2022-10-23T13:46:42.000000000Z","end":"2022-10-23T13:46:42.283530000Z","duration":283530000},)"
      R"("source":{"ip":"127.0.0.1","port":41086,"packets":9,"bytes":1265},)"
      R"("destination":{"ip":"127.0.0.1","port":80,"packets":5,"bytes":1304},)"
      R"("network":{"type":"ipv4","transport":"tcp","protocol":"http","community_id":"1:V+flV9bTg37T9N4S6CkWJ73g/XA="},)"
      R"("connection":{"id":"aerukz4jvpg677w4xkmhmvbsca","number":1,"transactions":3},)"
      R"("tcp":{"completeness":63,"state":"RSTO","history":"ShADadFR","teardown":"reset","closed_by":"source",)"
      R"("handshake":{"round_trip":5000,"syn_ack":3000,"ack":2000},)"
      R"("source":{"isn":2589184757,"mss":65495,"window":65495,"window_scale":7,"sack_permitted":true,"timestamps":true},)"
      R"("destination":{"isn":4081050223,"mss":65495,"window":65483,"window_scale":7,"sack_permitted":true,"timestamps":true}}})"
      "\n");
}

// Room is asked for by the largest that numbers can be; the sanitizer sees where that is not enough.
TEST(EcsConnection, TheLargestOfEverythingHasRoom) {
  ConnectionInfo connection = loopback_connection();
  connection.client_ip.version = connection.server_ip.version = IpVersion::kV6;
  connection.client_ip.bytes.fill(0xff);
  connection.server_ip.bytes.fill(0xff);
  connection.client_port = connection.server_port = UINT16_MAX;
  connection.vlan = connection.inner_vlan = 4095;
  connection.protocol = AppProtocol::kPostgresql;
  connection.number = UINT64_MAX;
  ConnectionEvent event = closed_event(connection);
  event.midstream = true;
  event.server_name = "\xff";
  event.handshake = Handshake{INT64_MAX / 2, INT64_MAX / 2};
  event.start = 0;
  event.end = INT64_MAX;
  event.closed_by = Side::kServer;
  event.reason = CloseReason::kShutdown;
  event.teardown = Teardown::kSimultaneous;
  const std::string history(10'000, 'D');
  event.history = history;
  event.transactions = UINT32_MAX;
  event.completeness = UINT8_MAX;
  for (SideReport* side : {&event.client, &event.server}) {
    constexpr Volume kMost{UINT64_MAX, UINT64_MAX};
    *side = {.packets = UINT64_MAX,
             .bytes = UINT64_MAX,
             .syn = SynParameters{UINT32_MAX, UINT16_MAX, UINT16_MAX, UINT8_MAX, false, false},
             .retransmits = kMost,
             .out_of_order = kMost,
             .missed_bytes = UINT64_MAX,
             .conflicts = UINT32_MAX,
             .duplicate_acks = UINT32_MAX,
             .zero_windows = UINT32_MAX,
             .keep_alives = UINT32_MAX,
             .round_trips = RoundTrips{INT64_MAX, INT64_MAX},
             .elided = kMost};
  }
  const json record = record_of(event);
  EXPECT_EQ(record["encoding"], "latin1");
  EXPECT_EQ(record["tcp"]["history"], history);
  EXPECT_EQ(record["tcp"]["destination"]["elided"]["bytes"], UINT64_MAX);
  EXPECT_EQ(record["tcp"]["source"]["rtt"]["max"], INT64_MAX);
  EXPECT_EQ(record["connection"]["transactions"], UINT32_MAX);
}

TEST(EcsConnection, EachStepCarriesWhatItIsAbout) {
  ConnectionInfo connection = loopback_connection();
  connection.protocol = AppProtocol::kUnknown;
  ConnectionEvent event = closed_event(connection);  // with everything set, so that what must not show could

  event.action = ConnectionAction::kOpened;
  json record = record_of(event);
  EXPECT_EQ(record["event"], (json{{"dataset", "tapline.connection"}, {"action", "opened"}}));
  EXPECT_EQ(record["source"], (json{{"ip", "127.0.0.1"}, {"port", 41086}}));
  EXPECT_EQ(record["connection"], (json{{"id", "aerukz4jvpg677w4xkmhmvbsca"}, {"number", 1}}));
  EXPECT_FALSE(record["network"].contains("protocol"));
  EXPECT_FALSE(record.contains("tcp"));
  event.midstream = true;
  EXPECT_EQ(record_of(event)["tcp"], (json{{"midstream", true}}));

  event.action = ConnectionAction::kEstablished;
  EXPECT_EQ(record_of(event)["tcp"],
            (json{{"handshake", {{"round_trip", 5000}, {"syn_ack", 3000}, {"ack", 2000}}}}));

  event.action = ConnectionAction::kHalfClosed;
  event.closed_by = Side::kServer;
  record = record_of(event);
  EXPECT_EQ(record["event"]["action"], "half-closed");
  EXPECT_EQ(record["tcp"], (json{{"closed_by", "destination"}}));
  event.closed_by.reset();
  EXPECT_FALSE(record_of(event).contains("tcp"));
}

TEST(EcsConnection, AClosedRecordOfWhichLittleIsKnown) {
  ConnectionInfo connection = loopback_connection();
  connection.protocol = AppProtocol::kSsh;
  ConnectionEvent event{.connection = connection, .action = ConnectionAction::kClosed};
  event.midstream = true;
  event.reason = CloseReason::kShutdown;
  event.state = "OTH";
  const json record = record_of(event);
  EXPECT_EQ(record["tcp"],
            (json{{"midstream", true}, {"completeness", 0}, {"state", "OTH"}, {"teardown", "none"}}));
  EXPECT_EQ(record["network"]["protocol"], "ssh");
  EXPECT_EQ(record["event"]["reason"], "shutdown");
  EXPECT_EQ(record["event"]["duration"], 0);
  EXPECT_EQ(record["source"]["packets"], 0);
}

TEST(EcsConnection, WordsOfTheContract) {
  const ConnectionInfo connection = loopback_connection();
  ConnectionEvent event = closed_event(connection);
  std::vector<std::string> reasons, teardowns;
  for (const auto reason :
       {CloseReason::kFin, CloseReason::kRst, CloseReason::kTimeout, CloseReason::kEvicted,
        CloseReason::kReused, CloseReason::kEnd, CloseReason::kShutdown}) {
    event.reason = reason;
    reasons.push_back(record_of(event)["event"]["reason"]);
  }
  EXPECT_EQ(reasons,
            (std::vector<std::string>{"fin", "rst", "timeout", "evicted", "reused", "end", "shutdown"}));
  for (const auto teardown : {Teardown::kFourWay, Teardown::kThreeWay, Teardown::kSimultaneous,
                              Teardown::kReset, Teardown::kHalf, Teardown::kNone}) {
    event.teardown = teardown;
    teardowns.push_back(record_of(event)["tcp"]["teardown"]);
  }
  EXPECT_EQ(teardowns,
            (std::vector<std::string>{"four-way", "three-way", "simultaneous", "reset", "half", "none"}));
}

TEST(EcsConnection, NamesOfProtocols) {
  ConnectionInfo connection = loopback_connection();
  const ConnectionEvent event = closed_event(connection);
  std::vector<std::string> names;
  for (const auto protocol : {AppProtocol::kHttp, AppProtocol::kTls, AppProtocol::kHttp2, AppProtocol::kSsh,
                              AppProtocol::kSmtp, AppProtocol::kFtp, AppProtocol::kRtsp, AppProtocol::kSip,
                              AppProtocol::kMysql, AppProtocol::kPostgresql, AppProtocol::kRedis,
                              AppProtocol::kMqtt, AppProtocol::kBittorrent, AppProtocol::kRdp}) {
    connection.protocol = protocol;
    names.push_back(record_of(event)["network"]["protocol"]);
  }
  EXPECT_EQ(names, (std::vector<std::string>{"http", "tls", "http2", "ssh", "smtp", "ftp", "rtsp", "sip",
                                             "mysql", "postgresql", "redis", "mqtt", "bittorrent", "rdp"}));
}

TEST(EcsConnection, TheServerNameOfTls) {
  ConnectionInfo connection = loopback_connection();
  connection.protocol = AppProtocol::kTls;
  ConnectionEvent event = closed_event(connection);
  EXPECT_FALSE(record_of(event).contains("tls"));
  event.server_name = "www.example.org";
  for (const auto action : {ConnectionAction::kHalfClosed, ConnectionAction::kClosed}) {
    event.action = action;
    EXPECT_EQ(record_of(event)["tls"], (json{{"client", {{"server_name", "www.example.org"}}}}));
    EXPECT_FALSE(record_of(event).contains("encoding"));
  }
  event.server_name = "b\xc3\xbc\"\n";
  EXPECT_EQ(record_of(event)["tls"]["client"]["server_name"], "b\xc3\xbc\"\n");
  event.server_name = "b\xfc";  // no UTF-8: each byte as a code point
  EXPECT_EQ(record_of(event)["tls"]["client"]["server_name"], "b\xc3\xbc");
  EXPECT_EQ(record_of(event)["encoding"], "latin1");
}

TEST(EcsConnection, FiguresOfASideAreLeftOutWhenZero) {
  const ConnectionInfo connection = loopback_connection();
  ConnectionEvent event = closed_event(connection);
  event.client.syn->mss.reset();
  event.client.syn->window_scale.reset();
  event.client.syn->sack_permitted = event.client.syn->timestamps = false;
  event.client.retransmits = {2, 2920};
  event.client.out_of_order = {1, 0};
  event.client.missed_bytes = 7;
  event.client.conflicts = 1;
  event.client.elided = {7, 8};
  event.client.duplicate_acks = 3;
  event.client.zero_windows = 4;
  event.client.keep_alives = 5;
  event.client.round_trips = RoundTrips{.min = 11, .max = 22};
  event.server.syn.reset();
  const json tcp = record_of(event)["tcp"];
  EXPECT_EQ(tcp["source"], (json{{"isn", 2589184757},
                                 {"window", 65495},
                                 {"sack_permitted", false},
                                 {"timestamps", false},
                                 {"retransmits", {{"packets", 2}, {"bytes", 2920}}},
                                 {"out_of_order", {{"packets", 1}, {"bytes", 0}}},
                                 {"missed", {{"bytes", 7}}},
                                 {"duplicate_acks", 3},
                                 {"zero_windows", 4},
                                 {"keep_alives", 5},
                                 {"conflicts", 1},
                                 {"rtt", {{"min", 11}, {"max", 22}}},
                                 {"elided", {{"packets", 7}, {"bytes", 8}}}}));
  EXPECT_FALSE(tcp.contains("destination"));
}

TEST(EcsConnection, TimesThatRanBackwardsAreNotKnown) {
  const ConnectionInfo connection = loopback_connection();
  ConnectionEvent event = closed_event(connection);
  event.end = event.start - 1;
  event.handshake = Handshake{.syn_ack = 5, .ack = -3};
  const json record = record_of(event);
  EXPECT_FALSE(record["event"].contains("duration"));
  EXPECT_EQ(record["tcp"]["handshake"], (json{{"syn_ack", 5}}));
}

TEST(EcsConnection, NetworkOfTaggedIpv6AndItsInterface) {
  ConnectionInfo connection = loopback_connection();
  connection.client_ip = {.bytes = {0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1},
                          .version = IpVersion::kV6};
  connection.server_ip = {.bytes = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1},
                          .version = IpVersion::kV6};
  connection.vlan = 42;
  connection.inner_vlan = 0;
  connection.interface = 1;
  std::vector<std::string> interfaces = {"eth0"};
  EcsOptions options;
  options.interfaces = &interfaces;

  json record = record_of(closed_event(connection), options);
  EXPECT_EQ(record["source"]["ip"], "2001:db8::1");
  EXPECT_EQ(record["destination"]["ip"], "::ffff:10.0.0.1");
  EXPECT_EQ(record["network"]["type"], "ipv6");
  EXPECT_EQ(record["network"]["vlan"], (json{{"id", 42}}));
  EXPECT_EQ(record["network"]["inner"], (json{{"vlan", {{"id", 0}}}}));
  EXPECT_FALSE(record.contains("observer"));  // the table has not grown that far

  interfaces.push_back("weird\xff");
  record = record_of(closed_event(connection), options);
  EXPECT_EQ(record["observer"], (json{{"ingress", {{"interface", {{"name", "weirdÿ"}}}}}}));
  EXPECT_EQ(record["encoding"], "latin1");
  interfaces[1] = "";
  EXPECT_FALSE(record_of(closed_event(connection), options).contains("observer"));
}

TEST(EcsConnection, OnlyTheStepsAskedFor) {
  const ConnectionInfo connection = loopback_connection();
  ConnectionEvent event = closed_event(connection);
  ExactOutput out;
  EcsOptions options;
  options.records = *parse_record_set("half-closed");
  EcsEncoder encoder(options, out);
  for (const auto action : {ConnectionAction::kOpened, ConnectionAction::kEstablished,
                            ConnectionAction::kHalfClosed, ConnectionAction::kClosed}) {
    event.action = action;
    encoder.on_connection(event);
  }
  EXPECT_EQ(json::parse(out.line())["event"]["action"], "half-closed");
}

}  // namespace
}  // namespace tapline
