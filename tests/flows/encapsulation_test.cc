// What stands in VLANs, tunnels and fragments is read as if it stood alone, and kept apart by them.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "flows/decode.h"
#include "flows/flow_processor.h"
#include "flows/fragment_table.h"
#include "flows/packet_details.h"
#include "tests/bpf/frame.h"
#include "tests/flows/conversation.h"
#include "tests/flows/encapsulation_cases.h"
#include "tests/flows/guard_page.h"
#include "tests/flows/recording_sink.h"

namespace tapline::test {
namespace {

Packet packet_of(const Bytes& bytes, LinkType link, std::int64_t time_ns = 1) {
  Packet packet;
  packet.data = bytes.data();
  packet.captured = packet.length = static_cast<std::uint32_t>(bytes.size());
  packet.link = link;
  packet.time_ns = time_ns;
  return packet;
}

std::vector<std::uint16_t> vlans_of(const Encapsulation& around) {
  std::vector<std::uint16_t> vlans;
  for (const std::size_t i : {0u, 1u}) {
    if (const auto id = around.vlan(i)) vlans.push_back(*id);
  }
  return vlans;
}

std::vector<WantedTunnel> tunnels_of(std::span<const Tunnel> tunnels) {
  std::vector<WantedTunnel> out;
  for (const Tunnel& tunnel : tunnels) {
    out.push_back({std::string(kTunnelNames[static_cast<std::size_t>(tunnel.type)]), tunnel.id});
  }
  return out;
}

void expect_wanted(const TcpSegment& segment, const Wanted& wanted, bool to_server, std::size_t payload) {
  const int sender = segment.sender, client = to_server ? sender : 1 - sender;
  const IpAddress client_ip = segment.key.ip(client), server_ip = segment.key.ip(1 - client);
  if (wanted.v6) {
    EXPECT_EQ(client_ip.bytes, kInnerClientV6);
    EXPECT_EQ(server_ip.bytes, kInnerServerV6);
  } else {
    EXPECT_TRUE(std::equal(kInnerClientV4.begin(), kInnerClientV4.end(), client_ip.bytes.begin()));
    EXPECT_TRUE(std::equal(kInnerServerV4.begin(), kInnerServerV4.end(), server_ip.bytes.begin()));
  }
  EXPECT_EQ(segment.key.port(client), kInnerClientPort);
  EXPECT_EQ(segment.key.port(1 - client), wanted.server_port);
  // The key has room for two.
  std::vector<std::uint16_t> vlans = wanted.vlans;
  vlans.resize(std::min<std::size_t>(vlans.size(), 2));
  EXPECT_EQ(vlans_of(segment.around), vlans);
  EXPECT_EQ(tunnels_of(segment.around.tunnels()), wanted.tunnels);
  EXPECT_EQ(segment.payload_bytes, payload);
  EXPECT_EQ(segment.payload.size(), payload);
}

class EncapsulationTest : public testing::TestWithParam<EncapsulationCase> {};

TEST_P(EncapsulationTest, BothDirectionsAreFoundWithOneKey) {
  const EncapsulationCase& row = GetParam();
  TcpSegment there, back;
  const Undecoded why = decode(packet_of(row.to_server, row.link), there);
  if (!row.wanted) {
    EXPECT_NE(why, Undecoded::kNone);
    EXPECT_NE(why, Undecoded::kFragment);
    return;
  }
  ASSERT_EQ(why, Undecoded::kNone);
  ASSERT_EQ(decode(packet_of(row.to_client, row.link), back), Undecoded::kNone);
  expect_wanted(there, *row.wanted, true, kInnerPayload);
  expect_wanted(back, *row.wanted, false, kInnerPayload);
  EXPECT_EQ(there.key, back.key);
}

// The frame's last captured byte stands before a page that must not be touched.
TEST_P(EncapsulationTest, NothingIsReadBehindWhatWasCaptured) {
  const EncapsulationCase& row = GetParam();
  GuardedBytes memory(row.to_server.size());
  for (std::size_t size = 0; size < row.to_server.size(); ++size) {
    SCOPED_TRACE(size);
    Packet packet = packet_of(row.to_server, row.link);
    packet.data = memory.hold(std::span(row.to_server).first(size)).data();
    packet.captured = static_cast<std::uint32_t>(size);
    TcpSegment segment;
    if (decode(packet, segment) == Undecoded::kNone) {
      EXPECT_LE(segment.payload.data() + segment.payload.size(), packet.data + packet.captured);
      read_details(packet, segment);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Frames, EncapsulationTest, testing::ValuesIn(encapsulation_cases()),
                         [](const auto& info) { return info.param.name; });

class FragmentsTest : public testing::TestWithParam<FragmentCase> {
 protected:
  // Takes fragments in; the segment is that of the one that completes the datagram.
  Undecoded take(const Bytes& frame, TcpSegment& segment) {
    Fragment fragment;
    Undecoded why = decode(packet_of(frame, GetParam().link), segment, &fragment);
    while (why == Undecoded::kFragment) {
      const Datagram* const datagram = table_.add(fragment, 1);
      if (datagram == nullptr) break;
      why = decode(packet_of(frame, GetParam().link), *datagram, segment, &fragment);
    }
    return why;
  }

  BytePool pool_{1 << 20};
  FragmentTable table_{pool_};
};

TEST_P(FragmentsTest, AreReadInAnyOrderTwiceOrNotAtAll) {
  std::vector<FlowKey> keys;
  for (const bool to_server : {true, false}) {
    const std::vector<Bytes>& frames = to_server ? GetParam().to_server : GetParam().to_client;
    ASSERT_GE(frames.size(), 2u);
    std::vector<std::size_t> order(frames.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    do {
      TcpSegment segment;
      // All but one, and the first of them a second time: no segment yet.
      for (std::size_t i = 0; i + 1 < order.size(); ++i) {
        ASSERT_EQ(take(frames[order[i]], segment), Undecoded::kFragment);
      }
      ASSERT_EQ(take(frames[order.front()], segment), Undecoded::kFragment);
      ASSERT_EQ(take(frames[order.back()], segment), Undecoded::kNone);
      expect_wanted(segment, GetParam().wanted, to_server, kFragmentedPayload);
      keys.push_back(segment.key);
    } while (std::next_permutation(order.begin(), order.end()));
  }
  for (const FlowKey& key : keys) EXPECT_EQ(key, keys.front());
  EXPECT_EQ(table_.given_up(), 0u);
  EXPECT_EQ(pool_.used(), 0u);
  TcpSegment segment;
  take(GetParam().to_server.back(), segment);
  table_.clear();
  EXPECT_EQ(table_.given_up(), 1u);
  EXPECT_EQ(pool_.used(), 0u);
}

INSTANTIATE_TEST_SUITE_P(Frames, FragmentsTest, testing::ValuesIn(fragment_cases()),
                         [](const auto& info) { return info.param.name; });

class FragmentTableTest : public testing::Test {
 protected:
  // Bytes [from, to) of datagram `id`; with `more` unless told.
  const Datagram* add(std::uint32_t id, std::uint32_t from, std::uint32_t to, bool more = true,
                      std::int64_t time = 0, std::uint32_t captured = 0xffffffff) {
    Fragment fragment;
    fragment.source.bytes = {10, 0, 0, 1};
    fragment.destination.bytes = {10, 0, 0, 2};
    fragment.id = id;
    fragment.protocol = 6;
    fragment.offset = from;
    fragment.more = more;
    fragment.length = to - from;
    bytes_.resize(fragment.length);
    for (std::uint32_t i = 0; i < fragment.length; ++i) bytes_[i] = static_cast<std::uint8_t>((from + i) / 8);
    fragment.data = std::span(bytes_).first(std::min<std::size_t>(captured, bytes_.size()));
    return table_.add(fragment, time);
  }

  BytePool pool_{64 << 10};
  FragmentTable table_{pool_};
  Bytes bytes_;
};

TEST_F(FragmentTableTest, BytesAreInTheirOrder) {
  EXPECT_EQ(add(1, 16, 24), nullptr);
  EXPECT_EQ(add(1, 24, 29, false), nullptr);
  const Datagram* const whole = add(1, 0, 16);
  ASSERT_NE(whole, nullptr);
  EXPECT_EQ(whole->length, 29u);
  ASSERT_EQ(whole->data.size(), 29u);
  for (std::size_t i = 0; i < 29; ++i) EXPECT_EQ(whole->data[i], i / 8);
}

TEST_F(FragmentTableTest, WhatASnaplenCutEndsWhatCanBeRead) {
  EXPECT_EQ(add(1, 0, 16, true, 0, 12), nullptr);
  const Datagram* const whole = add(1, 16, 24, false);
  ASSERT_NE(whole, nullptr);
  EXPECT_EQ(whole->length, 24u);
  EXPECT_EQ(whole->data.size(), 12u);
}

// Linux throws the whole datagram away, and what comes later of it begins anew.
TEST_F(FragmentTableTest, PiecesThatOverlapEndTheDatagram) {
  for (const auto& [from, to] : {std::pair{8u, 24u}, {0u, 24u}, {24u, 40u}, {16u, 24u}}) {
    SCOPED_TRACE(from);
    const std::uint64_t before = table_.given_up();
    EXPECT_EQ(add(1, 16, 32), nullptr);
    EXPECT_EQ(add(1, from, to), nullptr);
    EXPECT_EQ(table_.given_up(), before + 2);
    EXPECT_EQ(pool_.used(), 0u);
  }
}

TEST_F(FragmentTableTest, LengthsThatContradictEachOtherEndTheDatagram) {
  EXPECT_EQ(add(1, 0, 12), nullptr);  // no whole number of units, and not the last
  EXPECT_EQ(table_.given_up(), 1u);
  EXPECT_EQ(add(2, 65528, 65544, false), nullptr);  // beyond what a header can say
  EXPECT_EQ(table_.given_up(), 2u);
  add(3, 16, 24, false);
  EXPECT_EQ(add(3, 24, 32), nullptr);  // behind the last
  EXPECT_EQ(table_.given_up(), 4u);
  add(4, 16, 24);
  EXPECT_EQ(add(4, 8, 16, false), nullptr);  // the last, before another
  EXPECT_EQ(table_.given_up(), 6u);
  add(5, 16, 24, false);
  EXPECT_EQ(add(5, 16, 32, false), nullptr);  // two ends
  EXPECT_EQ(table_.given_up(), 8u);
  EXPECT_EQ(add(6, 8, 8, false), nullptr);  // nothing
  EXPECT_EQ(table_.given_up(), 9u);
  EXPECT_EQ(pool_.used(), 0u);
}

TEST_F(FragmentTableTest, OldOnesAreGivenUpAfterThirtySeconds) {
  add(1, 0, 8, true, 0);
  add(2, 0, 8, true, 5);
  EXPECT_NE(add(1, 8, 16, false, FragmentTable::kTimeout), nullptr);
  EXPECT_EQ(table_.given_up(), 0u);
  EXPECT_EQ(add(2, 8, 16, false, FragmentTable::kTimeout + 6), nullptr);
  EXPECT_EQ(table_.given_up(), 1u);
}

TEST_F(FragmentTableTest, BoundsHold) {
  for (std::uint32_t id = 0; id < 2 * FragmentTable::kMaxDatagrams; ++id) add(id, 0, 8);
  EXPECT_GE(table_.given_up(), std::uint64_t{FragmentTable::kMaxDatagrams});
  EXPECT_LE(pool_.used(), pool_.size());
  // The one that came last still has its place, unless the pool was full.
  table_.clear();
  EXPECT_EQ(pool_.used(), 0u);
  EXPECT_EQ(table_.given_up(), 2u * FragmentTable::kMaxDatagrams);
  // Many small pieces: the datagram goes, not the memory.
  for (std::uint32_t i = 0; i <= FragmentTable::kMaxPieces; ++i) add(7, 8 * i, 8 * i + 8);
  table_.clear();
  EXPECT_EQ(pool_.used(), 0u);
}

// A connection's frames, each inside a tunnel between the same two ends.
std::vector<Frame> in_vxlan(std::vector<Frame> inside, std::uint32_t network) {
  for (Frame& frame : inside) {
    frames::Ipv4 outer;
    outer.protocol = frames::kUdp;
    outer.source = 0xc0000201;
    outer.destination = 0xc0000202;
    frame.bytes = frames::ethernet(
        frames::kIpv4, frames::ipv4(outer, frames::udp(51111, 4789, frames::vxlan(network, frame.bytes))));
    frame.length = static_cast<std::uint32_t>(frame.bytes.size());
  }
  return inside;
}

const std::string kGet = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";
const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

std::vector<Frame> page_load() {
  Conversation talk;
  talk.handshake().client(kGet).server(kOk).close(Side::kClient);
  return talk.frames();
}

TEST(TunnelRecordsTest, ATunnelledConnectionIsReadAndNamed) {
  const Outcomes plain = run(page_load()), tunnelled = run(in_vxlan(page_load(), 42));
  EXPECT_EQ(tunnelled.sink.lines, plain.sink.lines);
  ASSERT_FALSE(tunnelled.sink.who.empty());
  for (const RecordingSink::Who& who : tunnelled.sink.who) EXPECT_EQ(who.tunnel, "vxlan 42");
  EXPECT_EQ(plain.sink.who.front().tunnel, "");
}

TEST(TunnelRecordsTest, TheSameAddressesInTwoTunnelsAreTwoConnections) {
  const std::vector<Frame> both = merge(in_vxlan(page_load(), 42), in_vxlan(page_load(), 43));
  EXPECT_EQ(run(both).counters.opened, 2u);
  EXPECT_EQ(run(both).counters.transactions, 2u);
  FlowOptions options = default_options();
  options.ignore_encapsulation = true;
  EXPECT_EQ(run(both, options).counters.opened, 1u);
}

// Requests through a tunnel, answers past it, as some routes go.
TEST(TunnelRecordsTest, EncapsulationCanBeLeftOutOfWhatTellsConnectionsApart) {
  std::vector<Frame> frames = page_load();
  for (Frame& frame : frames) {
    TcpSegment segment;
    ASSERT_EQ(decode(frame.view(), segment), Undecoded::kNone);
    if (segment.sender == 0) frame = in_vxlan({frame}, 42).front();
  }
  FlowOptions options = default_options();
  EXPECT_EQ(run(frames, options).counters.opened, 2u);
  options.ignore_encapsulation = true;
  EXPECT_EQ(run(frames, options).sink.lines, run(page_load()).sink.lines);
}

// A bridge and its port: each frame twice.
TEST(DuplicatesTest, AFrameOnTwoInterfacesIsTakenOnce) {
  const std::vector<Frame> once = page_load();
  std::vector<Frame> twice;
  for (Frame frame : once) {
    twice.push_back(frame);
    frame.interface = 1;
    frame.time_ns += 1000;
    twice.push_back(frame);
  }
  FlowOptions options = default_options();
  EXPECT_GT(run(twice, options).sink.closed().client.retransmits.packets, 0u) << "without the option";
  options.dedup_window = 2000;
  const Outcomes out = run(twice, options);
  EXPECT_EQ(out.sink.lines, run(once).sink.lines);
  EXPECT_EQ(out.counters.packets, twice.size());
  EXPECT_EQ(out.counters.duplicates, once.size());
  EXPECT_EQ(out.sink.closed().client.retransmits.packets, 0u);
  options.dedup_window = 900;  // too short
  EXPECT_EQ(run(twice, options).counters.duplicates, 0u);
}

// Sent again, and seen twice each time.
TEST(DuplicatesTest, ARetransmissionIsNoCopy) {
  Conversation talk;
  talk.handshake().client(kGet);
  Frame again = talk.frames().at(3);  // the request
  again.time_ns = talk.frames().back().time_ns + 500;
  talk.frames().push_back(again);
  const std::vector<Frame> once = talk.frames();
  std::vector<Frame> one_by_one, in_blocks = once;  // as two rings deliver
  for (Frame frame : once) {
    one_by_one.push_back(frame);
    frame.interface = 1;
    one_by_one.push_back(frame);
    in_blocks.push_back(frame);
  }
  FlowOptions options = default_options();
  options.dedup_window = kSecond;
  for (const std::vector<Frame>& frames : {one_by_one, in_blocks}) {
    const Outcomes out = run(frames, options);
    EXPECT_EQ(out.counters.duplicates, once.size());
    EXPECT_EQ(out.sink.closed().client.packets, run(once).sink.closed().client.packets);
    EXPECT_EQ(out.sink.closed().client.retransmits.packets, 1u);
  }
}

std::vector<Frame> frames_of(const FragmentCase& row) {
  std::vector<Frame> frames;
  for (const std::vector<Bytes>* way : {&row.to_server, &row.to_client}) {
    for (const Bytes& bytes : *way) {
      Frame frame;
      frame.bytes = bytes;
      frame.length = static_cast<std::uint32_t>(bytes.size());
      frame.link = row.link;
      frame.time_ns = static_cast<std::int64_t>(frames.size()) * 1000 + 1;
      frame.ordinal = frames.size() + 1;
      frames.push_back(frame);
    }
  }
  return frames;
}

TEST(FragmentRecordsTest, FragmentsCountAsFramesAndTheirDatagramAsASegment) {
  for (const FragmentCase& row : fragment_cases()) {
    SCOPED_TRACE(row.name);
    const std::vector<Frame> frames = frames_of(row);
    const Outcomes out = run(frames);
    EXPECT_EQ(out.counters.packets, frames.size());
    EXPECT_EQ(out.counters.undecoded[static_cast<std::size_t>(Undecoded::kFragment)], 0u);
    const RecordedConnection& closed = out.sink.closed();
    EXPECT_EQ(closed.client.packets, 1u);
    EXPECT_EQ(closed.client.bytes, kFragmentedPayload);
    EXPECT_EQ(closed.server.packets, 1u);
    EXPECT_EQ(closed.server.bytes, kFragmentedPayload);
    // One is lost: no segment, and the others are told of.
    std::vector<Frame> fewer = frames;
    fewer.erase(fewer.begin());
    const Outcomes hurt = run(fewer);
    EXPECT_EQ(hurt.counters.packets, fewer.size());
    EXPECT_EQ(hurt.counters.undecoded[static_cast<std::size_t>(Undecoded::kFragment)],
              row.to_server.size() - 1);
    EXPECT_EQ(hurt.sink.closed().client.packets + hurt.sink.closed().server.packets, 1u);
  }
}

}  // namespace
}  // namespace tapline::test
