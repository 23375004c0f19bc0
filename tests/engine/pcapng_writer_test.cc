// What is saved, as the reader of such files finds it again; and where that does not look, the bytes.
#include "engine/pcapng_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "engine/tick_clock.h"
#include "tests/engine/capture_bytes.h"

namespace tapline {
namespace {

using testing::Bytes;
using ::testing::ElementsAre;
using testing::frame_bytes;

Packet packet_of(const Bytes& data, std::int64_t time_ns = 0) {
  Packet packet;
  packet.data = data.data();
  packet.captured = packet.length = static_cast<std::uint32_t>(data.size());
  packet.time_ns = time_ns;
  return packet;
}

class PcapngWriterTest : public ::testing::Test {
 protected:
  // All that was written so far, the test being the file.
  Bytes written() {
    lines_.flush();
    while (LineBuffer* buffer = lines_.exchange().take_full()) {
      bytes_.insert(bytes_.end(), buffer->data, buffer->data + buffer->size);
      frames_ += buffer->lines;
      lines_.exchange().give_back(buffer);
    }
    return bytes_;
  }
  testing::Contents read_back() {
    testing::Contents contents = testing::read_all({written()});
    EXPECT_TRUE(contents.status.ok()) << contents.status;
    EXPECT_EQ(contents.frames.size(), frames_) << "the frames are what is counted";
    return contents;
  }
  void begin() {
    writer_.section({.hardware = "x86_64", .os = "Linux 6.1", .application = "tapline"});
    writer_.interface("eth0", LinkType::kEthernet);
  }

