// The eliding filter as a function: the same segments through the program (BPF_PROG_TEST_RUN) and through the
// model that the tests of flows/ run against, which must agree on each of them.

#include <bpf/bpf.h>
#include <gtest/gtest.h>

#include <array>
#include <optional>
#include <random>
#include <string>
#include <tuple>

#include "bpf/elision_table.h"
#include "bpf/port_filter.h"
#include "engine/kernel_elision.h"
#include "flows/decode.h"
#include "tests/bpf/frame.h"
#include "tests/flows/elision_model.h"

namespace tapline {
namespace {

using namespace frames;

constexpr std::uint8_t kClient = 1, kServer = 2;  // last byte of the address

struct Spec {
  std::uint8_t from = kServer;
  std::uint32_t seq = 0, ack = 5000;
  std::size_t payload = 1000;
  unsigned flags = kAck;
  std::uint16_t window = 500;
  std::size_t tcp_options = 0;  // words
  std::size_t padding = 0;      // bytes behind the packet
  bool v6 = false;
  bool no_length = false;  // as in a packet over 64 KiB
  std::uint16_t fragment = 0;
  std::uint16_t client_port = 40000;
};

Bytes packet_of(const Spec& spec) {
  const bool client = spec.from == kClient;
  Bytes segment;
  put16(segment, client ? spec.client_port : 80);
  put16(segment, client ? 80 : spec.client_port);
  put32(segment, spec.seq);
  put32(segment, spec.ack);
  put16(segment, static_cast<std::uint32_t>((5 + spec.tcp_options) << 12 | spec.flags));
  put16(segment, spec.window);
  put32(segment, 0);
  segment.resize(segment.size() + spec.tcp_options * 4 + spec.payload, 1);
  Bytes packet;
  if (spec.v6) {
    packet = ipv6(kTcp, segment);
    if (!client) std::swap(packet[23], packet[39]);  // it comes from 1
    if (spec.no_length) packet[4] = packet[5] = 0;
  } else {
    Ipv4 header;
    header.source = 0x0a000000u + spec.from;
    header.destination = 0x0a000000u + (client ? kServer : kClient);
    header.more_fragments = (spec.fragment & 0x2000) != 0;
    header.fragment_offset = spec.fragment & 0x1fff;
    packet = ipv4(header, segment);
    if (spec.no_length) packet[2] = packet[3] = 0;
  }
  packet.resize(packet.size() + spec.padding, 0);
  return packet;
}

Bytes frame_of(const Spec& spec) { return ethernet(spec.v6 ? kIpv6 : kIpv4, packet_of(spec)); }

TcpSegment decoded(const Bytes& frame) {
  Packet packet;
  packet.data = frame.data();
  packet.captured = packet.length = static_cast<std::uint32_t>(frame.size());
  TcpSegment segment;
  EXPECT_EQ(decode(packet, segment), Undecoded::kNone);
  return segment;
}

class Elision : public testing::Test {
 protected:
  void SetUp() override {
    auto filter = PortFilter::load_eliding();
    ASSERT_TRUE(filter.ok()) << filter.status();
    filter_.emplace(*std::move(filter));
    std::array<std::uint64_t, PortFilter::kPortWords> ports{};
    ports[80 / 64] = std::uint64_t{1} << 80 % 64;
    filter_->set_ports(ports);
    filter_->set_open(true);
  }

  ElisionTable& table() { return *filter_->elision(); }

  bool frame_delivered(const Bytes& frame, bool raw = false) {
    // A test run takes an Ethernet header off before the program sees the frame.
    const Bytes input = join(Bytes(14, 0xee), frame);
    bpf_test_run_opts options{};
    options.sz = sizeof options;
    options.data_in = input.data();
    options.data_size_in = static_cast<std::uint32_t>(input.size());
    options.repeat = 1;
    const int program = raw ? filter_->raw_ip_program_fd() : filter_->program_fd();
    EXPECT_EQ(bpf_prog_test_run_opts(program, &options), 0);
    EXPECT_TRUE(options.retval == 0 || options.retval >= 1u << 20) << "cut to " << options.retval;
    return options.retval != 0;
  }
  bool delivered(const Spec& spec) { return frame_delivered(frame_of(spec)); }

