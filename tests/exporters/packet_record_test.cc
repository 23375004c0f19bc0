// The record `tapline.packet` and its line for a person.
#include <gtest/gtest.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "exporters/ecs_encoder.h"
#include "exporters/text_encoder.h"
#include "flows/decode.h"
#include "flows/packet.h"
#include "tests/exporters/event_samples.h"
#include "tests/exporters/exact_output.h"

namespace tapline {
namespace {

using nlohmann::json;

// A SYN+ACK from 127.0.0.1:80 to port 41086, whose parts may be changed before it is encoded.
struct PacketSample {
  ConnectionInfo connection = loopback_connection();
  Packet packet;
  TcpSegment segment;
  PacketDetails details;
  SegmentNumbers numbers;
  std::optional<std::int64_t> time_delta = 1500;
  std::vector<std::vector<std::uint8_t>> options = {
      {0x05, 0xb4}, {}, {0, 0, 0, 9, 0, 0, 0, 8}, {7}};  // MSS, SACK permitted, timestamps, window scale
  std::vector<std::uint8_t> kinds = {2, 4, 8, 3};

  PacketSample() {
    connection.protocol = AppProtocol::kUnknown;
    details.ordinal = 2;
    details.time_ns = 1666532802000000000;
    details.bytes = 74;
    details.captured = 70;
    for (const char* name : {"eth", "ethertype", "ip", "tcp"}) details.protocols.add(name);
    details.source_mac = MacAddress{2, 0, 0, 0, 0, 0xab};
    details.destination_mac = MacAddress{2, 0, 0, 0, 0, 1};
    details.source_ip = details.destination_ip = ipv4(127, 0, 0, 1);
    details.ip = {.header_bytes = 20,
                  .dscp = 46,
                  .ecn = 1,
                  .total_bytes = 60,
                  .id = 7,
                  .flags = kDontFragment,
                  .fragment_offset = std::uint16_t{0},
                  .ttl = 64,
                  .protocol = 6,
                  .checksum = std::uint16_t{0x0b1c},
                  .checksum_status = ChecksumStatus::kGood};
    details.tcp.source_port = 80;
    details.tcp.destination_port = 41086;
    details.tcp.header_bytes = 40;
    details.tcp.flags = 0x112;
    details.tcp.sequence = 4081050223;
    details.tcp.acknowledgment = 2589184758;
    details.tcp.window = 65483;
    details.tcp.checksum = 0xfe30;
    details.tcp.checksum_status = ChecksumStatus::kUnverified;
    numbers.next_sequence = 1;
    numbers.acknowledgment = 1;
    numbers.scaled_window = 65483;
    numbers.time_delta = 3000;
  }