  Doorbell bell_{FileDescriptor(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC))};
  LineBuffers lines_{
      LineBufferOptions{.slow_sink = SlowSink::kDrop, .buffer_bytes = std::size_t{1} << 20, .buffers = 2},
      bell_};
  PcapngWriter writer_{lines_};
  Bytes bytes_;
  std::size_t frames_ = 0;
};

TEST_F(PcapngWriterTest, FramesComeBackAsTheyWere) {
  begin();
  writer_.interface("", LinkType::kRaw);
  writer_.interface(std::string(300, 'n'), LinkType::kLinuxSll2);
  std::vector<Bytes> data;
  for (const std::size_t size : {0u, 1u, 2u, 3u, 4u, 5u, 14u, 60u, 1514u, 65'550u, 262'144u}) {
    data.push_back(frame_bytes(size, static_cast<unsigned>(data.size())));
  }
  std::vector<Packet> sent;
  for (std::size_t i = 0; i < data.size(); ++i) {
    Packet packet = packet_of(data[i], 1'700'000'000'123'456'789 + static_cast<std::int64_t>(i));
    packet.interface = static_cast<std::uint16_t>(i % 3);
    packet.length += static_cast<std::uint32_t>(i * i);  // cut short when it was captured
    EXPECT_TRUE(writer_.frame(packet));
    sent.push_back(packet);
    written();
  }
  const testing::Contents contents = read_back();
  EXPECT_THAT(contents.interface_names, ElementsAre("eth0", "", std::string(255, 'n')));
  const LinkType links[] = {LinkType::kEthernet, LinkType::kRaw, LinkType::kLinuxSll2};
  ASSERT_EQ(contents.frames.size(), sent.size());
  for (std::size_t i = 0; i < sent.size(); ++i) {
    const testing::Frame& frame = contents.frames[i];
    EXPECT_EQ(frame.data, data[i]) << i;
    EXPECT_EQ(frame.length, sent[i].length) << i;
    EXPECT_EQ(frame.time_ns, sent[i].time_ns) << i;
    EXPECT_EQ(frame.interface, sent[i].interface) << i;
    EXPECT_EQ(frame.link, links[i % 3]) << i;
  }
}

TEST_F(PcapngWriterTest, TimesFromTheFirstToTheLastThatThereCanBe) {
  begin();
  const Bytes data = frame_bytes(60, 1);
  const std::int64_t times[] = {0, 1, 0xFFFFFFFF, 0x100000000, 4'294'967'296'000'000'001, kMaxPacketTime};
  for (const std::int64_t time : times) writer_.frame(packet_of(data, time));
  const testing::Contents contents = read_back();
  ASSERT_EQ(contents.frames.size(), std::size(times));
  for (std::size_t i = 0; i < std::size(times); ++i) EXPECT_EQ(contents.frames[i].time_ns, times[i]);
}

// Wireshark takes what is longer than 262,144 bytes for damage.
TEST_F(PcapngWriterTest, AFrameThatReadersWouldRefuseIsCutAndKeepsItsLength) {
  begin();
  const Bytes data = frame_bytes(300'001, 1);
  Packet packet = packet_of(data);
  writer_.frame(packet);
  packet.vlan_valid = true;
  packet.vlan_tpid = 0x8100;
  writer_.frame(packet);
  const testing::Contents contents = read_back();
  ASSERT_EQ(contents.frames.size(), 2u);
  EXPECT_EQ(contents.frames[0].data, Bytes(data.begin(), data.begin() + 262'144));
  EXPECT_EQ(contents.frames[0].length, 300'001u);
  EXPECT_EQ(contents.frames[1].data.size(), 262'144u);
  EXPECT_EQ(contents.frames[1].length, 300'005u);
}

TEST_F(PcapngWriterTest, ATagTheKernelTookOutIsPutBack) {
  begin();
  const Bytes data = frame_bytes(60, 1);
  Packet packet = packet_of(data);
  packet.vlan_valid = true;
  packet.vlan_tpid = 0x88A8;
  packet.vlan_tci = 0x6007;
  writer_.frame(packet);
  Packet stump = packet;
  stump.captured = 11;  // ends before the place where the tag belongs
  writer_.frame(stump);
  Packet addresses = packet;
  addresses.captured = 12;
  writer_.frame(addresses);
  const testing::Contents contents = read_back();
  ASSERT_EQ(contents.frames.size(), 3u);
  Bytes expected(data.begin(), data.begin() + 12);
  expected.insert(expected.end(), {0x88, 0xA8, 0x60, 0x07});
  EXPECT_EQ(contents.frames[2].data, expected);
  expected.insert(expected.end(), data.begin() + 12, data.end());
  EXPECT_EQ(contents.frames[0].data, expected);
  EXPECT_EQ(contents.frames[0].length, 64u);
  EXPECT_EQ(contents.frames[1].data, Bytes(data.begin(), data.begin() + 11));
  EXPECT_EQ(contents.frames[1].length, 60u);
}

TEST_F(PcapngWriterTest, WhatNoBufferHasRoomForIsLostAndCounted) {
  begin();
  const Bytes data = frame_bytes(200'000, 1);
  unsigned saved = 0;
  for (int i = 0; i < 20; ++i) saved += writer_.frame(packet_of(data, i)) ? 1 : 0;
  EXPECT_EQ(saved, 10u) << "five in each of two buffers of 1 MiB";
  EXPECT_EQ(lines_.lost_lines(), 10u);
  EXPECT_EQ(read_back().frames.size(), 10u);
  EXPECT_TRUE(writer_.frame(packet_of(data, 20))) << "the buffers are back";
  EXPECT_EQ(read_back().frames.back().time_ns, 20);
}

TEST_F(PcapngWriterTest, StatisticsSayWhatIsKnown) {
  // Option: code, size, value; a time is its upper half and its lower one.
  const auto u16 = [](const Bytes& bytes, std::size_t at) {
    std::uint16_t value = 0;
    std::memcpy(&value, bytes.data() + at, sizeof value);
    return value;
  };
  const auto u64 = [](const Bytes& bytes, std::size_t at) {
    std::uint64_t value = 0;
    std::memcpy(&value, bytes.data() + at, sizeof value);
    return value;
  };
  writer_.statistics(3, 0x0000000200000001,
                     {.start = 0x0000000400000003,
                      .end = std::nullopt,
                      .received = 900,
                      .missed = 9,
                      .accepted = 70,
                      .dropped = 7,
                      .saved = 63});
  const Bytes block = written();
  ASSERT_EQ(block.size(), 12u + 12 + 6 * 12 + 4);
  EXPECT_EQ(frames_, 0u);
  EXPECT_EQ(u64(block, 0), std::uint64_t{block.size()} << 32 | 5);
  EXPECT_EQ(u64(block, 8), 0x0000000200000003u) << "the interface, the upper half of the time";
  const std::uint16_t codes[] = {2, 4, 5, 6, 7, 8};
  const std::uint64_t values[] = {0x0000000300000004, 900, 9, 70, 7, 63};
  for (std::size_t i = 0; i < 6; ++i) {
    EXPECT_EQ(u16(block, 20 + 12 * i), codes[i]);
    EXPECT_EQ(u16(block, 22 + 12 * i), 8u);
    EXPECT_EQ(u64(block, 24 + 12 * i), values[i]);
  }
  EXPECT_EQ(u16(block, 20 + 12 * 6), 0u) << "the end of the options";
}

}  // namespace
}  // namespace tapline
