// Rings on real interfaces of a namespace of their own: what goes over the wire, is seen, once, by one ring.

#include "engine/packet_ring.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/if_tun.h>
#include <net/if_arp.h>
#include <poll.h>
#include <sys/ioctl.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "bpf/port_filter.h"
#include "tests/engine/network_stage.h"
#include "tests/engine/ring_stage.h"
#include "tests/flows/encapsulation_cases.h"

namespace tapline {
namespace {

using namespace frames;
using stage::Injector;
using stage::kSmallRing;
using stage::Seen;
using stage::to_client;
using stage::to_server;
using ::testing::HasSubstr;

using PacketRingTest = stage::RingStage;

std::multiset<std::uint32_t> numbers(std::uint32_t from, std::uint32_t to) {
  std::multiset<std::uint32_t> all;
  for (std::uint32_t i = from; i < to; ++i) all.insert(i);
  return all;
}

TEST_F(PacketRingTest, LoopbackFramesAreSeenOnce) {
  open_rings("lo", 1);
  const Injector wire("lo");
  for (std::uint32_t i = 0; i < 200; ++i) {
    wire.send(to_server(static_cast<std::uint16_t>(40000 + i % 50), i));
    read_blocks();
  }
  read_frames(200);
  EXPECT_EQ(sequences(), numbers(0, 200));
}

TEST_F(PacketRingTest, LoopbackFramesAreSeenOnceByAGroup) {
  open_rings("lo", 2);
  const Injector wire("lo");
  for (std::uint32_t i = 0; i < 200; ++i) {
    wire.send(to_server(static_cast<std::uint16_t>(40000 + i % 50), i));
    read_blocks();
  }
  read_frames(200);
  EXPECT_EQ(sequences(), numbers(0, 200));
}

// Kernels up to 6.1 know no way to tell a fanout group to leave outgoing frames out.
TEST_F(PacketRingTest, FilterAloneHidesTheOutgoingCopyOnLoopback) {
  const Fd socket(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
  const int program = filter_->program_fd();
  ASSERT_EQ(setsockopt(socket.get(), SOL_SOCKET, SO_ATTACH_BPF, &program, sizeof program), 0);
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = 0x0300;  // ETH_P_ALL in network byte order
  address.sll_ifindex = 1;
  ASSERT_EQ(bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  filter_->set_open(true);
  const Injector wire("lo");
  for (std::uint32_t i = 0; i < 20; ++i) wire.send(to_server(40000, i));
  for (int i = 0; i < 20; ++i) {
    pollfd wait{socket.get(), POLLIN, 0};
    ASSERT_EQ(poll(&wait, 1, 5000), 1) << i;
    Bytes frame(100);
    sockaddr_ll from{};
    socklen_t size = sizeof from;
    ASSERT_GT(
        recvfrom(socket.get(), frame.data(), frame.size(), 0, reinterpret_cast<sockaddr*>(&from), &size), 0);
    EXPECT_NE(from.sll_pkttype, PACKET_OUTGOING);
  }
  // A frame's outgoing copy comes before the incoming one, so none can be on its way any more.
  Bytes frame(100);
  EXPECT_EQ(recv(socket.get(), frame.data(), frame.size(), MSG_DONTWAIT), -1);
}

TEST_F(PacketRingTest, FramesComeAsTheyWereSent) {
  network_.add_veth("va", "vb");
  open_rings("va", 1, {.ring_size = 8u << 20, .block_timeout_ms = 1, .interface_slot = 3});
  const Injector peer("vb");
  const auto now = [] {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
  };
  const std::int64_t before = now();
  std::vector<Bytes> sent;
  for (std::uint32_t i = 0; i < 100; ++i) {
    sent.push_back(ethernet(kIpv4, ipv4({}, tcp(40000, 80, i, i * 14))));
    peer.send(sent.back());
    peer.send(ethernet(kIpv4, ipv4({}, tcp(40000, 81, i))));
    peer.send(ethernet(kIpv4, ipv4({.protocol = kUdp}, udp(40000, 80))));
    read_blocks();
  }
  read_frames(100);
  const std::int64_t after = now();
  ASSERT_EQ(seen_.size(), 100u);
  std::int64_t last = before;
  for (std::size_t i = 0; i < 100; ++i) {
    const Packet& packet = seen_[i].packet;
    EXPECT_EQ(seen_[i].bytes, sent[i]);
    EXPECT_EQ(packet.length, sent[i].size());
    EXPECT_EQ(packet.link, LinkType::kEthernet);
    EXPECT_EQ(packet.interface, 3);
    EXPECT_GE(packet.time_ns, last);
    EXPECT_LE(packet.time_ns, after);
    last = packet.time_ns;
  }
}

class FanoutTest : public PacketRingTest, public ::testing::WithParamInterface<bool> {
 protected:
  FanoutTest() { by_hash_ = GetParam(); }
};

TEST_P(FanoutTest, BothDirectionsOfAFlowReachTheSameRing) {
  network_.add_veth("va", "vb");
  open_rings("va", 2);
  const Injector peer("vb"), own("va");
  for (std::uint32_t flow = 0; flow < 200; ++flow) {
    const auto port = static_cast<std::uint16_t>(40000 + flow);
    peer.send(to_server(port, 2 * flow));
    own.send(to_client(port, 2 * flow + 1));
    read_blocks();
  }
  read_frames(400);
  EXPECT_EQ(sequences(), numbers(0, 400));
  std::map<int, std::set<std::size_t>> rings_of;
  std::set<std::size_t> used;
  for (const Seen& seen : seen_) {
    rings_of[seen.client_port()].insert(seen.ring);
    used.insert(seen.ring);
  }
  EXPECT_EQ(used.size(), 2u) << "all flows on one ring: nothing was proved";
  for (const auto& [port, rings] : rings_of) EXPECT_EQ(rings.size(), 1u) << "port " << port;
}

INSTANTIATE_TEST_SUITE_P(PacketRing, FanoutTest, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "ByTheKernelsHash" : "ByProgram"; });

// More rings than workers mostly are: what goes astray is not often right by chance.
constexpr std::size_t kRings = 7;
constexpr RingOptions kTinyRing{.ring_size = 4u << 20, .block_timeout_ms = 1};

// The rings that take these frames, each sent on its own.
class EncapsulatedTest : public PacketRingTest {
 protected:
  std::set<std::size_t> rings_of(const Injector& wire, const std::vector<Bytes>& frames) {
    std::set<std::size_t> rings;
    for (const Bytes& frame : frames) {
      const std::size_t before = seen_.size();
      wire.send(frame);
      read_frames(before + 1);
      for (std::size_t i = before; i < seen_.size(); ++i) rings.insert(seen_[i].ring);
      EXPECT_EQ(seen_.size(), before + 1) << "it was lost, or seen twice";
    }
    return rings;
  }
};

TEST_F(EncapsulatedTest, ConnectionsReachOneRingWhateverIsAroundThem) {
  network_.add_veth("va", "vb");
  open_rings("va", kRings, kTinyRing);
  const Injector peer("vb"), own("va");
  std::map<bool, std::set<std::size_t>> rings;  // by IP version
  for (const test::EncapsulationCase& row : test::encapsulation_cases()) {
    if (row.link != LinkType::kEthernet || !row.wanted || row.wanted->server_port != 80) continue;
    for (const Injector* wire : {&peer, &own}) {  // comes in, goes out
      rings[row.wanted->v6].merge(rings_of(*wire, {row.to_server, row.to_client}));
      ASSERT_EQ(rings[row.wanted->v6].size(), 1u)
          << row.name << (wire == &peer ? " coming in" : " going out") << " went to another ring";
    }
  }
}

TEST_F(EncapsulatedTest, FragmentsReachTheRingOfTheirConnection) {
  network_.add_veth("va", "vb");
  open_rings("va", kRings, kTinyRing);
  const Injector peer("vb"), own("va");
  std::map<bool, std::set<std::size_t>> rings;
  for (const test::FragmentCase& row : test::fragment_cases()) {
    if (row.link != LinkType::kEthernet) continue;
    for (const Injector* wire : {&peer, &own}) {
      rings[row.wanted.v6].merge(rings_of(*wire, row.to_server));
      rings[row.wanted.v6].merge(rings_of(*wire, row.to_client));
      ASSERT_EQ(rings[row.wanted.v6].size(), 1u)
          << row.name << (wire == &peer ? " coming in" : " going out") << " went to another ring";
    }
  }
}

TEST_F(EncapsulatedTest, TheRingIsTheSameOnEachInterface) {
  network_.add_veth("va", "vb");
  open_rings("va", kRings, kTinyRing);
  open_rings("vb", kRings, kTinyRing);
  const Injector wire("vb");
  std::set<std::size_t> used;
  for (std::uint16_t port = 40000; port < 40030; ++port) {
    const std::size_t before = seen_.size();
    wire.send(to_server(port, 1));
    read_frames(before + 2);
    std::set<std::size_t> rings;
    for (std::size_t i = before; i < seen_.size(); ++i) rings.insert(seen_[i].ring);
    ASSERT_EQ(rings.size(), 2u) << "port " << port;
    EXPECT_EQ(*rings.begin() + kRings, *rings.rbegin()) << "port " << port;
    used.insert(*rings.begin());
  }
  EXPECT_GT(used.size(), 3u);
}

// The kernel takes all members out of the group as the interface goes down, and puts them in again.
TEST_F(EncapsulatedTest, TheRingIsTheSameWhenTheInterfaceComesBack) {
  network_.add_veth("va", "vb");
  open_rings("va", kRings, kTinyRing);
  const Injector wire("vb");
  std::map<std::uint16_t, std::set<std::size_t>> rings;
  for (int round = 0; round < 2; ++round) {
    for (std::uint16_t port = 40000; port < 40020; ++port) {
      rings[port].merge(rings_of(wire, {to_server(port, 1)}));
      EXPECT_EQ(rings[port].size(), 1u) << "port " << port << " in round " << round;
    }
    if (round != 0) continue;
    network_.ip("link set va down");
    network_.ip("link set va up");
    stage::wait_for_wire("vb", "va");
  }
}

// Both directions of 64 connections, each frame with a number of its own, until told to stop.
class Load {
 public:
  Load(const std::string& one, const std::string& other)
      : one_(one), other_(other), thread_([this] { run(); }) {}
  ~Load() { stop(); }
  void stop() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }
  // Calls `meanwhile` again and again until `more` frames have been sent.
  void wait_until_sent(std::uint32_t more,
                       const std::function<void()>& meanwhile = std::this_thread::yield) const {
    const std::uint32_t goal = sent_ + more;
    while (sent_ < goal) meanwhile();
  }

 private:
  void run() {
    for (std::uint32_t i = 0; i < 20'000'000 && !stop_; ++i) {
      const auto port = static_cast<std::uint16_t>(40000 + i / 2 % 64);
      if (i % 2 == 0) {
        one_.try_send(to_server(port, i));
      } else {
        other_.try_send(to_client(port, i));
      }
      sent_ = i + 1;
    }
  }

  Injector one_, other_;
  std::atomic<bool> stop_ = false;
  std::atomic<std::uint32_t> sent_ = 0;
  std::thread thread_;
};

TEST_F(PacketRingTest, StartsUnderLoadWithoutSeeingAFrameTwice) {
  network_.add_veth("va", "vb");
  Load load("vb", "va");
  load.wait_until_sent(1000);
  for (int round = 0; round < 5; ++round) {
    rings_.clear();
    seen_.clear();
    filter_->set_open(false);
    set_up_rings("va", 2, {.ring_size = 32u << 20, .block_timeout_ms = 1});
    load.wait_until_sent(1000);
    ASSERT_EQ(kept_by_kernel(), 0u) << "the filter let frames through before it was opened";
    filter_->set_open(true);
    load.wait_until_sent(5000, [&] { read_blocks(); });
    filter_->set_open(false);
    load.wait_until_sent(100);  // what was on its way when the filter closed has arrived
    read_frames(0);             // the rest
    std::map<int, std::set<std::size_t>> rings_of;
    std::set<std::size_t> used;
    std::set<std::uint32_t> once;
    for (const Seen& seen : seen_) {
      EXPECT_TRUE(once.insert(seen.sequence()).second) << "frame " << seen.sequence() << " was seen twice";
      rings_of[seen.client_port()].insert(seen.ring);
      used.insert(seen.ring);
    }
    EXPECT_EQ(rings_of.size(), 64u);
    EXPECT_EQ(used.size(), 2u);
    for (const auto& [port, rings] : rings_of) EXPECT_EQ(rings.size(), 1u) << "port " << port;
  }
}

TEST_F(PacketRingTest, UnsegmentedFramesComeWhole) {
  network_.add_veth("va", "vb");
  open_rings("va", 1);
  const std::size_t payload = 65535 - 54;  // the longest frame that the kernel builds, but for BIG TCP
  const Bytes frame = ethernet(kIpv4, ipv4({}, tcp(40000, 80, 1, payload)));
  Injector("vb").send_unsegmented(frame, 54, 1448);
  read_frames(1);
  ASSERT_EQ(seen_.size(), 1u);
  EXPECT_EQ(seen_[0].packet.length, frame.size());
  EXPECT_EQ(seen_[0].packet.captured, frame.size());
  EXPECT_EQ(Bytes(seen_[0].bytes.begin() + 54, seen_[0].bytes.end()), Bytes(payload, 'x'));
}

TEST_F(PacketRingTest, TagsAreShownWhereverTheKernelLeavesThem) {
  network_.add_veth("va", "vb");
  open_rings("va", 1);
  const Bytes tagged = ethernet(kVlan, vlan(0x600a, kIpv4, ipv4({}, tcp(40000, 80))));
  const Bytes twice = ethernet(kServiceVlan, vlan(7, kVlan, vlan(8, kIpv6, ipv6(kTcp, tcp(40000, 80)))));
  Injector("vb").send(tagged);
  Injector("vb").send(twice);
  Injector("va").send(twice);
  read_frames(3);
  ASSERT_EQ(seen_.size(), 3u);

  const auto ethertype = [&](std::size_t i) { return seen_[i].bytes[12] << 8 | seen_[i].bytes[13]; };
  EXPECT_TRUE(seen_[0].packet.vlan_valid);
  EXPECT_EQ(seen_[0].packet.vlan_tci, 0x600a);
  EXPECT_EQ(seen_[0].packet.vlan_tpid, kVlan);
  EXPECT_EQ(ethertype(0), kIpv4);

  EXPECT_TRUE(seen_[1].packet.vlan_valid);  // incoming: the outer tag is out, the inner one in the frame
  EXPECT_EQ(seen_[1].packet.vlan_tci, 7);
  EXPECT_EQ(seen_[1].packet.vlan_tpid, kServiceVlan);
  EXPECT_EQ(ethertype(1), kVlan);

  EXPECT_FALSE(seen_[2].packet.vlan_valid);  // outgoing: both in the frame
  EXPECT_EQ(seen_[2].bytes, twice);
}

TEST_F(PacketRingTest, CountsWhatAFullRingLoses) {
  network_.add_veth("va", "vb");
  open_rings("va", 1, {.ring_size = 4u << 20, .block_timeout_ms = 1});
  const Injector peer("vb");
  const Bytes frame = ethernet(kIpv4, ipv4({}, tcp(40000, 80, 1, 1400)));
  constexpr std::uint64_t kSent = 6000;  // twice what fits
  for (std::uint64_t i = 0; i < kSent; ++i) peer.send(frame);
  const RingStatistics statistics = rings_[0].read_statistics();
  EXPECT_EQ(statistics.packets, kSent);
  EXPECT_GT(statistics.drops, 1000u);
  EXPECT_LT(statistics.drops, kSent);
  EXPECT_GT(statistics.freezes, 0u);
  read_frames(kSent - statistics.drops);
  EXPECT_EQ(seen_.size() + statistics.drops, kSent);
  EXPECT_EQ(rings_[0].read_statistics().drops, statistics.drops) << "reading must add up, not start again";

  seen_.clear();
  peer.send(frame);  // and it goes on
  while (seen_.empty()) {
    pollfd wait{rings_[0].fd(), POLLIN, 0};
    ASSERT_EQ(poll(&wait, 1, 5000), 1);
    read_blocks();
  }
  EXPECT_EQ(seen_.size(), 1u);
  EXPECT_EQ(rings_[0].read_statistics().packets, kSent + 1);
}

TEST_F(PacketRingTest, InterfaceThatGoesDownIsToldAndComesBack) {
  network_.add_veth("va", "vb");
  open_rings("va", 1);
  EXPECT_TRUE(rings_[0].interface_status().ok());
  network_.ip("link set va down");
  pollfd wait{rings_[0].fd(), POLLIN, 0};
  ASSERT_EQ(poll(&wait, 1, 5000), 1);
  EXPECT_NE(wait.revents & POLLERR, 0);
  const absl::Status status = rings_[0].interface_status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("va"));