  // A range of what the server sends, for the connection of `spec`.
  void arm(const Spec& spec, std::uint32_t begin, std::uint32_t end) {
    const TcpSegment segment = decoded(frame_of(spec));
    const auto slot = table().claim(connection_of(segment.key));
    ASSERT_TRUE(slot);
    slot_ = *slot;
    server_ = segment.sender;
    table().arm(slot_, server_, {.begin = begin, .end = end, .acks = true, .ack_sequence = 5000});
  }
  ElisionTable::Run run() { return table().read(slot_, server_); }

  std::optional<PortFilter> filter_;
  ElisionTable::Slot slot_ = 0;
  unsigned server_ = 0;
};

TEST_F(Elision, LeavesOutWhatContinuesInsideTheRange) {
  EXPECT_TRUE(delivered({.seq = 10000}));
  arm({}, 10000, 20000);
  EXPECT_TRUE(delivered({.seq = 9500})) << "begins before the range";
  EXPECT_EQ(run().packets, 0u);
  EXPECT_FALSE(delivered({.seq = 11000}));
  EXPECT_FALSE(delivered({.seq = 12000, .flags = kAck | kPsh}));
  EXPECT_TRUE(delivered({.seq = 11000})) << "sent again";
  EXPECT_TRUE(delivered({.seq = 10000})) << "late";
  EXPECT_FALSE(delivered({.seq = 13000, .payload = 3000}));
  EXPECT_FALSE(delivered({.seq = 16000, .payload = 3000}));
  EXPECT_FALSE(delivered({.seq = 19000, .payload = 999}));
  EXPECT_TRUE(delivered({.seq = 19999, .payload = 1})) << "the last byte";
  const ElisionTable::Run run = this->run();
  EXPECT_EQ(run.packets, 5u);
  EXPECT_EQ(run.first, 11000u);
  EXPECT_EQ(run.next, 19999u);
  EXPECT_TRUE(run.over);
  EXPECT_GT(run.time, 0);
  EXPECT_TRUE(delivered({.seq = 20000}));
  EXPECT_TRUE(delivered({.seq = 15000})) << "after the end of the run";
}

TEST_F(Elision, DeliversFramesThatReachAcrossTheEnd) {
  arm({}, 10000, 12000);
  EXPECT_FALSE(delivered({.seq = 10000}));
  EXPECT_TRUE(delivered({.seq = 11000, .payload = 3000}));
  EXPECT_TRUE(run().over);
  table().stop(slot_, server_);
  table().arm(slot_, server_, {.begin = 14000, .end = 15000});
  EXPECT_TRUE(delivered({.seq = 14000})) << "all of the range, with its last byte";
  EXPECT_TRUE(run().over) << "and what is late stays out no more";
}

TEST_F(Elision, HoleEndsARunAndArmingAgainStartsAnother) {
  arm({}, 10000, 90000);
  EXPECT_FALSE(delivered({.seq = 10000}));
  EXPECT_TRUE(delivered({.seq = 12000})) << "behind a hole";
  EXPECT_TRUE(delivered({.seq = 11000})) << "what fills it";
  EXPECT_TRUE(delivered({.seq = 13000}));
  EXPECT_TRUE(run().over);
  EXPECT_EQ(run().next, 11000u);
  const ElisionTable::Run last = table().stop(slot_, server_);
  EXPECT_EQ(last.packets, 1u);
  table().arm(slot_, server_, {.begin = 14000, .end = 90000});
  EXPECT_EQ(run().packets, 0u);
  EXPECT_FALSE(delivered({.seq = 14000}));
  EXPECT_EQ(run().first, 14000u);
}

TEST_F(Elision, SequenceNumbersWrap) {
  arm({}, 0xfffffc00, 0x400);
  EXPECT_FALSE(delivered({.seq = 0xfffffc00, .payload = 0x3ff}));
  EXPECT_FALSE(delivered({.seq = 0xffffffff, .payload = 2}));
  EXPECT_FALSE(delivered({.seq = 1, .payload = 0x3fe}));
  EXPECT_TRUE(delivered({.seq = 0x3ff, .payload = 1}));
  EXPECT_EQ(run().packets, 3u);
  EXPECT_EQ(run().next, 0x3ffu);
}

TEST_F(Elision, PureAcknowledgementsOfTheRunStay) {
  const auto ack = [](std::uint32_t number) {
    return Spec{.from = kClient, .seq = 5000, .ack = number, .payload = 0};
  };
  arm({}, 10000, 90000);
  EXPECT_TRUE(delivered(ack(10000))) << "of nothing that stayed";
  EXPECT_FALSE(delivered({.seq = 10000}));
  EXPECT_FALSE(delivered({.seq = 11000}));
  EXPECT_TRUE(delivered(ack(10000)));
  EXPECT_FALSE(delivered(ack(11000)));
  EXPECT_TRUE(delivered(ack(11000))) << "duplicate";
  EXPECT_TRUE(delivered(ack(12001))) << "of more than stayed";
  Spec closed = ack(12000), elsewhere = ack(12000), keep_alive = ack(12000), padded = ack(12000);
  closed.window = 0;
  EXPECT_TRUE(delivered(closed)) << "zero window";
  elsewhere.seq = 5001;
  EXPECT_TRUE(delivered(elsewhere));
  keep_alive.seq = 4999;
  EXPECT_TRUE(delivered(keep_alive));
  padded.padding = 6;
  padded.tcp_options = 3;
  padded.window = 77;
  EXPECT_FALSE(delivered(padded)) << "padding is no payload";
  EXPECT_EQ(run().acks, 2u);
  EXPECT_EQ(run().ack, 12000u);
  EXPECT_EQ(run().ack_window, 77);
  table().set_ack_sequence(slot_, server_, 6000);
  EXPECT_FALSE(delivered({.seq = 12000}));
  EXPECT_TRUE(delivered(ack(13000)));
  Spec later = ack(13000);
  later.seq = 6000;
  EXPECT_FALSE(delivered(later));
}

TEST_F(Elision, FlagsThatChangeAConnectionEndBothDirections) {
  for (const unsigned flags : {0x11u, 0x14u, 0x02u, 0x12u, 0x04u}) {
    for (const std::uint8_t from : {kClient, kServer}) {
      arm({}, 10000, 90000);
      EXPECT_FALSE(delivered({.seq = 10000}));
      EXPECT_TRUE(delivered({.from = from, .seq = 11000, .payload = 0, .flags = flags}));
      EXPECT_TRUE(run().over);
      EXPECT_TRUE(delivered({.seq = 11000}));
      table().stop(slot_, server_);
      table().release(slot_);
    }
  }
}

TEST_F(Elision, UrgentDataIsDelivered) {
  arm({}, 10000, 90000);
  EXPECT_TRUE(delivered({.seq = 10000, .flags = kAck | kUrg}));
  EXPECT_TRUE(run().over);
}

TEST_F(Elision, FragmentsAndDamagedPacketsAreDelivered) {
  arm({}, 10000, 90000);
  EXPECT_TRUE(delivered({.seq = 10000, .fragment = 0x2000}));
  EXPECT_TRUE(delivered({.seq = 10000, .fragment = 0x00b9}));
  Bytes cut = frame_of({.seq = 10000});
  cut.resize(cut.size() - 1);
  EXPECT_TRUE(frame_delivered(cut)) << "shorter than its IP header says";
  Bytes wrong = frame_of({.seq = 10000});
  wrong[14 + 20 + 12] = 0x40;
  EXPECT_TRUE(frame_delivered(wrong)) << "a TCP header of 16 bytes";
  wrong[14 + 20 + 12] = 0xf0;
  EXPECT_FALSE(frame_delivered(wrong)) << "one of 60";
  EXPECT_TRUE(frame_delivered(ethernet(kVlan, vlan(7, kIpv4, packet_of({.seq = 10040})))));
}

TEST_F(Elision, OtherConnectionsAreDelivered) {
  arm({}, 10000, 90000);
  EXPECT_TRUE(delivered({.seq = 10000, .client_port = 40001}));
  EXPECT_TRUE(delivered({.seq = 10000, .v6 = true}));
  EXPECT_TRUE(delivered({.from = kClient, .seq = 10000})) << "the direction that is not armed";
  EXPECT_FALSE(delivered({.seq = 10000}));
  table().stop(slot_, server_);
  table().release(slot_);
  EXPECT_TRUE(delivered({.seq = 11000}));
}

TEST_F(Elision, Ipv6AndFramesWithoutLengthAndWithoutEthernet) {
  arm({.v6 = true}, 10000, 0x10000000);
  EXPECT_FALSE(delivered({.seq = 10000, .v6 = true}));
  EXPECT_FALSE(delivered({.seq = 11000, .payload = 3000, .v6 = true, .no_length = true}));
  EXPECT_FALSE(frame_delivered(packet_of({.seq = 14000, .v6 = true}), /*raw=*/true));
  EXPECT_EQ(run().next, 15000u);
}

TEST_F(Elision, ClosedFilterCountsNothing) {
  arm({}, 10000, 90000);
  filter_->set_open(false);
  EXPECT_FALSE(delivered({.seq = 10000}));
  EXPECT_EQ(run().packets, 0u);
}

TEST_F(Elision, FullTableSaysSoAndARoomIsUsedAgain) {
  ElisionTable::Connection connection = connection_of(decoded(frame_of({})).key);
  const auto first = table().claim(connection), second = table().claim(connection);
  ASSERT_TRUE(first && second);
  EXPECT_FALSE(table().claim(connection));
  table().release(*first);
  EXPECT_EQ(table().claim(connection), first);
}

// What a network makes of a download, with pure acknowledgements, and user space arming again now and then.
TEST_F(Elision, AgreesWithTheModel) {
  std::uint64_t stayed = 0;
  for (std::uint32_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    const auto below = [&](std::uint32_t n) { return static_cast<std::uint32_t>(random() % n); };
    const Spec any{.v6 = seed % 2 == 1};
    const TcpSegment named = decoded(frame_of(any));
    test::ElisionModel model;
    const auto place = model.claim(named.key);
    const auto slot = table().claim(connection_of(named.key));
    ASSERT_TRUE(slot && place);
    std::uint32_t sent = below(3) == 0 ? 0u - below(100000) : static_cast<std::uint32_t>(random());
    const auto arm = [&] {
      ElisionRange range{
          .begin = sent - 1000 + below(2000), .end = 0, .acks = below(4) > 0, .ack_sequence = 5000};
      range.end = range.begin + 20000 + below(100000);
      table().stop(*slot, named.sender);
      table().arm(
          *slot, named.sender,
          {.begin = range.begin, .end = range.end, .acks = range.acks, .ack_sequence = range.ack_sequence});
      model.arm(*place, named.sender, range);
    };
    arm();
    std::uint32_t acked = sent;
    for (int i = 0; i < 300 && !HasFailure(); ++i) {
      Spec spec{.v6 = any.v6};
      spec.tcp_options = below(2) * 3;
      spec.payload = below(8) == 0 ? 1 + below(3000) : 1000;
      spec.seq = sent;
      spec.ack = 5000 + below(3);
      switch (below(below(3) == 0 ? 10 : 2)) {
        case 0:
          spec.from = kClient;
          spec.payload = 0;
          spec.seq = 5000 - (below(20) == 0 ? 1 : 0);
          spec.ack = acked = below(10) == 0 ? sent - below(5000) : acked + below(sent - acked + 1);
          spec.window = static_cast<std::uint16_t>(below(20));
          break;
        case 6:
          spec.seq -= 1;  // a keep-alive
          spec.payload = below(3);
          break;
        case 2:
          spec.seq -= below(4000);  // sent again, partly or whole
          break;
        case 3:
          spec.seq += 1 + below(3000);  // lost before
          break;
        case 4:
          if (below(4) == 0) spec.flags |= 1u << below(6);
          break;
        case 5:
          arm();
          break;
        default:
          break;
      }
      const Bytes frame = frame_of(spec);
      const TcpSegment segment = decoded(frame);
      const bool taken = model.takes(segment);
      stayed += taken ? 1 : 0;
      ASSERT_EQ(frame_delivered(frame), !taken) << "segment " << i;
      if (spec.from == kServer && seq_distance(spec.seq + static_cast<std::uint32_t>(spec.payload), sent) > 0)
        sent = spec.seq + static_cast<std::uint32_t>(spec.payload);
      const ElisionTable::Run got = table().read(*slot, named.sender);
      const ElidedRun want = model.read(*place, named.sender);
      ASSERT_EQ(std::tuple(got.over, got.packets, got.acks), std::tuple(want.over, want.packets, want.acks));
      if (want.packets > 0) {
        ASSERT_EQ(std::pair(got.first, got.next), std::pair(want.first, want.next));
      }
      if (want.acks > 0) {
        ASSERT_EQ(std::pair(got.ack, got.ack_window), std::pair(want.ack, want.ack_window));
      }
    }
    table().stop(*slot, named.sender);
    table().release(*slot);
  }
  EXPECT_GT(stayed, 1000u);
}

}  // namespace
}  // namespace tapline