  PacketEvent event() {
    details.tcp.option_count = 0;
    for (std::size_t i = 0; i < options.size(); ++i) {
      details.tcp.options[details.tcp.option_count++] = {kinds[i], options[i]};
    }
    PacketEvent event{.connection = connection, .packet = packet, .segment = segment, .details = details};
    event.sender = Side::kServer;
    event.numbers = numbers;
    event.time_delta = time_delta;
    return event;
  }
};

RecordSet packets() {
  RecordSet records;
  records.add(RecordKind::kPacket);
  return records;
}

std::string line_of(PacketSample& sample, Redaction redaction = {}) {
  ExactOutput out;
  EcsEncoder encoder({.records = packets(), .redaction = std::move(redaction)}, out);
  encoder.on_packet(sample.event());
  return out.line();
}
json record_of(PacketSample& sample, Redaction redaction = {}) {
  return json::parse(line_of(sample, std::move(redaction)));
}
std::string text_of(PacketSample& sample) {
  ExactOutput out;
  TextEncoder encoder({.records = packets()}, out);
  encoder.on_packet(sample.event());
  return out.line();
}

TEST(PacketRecord, EveryFieldInItsPlace) {
  PacketSample sample;
  EXPECT_EQ(
      line_of(sample),
      R"({"@timestamp":"2022-10-23T13:46:42.000000000Z",)"
      R"("event":{"dataset":"tapline.packet","action":"packet"},)"
      R"("source":{"ip":"127.0.0.1","port":80,"mac":"02-00-00-00-00-AB"},)"
      R"("destination":{"ip":"127.0.0.1","port":41086,"mac":"02-00-00-00-00-01"},)"
      R"("network":{"type":"ipv4","transport":"tcp","community_id":"1:V+flV9bTg37T9N4S6CkWJ73g/XA="},)"
      R"("connection":{"id":"aerukz4jvpg677w4xkmhmvbsca","number":1},)"
      R"("packet":{"number":2,"bytes":74,"captured":70,"delta":1500,"connection_delta":3000,)"
      R"("protocols":"eth:ethertype:ip:tcp"},)"
      R"("ip":{"version":4,"header_bytes":20,"dscp":46,"ecn":1,"total_bytes":60,"id":7,"flags":["DF"],)"
      R"("fragment_offset":0,"ttl":64,"protocol":6,"checksum":"0x0b1c","checksum_status":"good"},)"
      R"("tcp":{"header_bytes":40,"flags":["SYN","ACK","AE"],"flags_raw":"0x112","sequence":0,)"
      R"("sequence_raw":4081050223,"next_sequence":1,"acknowledgment":1,"acknowledgment_raw":2589184758,)"
      R"("window":65483,"window_scaled":65483,"checksum":"0xfe30","checksum_status":"unverified",)"
      R"("urgent_pointer":0,"payload_bytes":0,"options":{"mss":1460,"sack_permitted":true,)"
      R"("timestamp":{"value":9,"echo":8},"window_scale":7}},)"
      R"("info":"80 → 41086 [SYN, ACK, AE] Seq=0 Ack=1 Win=65483 Len=0 MSS=1460 SACK_PERM TSval=9 TSecr=8 WS=128"})"
      "\n");
}

TEST(PacketRecord, WhatIsNotKnownIsLeftOut) {
  PacketSample sample;
  sample.options.clear();
  sample.details.ordinal = 0;
  sample.details.source_mac.reset();
  sample.numbers = {.sequence = 5, .next_sequence = 5};
  sample.time_delta = -3;  // time stamps ran backwards
  sample.details.ip = {.version = IpVersion::kV6, .header_bytes = 40, .total_bytes = 60};
  const json record = record_of(sample);
  for (const char* name : {"/packet/number", "/packet/delta", "/packet/connection_delta", "/source/mac",
                           "/ip/id", "/ip/flags", "/ip/checksum", "/ip/checksum_status",
                           "/tcp/acknowledgment", "/tcp/window_scaled", "/tcp/options", "/tcp/analysis"}) {
    EXPECT_FALSE(record.contains(json::json_pointer(name))) << name;
  }
  EXPECT_EQ(record["info"], "80 → 41086 [SYN, ACK, AE] Seq=5 Win=65483 Len=0");
}

TEST(PacketRecord, SackRangesAreRelativeAndUnknownOptionsHex) {
  PacketSample sample;
  // The client's bytes count from 2589184757.
  sample.options = {{0x9a, 0x53, 0xd0, 0x59, 0x9a, 0x53, 0xd0, 0xbd}, {0xde, 0xad}, {1}, {}};
  sample.kinds = {5, 34, 3, 3};  // the last is too short for a window scale
  sample.details.tcp.flags = 0x10;
  const json options = record_of(sample)["tcp"]["options"];
  const std::uint32_t left = 0x9a53d059u - 2589184757u;
  EXPECT_EQ(options["sack"], (json{{left, left + 100}}));
  EXPECT_EQ(options["window_scale"], 1);
  EXPECT_EQ(options["unknown"], (json{{{"kind", 34}, {"data", "dead"}}, {{"kind", 3}, {"data", ""}}}));
  EXPECT_EQ(record_of(sample)["info"],
            "80 → 41086 [ACK] Seq=0 Ack=1 Win=65483 Len=0 SLE=" + std::to_string(left) +
                " SRE=" + std::to_string(left + 100) + " WS=2");
}

TEST(PacketRecord, AnalysisWords) {
  PacketSample sample;
  sample.options.clear();
  sample.details.tcp.flags = 0x10;
  sample.details.tcp.checksum_status = ChecksumStatus::kBad;
  sample.numbers.analysis = kRetransmission | kSpuriousRetransmission;
  EXPECT_EQ(record_of(sample)["tcp"]["analysis"], (json{"retransmission", "spurious_retransmission"}));
  EXPECT_EQ(
      record_of(sample)["info"],
      "[TCP Spurious Retransmission] 80 → 41086 [ACK] Seq=0 Ack=1 Win=65483 [TCP CHECKSUM INCORRECT] Len=0");
  sample.numbers.analysis = kDuplicateAck;
  sample.numbers.duplicate_acks = 2;
  sample.numbers.duplicate_of = 17;
  EXPECT_EQ(record_of(sample)["info"],
            "[TCP Dup ACK 17#2] 80 → 41086 [ACK] Seq=0 Ack=1 Win=65483 [TCP CHECKSUM INCORRECT] Len=0");
  sample.numbers.analysis = 0x3fff;
  EXPECT_EQ(record_of(sample)["tcp"]["analysis"].size(), 14u);
  sample.details.tcp.flags = 0;
  sample.numbers = {};
  sample.details.tcp.checksum_status = ChecksumStatus::kGood;
  EXPECT_EQ(record_of(sample)["info"], "80 → 41086 [<None>] Seq=0 Win=65483 Len=0");
}

TEST(PacketRecord, WhereAMessageBeginsItsStartLineStands) {
  PacketSample sample;
  sample.details.tcp.payload_bytes = 99;
  sample.details.start_line = {.method = "GET", .target = "/a?b=\xc3\xa4", .rest = " HTTP/1.1"};
  json record = record_of(sample);
  EXPECT_EQ(record["info"], "GET /a?b=\u00e4 HTTP/1.1");
  EXPECT_EQ(record["packet"]["protocols"], "eth:ethertype:ip:tcp:http");
  EXPECT_EQ(record["network"]["protocol"], "http");
  sample.numbers.analysis = kRetransmission;
  sample.details.start_line = {.method = {}, .target = {}, .rest = "HTTP/1.1 200 \xe4"};
  record = record_of(sample);
  EXPECT_EQ(record["info"], "[TCP Retransmission] HTTP/1.1 200 \u00e4");
  EXPECT_EQ(record["encoding"], "latin1");
}

TEST(PacketRecord, SecretsInTheTargetAreHidden) {
  PacketSample sample;
  sample.details.start_line = {
      .method = "GET", .target = "http://alice:secret@h/?token=abc&x=1", .rest = " HTTP/1.1"};
  Redaction redaction;
  redaction.add_query_names({"token"});
  EXPECT_EQ(record_of(sample, redaction)["info"],
            "GET http://alice:[redacted]@h/?token=[redacted]&x=1 HTTP/1.1");
  EXPECT_EQ(record_of(sample, Redaction::off())["info"], "GET http://alice:secret@h/?token=abc&x=1 HTTP/1.1");
  EXPECT_EQ(text_of(sample).find("secret"), std::string::npos);
}

TEST(PacketRecord, TextLine) {
  PacketSample sample;
  sample.options.resize(1);
  EXPECT_EQ(text_of(sample),
            "13:46:42.000  127.0.0.1:80           80 → 41086 [SYN, ACK, AE] Seq=0 Ack=1 Win=65483 Len=0 "
            "MSS=1460\n");
  sample.details.start_line = {.method = "GET", .target = "/\x1b[2J", .rest = " HTTP/1.1"};
  EXPECT_EQ(text_of(sample), "13:46:42.000  127.0.0.1:80           GET /\\x1b[2J HTTP/1.1\n");
}

TEST(PacketRecord, OnlyWhenAskedFor) {
  PacketSample sample;
  ExactOutput out;
  EcsEncoder ecs({}, out);
  TextEncoder text({}, out);
  ecs.on_packet(sample.event());
  text.on_packet(sample.event());
  EXPECT_TRUE(out.lines().empty());
}

}  // namespace
}  // namespace tapline
