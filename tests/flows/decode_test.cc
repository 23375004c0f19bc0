// Frames of every kind that is understood, and of some that are not, whole and cut at every byte.
#include "flows/decode.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "tests/flows/guard_page.h"
#include "tests/flows/packet_builder.h"

namespace tapline::test {
namespace {

const std::string kPayload = "GET / HTTP/1.1\r\n\r\n";

struct Case {
  std::string name;
  Envelope envelope;
  Undecoded expected = Undecoded::kNone;
  std::string vlan = {};  // "5", "5/6"
  std::uint32_t payload = 18;
};

Bytes padded_extension(std::size_t units) {  // options, or routing: a length in units of eight bytes
  Bytes body(8 * (units + 1) - 1, 0);
  body[0] = static_cast<std::uint8_t>(units);
  return body;
}
Bytes fragment_extension(std::uint16_t offset_and_flags) {
  return {0,
          static_cast<std::uint8_t>(offset_and_flags >> 8),
          static_cast<std::uint8_t>(offset_and_flags),
          1,
          2,
          3,
          4};
}

std::vector<Case> understood() {
  using enum LinkType;
  const VlanTag priority{0x8100, 7u << 13};
  std::vector<Case> cases = {
      {"plain", {}},
      {"padded", {.padding = 6}},
      {"ip options", {.ip_options = Bytes(40, 1)}},
      {"total length 0", {.length_field = 0}},
      {"total length beyond the frame", {.length_field = 100}, {}, "", 60},
      {"total length before the frame's end", {.length_field = 50}, {}, "", 10},
      {"first fragment", {.fragment = 0x2000}, Undecoded::kFragment},
      {"do not fragment", {.fragment = 0x4000}},
      {"vlan in the frame", {.tags = {{0x8100, 0x2005}}}, {}, "5"},
      {"vlan out of the frame", {.taken_tag = 0x2005}, {}, "5"},
      {"vlan out of and in the frame", {.tags = {{0x8100, 6}}, .taken_tag = 5}, {}, "5/6"},
      {"qinq", {.tags = {{0x88a8, 5}, {0x8100, 6}}}, {}, "5/6"},
      {"old qinq", {.tags = {{0x9100, 5}, {0x8100, 4095}}}, {}, "5/4095"},
      {"priority tag", {.tags = {priority}}},
      {"priority tag out of the frame", {.taken_tag = priority.tci}},
      {"priority tag around a vlan", {.tags = {priority, {0x8100, 6}}}, {}, "6"},
      {"three tags", {.tags = {{0x88a8, 5}, {0x8100, 6}, {0x8100, 7}}}, {}, "5/6"},
      {"arp", {.ether_type = 0x0806}, Undecoded::kNetwork},
      {"unknown type under a tag", {.tags = {{0x8100, 5}}, .ether_type = 0x0806}, Undecoded::kNetwork},
      {"ip version 5", {.version_nibble = 5}, Undecoded::kNetwork},
      {"udp", {.protocol = 17}, Undecoded::kTransport},
      {"later fragment", {.fragment = 1}, Undecoded::kFragment},
      {"last fragment of udp", {.protocol = 17, .fragment = 100}, Undecoded::kFragment},
      {"last fragment of icmp", {.protocol = 1, .fragment = 100}, Undecoded::kTransport},
      {"total length within the header", {.length_field = 19}, Undecoded::kMalformed},
      {"total length within the tcp header", {.length_field = 39}, Undecoded::kMalformed},
      {"tcp header too small", {.tcp_header_size = 4}, Undecoded::kMalformed},
      {"tcp header behind the packet", {.tcp_header_size = 15}, Undecoded::kMalformed},
      {"v6", {.v6 = true}},
      {"v6 padded", {.v6 = true, .padding = 9}},
      {"v6 length 0", {.v6 = true, .length_field = 0}},
      {"v6 vlan", {.tags = {{0x8100, 5}}, .v6 = true}, {}, "5"},
      {"v6 udp", {.v6 = true, .protocol = 17}, Undecoded::kTransport},
      {"v6 hop-by-hop", {.v6 = true, .extensions = {{0, padded_extension(0)}}}},
      {"v6 all extensions",
       {.v6 = true,
        .extensions = {{0, padded_extension(1)},
                       {60, padded_extension(0)},
                       {43, padded_extension(2)},
                       {44, fragment_extension(0)},
                       {51, Bytes{4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}},
                       {60, padded_extension(3)}}}},
      {"v6 later fragment", {.v6 = true, .extensions = {{44, fragment_extension(8)}}}, Undecoded::kFragment},
      {"v6 later fragment of udp",
       {.v6 = true, .extensions = {{44, fragment_extension(8)}}, .protocol = 17},
       Undecoded::kFragment},
      {"v6 later fragment of icmp",
       {.v6 = true, .extensions = {{44, fragment_extension(8)}}, .protocol = 58},
       Undecoded::kTransport},
      {"v6 extension behind the packet",
       {.v6 = true, .extensions = {{0, Bytes{255, 0, 0, 0, 0, 0, 0}}}},
       Undecoded::kMalformed},
      {"v6 esp", {.v6 = true, .protocol = 50}, Undecoded::kTransport},
      {"v6 nothing follows", {.v6 = true, .extensions = {{59, padded_extension(0)}}}, Undecoded::kTransport},
  };
  for (const auto& [link, name] : {std::pair{kLinuxSll, "sll"},
                                   {kLinuxSll2, "sll2"},
                                   {kNull, "null"},
                                   {kLoop, "loop"},
                                   {kRaw, "raw"},
                                   {kIpv4, "ipv4"}}) {
    cases.push_back({name, {.link = link}});
  }
  for (const auto& [link, name] : {std::pair{kLinuxSll, "sll v6"},
                                   {kLinuxSll2, "sll2 v6"},
                                   {kNull, "null v6"},
                                   {kLoop, "loop v6"},
                                   {kRaw, "raw v6"},
                                   {kIpv6, "ipv6"}}) {
    cases.push_back({name, {.link = link, .v6 = true}});
  }
  cases.push_back({"sll vlan", {.link = kLinuxSll, .tags = {{0x8100, 5}}}, {}, "5"});
  cases.push_back({"sll2 vlan", {.link = kLinuxSll2, .tags = {{0x8100, 5}}}, {}, "5"});
  cases.push_back({"sll2 arp", {.link = kLinuxSll2, .ether_type = 0x0806}, Undecoded::kNetwork});
  cases.push_back({"unknown link", {.link = static_cast<LinkType>(105)}, Undecoded::kLinkType});
  return cases;
}

Frame frame_of(const Case& c, bool from_client = true) {
  TcpFields tcp;
  tcp.seq = 0xfffffff0;
  tcp.ack = 0x80000001;
  tcp.flags = kAck | kPsh;
  tcp.window = 0xabcd;
  tcp.options = {1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2};
  if (c.envelope.length_field && !c.envelope.v6) tcp.options.clear();
  tcp.payload = kPayload;
  const Host client = host(9, 40000), server = host(2, 80);
  Frame frame = from_client ? build(c.envelope, client, server, tcp) : build(c.envelope, server, client, tcp);
  frame.time_ns = 123456789;
  frame.ordinal = 77;
  frame.interface = 3;
  return frame;
}

std::string vlan_of(const Encapsulation& around) {
  std::string out = around.vlan(0) ? std::to_string(*around.vlan(0)) : "";
  if (around.vlan(1)) out += "/" + std::to_string(*around.vlan(1));
  return out;
}

class DecodeTest : public testing::TestWithParam<Case> {};

TEST_P(DecodeTest, GivesTheSegmentOrTheReason) {
  const Case& c = GetParam();
  const Frame frame = frame_of(c);
  TcpSegment segment;
  ASSERT_EQ(decode(frame.view(), segment), c.expected);
  if (c.expected != Undecoded::kNone) return;
  // 10.0.0.2 and fd00::2 are smaller than the client's addresses.
  EXPECT_EQ(segment.sender, 1);
  EXPECT_EQ(segment.key.port(0), 80);
  EXPECT_EQ(segment.key.port(1), 40000);
  EXPECT_EQ(segment.key.version(), c.envelope.v6 ? IpVersion::kV6 : IpVersion::kV4);
  EXPECT_EQ(segment.key.ip(0).bytes[c.envelope.v6 ? 15 : 3], 2);
  EXPECT_EQ(segment.key.ip(1).bytes[c.envelope.v6 ? 15 : 3], 9);
  EXPECT_EQ(segment.key.ip(1).bytes[0], c.envelope.v6 ? 0xfd : 10);
  EXPECT_EQ(vlan_of(segment.around), c.vlan);
  EXPECT_EQ(segment.seq, 0xfffffff0u);
  EXPECT_EQ(segment.ack, 0x80000001u);
  EXPECT_EQ(segment.flags, kAck | kPsh);
  EXPECT_EQ(segment.window, 0xabcd);
  EXPECT_EQ(segment.payload_bytes, c.payload);
  const std::string payload(segment.payload.begin(), segment.payload.end());
  EXPECT_EQ(payload, kPayload.substr(0, c.payload));
  EXPECT_EQ(segment.time_ns, 123456789);
  EXPECT_EQ(segment.ordinal, 77u);
  EXPECT_EQ(segment.interface, 3);
}

TEST_P(DecodeTest, GivesBothDirectionsOneKey) {
  TcpSegment there, back;
  const Frame one = frame_of(GetParam(), true), two = frame_of(GetParam(), false);
  if (GetParam().expected != Undecoded::kNone) {
    EXPECT_EQ(decode(two.view(), back), GetParam().expected);
    return;
  }
  ASSERT_EQ(decode(one.view(), there), Undecoded::kNone);
  ASSERT_EQ(decode(two.view(), back), Undecoded::kNone);
  EXPECT_EQ(there.key, back.key);
  EXPECT_EQ(there.key.hash(1), back.key.hash(1));
  EXPECT_NE(there.sender, back.sender);
}

// The frame's last captured byte stands before a page that must not be touched.
TEST_P(DecodeTest, ReadsNothingBehindWhatWasCaptured) {
  const Case& c = GetParam();
  const Frame whole = frame_of(c);
  GuardedBytes memory(whole.bytes.size());
  TcpSegment reference;
  const bool good = decode(whole.view(), reference) == Undecoded::kNone;
  for (std::size_t size = 0; size <= whole.bytes.size(); ++size) {
    SCOPED_TRACE(size);
    Packet packet = whole.view();
    packet.data = memory.hold(std::span(whole.bytes).first(size)).data();
    packet.captured = static_cast<std::uint32_t>(size);
    TcpSegment segment;
    const Undecoded why = decode(packet, segment);
    if (!good) {
      EXPECT_NE(why, Undecoded::kNone);
      continue;
    }
    EXPECT_TRUE(why == Undecoded::kNone || why == Undecoded::kTruncated);
    if (why != Undecoded::kNone) continue;
    const std::uint8_t* end = packet.data + packet.captured;
    EXPECT_GE(segment.payload.data(), packet.data);
    EXPECT_LE(segment.payload.data() + segment.payload.size(), end);
    EXPECT_LE(segment.options.data() + segment.options.size(), end);
    EXPECT_LE(segment.payload.size(), segment.payload_bytes);
    // The headers tell the true size and the tuple however little was captured behind them.
    EXPECT_EQ(segment.payload_bytes, reference.payload_bytes);
    EXPECT_EQ(segment.key, reference.key);
  }
}

INSTANTIATE_TEST_SUITE_P(Frames, DecodeTest, testing::ValuesIn(understood()), [](const auto& info) {
  std::string name = info.param.name;
  std::replace_if(
      name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
  return name;
});

TEST(DecodeTest, OrdersPortsWhenAddressesAreEqual) {
  TcpSegment there, back;
  const Frame one = build({}, host(1, 40000), host(1, 80), {});
  const Frame two = build({}, host(1, 80), host(1, 40000), {});
  ASSERT_EQ(decode(one.view(), there), Undecoded::kNone);
  ASSERT_EQ(decode(two.view(), back), Undecoded::kNone);
  EXPECT_EQ(there.key, back.key);
  EXPECT_NE(there.sender, back.sender);
  EXPECT_EQ(there.key.port(0), 80);
}

TEST(DecodeTest, SequenceLengthCountsSynAndFin) {
  TcpSegment segment;
  TcpFields tcp;
  tcp.seq = 100;
  tcp.flags = kSyn | kFin;
  tcp.payload = "abc";
  const Frame frame = build({}, host(1, 40000), host(2, 80), tcp);
  ASSERT_EQ(decode(frame.view(), segment), Undecoded::kNone);
  EXPECT_EQ(segment.sequence_length(), 5u);
  EXPECT_EQ(segment.payload_seq(), 101u);
}

}  // namespace
}  // namespace tapline::test
