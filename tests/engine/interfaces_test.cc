// Interfaces and default routes of a namespace that the test has furnished.

#include "engine/interfaces.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/net_tstamp.h>
#include <net/if_arp.h>

#include <string>
#include <vector>

#include "engine/hardware_time.h"
#include "engine/interface_table.h"
#include "engine/ring_size.h"
#include "tests/engine/network_stage.h"

namespace tapline {
namespace {

ethtool_ts_info time_stamping(unsigned flags, unsigned filters) {
  ethtool_ts_info info{};
  info.so_timestamping = flags;
  info.rx_filters = filters;
  return info;
}

constexpr std::size_t kMiB = 1u << 20;

RingDemand demand(unsigned workers, std::optional<std::uint64_t> gigabits, std::uint64_t memory_gib) {
  RingDemand demand;
  demand.workers = workers;
  if (gigabits) demand.link_speed = *gigabits * 1'000'000'000;
  demand.memory = memory_gib << 30;
  demand.block_size = kMiB;
  return demand;
}

TEST(RingSize, HoldsWhatTheLinkDeliversWhileAWorkerIsKeptAway) {
  EXPECT_EQ(default_ring_size(demand(2, std::nullopt, 64)), 64 * kMiB);
  EXPECT_EQ(default_ring_size(demand(2, 1, 64)), 64 * kMiB);
  EXPECT_EQ(default_ring_size(demand(2, 25, 64)), 149 * kMiB);  // 312.5 MB shared by two
  EXPECT_EQ(default_ring_size(demand(4, 100, 64)), 298 * kMiB);
  EXPECT_EQ(default_ring_size(demand(1, 400, 64)), 512 * kMiB);
}

TEST(RingSize, LeavesTheMemoryToOthers) {
  EXPECT_EQ(default_ring_size(demand(2, 25, 2)), 128 * kMiB);
  EXPECT_EQ(default_ring_size(demand(64, 25, 16)), 32 * kMiB);
  RingDemand many = demand(16, std::nullopt, 8);
  many.interfaces = 4;
  EXPECT_EQ(default_ring_size(many), 16 * kMiB);
  EXPECT_EQ(default_ring_size(demand(256, 100, 1)), 8 * kMiB)
      << "a ring with fewer blocks does not work well";
  many = demand(2, std::nullopt, 1);
  many.block_size = 16 * kMiB;
  EXPECT_EQ(default_ring_size(many), 128 * kMiB);
}

TEST(RingSize, AsksTheDriverForTheSpeedOfTheLink) {
  const stage::NetworkNamespace network;
  network.add_veth("one", "two");
  EXPECT_EQ(link_speed("one"), 10'000'000'000u) << "what the veth driver says of itself";
  EXPECT_FALSE(link_speed("lo"));
  EXPECT_FALSE(link_speed("none"));
  EXPECT_GT(machine_memory(), std::uint64_t{64} << 20);
}

TEST(HardwareTime, NeedsAllFramesStamped) {
  constexpr unsigned kHardware = SOF_TIMESTAMPING_RX_HARDWARE | SOF_TIMESTAMPING_RAW_HARDWARE;
  constexpr unsigned kAll = 1u << HWTSTAMP_FILTER_NONE | 1u << HWTSTAMP_FILTER_ALL;
  EXPECT_TRUE(check_hardware_time("eth0", time_stamping(kHardware, kAll)).ok());
  const absl::Status software = check_hardware_time(
      "veth0", time_stamping(SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE, kAll));
  EXPECT_TRUE(absl::IsInvalidArgument(software));
  EXPECT_NE(software.message().find("veth0 does not stamp"), absl::string_view::npos) << software;
  EXPECT_NE(software.message().find("--timestamps software"), absl::string_view::npos);
  const absl::Status of_ptp = check_hardware_time(
      "eth0", time_stamping(kHardware, 1u << HWTSTAMP_FILTER_NONE | 1u << HWTSTAMP_FILTER_PTP_V2_EVENT));
  EXPECT_TRUE(absl::IsInvalidArgument(of_ptp));
  EXPECT_NE(of_ptp.message().find("only some"), absl::string_view::npos) << of_ptp;
}

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class InterfacesTest : public ::testing::Test {
 protected:
  stage::NetworkNamespace network_;
};

TEST_F(InterfacesTest, AreListedWithTheirProperties) {
  network_.add_veth("va", "vb");
  network_.ip("link set va mtu 9000");
  network_.ip("link set vb down");
  const auto interfaces = list_interfaces();
  ASSERT_TRUE(interfaces.ok()) << interfaces.status();
  ASSERT_GE(interfaces->size(), 3u);
  EXPECT_EQ(interfaces->at(0).name, "lo");
  EXPECT_EQ(interfaces->at(0).index, 1);
  EXPECT_TRUE(interfaces->at(0).up);
  EXPECT_TRUE(interfaces->at(0).loopback);
  EXPECT_EQ(interfaces->at(0).hardware_type, ARPHRD_LOOPBACK);
  EXPECT_EQ(interfaces->at(0).mtu, 65536u);
  const auto va = find_interface("va");
  ASSERT_TRUE(va.ok()) << va.status();
  EXPECT_TRUE(va->up);
  EXPECT_FALSE(va->loopback);
  EXPECT_EQ(va->hardware_type, ARPHRD_ETHER);
  EXPECT_EQ(va->mtu, 9000u);
  EXPECT_EQ(va->index, static_cast<int>(if_nametoindex("va")));
  const auto vb = find_interface("vb");
  ASSERT_TRUE(vb.ok()) << vb.status();
  EXPECT_FALSE(vb->up);
}

TEST_F(InterfacesTest, CountWhatTheyReceive) {
  network_.add_veth("va", "vb");
  stage::wait_for_wire("vb", "va");
  const auto before = find_interface("va");
  ASSERT_TRUE(before.ok()) << before.status();
  const stage::Injector wire("vb");
  for (int i = 0; i < 5; ++i) wire.send(std::vector<std::uint8_t>(60));
  const auto after = find_interface("va");
  ASSERT_TRUE(after.ok()) << after.status();
  EXPECT_GE(after->received, before->received + 5);
  EXPECT_LT(after->received, before->received + 100) << "others send now and then";
  EXPECT_EQ(after->missed, 0u);
}

TEST_F(InterfacesTest, ManyDoNotFitOneAnswer) {
  for (int i = 0; i < 40; ++i) {
    const std::string number = std::to_string(i);
    network_.ip("link add a" + number + " type veth peer name b" + number);
  }
  const auto interfaces = list_interfaces();
  ASSERT_TRUE(interfaces.ok()) << interfaces.status();
  int found = 0;
  for (const Interface& interface : *interfaces)
    found += interface.name[0] == 'a' || interface.name[0] == 'b';
  EXPECT_EQ(found, 80);
}

TEST_F(InterfacesTest, UnknownNameIsToldWithThoseThatExist) {
  network_.add_veth("va", "vb");
  network_.ip("link set vb down");
  const absl::Status status = find_interface("eth7").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr("eth7"), HasSubstr("lo"), HasSubstr("va"),
                                                   HasSubstr("vb (down)"), Not(HasSubstr("va ("))));
  EXPECT_EQ(find_interface("").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(find_interface("v").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(find_interface(std::string(300, 'x')).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(InterfacesTest, AreFoundByAlternativeName) {
  network_.add_veth("va", "vb");
  network_.ip("link property add dev va altname uplink");
  const auto found = find_interface("uplink");
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->name, "va");
}

TEST_F(InterfacesTest, AnyStandsForAll) {
  const auto any = find_interface("any");
  ASSERT_TRUE(any.ok()) << any.status();
  EXPECT_TRUE(is_any(*any));
  EXPECT_EQ(any->name, "any");
  EXPECT_FALSE(is_any(find_interface("lo").value()));
  EXPECT_EQ(interface_name(1), "lo");
  EXPECT_EQ(interface_name(4242), "");
}

TEST_F(InterfacesTest, AreNumberedAsTheyCome) {
  network_.add_veth("va", "vb");
  const int va = find_interface("va")->index, vb = find_interface("vb")->index;
  InterfaceTable table;
  std::vector<std::string> told;
  table.set_listener([&](const InterfaceTable::Entry& entry) { told.push_back(entry.name); });
  SeenInterfaces one(table), other(table);
  EXPECT_EQ(one.find(vb, ARPHRD_ETHER).number, 0);
  EXPECT_EQ(other.find(1, ARPHRD_LOOPBACK).number, 1);
  EXPECT_EQ(other.find(vb, ARPHRD_ETHER).number, 0);
  EXPECT_EQ(one.find(va, ARPHRD_PPP).number, 2);
  EXPECT_EQ(one.find(va, ARPHRD_PPP).link, LinkType::kRaw);
  EXPECT_EQ(one.find(4242, ARPHRD_ETHER).number, 3) << "gone before we asked for its name";
  EXPECT_EQ(one.find(vb, ARPHRD_ETHER).number, 0);
  EXPECT_EQ(told, (std::vector<std::string>{"vb", "lo", "va", ""}));
  EXPECT_EQ(one.names(), told);
  EXPECT_EQ(other.names(), (std::vector<std::string>{"vb", "lo"})) << "of what it has asked for, all";
}

TEST_F(InterfacesTest, WithoutDefaultRouteTheListIsTold) {
  network_.add_veth("va", "vb");
  network_.ip("addr add 10.1.0.1/24 dev va");
  const absl::Status status = default_route_interface().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr("lo"), HasSubstr("va"), HasSubstr("vb")));
}

TEST_F(InterfacesTest, DefaultRouteWithTheLowestMetricWins) {
  network_.add_veth("va", "vb");
  network_.add_veth("vc", "vd");
  network_.ip("addr add 10.1.0.1/24 dev va");
  network_.ip("addr add 10.2.0.1/24 dev vc");
  network_.ip("route add default via 10.1.0.2 metric 100");
  network_.ip("route add default via 10.2.0.2 metric 50");
  network_.ip("route add default via 10.1.0.2 table 99");
  EXPECT_EQ(default_route_interface().value().name, "vc");
  network_.ip("route add default dev va scope link metric 20");
  EXPECT_EQ(default_route_interface().value().name, "va");
  network_.ip("route add blackhole default metric 1");
  EXPECT_EQ(default_route_interface().value().name, "va");
}

TEST_F(InterfacesTest, MultipathDefaultRouteGivesItsFirst) {
  network_.add_veth("va", "vb");
  network_.add_veth("vc", "vd");
  network_.ip("addr add 10.1.0.1/24 dev va");
  network_.ip("addr add 10.2.0.1/24 dev vc");
  network_.ip("route add default nexthop via 10.2.0.2 nexthop via 10.1.0.2");
  EXPECT_EQ(default_route_interface().value().name, "vc");
}

TEST_F(InterfacesTest, Ipv6DefaultRouteCountsWhereThereIsNoOther) {
  network_.add_veth("va", "vb");
  network_.add_veth("vc", "vd");
  network_.ip("-6 route add default via fe80::1 dev vc metric 5");
  EXPECT_EQ(default_route_interface().value().name, "vc");
  network_.ip("addr add 10.1.0.1/24 dev va");
  network_.ip("route add default via 10.1.0.2");
  EXPECT_EQ(default_route_interface().value().name, "va");
}

TEST(LinkTypeOf, FollowsTheHardwareType) {
  Interface interface;
  interface.hardware_type = ARPHRD_ETHER;
  EXPECT_EQ(link_type(interface), LinkType::kEthernet);
  interface.hardware_type = ARPHRD_LOOPBACK;
  EXPECT_EQ(link_type(interface), LinkType::kEthernet);
  interface.hardware_type = ARPHRD_NONE;
  EXPECT_EQ(link_type(interface), LinkType::kRaw);
  interface.hardware_type = ARPHRD_IPGRE;
  EXPECT_EQ(link_type(interface), LinkType::kRaw);
  interface.hardware_type = ARPHRD_IEEE80211_RADIOTAP;
  EXPECT_EQ(link_type(interface), std::nullopt);
}

}  // namespace
}  // namespace tapline
