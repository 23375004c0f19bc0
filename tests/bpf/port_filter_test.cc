// The filter programs as functions: named packets in, accepted or refused out.

#include "bpf/port_filter.h"

#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <initializer_list>
#include <ostream>
#include <string>
#include <thread>
#include <vector>

#include "tests/bpf/frame.h"
#include "tests/bpf/program_run.h"

namespace tapline {
namespace {

using namespace frames;

using test::accepts;
using test::open_filter;
using test::port_words;
using test::PortWords;

struct NamedFrame {
  std::string name;
  bool accepted;
  Bytes frame;
};

void PrintTo(const NamedFrame& named, std::ostream* out) { *out << named.name; }

std::string name_of(const ::testing::TestParamInfo<NamedFrame>& info) { return info.param.name; }

const Bytes kToServer = tcp(40000, 80);
const Bytes kToOther = tcp(40000, 81);

Bytes with_extensions(int count) {
  Bytes packet = kToServer;
  std::uint8_t next = kTcp;
  for (int i = 0; i < count; ++i) {
    packet = extension(next, 0, packet);
    next = kDestinationOptions;
  }
  return ethernet(kIpv6, ipv6(next, packet));
}

// Frames that are decided by their ports, which are the first 4 bytes of the last 20.
std::vector<NamedFrame> frames_with_ports() {
  return {
      {"Ipv4ToServer", true, ethernet(kIpv4, ipv4({}, kToServer))},
      {"Ipv4FromServer", true, ethernet(kIpv4, ipv4({}, tcp(80, 40000)))},
      {"Ipv4WithOneOption", true, ethernet(kIpv4, ipv4({.header_words = 6}, kToServer))},
      {"Ipv4WithAllOptions", true, ethernet(kIpv4, ipv4({.header_words = 15}, kToServer))},
      {"Ipv6", true, ethernet(kIpv6, ipv6(kTcp, kToServer))},
      {"Ipv6FromServer", true, ethernet(kIpv6, ipv6(kTcp, tcp(80, 40000)))},
      {"Ipv6HopByHop", true, ethernet(kIpv6, ipv6(kHopByHop, extension(kTcp, 0, kToServer)))},
      {"Ipv6LongHopByHop", true, ethernet(kIpv6, ipv6(kHopByHop, extension(kTcp, 3, kToServer)))},
      {"Ipv6Routing", true, ethernet(kIpv6, ipv6(kRouting, extension(kTcp, 2, kToServer)))},
      {"Ipv6DestinationOptions", true,
       ethernet(kIpv6, ipv6(kDestinationOptions, extension(kTcp, 1, kToServer)))},
      {"Ipv6Authentication", true,
       ethernet(kIpv6, ipv6(kAuthentication, authentication(kTcp, 4, kToServer)))},
      {"Ipv6AtomicFragment", true, ethernet(kIpv6, ipv6(kFragment, fragment(kTcp, 0, false, kToServer)))},
      {"Ipv6AllInOne", true,
       ethernet(kIpv6, ipv6(kHopByHop,
                            extension(kRouting, 1,
                                      extension(kFragment, 2,
                                                fragment(kAuthentication, 0, false,
                                                         authentication(kDestinationOptions, 1,
                                                                        extension(kTcp, 0, kToServer)))))))},
      {"Ipv6FifteenExtensions", true, with_extensions(15)},  // with IPv6 sixteen headers
      {"VlanIpv4", true, ethernet(kVlan, vlan(7, kIpv4, ipv4({}, kToServer)))},
      {"VlanIpv4Options", true, ethernet(kVlan, vlan(7, kIpv4, ipv4({.header_words = 8}, kToServer)))},
      {"VlanIpv6", true, ethernet(kVlan, vlan(0xffff, kIpv6, ipv6(kTcp, kToServer)))},
      {"ServiceVlanIpv4", true, ethernet(kServiceVlan, vlan(7, kIpv4, ipv4({}, kToServer)))},
      {"QinQIpv4", true, ethernet(kServiceVlan, vlan(7, kVlan, vlan(8, kIpv4, ipv4({}, kToServer))))},
      {"QinQIpv6", true,
       ethernet(kVlan, vlan(7, kVlan, vlan(8, kIpv6, ipv6(kHopByHop, extension(kTcp, 0, kToServer)))))},
  };
}

std::vector<NamedFrame> other_frames() {
  return {
      {"Ipv4FirstFragment", true, ethernet(kIpv4, ipv4({.more_fragments = true}, kToServer))},
      {"Ipv6FirstFragment", true, ethernet(kIpv6, ipv6(kFragment, fragment(kTcp, 0, true, kToServer)))},
      {"Ipv4FirstFragmentWithoutPorts", true,  // what follows is padding
       ethernet(kIpv4, join(ipv4({.more_fragments = true}, {}), kToOther))},
      {"Ipv4LaterFragment", true, ethernet(kIpv4, ipv4({.fragment_offset = 185}, Bytes(100, 'x')))},
      {"Ipv4TinyLaterFragment", true, ethernet(kIpv4, ipv4({.fragment_offset = 0x1fff}, Bytes(1, 'x')))},
      {"Ipv4LaterFragmentWithOptions", true,
       ethernet(kIpv4,
                ipv4({.header_words = 6, .more_fragments = true, .fragment_offset = 1}, Bytes(8, 'x')))},
      {"VlanIpv4LaterFragment", true,
       ethernet(kVlan, vlan(7, kIpv4, ipv4({.fragment_offset = 1}, Bytes(8, 'x'))))},
      {"Ipv6LaterFragment", true, ethernet(kIpv6, ipv6(kFragment, fragment(kTcp, 1, true, Bytes(8, 'x'))))},
      {"Ipv6LastFragment", true,
       ethernet(kIpv6, ipv6(kFragment, fragment(kTcp, 0x1fff, false, Bytes(1, 'x'))))},

      {"Ipv4WrongPort", false, ethernet(kIpv4, ipv4({}, kToOther))},
      {"Ipv4PortInWrongByteOrder", false, ethernet(kIpv4, ipv4({}, tcp(40000, 0x5000)))},
      {"Ipv4WithOptionsWrongPort", false, ethernet(kIpv4, ipv4({.header_words = 6}, kToOther))},
      {"Ipv4FirstFragmentWrongPort", false, ethernet(kIpv4, ipv4({.more_fragments = true}, kToOther))},
      {"Ipv4Udp", false, ethernet(kIpv4, ipv4({.protocol = kUdp}, udp(40000, 80)))},
      {"Ipv4UdpWithOptions", false,
       ethernet(kIpv4, ipv4({.protocol = kUdp, .header_words = 6}, udp(80, 80)))},
      {"Ipv4UdpLaterFragment", false,
       ethernet(kIpv4, ipv4({.protocol = kUdp, .fragment_offset = 1}, Bytes(40, 'x')))},
      {"Ipv4HeaderTooShort", false, ethernet(kIpv4, ipv4({.header_words = 4}, kToServer))},
      {"Ipv4SaysVersion6", false, ethernet(kIpv4, ipv4({.version = 6}, kToServer))},
      {"Ipv4OptionsEndInPayload", false,  // the port stands where a header without options would have it
       ethernet(kIpv4, join(ipv4({.header_words = 5}, {}), Bytes{0x9c, 0x40, 0, 81, 0, 0, 0, 80}))},
      {"Ipv6WrongPort", false, ethernet(kIpv6, ipv6(kTcp, kToOther))},
      {"Ipv6Udp", false, ethernet(kIpv6, ipv6(kUdp, udp(40000, 80)))},
      {"Ipv6HopByHopWrongPort", false, ethernet(kIpv6, ipv6(kHopByHop, extension(kTcp, 0, kToOther)))},
      {"Ipv6HopByHopUdp", false, ethernet(kIpv6, ipv6(kHopByHop, extension(kUdp, 0, udp(80, 80))))},
      {"Ipv6FirstFragmentWrongPort", false,
       ethernet(kIpv6, ipv6(kFragment, fragment(kTcp, 0, true, kToOther)))},
      {"Ipv6UdpLaterFragment", false,
       ethernet(kIpv6, ipv6(kFragment, fragment(kUdp, 1, true, Bytes(40, 'x'))))},
      {"Ipv6LaterFragmentOfOptions", false,
       ethernet(kIpv6, ipv6(kFragment, fragment(kDestinationOptions, 1, true, kToServer)))},
      {"Ipv6NoNextHeader", false, ethernet(kIpv6, ipv6(59, kToServer))},
      {"Ipv6TooManyExtensions", false, with_extensions(16)},
      {"Ipv6HeaderUnderIpv4Type", false, ethernet(kIpv4, ipv6(kTcp, kToServer))},
      {"Ipv4HeaderUnderIpv6Type", false, ethernet(kIpv6, ipv4({}, kToServer))},
      {"VlanWrongPort", false, ethernet(kVlan, vlan(7, kIpv4, ipv4({}, kToOther)))},
      {"QinQWrongPort", false, ethernet(kServiceVlan, vlan(7, kVlan, vlan(8, kIpv4, ipv4({}, kToOther))))},
      {"VlanArp", false, ethernet(kVlan, vlan(7, kArp, Bytes(46, 0)))},
      {"Arp", false, ethernet(kArp, Bytes(46, 0))},
      {"TcpUnderUnknownType", false, ethernet(0x88b5, ipv4({}, kToServer))},
      {"LengthInsteadOfType", false, ethernet(60, ipv4({}, kToServer))},
  };
}

std::vector<NamedFrame> all_frames() {
  std::vector<NamedFrame> frames = frames_with_ports();
  for (NamedFrame& frame : other_frames()) frames.push_back(std::move(frame));
  return frames;
}

class NamedFrameTest : public ::testing::TestWithParam<NamedFrame> {};

TEST_P(NamedFrameTest, IsJudged) {
  const PortFilter filter = open_filter({80});
  EXPECT_EQ(accepts(filter.program_fd(), GetParam().frame), GetParam().accepted);
}

TEST_P(NamedFrameTest, IsRefusedWhenClosed) {
  PortFilter filter = open_filter({80});
  filter.set_open(false);
  EXPECT_FALSE(accepts(filter.program_fd(), GetParam().frame));
}

INSTANTIATE_TEST_SUITE_P(PortFilter, NamedFrameTest, ::testing::ValuesIn(all_frames()), name_of);

// The same packets as an interface without a link header shows them.
std::vector<NamedFrame> raw_ip_packets() {
  std::vector<NamedFrame> packets;
  for (NamedFrame& named : all_frames()) {
    const int ethertype = named.frame[12] << 8 | named.frame[13];
    const int version = named.frame[14] >> 4;
    if ((ethertype != kIpv4 || version != 4) && (ethertype != kIpv6 || version != 6)) continue;
    named.frame.erase(named.frame.begin(), named.frame.begin() + 14);
    packets.push_back(std::move(named));
  }
  return packets;
}

class RawIpPacketTest : public ::testing::TestWithParam<NamedFrame> {};

TEST_P(RawIpPacketTest, IsJudgedAlike) {
  PortFilter filter = open_filter({80});
  EXPECT_EQ(accepts(filter.raw_ip_program_fd(), GetParam().frame), GetParam().accepted);
  filter.set_open(false);
  EXPECT_FALSE(accepts(filter.raw_ip_program_fd(), GetParam().frame));
}

INSTANTIATE_TEST_SUITE_P(PortFilter, RawIpPacketTest, ::testing::ValuesIn(raw_ip_packets()), name_of);

class CutFrameTest : public ::testing::TestWithParam<NamedFrame> {};

TEST_P(CutFrameTest, IsAcceptedOnlyWithItsPorts) {
  const PortFilter filter = open_filter({80});
  const Bytes& frame = GetParam().frame;
  const std::size_t ports_end = frame.size() - 16;
  for (std::size_t length = 1; length <= frame.size(); ++length) {
    const Bytes cut(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(length));
    EXPECT_EQ(accepts(filter.program_fd(), cut), length >= ports_end) << "cut to " << length;
  }
}

INSTANTIATE_TEST_SUITE_P(PortFilter, CutFrameTest, ::testing::ValuesIn(frames_with_ports()), name_of);

TEST(PortFilter, RefusesShortFramesOfAnyContent) {
  const PortFilter filter = open_filter({80});
  for (std::size_t length = 1; length <= 60; ++length) {
    for (const int filling : {0x00, 0x45, 0x60, 0x81, 0xff}) {
      const Bytes frame(length, static_cast<std::uint8_t>(filling));
      EXPECT_FALSE(accepts(filter.program_fd(), frame)) << length << " bytes of " << filling;
      EXPECT_FALSE(accepts(filter.raw_ip_program_fd(), frame)) << length << " bytes of " << filling;
    }
  }
}

TEST(PortFilter, IsClosedAndEmptyWhenLoaded) {
  auto filter = PortFilter::load();
  ASSERT_TRUE(filter.ok()) << filter.status();
  const Bytes frame = ethernet(kIpv4, ipv4({}, kToServer));
  EXPECT_FALSE(accepts(filter->program_fd(), frame));
  filter->set_open(true);
  EXPECT_FALSE(accepts(filter->program_fd(), frame));
  filter->set_ports(port_words({80}));
  EXPECT_TRUE(accepts(filter->program_fd(), frame));
}

TEST(PortFilter, CountsWhatItRefusesWhileOpen) {
  const PortFilter filter = open_filter({80});
  const Bytes other = ethernet(kIpv4, ipv4({}, kToOther)), arp = ethernet(0x0806, Bytes(46, 0));
  accepts(filter.program_fd(), ethernet(kIpv4, ipv4({}, kToServer)));
  accepts(filter.program_fd(), other);
  accepts(filter.program_fd(), arp);
  const Bytes raw = ipv4({}, kToOther);
  accepts(filter.raw_ip_program_fd(), raw);
  EXPECT_EQ(filter.refused().packets, 3u);
  EXPECT_EQ(filter.refused().bytes, other.size() + arp.size() + raw.size());
}

TEST(PortFilter, CountsNothingWhileClosed) {
  PortFilter filter = open_filter({80});
  filter.set_open(false);
  accepts(filter.program_fd(), ethernet(kIpv4, ipv4({}, kToOther)));
  EXPECT_EQ(filter.refused().packets, 0u);
}

TEST(PortFilter, AcceptsExactlyThePortsOfTheSet) {
  PortWords words = port_words({0, 80, 65535});
  for (std::uint32_t port = 8000; port <= 8100; ++port) words[port / 64] |= std::uint64_t{1} << (port % 64);
  PortFilter filter = open_filter({});
  filter.set_ports(words);
  for (const int number : {0,    1,    15,   16,   63,   64,   79,    80,    81,    7999,  8000, 8001,
                           8063, 8064, 8099, 8100, 8101, 8191, 16464, 20480, 65471, 65534, 65535}) {
    const auto port = static_cast<std::uint16_t>(number);
    const bool in_set = (words[port / 64] >> (port % 64) & 1) != 0;
    EXPECT_EQ(accepts(filter.program_fd(), ethernet(kIpv4, ipv4({}, tcp(9999, port)))), in_set) << port;
    EXPECT_EQ(accepts(filter.program_fd(), ethernet(kIpv6, ipv6(kTcp, tcp(port, 9999)))), in_set) << port;
  }
}

TEST(PortFilter, PortsChangeWhileRunning) {
  PortFilter filter = open_filter({80, 81});
  std::atomic<bool> stop = false;
  std::thread changes([&] {
    while (!stop) {
      filter.set_ports(port_words({80, 82}));
      filter.set_ports(port_words({80, 81}));
    }
  });
  const Bytes in_both = ethernet(kIpv4, ipv4({}, tcp(40000, 80)));
  const Bytes in_none = ethernet(kIpv4, ipv4({}, tcp(40000, 83)));
  for (int i = 0; i < 2000; ++i) {
    ASSERT_TRUE(accepts(filter.program_fd(), in_both)) << i;
    ASSERT_FALSE(accepts(filter.program_fd(), in_none)) << i;
  }
  stop = true;
  changes.join();
  EXPECT_TRUE(accepts(filter.program_fd(), ethernet(kIpv4, ipv4({}, tcp(40000, 81)))));
  EXPECT_FALSE(accepts(filter.program_fd(), ethernet(kIpv4, ipv4({}, tcp(40000, 82)))));
}

TEST(PortFilter, FiltersAreIndependent) {
  const PortFilter one = open_filter({80});
  PortFilter moved = open_filter({81});
  const PortFilter other = std::move(moved);
  EXPECT_TRUE(accepts(one.program_fd(), ethernet(kIpv4, ipv4({}, kToServer))));
  EXPECT_FALSE(accepts(one.program_fd(), ethernet(kIpv4, ipv4({}, kToOther))));
  EXPECT_TRUE(accepts(other.program_fd(), ethernet(kIpv4, ipv4({}, kToOther))));
}

// Capabilities belong to threads: this one ends with what it was left with.
absl::Status load_with_only(std::initializer_list<int> capabilities) {
  absl::Status status;
  std::thread([&] {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, 2> data{};
    for (const int capability : capabilities) {
      const auto word = static_cast<std::size_t>(CAP_TO_INDEX(capability));
      data[word].effective |= CAP_TO_MASK(capability);
      data[word].permitted |= CAP_TO_MASK(capability);
    }
    ASSERT_EQ(syscall(SYS_capset, &header, data.data()), 0);
    const auto filter = PortFilter::load();
    status = filter.ok() ? filter->fanout_program_fd().status() : filter.status();
  }).join();
  return status;
}

TEST(PortFilter, LoadsWithCapBpfAlone) {
  const absl::Status status = load_with_only({CAP_BPF});
  EXPECT_TRUE(status.ok()) << status;
}

TEST(PortFilter, SaysWhichCapabilityIsMissing) {
  ::testing::internal::CaptureStderr();
  const absl::Status status = load_with_only({});
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied) << status;
  EXPECT_NE(std::string(status.message()).find("CAP_BPF"), std::string::npos) << status;
}

}  // namespace
}  // namespace tapline
