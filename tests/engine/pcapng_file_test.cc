// pcapng files: sections, interfaces, clocks, kinds of blocks, and their damages.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "engine/capture_file.h"
#include "engine/tick_clock.h"
#include "tests/engine/capture_bytes.h"

namespace tapline::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr Order kLittle = Order::kLittle;
constexpr Order kBig = Order::kBig;

std::string text_of(const absl::Status& status) { return std::string(status.message()); }

class PcapngOrder : public ::testing::TestWithParam<Order> {};
INSTANTIATE_TEST_SUITE_P(BothOrders, PcapngOrder, ::testing::Values(kLittle, kBig), [](const auto& info) {
  return std::string(info.param == kLittle ? "little" : "big");
});

TEST_P(PcapngOrder, EachKindOfPacketBlock) {
  const Order order = GetParam();
  const Bytes file =
      section_header(order, 4711, name_option(order, "hardware")) + interface_block(order, 1, {}, 40) +
      enhanced_packet(order, 0, 1'000'002, frame_bytes(39, 1), 1514, resolution_option(order, 1)) +
      obsolete_packet(order, 0, 77, 2'000'003, frame_bytes(38, 2), 38) +
      simple_packet(order, frame_bytes(40, 3), 60) + simple_packet(order, frame_bytes(7, 4), 7);
  const Contents contents = read_all({file});
  EXPECT_TRUE(contents.status.ok()) << contents.status;
  const LinkType link = LinkType::kEthernet;
  EXPECT_EQ(contents.frames,
            (std::vector<Frame>{
                {frame_bytes(39, 1), 1514, 1'000'002'000, 1, link, 0},
                {frame_bytes(38, 2), 38, 2'000'003'000, 2, link, 0},
                {frame_bytes(40, 3), 60, 2'000'003'000, 3, link, 0},  // no time: the last one's
                {frame_bytes(7, 4), 7, 2'000'003'000, 4, link, 0},
            }));
}

TEST_P(PcapngOrder, InterfacesDifferInLinkTypeClockAndName) {
  const Order order = GetParam();
  const Bytes file =
      section_header(order) +
      interface_block(order, 1,
                      name_option(order, "eth0") + resolution_option(order, 9) + option(order, 0, {})) +
      interface_block(order, 276) +
      interface_block(order, 101,
                      resolution_option(order, 0x80 | 10) + offset_option(order, 1'600'000'000) +
                          name_option(order, std::string("tun7\0", 5))) +
      enhanced_packet(order, 2, 1536, frame_bytes(20, 1), 20) +
      enhanced_packet(order, 0, 5, frame_bytes(20, 2), 20) +
      enhanced_packet(order, 1, 6, frame_bytes(20, 3), 20);
  const Contents contents = read_all({file});
  EXPECT_TRUE(contents.status.ok()) << contents.status;
  EXPECT_THAT(contents.interface_names, ElementsAre("eth0", "", "tun7"));
  EXPECT_EQ(contents.frames, (std::vector<Frame>{
                                 {frame_bytes(20, 1), 20, 1'600'000'001'500'000'000, 1, LinkType::kRaw, 2},
                                 {frame_bytes(20, 2), 20, 5, 2, LinkType::kEthernet, 0},
                                 {frame_bytes(20, 3), 20, 6000, 3, LinkType::kLinuxSll2, 1},
                             }));
}

TEST(PcapngFile, SectionsOfBothOrdersCountTheirInterfacesAnew) {
  const Bytes file = section_header(kLittle) + interface_block(kLittle, 1, name_option(kLittle, "a")) +
                     interface_block(kLittle, 113, name_option(kLittle, "b")) +
                     enhanced_packet(kLittle, 1, 1, frame_bytes(10, 1), 10) + section_header(kBig) +
                     interface_block(kBig, 101, name_option(kBig, "c")) +
                     enhanced_packet(kBig, 0, 2, frame_bytes(11, 2), 11) + section_header(kLittle) +
                     interface_block(kLittle, 0) + simple_packet(kLittle, frame_bytes(12, 3), 12);
  const Contents contents = read_all({file});
  EXPECT_TRUE(contents.status.ok()) << contents.status;
  EXPECT_THAT(contents.interface_names, ElementsAre("a", "b", "c", ""));
  EXPECT_EQ(contents.frames, (std::vector<Frame>{
                                 {frame_bytes(10, 1), 10, 1000, 1, LinkType::kLinuxSll, 1},
                                 {frame_bytes(11, 2), 11, 2000, 2, LinkType::kRaw, 2},
                                 {frame_bytes(12, 3), 12, 2000, 3, LinkType::kNull, 3},
                             }));
  EXPECT_EQ(read_all(byte_by_byte(file)), contents);
}

TEST(PcapngFile, AnInterfaceOfAnotherSectionIsNotThere) {
  const Contents contents =
      read_all({section_header(kLittle) + interface_block(kLittle, 1) + section_header(kLittle) +
                enhanced_packet(kLittle, 0, 1, frame_bytes(10, 1), 10)});
  EXPECT_EQ(contents.status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(text_of(contents.status), HasSubstr("interface 0, which is not described"));
}

TEST(PcapngFile, OtherBlocksAreSteppedOverHoweverLong) {
  const Bytes file = section_header(kLittle) + block(kLittle, 0x80000001, Bytes(1000, 9)) +
                     interface_block(kLittle, 1) + block(kLittle, 10, Bytes(200000, 8)) +
                     block(kLittle, 5, {}) + enhanced_packet(kLittle, 0, 1, frame_bytes(10, 1), 10) +
                     block(kLittle, 4, Bytes(3, 1));
  const Contents contents = read_all({file});
  EXPECT_TRUE(contents.status.ok()) << contents.status;
  EXPECT_THAT(contents.frames, SizeIs(1));
  std::vector<Bytes> pieces;
  for (std::size_t at = 0; at < file.size(); at += 999) {
    pieces.emplace_back(file.begin() + static_cast<std::ptrdiff_t>(at),
                        file.begin() + static_cast<std::ptrdiff_t>(std::min(at + 999, file.size())));
  }
  EXPECT_EQ(read_all(pieces), contents);
}

TEST(PcapngFile, ABlockOfFourGigabytesThatIsNotThereIsCutShort) {
  const Contents contents = read_all(
      {section_header(kLittle) + Builder(kLittle).u32(0xBAD).u32(0xFFFFFFFC).raw(Bytes(50)).bytes()});
  EXPECT_EQ(text_of(contents.status), "test.pcap: the block at byte 28 is cut short: 58 of 4294967292 bytes");
}

TEST(PcapngFile, LongNamesAreCutAndOptionsAfterTheEndIgnored) {
  const Bytes options =
      name_option(kBig, std::string(1000, 'n')) + option(kBig, 0, {}) + name_option(kBig, "late");
  const Contents contents = read_all({section_header(kBig) + interface_block(kBig, 1, options)});
  EXPECT_TRUE(contents.status.ok()) << contents.status;
  EXPECT_THAT(contents.interface_names, ElementsAre(std::string(255, 'n')));
}

TEST(PcapngFile, MoreInterfacesThanCanBeCountedAreDamage) {
  Bytes file = section_header(kLittle);
  const Bytes interface = interface_block(kLittle, 1);
  for (int i = 0; i < 65536; ++i) file.insert(file.end(), interface.begin(), interface.end());
  file = file + enhanced_packet(kLittle, 65535, 1, frame_bytes(10, 1), 10);
  const Contents most = read_all({file});
  EXPECT_TRUE(most.status.ok()) << most.status;
  ASSERT_THAT(most.frames, SizeIs(1));
  EXPECT_EQ(most.frames[0].interface, 65535);
  EXPECT_EQ(read_all({file + interface}).status.code(), absl::StatusCode::kDataLoss);
}

struct Damage {
  const char* name;
  Bytes block;
  const char* message;
};

class PcapngDamage : public ::testing::TestWithParam<Damage> {};

TEST_P(PcapngDamage, IsToldAfterTheFramesBeforeIt) {
  const Bytes before = section_header(kLittle) + interface_block(kLittle, 1) +
                       enhanced_packet(kLittle, 0, 1, frame_bytes(10, 1), 10);
  const Bytes after = enhanced_packet(kLittle, 0, 2, frame_bytes(10, 2), 10);
  for (const Contents& contents : {read_all({before + GetParam().block + after}),
                                   read_all(byte_by_byte(before + GetParam().block + after))}) {
    EXPECT_THAT(contents.frames, SizeIs(1));
    EXPECT_EQ(contents.status.code(), absl::StatusCode::kDataLoss);
    EXPECT_THAT(text_of(contents.status), HasSubstr("the block after frame 1 at byte 92 "));
    EXPECT_THAT(text_of(contents.status), HasSubstr(GetParam().message));
    EXPECT_THAT(text_of(contents.status), HasSubstr("what came before was processed"));
  }
}

Bytes with(Bytes block, std::size_t at, std::uint32_t value) {
  const Bytes number = Builder(kLittle).u32(value).bytes();
  std::copy(number.begin(), number.end(), block.begin() + static_cast<std::ptrdiff_t>(at));
  return block;
}

const Bytes kPacket = enhanced_packet(kLittle, 0, 1, frame_bytes(12, 3), 12);  // 44 bytes

INSTANTIATE_TEST_SUITE_P(
    Table, PcapngDamage,
    ::testing::Values(Damage{"size_below_least", with(kPacket, 4, 8), "gives its size as 8"},
                      Damage{"size_odd", with(kPacket, 4, 45), "gives its size as 45"},
                      Damage{"size_too_small_for_kind", block(kLittle, 6, Bytes(16)), "gives its size as 28"},
                      Damage{"size_incredible", with(kPacket, 4, 0x80000000), "gives its size as 2147483648"},
                      Damage{"size_differs_at_end", with(kPacket, 40, 48), "does not end with its size"},
                      Damage{"skipped_size_differs", with(block(kLittle, 99, Bytes(8)), 16, 24),
                             "does not end with its size"},
                      Damage{"interface_unknown", with(kPacket, 8, 1), "interface 1, which is not described"},
                      Damage{"data_beyond_block", with(kPacket, 20, 13), "claims to hold 13 bytes"},
                      Damage{"simple_beyond_block", simple_packet(kLittle, frame_bytes(8, 1), 9),
                             "claims to hold 9 bytes"},
                      Damage{"option_beyond_block",
                             interface_block(kLittle, 1, Builder(kLittle).u16(2).u16(9).u64(0).bytes()),
                             "option that is longer than the block"},
                      Damage{"section_without_order", with(section_header(kLittle), 8, 0x12345678),
                             "without a byte-order magic"},
                      Damage{"section_size", with(section_header(kLittle), 4, 24), "gives its size as 24"},
                      Damage{"section_version", with(section_header(kLittle), 12, 2), "version 2"}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(TickClock, ResolutionsAndOffsets) {
  const std::uint64_t most = ~std::uint64_t{0};
  EXPECT_EQ(TickClock().to_ns(1'666'532'802'145'850), 1'666'532'802'145'850'000);
  EXPECT_EQ(TickClock(6, 0).to_ns(7), 7000);
  EXPECT_EQ(TickClock(0, 0).to_ns(1'666'532'802), 1'666'532'802'000'000'000);
  EXPECT_EQ(TickClock(3, 0).to_ns(1'666'532'802'145), 1'666'532'802'145'000'000);
  EXPECT_EQ(TickClock(9, 0).to_ns(1'666'532'802'145'850'123), 1'666'532'802'145'850'123);
  EXPECT_EQ(TickClock(10, 0).to_ns(16'665'328'021'458'501'239u), 1'666'532'802'145'850'123);
  EXPECT_EQ(TickClock(12, 0).to_ns(1'999), 1);
  EXPECT_EQ(TickClock(28, 0).to_ns(most), 1);
  EXPECT_EQ(TickClock(29, 0).to_ns(most), 0);
  EXPECT_EQ(TickClock(127, 0).to_ns(most), 0);

  EXPECT_EQ(TickClock(0x80, 0).to_ns(3), 3'000'000'000);
  EXPECT_EQ(TickClock(0x80 | 1, 0).to_ns(3), 1'500'000'000);
  EXPECT_EQ(TickClock(0x80 | 32, 0).to_ns(std::uint64_t{1'666'532'802} << 32 | 0x80000000),
            1'666'532'802'500'000'000);
  EXPECT_EQ(TickClock(0x80 | 63, 0).to_ns(most), 1'999'999'999);
  EXPECT_EQ(TickClock(0x80 | 64, 0).to_ns(most), 999'999'999);
  EXPECT_EQ(TickClock(0x80 | 127, 0).to_ns(most), 0);

  EXPECT_EQ(TickClock(6, 10).to_ns(5), 10'000'005'000);
  EXPECT_EQ(TickClock(9, -1).to_ns(1'500'000'000), 500'000'000);
}

TEST(TickClock, StaysInTheRangeOfPacketTime) {
  const std::uint64_t most = ~std::uint64_t{0};
  EXPECT_EQ(TickClock(0, 0).to_ns(most), kMaxPacketTime);
  EXPECT_EQ(TickClock(9, 0).to_ns(most), kMaxPacketTime);
  EXPECT_EQ(TickClock(6, INT64_MAX).to_ns(0), kMaxPacketTime);
  EXPECT_EQ(TickClock(6, INT64_MIN).to_ns(0), 0);
  EXPECT_EQ(TickClock(9, -2).to_ns(1'500'000'000), 0);
}

}  // namespace
}  // namespace tapline::testing