  network_.ip("link set va up");
  stage::wait_for_wire("vb", "va");
  EXPECT_TRUE(rings_[0].interface_status().ok());
  Injector("vb").send(to_server(40000, 77));
  read_frames(1);
  EXPECT_EQ(sequences(), numbers(77, 78));
}

TEST_F(PacketRingTest, InterfaceThatVanishesIsToldAndItsFramesAreStillThere) {
  network_.add_veth("va", "vb");
  open_rings("va", 2);
  Injector("vb").send(to_server(40000, 5));
  network_.ip("link del va");
  for (PacketRing& ring : rings_) {
    pollfd wait{ring.fd(), 0, 0};
    ASSERT_EQ(poll(&wait, 1, 5000), 1);
    EXPECT_NE(wait.revents & POLLERR, 0);
    const absl::Status status = ring.interface_status();
    EXPECT_EQ(status.code(), absl::StatusCode::kNotFound) << status;
    EXPECT_EQ(ring.interface_status().code(), absl::StatusCode::kNotFound) << "it stays gone";
  }
  read_frames(1);
  EXPECT_EQ(sequences(), numbers(5, 6));
}

// An interface whose frames start with IP, and this process at its other end.
Fd open_tun(const char* name) {
  Fd tun(open("/dev/net/tun", O_RDWR | O_CLOEXEC));
  EXPECT_TRUE(tun.valid()) << "/dev/net/tun is missing";
  ifreq request{};
  std::strcpy(request.ifr_name, name);
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  EXPECT_EQ(ioctl(tun.get(), TUNSETIFF, &request), 0);
  stage::NetworkNamespace::ip(std::string("link set ") + name + " up");
  return tun;
}

TEST_F(PacketRingTest, InterfacesWithoutLinkHeaderAreRead) {
  const Fd tun = open_tun("tun7");
  open_rings("tun7", 1);
  const Bytes packet = ipv4({}, tcp(40000, 80, 9));
  for (const Bytes& sent : {ipv4({}, tcp(40000, 81)), packet}) {
    ASSERT_EQ(write(tun.get(), sent.data(), sent.size()), static_cast<ssize_t>(sent.size()));
  }
  read_frames(1);
  ASSERT_EQ(seen_.size(), 1u);
  EXPECT_EQ(seen_[0].bytes, packet);
  EXPECT_EQ(seen_[0].packet.link, LinkType::kRaw);
}

TEST_F(PacketRingTest, BothDirectionsReachTheSameRingWithoutLinkHeader) {
  const Fd tun = open_tun("tun7");
  open_rings("tun7", kRings, kTinyRing);
  const Injector own("tun7");
  std::map<bool, std::set<std::size_t>> rings;
  for (const test::EncapsulationCase& row : test::encapsulation_cases()) {
    if (row.link != LinkType::kRaw) continue;
    const std::size_t before = seen_.size();
    const Bytes& in = row.to_server;
    ASSERT_EQ(write(tun.get(), in.data(), in.size()), static_cast<ssize_t>(in.size())) << row.name;
    ASSERT_TRUE(own.try_send(row.to_client, row.to_client[0] >> 4 == 4 ? kIpv4 : kIpv6)) << row.name;
    read_frames(before + 2);
    for (std::size_t i = before; i < seen_.size(); ++i) rings[row.wanted->v6].insert(seen_[i].ring);
    EXPECT_EQ(rings[row.wanted->v6].size(), 1u) << row.name;
  }
  EXPECT_EQ(rings.size(), 2u);
}

// The kinds of which this machine may have no module: a tun interface looks like each of them to a socket.
TEST_F(PacketRingTest, EveryKindOfInterfaceWithoutLinkHeaderIsRead) {
  const Fd tun = open_tun("tun7");
  const Bytes packet = ipv4({}, tcp(40000, 80, 9));
  for (const int kind : {ARPHRD_NONE, ARPHRD_PPP, ARPHRD_TUNNEL, ARPHRD_TUNNEL6, ARPHRD_SIT, ARPHRD_IPGRE,
                         823 /* ARPHRD_IP6GRE */, 519 /* ARPHRD_RAWIP */}) {
    network_.ip("link set tun7 down");
    ASSERT_EQ(ioctl(tun.get(), TUNSETLINK, kind), 0) << kind;
    network_.ip("link set tun7 up");
    for (const std::string interface : {"tun7", "any"}) {
      rings_.clear();
      seen_.clear();
      filter_->set_open(false);
      open_rings(interface, 1);
      ASSERT_EQ(write(tun.get(), packet.data(), packet.size()), static_cast<ssize_t>(packet.size()));
      ASSERT_TRUE(Injector("tun7").try_send(packet, kIpv4)) << kind;
      read_frames(2);
      ASSERT_EQ(seen_.size(), 2u) << kind;
      for (const Seen& seen : seen_) {
        EXPECT_EQ(seen.bytes, packet) << kind;
        EXPECT_EQ(seen.packet.link, LinkType::kRaw) << kind << " on " << interface;
      }
    }
  }
}

TEST_F(PacketRingTest, AllInterfacesAreReadAtOnce) {
  network_.add_veth("va", "vb");
  const Fd tun = open_tun("tun7");
  open_rings("any", 1);
  network_.add_veth("vc", "vd");  // a new one
  Injector("lo").send(to_server(40000, 1));
  Injector("va").send(to_server(40000, 2));
  Injector("vd").send(to_server(40000, 3));
  const Bytes packet = ipv4({}, tcp(40000, 80, 4));
  ASSERT_EQ(write(tun.get(), packet.data(), packet.size()), static_cast<ssize_t>(packet.size()));
  read_frames(6);
  ASSERT_EQ(seen_.size(), 6u);
  std::multiset<std::string> told;
  for (const Seen& seen : seen_) {
    const std::string& name = found_[0]->names().at(seen.packet.interface);
    const bool raw = seen.packet.link == LinkType::kRaw;
    EXPECT_EQ(raw, name == "tun7");
    told.insert(name + " " + (raw ? "raw" : std::to_string(seen.sequence())));
  }
  // A packet on a veth pair is seen as it goes out of one end, and as it comes in at the other.
  EXPECT_THAT(told, ::testing::ElementsAre("lo 1", "tun7 raw", "va 2", "vb 2", "vc 3", "vd 3"));
  std::vector<std::string> names;
  for (const InterfaceTable::Entry& entry : table_.entries()) names.push_back(entry.name);
  EXPECT_EQ(names, found_[0]->names());
}

TEST_F(EncapsulatedTest, ConnectionsReachOneRingOnAllInterfaces) {
  network_.add_veth("va", "vb");
  open_rings("any", kRings, kTinyRing);
  const Injector wire("vb");
  std::map<bool, std::set<std::size_t>> rings;
  for (const test::EncapsulationCase& row : test::encapsulation_cases()) {
    if (row.link != LinkType::kEthernet || !row.wanted || row.wanted->server_port != 80) continue;
    const std::size_t before = seen_.size();
    wire.send(row.to_server);
    wire.send(row.to_client);
    read_frames(before + 4);  // each on vb and on va
    for (std::size_t i = before; i < seen_.size(); ++i) rings[row.wanted->v6].insert(seen_[i].ring);
    ASSERT_EQ(rings[row.wanted->v6].size(), 1u) << row.name;
  }
}

TEST_F(PacketRingTest, LockedFilterCannotBeReplaced) {
  open_rings("lo", 1);
  const int program = filter_->program_fd();
  EXPECT_EQ(setsockopt(rings_[0].fd(), SOL_SOCKET, SO_ATTACH_BPF, &program, sizeof program), -1);
  EXPECT_EQ(errno, EPERM);
}

TEST_F(PacketRingTest, RefusesWhatCannotWork) {
  const Interface lo = find_interface("lo").value();
  const auto code = [&](const Interface& interface, const RingOptions& options) {
    return PacketRing::open(interface, options, filter_->program_fd()).status().code();
  };
  using absl::StatusCode;
  EXPECT_EQ(code(lo, {.block_size = 1u << 19}), StatusCode::kInvalidArgument);
  EXPECT_EQ(code(lo, {.block_size = 3u << 20}), StatusCode::kInvalidArgument);
  EXPECT_EQ(code(lo, {.ring_size = 3u << 20}), StatusCode::kInvalidArgument);
  EXPECT_EQ(code(lo, {.block_timeout_ms = 0}), StatusCode::kInvalidArgument);
  Interface radio = lo;
  radio.hardware_type = 803;
  EXPECT_EQ(code(radio, {}), StatusCode::kInvalidArgument);
  Interface gone = lo;
  gone.index = 4242;
  EXPECT_EQ(code(gone, {}), StatusCode::kNotFound);
  network_.ip("link set lo down");
  EXPECT_EQ(code(lo, {}), StatusCode::kUnavailable);
}

TEST_F(PacketRingTest, RingIsAsLargeAsAskedFor) {
  open_rings("lo", 1, {.ring_size = 9u << 20, .block_size = 2u << 20});
  EXPECT_EQ(rings_[0].size(), 8u << 20);
  EXPECT_EQ(rings_[0].block_count(), 4u);
}

}  // namespace
}  // namespace tapline
