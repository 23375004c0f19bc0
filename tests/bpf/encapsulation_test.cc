// What the filter and the fanout program see through: the table that flows/decode is held to as well.

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "tests/bpf/program_run.h"
#include "tests/flows/encapsulation_cases.h"

namespace tapline {
namespace {

using namespace frames;
using test::accepts;
using test::EncapsulationCase;
using test::FragmentCase;
using test::open_filter;
using test::port_words;

bool filter_keeps(const PortFilter& filter, LinkType link, const Bytes& frame) {
  return accepts(link == LinkType::kRaw ? filter.raw_ip_program_fd() : filter.program_fd(), frame);
}

// As for an incoming frame: from the network header on, of whose kind the skb tells.
std::uint32_t fanout(const PortFilter& filter, LinkType link, const Bytes& frame) {
  const int program = filter.fanout_program_fd().value();
  if (link != LinkType::kRaw) return test::run_with_header_taken(program, frame);
  return test::run_with_header_taken(program, ethernet(frame[0] >> 4 == 4 ? kIpv4 : kIpv6, frame));
}

std::uint32_t fanout(const PortFilter& filter, const Bytes& frame) {
  return fanout(filter, LinkType::kEthernet, frame);
}

class EncapsulationTest : public ::testing::Test {
 protected:
  PortFilter filter_ = open_filter({80});
};

TEST_F(EncapsulationTest, FilterKeepsWhatHoldsThePort) {
  for (const EncapsulationCase& row : test::encapsulation_cases()) {
    const bool wanted = row.wanted && row.wanted->server_port == 80;
    EXPECT_EQ(filter_keeps(filter_, row.link, row.to_server), wanted) << row.name;
    EXPECT_EQ(filter_keeps(filter_, row.link, row.to_client), wanted) << row.name << ", to the client";
  }
}

TEST_F(EncapsulationTest, ClosedFilterKeepsNothing) {
  filter_.set_open(false);
  for (const EncapsulationCase& row : test::encapsulation_cases()) {
    EXPECT_FALSE(filter_keeps(filter_, row.link, row.to_server)) << row.name;
  }
}

TEST_F(EncapsulationTest, FilterRefusesWhatEndsBeforeThePorts) {
  for (const EncapsulationCase& row : test::encapsulation_cases()) {
    if (!row.wanted || row.wanted->server_port != 80 || row.name.starts_with("Padded")) continue;
    const std::size_t ports_end = row.to_server.size() - test::kInnerPayload - 16;
    for (std::size_t length = 1; length <= row.to_server.size(); ++length) {
      const Bytes cut(row.to_server.begin(), row.to_server.begin() + static_cast<std::ptrdiff_t>(length));
      ASSERT_EQ(filter_keeps(filter_, row.link, cut), length >= ports_end)
          << row.name << " cut to " << length;
    }
  }
}

TEST_F(EncapsulationTest, AllOfAConnectionHasOneWorkerWhateverIsAroundIt) {
  std::set<std::uint32_t> v4, v6;
  for (const EncapsulationCase& row : test::encapsulation_cases()) {
    if (!row.wanted || row.wanted->server_port != 80) continue;
    std::set<std::uint32_t>& workers = row.wanted->v6 ? v6 : v4;
    workers.insert(fanout(filter_, row.link, row.to_server));
    workers.insert(fanout(filter_, row.link, row.to_client));
    EXPECT_EQ(workers.size(), 1u) << row.name;
  }
}

TEST_F(EncapsulationTest, WhatHoldsNoConnectionHasOneWorker) {
  for (const EncapsulationCase& row : test::encapsulation_cases()) {
    if (row.wanted) continue;
    EXPECT_EQ(fanout(filter_, row.link, row.to_server), fanout(filter_, row.link, row.to_server)) << row.name;
  }
}

TEST_F(EncapsulationTest, ConnectionsSpreadOverWorkers) {
  constexpr int kConnections = 4000;
  for (const std::uint32_t workers : {2u, 3u, 8u}) {
    std::vector<int> plain(workers), options(workers), v6(workers), tunnelled(workers);
    for (int i = 0; i < kConnections; ++i) {
      const auto port = static_cast<std::uint16_t>(20000 + i);
      const Bytes segment = tcp(port, 80);
      ++plain[fanout(filter_, ethernet(kIpv4, ipv4({}, segment))) % workers];
      ++options[fanout(filter_, ethernet(kIpv4, ipv4({.header_words = 6}, segment))) % workers];
      ++v6[fanout(filter_, ethernet(kIpv6, ipv6(kTcp, segment))) % workers];
      const Bytes inside = vxlan(42, ethernet(kIpv4, ipv4({}, segment)));
      ++tunnelled[fanout(filter_, ethernet(kIpv4, ipv4({.protocol = kUdp}, udp(50000, 4789, inside)))) %
                  workers];
    }
    const double share = static_cast<double>(kConnections) / workers;
    for (std::uint32_t i = 0; i < workers; ++i) {
      for (const auto* counts : {&plain, &options, &v6, &tunnelled}) {
        EXPECT_GT((*counts)[i], 0.8 * share) << "worker " << i << " of " << workers;
        EXPECT_LT((*counts)[i], 1.2 * share) << "worker " << i << " of " << workers;
      }
    }
    EXPECT_EQ(plain, options) << "two ways through the program, one answer";
    EXPECT_EQ(plain, tunnelled);
  }
}

// Which worker gets a connection must not be known to those who send: two runs differ.
TEST(Fanout, DependsOnASecret) {
  std::set<std::uint32_t> answers;
  for (int i = 0; i < 4; ++i) {
    answers.insert(fanout(open_filter({80}), ethernet(kIpv4, ipv4({}, tcp(40000, 80)))));
  }
  EXPECT_GT(answers.size(), 1u);
}

TEST_F(EncapsulationTest, FragmentsFollowTheirFirst) {
  const auto whole = [&](bool v6) {
    for (const EncapsulationCase& row : test::encapsulation_cases()) {
      if (row.name == (v6 ? "EthernetIpv6" : "EthernetIpv4")) return fanout(filter_, row.to_server);
    }
    ADD_FAILURE() << "no plain row";
    return 0u;
  };
  for (const FragmentCase& row : test::fragment_cases()) {
    const std::uint32_t worker = whole(row.wanted.v6);
    for (const auto* direction : {&row.to_server, &row.to_client}) {
      for (std::size_t i = 0; i < direction->size(); ++i) {
        // The order of the kernel: first the worker, then that one's filter.
        EXPECT_EQ(fanout(filter_, row.link, (*direction)[i]), worker) << row.name << ", fragment " << i;
        EXPECT_TRUE(filter_keeps(filter_, row.link, (*direction)[i])) << row.name << ", fragment " << i;
      }
    }
  }
}

TEST_F(EncapsulationTest, FragmentsWithoutTheirFirstAreKeptUnlessTheyAreUdp) {
  for (const FragmentCase& row : test::fragment_cases()) {
    const bool udp = row.name.starts_with("VxlanOuter");
    for (std::size_t i = 1; i < row.to_server.size(); ++i) {
      EXPECT_EQ(filter_keeps(filter_, row.link, row.to_server[i]), !udp) << row.name << ", fragment " << i;
      EXPECT_EQ(fanout(filter_, row.link, row.to_server[i]), fanout(filter_, row.link, row.to_client[i]))
          << row.name << ", fragment " << i << ": the addresses are the same";
    }
  }
}

TEST_F(EncapsulationTest, OnlyFragmentsOfKeptDatagramsAreRemembered) {
  const auto ip_fragment = [](std::uint16_t id, std::uint16_t offset, const Bytes& payload) {
    return ethernet(
        kIpv4, ipv4({.protocol = kUdp, .more_fragments = offset == 0, .fragment_offset = offset, .id = id},
                    payload));
  };
  const auto first = [&](std::uint16_t id, std::uint16_t port) {
    const Bytes inside = vxlan(42, ethernet(kIpv4, ipv4({}, tcp(40000, port, 1, 100))));
    return ip_fragment(id, 0, udp(50000, 4789, inside));
  };
  const auto keeps = [&](const Bytes& frame) { return accepts(filter_.program_fd(), frame); };
  EXPECT_TRUE(keeps(first(7, 80)));
  EXPECT_FALSE(keeps(first(8, 81)));
  EXPECT_FALSE(keeps(ip_fragment(9, 0, udp(5000, 5000, Bytes(100, 'x')))));
  EXPECT_TRUE(keeps(ip_fragment(7, 20, Bytes(8, 'x'))));
  EXPECT_FALSE(keeps(ip_fragment(8, 20, Bytes(8, 'x'))));
  EXPECT_FALSE(keeps(ip_fragment(9, 20, Bytes(8, 'x'))));
}

// A tunnel's first fragment may end before the inner ports: what it is, its datagram will tell.
TEST_F(EncapsulationTest, FirstFragmentThatEndsBeforeThePortsIsKept) {
  const Bytes inside = ipv4({}, tcp(40000, 80, 1, 100));
  const Bytes datagram = gre(0, kIpv4, {}, inside);
  for (std::size_t bytes = 8; bytes <= 40; bytes += 8) {
    const Bytes part(datagram.begin(), datagram.begin() + static_cast<std::ptrdiff_t>(bytes));
    const Bytes frame = ethernet(kIpv4, ipv4({.protocol = kGre, .more_fragments = true}, part));
    EXPECT_TRUE(accepts(filter_.program_fd(), join(frame, Bytes(26, 0)))) << bytes << " bytes, and padding";
    const Bytes rest = ethernet(
        kIpv4,
        ipv4({.protocol = kGre, .fragment_offset = static_cast<std::uint16_t>(bytes / 8)}, Bytes(60, 'x')));
    const bool whole = bytes >= 28;
    EXPECT_EQ(fanout(filter_, frame) == fanout(filter_, ethernet(kIpv4, inside)), whole) << bytes << " bytes";
    EXPECT_EQ(fanout(filter_, frame), fanout(filter_, rest)) << bytes << " bytes";
  }
}

TEST_F(EncapsulationTest, ShortFirstFragmentOfUdpIsKeptWhereItIsATunnels) {
  const auto keeps = [&](std::uint16_t port) {
    const Bytes header = udp(50000, port, {});
    return accepts(filter_.program_fd(),
                   ethernet(kIpv4, ipv4({.protocol = kUdp, .more_fragments = true}, header)));
  };
  EXPECT_TRUE(keeps(4789));
  EXPECT_TRUE(keeps(6081));
  EXPECT_FALSE(keeps(53));
}

TEST_F(EncapsulationTest, NoBytesMakeItFail) {
  for (std::size_t length = 20; length <= 80; ++length) {  // what eth_type_trans needs
    for (const int filling : {0x00, 0x11, 0x45, 0x60, 0x81, 0x88, 0xff}) {
      const Bytes frame(length, static_cast<std::uint8_t>(filling));
      EXPECT_FALSE(accepts(filter_.program_fd(), frame)) << length << " bytes of " << filling;
      EXPECT_FALSE(accepts(filter_.raw_ip_program_fd(), frame)) << length << " bytes of " << filling;
      fanout(filter_, ethernet(kIpv4, frame));
      fanout(filter_, ethernet(kMpls, frame));
    }
  }
}

}  // namespace
}  // namespace tapline
