// The filter and the fanout program against flows/decode.h, over every frame of the conformance corpus: what
// one finds, the other keeps, and all of a connection has one worker.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/byte_source.h"
#include "engine/capture_file.h"
#include "flows/decode.h"
#include "tests/bpf/program_run.h"

namespace tapline {
namespace {

constexpr std::array<std::uint16_t, 3> kPorts = {80, 8080, 443};

// Headers are all that the programs read; a test run takes about a page.
constexpr std::size_t kLongest = 2000;

struct Counts {
  std::uint64_t kept = 0, refused = 0, open = 0;  // open: either would do
};

class CorpusTest : public ::testing::Test {
 protected:
  void read(const std::string& path) {
    auto input = InputFile::open(path, -1);
    ASSERT_TRUE(input.ok()) << input.status();
    auto file = CaptureFile::open(std::make_unique<FileSource>(*std::move(input)));
    if (!file.ok()) return;  // some are damaged on purpose
    workers_.clear();
    std::array<Packet, 64> packets;
    while (const std::size_t n = (*file)->next(packets)) {
      for (std::size_t i = 0; i < n; ++i) {
        const bool ethernet = packets[i].link == LinkType::kEthernet, raw = packets[i].link == LinkType::kRaw;
        if ((ethernet || raw) && packets[i].captured >= 14) take(packets[i], raw);
      }
    }
  }

  void take(const Packet& packet, bool raw) {
    const frames::Bytes frame(packet.data, packet.data + std::min<std::size_t>(packet.captured, kLongest));
    const bool kept = test::accepts(raw ? filter_.raw_ip_program_fd() : filter_.program_fd(), frame);
    TcpSegment segment;
    switch (decode(packet, segment)) {
      case Undecoded::kNone: {
        const bool wanted = contains(segment.key.port(0)) || contains(segment.key.port(1));
        ASSERT_EQ(kept, wanted) << "frame " << packet.ordinal;
        ++(kept ? counts_.kept : counts_.refused);
        if (kept && !raw) take_fanout(packet, segment, frame);
        break;
      }
      case Undecoded::kFragment:   // need not show its ports
      case Undecoded::kTruncated:  // shows its ports perhaps, but not all of its headers
      case Undecoded::kMalformed:
      case Undecoded::kTooDeep:
        ++counts_.open;
        break;
      default:
        ASSERT_FALSE(kept) << "frame " << packet.ordinal;
        ++counts_.refused;
    }
  }

  void take_fanout(const Packet& packet, const TcpSegment& segment, const frames::Bytes& frame) {
    const std::uint32_t chosen = test::run_with_header_taken(filter_.fanout_program_fd().value(), frame);
    const auto [worker, first] = workers_.emplace(segment.key.hash(0), chosen);
    ASSERT_EQ(worker->second, chosen) << "frame " << packet.ordinal;
    connections_ += first ? 1 : 0;
  }

  static bool contains(std::uint16_t port) { return std::ranges::find(kPorts, port) != kPorts.end(); }

  PortFilter filter_ = test::open_filter({kPorts[0], kPorts[1], kPorts[2]});
  std::map<std::uint64_t, std::uint32_t> workers_;  // of one capture
  std::uint64_t connections_ = 0;
  Counts counts_;
};

TEST_F(CorpusTest, KernelAndDecoderFindTheSame) {
  std::vector<std::string> captures;
  for (const auto& entry : std::filesystem::directory_iterator(CAPTURE_CORPUS)) {
    if (entry.is_regular_file()) captures.push_back(entry.path());
  }
  std::ranges::sort(captures);
  for (const std::string& capture : captures) {
    SCOPED_TRACE(capture);
    read(capture);
    if (HasFatalFailure()) return;
  }
  std::printf("%zu captures: %lu frames kept, %lu refused, %lu may be either; %lu connections\n",
              captures.size(), counts_.kept, counts_.refused, counts_.open, connections_);
  EXPECT_GT(captures.size(), 100u);
  EXPECT_GT(counts_.kept, 10'000u);
  EXPECT_GT(counts_.refused, 10'000u);
  EXPECT_GT(connections_, 500u);
}

}  // namespace
}  // namespace tapline
