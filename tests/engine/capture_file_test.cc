// Classic pcap files, and what holds for capture files of every format.
#include "engine/capture_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "tests/engine/capture_bytes.h"

namespace tapline::testing {
namespace {

using ::testing::Combine;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::Values;

constexpr Order kLittle = Order::kLittle;
constexpr Order kBig = Order::kBig;

std::string text_of(const absl::Status& status) { return std::string(status.message()); }

// Three frames: whole, cut by a snaplen, empty.
Bytes small_pcap(Order order = kLittle) {
  return pcap_header(order, kMicroseconds, 1) +
         pcap_frame(order, 1666532802, 145850, frame_bytes(60, 1), 60) +
         pcap_frame(order, 1666532802, 999999, frame_bytes(33, 2), 1514) +
         pcap_frame(order, 1666532803, 0, {}, 0);
}

Bytes small_pcapng(Order order = kLittle) {
  return section_header(order) + interface_block(order, 1, name_option(order, "eth0")) +
         enhanced_packet(order, 0, 1666532802145850, frame_bytes(61, 1), 61) +
         block(order, 0xBAD, Bytes(9, 7)) + simple_packet(order, frame_bytes(30, 2), 30) +
         enhanced_packet(order, 0, 1666532802999999, frame_bytes(33, 3), 1514, name_option(order, "x"));
}

class PcapVariant : public ::testing::TestWithParam<std::tuple<std::uint32_t, Order>> {};

TEST_P(PcapVariant, GivesFramesTimesAndLengths) {
  const auto [magic, order] = GetParam();
  const Bytes extra = magic == kKuznetzov ? Builder(order).u32(7).u16(8).u8(0).u8(0).bytes() : Bytes{};
  const auto frame = [&, order = order](std::uint32_t seconds, std::uint32_t ticks, const Bytes& data,
                                        std::uint32_t length) {
    return Builder(order)
        .u32(seconds)
        .u32(ticks)
        .u32(static_cast<std::uint32_t>(data.size()))
        .u32(length)
        .raw(extra)
        .raw(data)
        .bytes();
  };
  const Bytes file = pcap_header(order, magic, 276) + frame(1666532802, 145850, frame_bytes(60, 1), 60) +
                     frame(0xFFFFFFFF, 999999, frame_bytes(10, 2), 1514) + frame(0, 0, {}, 0);

  const std::int64_t tick = magic == kNanoseconds ? 1 : 1000;
  const LinkType link = LinkType::kLinuxSll2;
  const Contents contents = read_all({file});
  EXPECT_TRUE(contents.status.ok()) << contents.status;
  EXPECT_EQ(contents.frames,
            (std::vector<Frame>{
                {frame_bytes(60, 1), 60, 1'666'532'802'000'000'000 + 145850 * tick, 1, link, 0},
                {frame_bytes(10, 2), 1514, 4'294'967'295'000'000'000 + 999999 * tick, 2, link, 0},
                {{}, 0, 0, 3, link, 0},
            }));
  EXPECT_EQ(contents.interface_names, std::vector<std::string>{""});
}

INSTANTIATE_TEST_SUITE_P(AllMagics, PcapVariant,
                         Combine(Values(kMicroseconds, kNanoseconds, kKuznetzov), Values(kLittle, kBig)));

TEST(PcapFile, LinkTypeIsTheLowerHalfOfItsField) {
  struct Case {
    std::uint32_t field;
    LinkType link;
  };
  for (const Case& c : {Case{1, LinkType::kEthernet}, Case{0x14000001, LinkType::kEthernet},
                        Case{0xF4000071, LinkType::kLinuxSll}, Case{12, LinkType::kRaw},
                        Case{14, LinkType::kRaw}, Case{101, LinkType::kRaw}, Case{0, LinkType::kNull},
                        Case{228, LinkType::kIpv4}, Case{147, static_cast<LinkType>(147)}}) {
    const Contents contents =
        read_all({pcap_header(kBig, kNanoseconds, c.field) + pcap_frame(kBig, 1, 1, frame_bytes(5, 1), 5)});
    ASSERT_THAT(contents.frames, SizeIs(1));
    EXPECT_EQ(contents.frames[0].link, c.link) << c.field;
  }
}

// A header whose lengths are `first` and `second`, in front of 20 bytes of data.
Frame only_frame(std::uint16_t minor, std::uint32_t first, std::uint32_t second) {
  const Contents contents =
      read_all({pcap_header(kLittle, kMicroseconds, 1, minor) +
                Builder(kLittle).u32(1).u32(1).u32(first).u32(second).raw(frame_bytes(20, 1)).bytes()});
  EXPECT_TRUE(contents.status.ok()) << contents.status;
  EXPECT_THAT(contents.frames, SizeIs(1));
  return contents.frames.empty() ? Frame{} : contents.frames[0];
}

TEST(PcapFile, OldVersionsHaveTheLengthsTheOtherWayRound) {
  EXPECT_EQ(only_frame(2, 90, 20).length, 90u);
  EXPECT_EQ(only_frame(3, 90, 20).length, 90u);
  EXPECT_EQ(only_frame(3, 20, 90).length, 90u);
  EXPECT_EQ(only_frame(4, 20, 90).length, 90u);
}

TEST(PcapFile, AFrameIsNeverShorterThanWhatWasCapturedOfIt) { EXPECT_EQ(only_frame(4, 20, 7).length, 20u); }

TEST(PcapFile, UnknownVersionIsRefused) {
  const Contents contents = read_all({pcap_header(kLittle, kMicroseconds, 1, 0, 3)});
  EXPECT_EQ(contents.status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(text_of(contents.status), HasSubstr("version 3.0"));
}

TEST(PcapFile, AnIncredibleLengthIsDamageAndNotAnAllocation) {
  for (const std::uint32_t length : {kMaxFrame + 1, 0xFFFFFFFFu}) {
    const Contents contents = read_all(
        {small_pcap() + Builder(kLittle).u32(1).u32(1).u32(length).u32(length).raw(Bytes(100)).bytes()});
    EXPECT_THAT(contents.frames, SizeIs(3));
    EXPECT_EQ(contents.status.code(), absl::StatusCode::kDataLoss);
    EXPECT_THAT(text_of(contents.status), HasSubstr("frame 4 at byte 165 claims to be"));
  }
}

TEST(PcapFile, SaysWhereItIsCut) {
  Bytes file = small_pcap();
  file.resize(24 + 76 + 16 + 20);
  const Contents contents = read_all({file});
  EXPECT_EQ(text_of(contents.status),
            "test.pcap: frame 2 at byte 100 is cut short: 36 of 49 bytes; what came before was processed");
}

TEST(CaptureFile, FramesLongerThanAPieceComeWhole) {
  const Bytes large = frame_bytes(3u << 20, 5);
  const Bytes file = pcap_header(kLittle, kMicroseconds, 1) +
                     pcap_frame(kLittle, 1, 0, large, static_cast<std::uint32_t>(large.size())) +
                     pcap_frame(kLittle, 2, 0, frame_bytes(60, 6), 60);
  std::vector<Bytes> pieces;
  for (std::size_t at = 0; at < file.size(); at += 70000) {
    pieces.emplace_back(file.begin() + static_cast<std::ptrdiff_t>(at),
                        file.begin() + static_cast<std::ptrdiff_t>(std::min(at + 70000, file.size())));
  }
  const Contents contents = read_all(pieces);
  EXPECT_TRUE(contents.status.ok()) << contents.status;
  ASSERT_THAT(contents.frames, SizeIs(2));
  EXPECT_TRUE(contents.frames[0].data == large);
  EXPECT_EQ(contents.frames[1].data, frame_bytes(60, 6));
}

struct Small {
  const char* name;
  Bytes file;
  std::vector<std::size_t> ends;  // where its frames end
};

class EveryFormat : public ::testing::TestWithParam<Small> {};

TEST_P(EveryFormat, HoweverTheBytesComeTheFramesAreTheSame) {
  const Bytes& file = GetParam().file;
  const Contents whole = read_all({file});
  ASSERT_TRUE(whole.status.ok()) << whole.status;
  ASSERT_THAT(whole.frames, SizeIs(3));
  EXPECT_EQ(read_all(byte_by_byte(file)), whole);
  EXPECT_EQ(read_all({file}, 1), whole);
  for (std::size_t split = 1; split < file.size(); ++split) {
    const auto middle = file.begin() + static_cast<std::ptrdiff_t>(split);
    EXPECT_EQ(read_all({Bytes(file.begin(), middle), Bytes(middle, file.end())}), whole)
        << "split at " << split;
  }
}

TEST_P(EveryFormat, CutAtAnyByteGivesAllFramesBeforeTheCut) {
  const Small& small = GetParam();
  const Contents whole = read_all({small.file});
  for (std::size_t size = 0; size < small.file.size(); ++size) {
    SCOPED_TRACE(size);
    const Bytes cut(small.file.begin(), small.file.begin() + static_cast<std::ptrdiff_t>(size));
    const Contents contents = size > 0 ? read_all({cut}) : read_all(std::vector<Bytes>{});
    EXPECT_EQ(read_all(byte_by_byte(cut)), contents);

    const auto frames =
        std::count_if(small.ends.begin(), small.ends.end(), [size](std::size_t end) { return end <= size; });
    EXPECT_EQ(contents.frames, std::vector<Frame>(whole.frames.begin(), whole.frames.begin() + frames));
    if (size < 4) {
      EXPECT_EQ(contents.status.code(), absl::StatusCode::kInvalidArgument);
    } else if (!contents.status.ok()) {
      EXPECT_EQ(contents.status.code(), absl::StatusCode::kDataLoss);
      EXPECT_THAT(text_of(contents.status), HasSubstr("is cut short"));
    }
  }
}

// What the previous test cannot tell: at which sizes a cut is none.
TEST_P(EveryFormat, ACutBetweenTwoItemsIsACleanEnd) {
  const Small& small = GetParam();
  std::vector<std::size_t> clean;
  for (std::size_t size = 4; size < small.file.size(); ++size) {
    if (read_all({Bytes(small.file.begin(), small.file.begin() + static_cast<std::ptrdiff_t>(size))})
            .status.ok()) {
      clean.push_back(size);
    }
  }
  const bool pcap = small.ends.size() == 3 && small.ends[0] == 100;
  EXPECT_EQ(clean, pcap ? (std::vector<std::size_t>{24, 100, 149})
                        : (std::vector<std::size_t>{28, 56, 152, 176, 224}));
}

TEST_P(EveryFormat, DamageAnywhereNeverCrashes) {
  const Bytes& file = GetParam().file;
  std::mt19937 random(20221023);
  std::size_t damaged = 0;
  for (int round = 0; round < 3000; ++round) {
    Bytes bad = file;
    for (int flips = 0; flips < 3; ++flips) {
      bad[random() % bad.size()] = static_cast<std::uint8_t>(random() % 3 == 0 ? 0xFF : random());
    }
    const std::size_t half = 1 + random() % (bad.size() - 1);
    const auto middle = bad.begin() + static_cast<std::ptrdiff_t>(half);
    const Contents contents = read_all({bad});
    EXPECT_EQ(read_all({Bytes(bad.begin(), middle), Bytes(middle, bad.end())}), contents);
    for (std::size_t i = 0; i < contents.frames.size(); ++i) {
      const Frame& frame = contents.frames[i];
      EXPECT_EQ(frame.ordinal, i + 1);
      EXPECT_GE(frame.length, frame.data.size());
      EXPECT_LT(frame.interface, contents.interface_names.size());
      EXPECT_GE(frame.time_ns, 0);
    }
    damaged += contents.status.ok() ? 0 : 1;
  }
  EXPECT_GT(damaged, 300u);
}

INSTANTIATE_TEST_SUITE_P(Files, EveryFormat,
                         Values(Small{"pcap", small_pcap(kLittle), {100, 149, 165}},
                                Small{"pcap_big", small_pcap(kBig), {100, 149, 165}},
                                Small{"pcapng", small_pcapng(kLittle), {152, 224, 300}},
                                Small{"pcapng_big", small_pcapng(kBig), {152, 224, 300}}),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(CaptureFile, HandsOutWhatIsThereBeforeItWaitsForMore) {
  const Bytes file = small_pcap();
  const auto cut = file.begin() + 100 + 20;  // one frame, and a part of the next
  auto owned =
      std::make_unique<PieceSource>(std::vector<Bytes>{Bytes(file.begin(), cut), Bytes(cut, file.end())});
  const PieceSource& source = *owned;
  auto capture = CaptureFile::open(std::move(owned));
  ASSERT_TRUE(capture.ok()) << capture.status();
  std::vector<Packet> packets(16);
  EXPECT_EQ((*capture)->next(packets), 1u);
  EXPECT_EQ(source.handed_out(), 1u);
  EXPECT_EQ((*capture)->next(packets), 2u);
  EXPECT_EQ((*capture)->next(packets), 0u);
  EXPECT_TRUE((*capture)->status().ok());
}

TEST(CaptureFile, TheEndStaysTheEnd) {
  for (const Bytes& file : {small_pcap(), small_pcapng()}) {
    auto capture = CaptureFile::open(std::make_unique<PieceSource>(std::vector<Bytes>{file}));
    ASSERT_TRUE(capture.ok()) << capture.status();
    std::vector<Packet> packets(16);
    EXPECT_EQ((*capture)->next(packets), 3u);
    EXPECT_EQ((*capture)->next(packets), 0u);
    EXPECT_EQ((*capture)->next(packets), 0u);
  }
}

TEST(CaptureFile, AnErrorOfTheSourceIsTheStatus) {
  const Bytes file = small_pcap();
  const std::vector<Bytes> pieces = {Bytes(file.begin(), file.begin() + 130)};
  for (const absl::Status& error : {absl::UnknownError("cannot read"), absl::CancelledError("stopped")}) {
    const Contents contents = read_all(std::make_unique<PieceSource>(pieces, error));
    EXPECT_THAT(contents.frames, SizeIs(1));
    EXPECT_EQ(contents.status, error);
    EXPECT_EQ(read_all(std::make_unique<PieceSource>(std::vector<Bytes>{}, error)).status, error);
  }
}

Bytes from_text(std::string_view text) { return Bytes(text.begin(), text.end()); }

TEST(NotACaptureFile, EmptyAndTooShortAndText) {
  for (const std::string_view text : {"", "\xD4\xC3\xB2", "<html>", "{\"a\":1}"}) {
    const Contents contents = text.empty() ? read_all(std::vector<Bytes>{}) : read_all({from_text(text)});
    EXPECT_EQ(contents.status.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(text_of(contents.status), HasSubstr("test.pcap"));
  }
  EXPECT_EQ(text_of(read_all(std::vector<Bytes>{}).status), "test.pcap is empty");
  EXPECT_EQ(text_of(read_all({from_text("<html>")}).status),
            "test.pcap is neither a pcap nor a pcapng file: it starts with the bytes 3c 68 74 6d");
}

TEST(NotACaptureFile, CompressedOnesAreNamedWithTheWayOut) {
  struct Case {
    Bytes start;
    const char* message;
  };
  for (const Case& c :
       {Case{{0x1F, 0x8B, 8, 0, 0}, "compressed with gzip; read it so: zcat test.pcap | tapline -r -"},
        Case{{0x28, 0xB5, 0x2F, 0xFD}, "compressed with zstd; read it so: zstdcat test.pcap | tapline -r -"},
        Case{{0xFD, '7', 'z', 'X', 'Z', 0}, "compressed with xz; read it so: xzcat test.pcap | tapline -r -"},
        Case{from_text("BZh91AY"), "compressed with bzip2; read it so: bzcat test.pcap | tapline -r -"}}) {
    const Contents contents = read_all({c.start});
    EXPECT_EQ(contents.status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(text_of(contents.status), HasSubstr(c.message));
  }
}

}  // namespace
}  // namespace tapline::testing
