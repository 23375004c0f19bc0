// Every field of the headers, read from frames that were built to measure.
#include "flows/packet_details.h"

#include <gtest/gtest.h>

#include <span>
#include <string>
#include <vector>

#include "flows/decode.h"
#include "tests/flows/guard_page.h"
#include "tests/flows/packet_builder.h"

namespace tapline::test {
namespace {

PacketDetails details_of(const Frame& frame) {
  TcpSegment segment;
  EXPECT_EQ(decode(frame.view(), segment), Undecoded::kNone);
  return read_details(frame.view(), segment);
}
PacketDetails details_in(const Envelope& envelope, const TcpFields& tcp = {}) {
  return details_of(build(envelope, host(1, 40000), host(2, 80), tcp));
}

std::string protocols(const PacketDetails& details) {
  std::string out;
  for (const std::string_view name : details.protocols.view())
    out.append(out.empty() ? "" : ":").append(name);
  return out;
}

void put16(Frame& frame, std::size_t at, unsigned value) {
  frame.bytes[at] = static_cast<std::uint8_t>(value >> 8);
  frame.bytes[at + 1] = static_cast<std::uint8_t>(value);
}

constexpr std::size_t kIp = 14, kTcp = kIp + 20;  // in Ethernet, without options

// A segment as it was on a wire: 10.0.0.1:40000 to 10.0.0.2:80, "abc", with the checksums that belong there.
Frame checked_frame() {
  Frame frame = build({}, host(1, 40000), host(2, 80), {.seq = 1, .ack = 2, .payload = "abc"});
  put16(frame, kIp + 10, 0);
  put16(frame, kTcp + 16, 0);
  const auto sum = [&frame](std::size_t begin, std::size_t end, std::uint32_t total) {
    for (std::size_t i = begin; i < end; ++i) total += frame.bytes[i] * (((i - begin) & 1) == 0 ? 256u : 1u);
    while (total > 0xffff) total = (total & 0xffff) + (total >> 16);
    return total;
  };
  put16(frame, kIp + 10, ~sum(kIp, kTcp, 0) & 0xffff);
  put16(frame, kTcp + 16, ~sum(kTcp, frame.bytes.size(), sum(kIp + 12, kTcp, 6 + 23)) & 0xffff);
  return frame;
}

TEST(PacketDetailsTest, Ipv4Fields) {
  Frame frame = checked_frame();
  frame.bytes[kIp + 1] = 0xb8 | 2;  // EF, ECT(0)
  put16(frame, kIp + 4, 0x1234);
  put16(frame, kIp + 6, 0x4000);
  frame.bytes[kIp + 8] = 17;
  frame.ordinal = 9;
  const PacketDetails details = details_of(frame);
  EXPECT_EQ(details.ordinal, 9u);
  EXPECT_EQ(details.bytes, 57u);
  EXPECT_EQ(details.captured, 57u);
  const IpDetails& ip = details.ip;
  EXPECT_EQ(ip.version, IpVersion::kV4);
  EXPECT_EQ(ip.header_bytes, 20);
  EXPECT_EQ(ip.dscp, 46);
  EXPECT_EQ(ip.ecn, 2);
  EXPECT_EQ(ip.total_bytes, 43u);
  EXPECT_EQ(ip.id, 0x1234u);
  EXPECT_EQ(ip.flags, kDontFragment);
  EXPECT_EQ(ip.fragment_offset, 0);
  EXPECT_EQ(ip.ttl, 17);
  EXPECT_EQ(ip.protocol, 6);
  EXPECT_EQ(ip.checksum_status, ChecksumStatus::kBad) << "the header was changed";
}

TEST(PacketDetailsTest, Ipv6Fields) {
  Frame frame = build({.v6 = true}, host(1, 40000), host(2, 80), {.payload = "abc"});
  frame.bytes[kIp] = 0x6b;
  frame.bytes[kIp + 1] = 0x90;  // traffic class 0xb9: EF, ECT(1)
  const IpDetails ip = details_of(frame).ip;
  EXPECT_EQ(ip.version, IpVersion::kV6);
  EXPECT_EQ(ip.dscp, 46);
  EXPECT_EQ(ip.ecn, 1);
  EXPECT_EQ(ip.total_bytes, 63u);
  EXPECT_EQ(ip.ttl, 64);
  EXPECT_EQ(ip.protocol, 6);
  EXPECT_FALSE(ip.id || ip.flags || ip.fragment_offset || ip.checksum);
}

TEST(PacketDetailsTest, AFragmentHeaderOfIpv6) {
  const PacketDetails details =
      details_in({.v6 = true, .extensions = {{.type = 44, .body = {0, 0, 0, 1, 2, 3, 4}}}});
  EXPECT_EQ(details.ip.id, 0x01020304u);
  EXPECT_EQ(details.ip.flags, 0);
  EXPECT_EQ(details.ip.fragment_offset, 0);
  EXPECT_EQ(protocols(details), "eth:ethertype:ipv6:ipv6.fraghdr:tcp");
}

// Segmentation offload leaves a total length of 0.
TEST(PacketDetailsTest, ATotalLengthOfZeroMeansToTheEndOfTheFrame) {
  EXPECT_EQ(details_in({.length_field = std::uint16_t{0}}, {.payload = "abc"}).ip.total_bytes, 43u);
  EXPECT_EQ(details_in({.v6 = true, .length_field = std::uint16_t{0}}, {.payload = "abc"}).ip.total_bytes,
            63u);
}

TEST(PacketDetailsTest, TcpFields) {
  Frame frame = build({}, host(1, 40000), host(2, 80),
                      {.seq = 0xfffffff0, .ack = 7, .flags = 0xff, .window = 99, .payload = "abc"});
  frame.bytes[kTcp + 12] |= 1;  // AE
  put16(frame, kTcp + 18, 5);
  const TcpDetails tcp = details_of(frame).tcp;
  EXPECT_EQ(tcp.source_port, 40000);
  EXPECT_EQ(tcp.destination_port, 80);
  EXPECT_EQ(tcp.header_bytes, 20);
  EXPECT_EQ(tcp.flags, 0x1ff);
  EXPECT_EQ(tcp.sequence, 0xfffffff0);
  EXPECT_EQ(tcp.acknowledgment, 7u);
  EXPECT_EQ(tcp.window, 99);
  EXPECT_EQ(tcp.urgent_pointer, 5);
  EXPECT_EQ(tcp.payload_bytes, 3u);
}

TEST(PacketDetailsTest, OptionsUpToTheFirstThatMakesNoSense) {
  const auto kinds = [](const Bytes& options) {
    const TcpDetails tcp = details_in({}, {.options = options}).tcp;
    std::string out;
    for (std::size_t i = 0; i < tcp.option_count; ++i) {
      out += std::to_string(tcp.options[i].kind) + "/" + std::to_string(tcp.options[i].data.size()) + " ";
    }
    return out;
  };
  EXPECT_EQ(kinds(syn_options(1460, 7)), "2/2 4/0 8/8 3/1 ");
  EXPECT_EQ(kinds({1, 1, 34, 6, 1, 2, 3, 4}), "34/4 ");
  EXPECT_EQ(kinds({4, 2, 0, 3, 3, 7, 1, 1}), "4/0 ") << "the list ends at kind 0";
  EXPECT_EQ(kinds({4, 2, 8, 10, 1, 1, 1, 1}), "4/0 ") << "runs past the header";
  EXPECT_EQ(kinds({4, 2, 8, 0}), "4/0 ");
  EXPECT_EQ(kinds(Bytes(40, 2)),
            "2/0 2/0 2/0 2/0 2/0 2/0 2/0 2/0 2/0 2/0 2/0 2/0 2/0 2/0 2/0 2/0 2/0 2/0 2/0 2/0 ");
}

TEST(PacketDetailsTest, ChecksumsThatFit) {
  const PacketDetails details = details_of(checked_frame());
  EXPECT_EQ(details.ip.checksum_status, ChecksumStatus::kGood);
  EXPECT_EQ(details.tcp.checksum_status, ChecksumStatus::kGood);
}

TEST(PacketDetailsTest, ChecksumsThatDoNot) {
  Frame frame = checked_frame();
  frame.bytes.back() ^= 1;
  EXPECT_EQ(details_of(frame).tcp.checksum_status, ChecksumStatus::kBad);
  frame.bytes.back() ^= 1;
  frame.bytes[kIp + 8] ^= 1;
  EXPECT_EQ(details_of(frame).ip.checksum_status, ChecksumStatus::kBad);
  EXPECT_EQ(details_of(frame).tcp.checksum_status, ChecksumStatus::kGood) << "the TTL is not in it";
}

TEST(PacketDetailsTest, ChecksumsThatNobodyCanCheck) {
  const Frame whole = checked_frame();
  for (std::size_t cut = 1; cut <= 3; ++cut) {
    const PacketDetails details = details_of(whole.cut_to(whole.bytes.size() - cut));
    EXPECT_EQ(details.tcp.checksum_status, ChecksumStatus::kUnverified) << cut;
    EXPECT_EQ(details.ip.checksum_status, ChecksumStatus::kGood) << cut;
  }
  // A header cut inside its options, of a segment without payload.
  const Frame syn = build({}, host(1, 40000), host(2, 80), {.flags = kSyn, .options = syn_options(1460, 7)});
  EXPECT_EQ(details_of(syn.cut_to(kTcp + 30)).tcp.checksum_status, ChecksumStatus::kUnverified);
}

// The last frame's IP header, and the TCP header that may have come in another frame.
TEST(PacketDetailsTest, ASegmentThatCameInFragments) {
  const Frame whole = checked_frame();
  Frame last = whole;
  last.bytes.erase(last.bytes.begin() + kTcp, last.bytes.begin() + kTcp + 16);
  last.length = static_cast<std::uint32_t>(last.bytes.size());
  put16(last, kIp + 2, static_cast<std::uint16_t>(last.bytes.size() - kIp));
  put16(last, kIp + 6, 2);
  TcpSegment segment;
  Fragment fragment;
  ASSERT_EQ(decode(last.view(), segment, &fragment), Undecoded::kFragment);
  EXPECT_EQ(fragment.offset, 16u);
  const std::span payload = std::span(whole.bytes).subspan(kTcp);
  const Datagram datagram{.source = fragment.source,
                          .destination = fragment.destination,
                          .protocol = 6,
                          .length = static_cast<std::uint32_t>(payload.size()),
                          .data = payload,
                          .around = fragment.around};
  ASSERT_EQ(decode(last.view(), datagram, segment), Undecoded::kNone);
  const PacketDetails details = read_details(last.view(), segment), unbroken = details_of(whole);
  EXPECT_EQ(protocols(details), "eth:ethertype:ip:tcp");
  EXPECT_EQ(details.bytes, last.length);
  EXPECT_EQ(details.ip.fragment_offset, 16);
  EXPECT_EQ(details.ip.total_bytes, last.length - kIp);
  EXPECT_EQ(details.tcp.payload_bytes, unbroken.tcp.payload_bytes);
  EXPECT_EQ(details.tcp.source_port, 40000);
  EXPECT_EQ(details.tcp.checksum_status, ChecksumStatus::kGood);
}

// What Linux hands to the NIC: the pseudo header's sum, for the hardware to complete.
TEST(PacketDetailsTest, AChecksumThatTheHardwareCompletesIsNotBad) {
  Frame frame = checked_frame();
  put16(frame, kTcp + 16, 0x0a00 + 0x0001 + 0x0a00 + 0x0002 + 6 + 23);
  EXPECT_EQ(details_of(frame).tcp.checksum_status, ChecksumStatus::kUnverified);
}

TEST(PacketDetailsTest, ProtocolsAndMacAddresses) {
  EXPECT_EQ(protocols(details_in({})), "eth:ethertype:ip:tcp");
  EXPECT_EQ(protocols(details_in({.v6 = true})), "eth:ethertype:ipv6:tcp");
  EXPECT_EQ(protocols(details_in({.tags = {{.tpid = 0x88a8, .tci = 5}, {.tci = 6}}})),
            "eth:ethertype:ieee8021ad:ethertype:vlan:ethertype:ip:tcp");
  EXPECT_EQ(protocols(details_in({.taken_tag = std::uint16_t{5}})), "eth:ethertype:vlan:ethertype:ip:tcp");
  EXPECT_EQ(protocols(details_in({.link = LinkType::kLinuxSll})), "sll:ethertype:ip:tcp");
  EXPECT_EQ(protocols(details_in({.link = LinkType::kLinuxSll2})), "sll:ethertype:ip:tcp");
  EXPECT_EQ(protocols(details_in({.link = LinkType::kNull})), "null:ip:tcp");
  EXPECT_EQ(protocols(details_in({.link = LinkType::kRaw})), "raw:ip:tcp");
  EXPECT_EQ(protocols(details_in({.link = LinkType::kIpv4})), "ip:tcp");
  EXPECT_EQ(details_in({}).source_mac, (MacAddress{2, 2, 2, 2, 2, 2}));
  EXPECT_EQ(details_in({.link = LinkType::kRaw}).source_mac, std::nullopt);
}

TEST(PacketDetailsTest, StartLines) {
  const auto line = [](const std::string& payload) {
    const Frame frame = build({}, host(1, 40000), host(2, 80), {.payload = payload});
    const StartLine start = details_of(frame).start_line;
    return std::string(start.method) + "|" + std::string(start.target) + "|" + std::string(start.rest);
  };
  EXPECT_EQ(line("GET /a?b HTTP/1.1\r\nHost: h\r\n"), "GET|/a?b| HTTP/1.1");
  EXPECT_EQ(line("HTTP/1.1 404 Not Found\r\n\r\n"), "||HTTP/1.1 404 Not Found");
  EXPECT_EQ(line("GET /old\r\n"), "GET|/old|");
  EXPECT_EQ(line("GET /cut HTTP/1.1"), "||") << "not all of it is here";
  EXPECT_EQ(line("some bytes of a body\r\n"), "||");
  EXPECT_EQ(line(""), "||");
}

// Whatever stands in a frame, nothing behind it is read.
TEST(PacketDetailsTest, NothingBehindTheFrameIsRead) {
  const Frame whole =
      build({}, host(1, 40000), host(2, 80),
            {.flags = kSyn, .options = syn_options(1460, 7), .payload = "GET / HTTP/1.1\r\n"});
  GuardedBytes memory(whole.bytes.size());
  for (std::size_t size = 0; size <= whole.bytes.size(); ++size) {
    Packet packet = whole.view();
    packet.data = memory.hold(std::span(whole.bytes).first(size)).data();
    packet.captured = static_cast<std::uint32_t>(size);
    TcpSegment segment;
    if (decode(packet, segment) != Undecoded::kNone) continue;
    EXPECT_EQ(read_details(packet, segment).captured, size);
  }
}

}  // namespace
}  // namespace tapline::test
