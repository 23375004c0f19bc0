// The same bytes in any segments, orders, envelopes and on any number of workers give the same records.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "flows/flow_processor.h"
#include "tests/flows/framing_cases.h"

namespace tapline::test {
namespace {

using Lines = std::vector<std::string>;

constexpr Side kC = Side::kClient, kS = Side::kServer;

Conversation play(const FramingCase& script, Conversation::Setup setup, Side cut_side = kC,
                  std::size_t cut = 0, Side closes_first = kS) {
  Conversation talk(setup);
  talk.cut_at(cut_side, cut);
  talk.handshake();
  for (const Turn& turn : script.turns) talk.send(turn.from, turn.bytes);
  talk.close(closes_first);
  return talk;
}

std::size_t bytes_of(const FramingCase& script, Side side) {
  std::size_t bytes = 0;
  for (const Turn& turn : script.turns) bytes += turn.from == side ? turn.bytes.size() : 0;
  return bytes;
}

class SegmentationTest : public testing::TestWithParam<FramingCase> {
 protected:
  SegmentationTest() : whole_(run(play(GetParam(), {}).frames()).sink.lines) {}
  // Of the conversation with each turn in one segment.
  const Lines whole_;
};

TEST_P(SegmentationTest, WholeGivesTheRecords) {
  const Outcomes out = run(play(GetParam(), {}).frames());
  EXPECT_EQ(out.sink.transaction_lines(), GetParam().records);
  EXPECT_EQ(out.sink.lines.front(), "opened");
  EXPECT_EQ(out.sink.lines.back(), "closed fin four-way by server");
}

TEST_P(SegmentationTest, SegmentsOfAnySize) {
  for (std::size_t size = 1; size <= 64; ++size) {
    EXPECT_EQ(run(play(GetParam(), {.segment_size = size}).frames()).sink.lines, whole_) << size;
  }
}

TEST_P(SegmentationTest, SplitAtEveryOffset) {
  for (const Side side : {kC, kS}) {
    for (std::size_t cut = 1; cut < bytes_of(GetParam(), side); ++cut) {
      ASSERT_EQ(run(play(GetParam(), {}, side, cut).frames()).sink.lines, whole_)
          << (side == kC ? "client" : "server") << " at " << cut;
    }
  }
}

TEST_P(SegmentationTest, EnvelopesAndAddressesDecideNothing) {
  for (const Envelope& envelope : {Envelope{.v6 = true}, Envelope{.tags = {{0x8100, 7}}},
                                   Envelope{.link = LinkType::kLinuxSll, .v6 = true}}) {
    EXPECT_EQ(run(play(GetParam(), {.envelope = envelope, .segment_size = 9}).frames()).sink.lines, whole_);
  }
  // The client is the other endpoint of the key.
  EXPECT_EQ(run(play(GetParam(), {.client = host(9, 40000), .segment_size = 9}).frames()).sink.lines, whole_);
  EXPECT_EQ(run(play(GetParam(), {.client_isn = 0u - 20, .server_isn = 0u - 30, .segment_size = 9}).frames())
                .sink.lines,
            whole_);
}

bool has_payload(const Frame& frame, std::uint8_t& sender) {
  TcpSegment segment;
  EXPECT_EQ(decode(frame.view(), segment), Undecoded::kNone);
  sender = segment.sender;
  return segment.payload_bytes > 0;
}

// Shuffles, within a window, the data that one end sent without hearing of the other in between, and repeats
// some of it: as networks do.
void disorder(std::vector<Frame>& frames, std::mt19937& random) {
  std::vector<Frame> out;
  for (std::size_t i = 0; i < frames.size();) {
    std::uint8_t sender = 0, other = 0;
    std::size_t end = i;
    if (has_payload(frames[i], sender)) {
      while (end < frames.size() && has_payload(frames[end], other) && other == sender) ++end;
    }
    if (end == i) {
      out.push_back(frames[i++]);
      continue;
    }
    std::vector<Frame> burst(frames.begin() + static_cast<std::ptrdiff_t>(i),
                             frames.begin() + static_cast<std::ptrdiff_t>(end));
    for (std::size_t k = 0, n = burst.size(); k < n / 3; ++k) burst.push_back(burst[random() % n]);
    const std::size_t window = 1 + random() % 8;
    for (std::size_t k = 0; k < burst.size(); ++k) {
      std::swap(burst[k], burst[k + std::min(burst.size() - 1 - k, random() % window)]);
    }
    out.insert(out.end(), burst.begin(), burst.end());
    i = end;
  }
  // Arrival decides the time.
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i].time_ns = kStart + static_cast<std::int64_t>(i) * kMillisecond;
  }
  frames = out;
}

TEST_P(SegmentationTest, OrderAndDuplicatesDecideNothing) {
  const auto expect_same = [&](std::uint32_t seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    Conversation talk = play(GetParam(), {.segment_size = 1 + random() % 30});
    disorder(talk.frames(), random);
    EXPECT_EQ(run(talk).sink.lines, whole_);
  };
  for (std::uint32_t seed = 1; seed <= 60; ++seed) expect_same(seed);
  const std::uint32_t fresh = std::random_device{}();
  std::printf("fresh seed %u\n", fresh);
  expect_same(fresh);
}

INSTANTIATE_TEST_SUITE_P(Framing, SegmentationTest, testing::ValuesIn(framing_cases()),
                         [](const auto& info) { return info.param.name; });

// All cases between many hosts at once.
std::vector<Frame> crowd() {
  std::vector<Frame> frames;
  for (std::uint8_t i = 0; i < 60; ++i) {
    Conversation::Setup setup;
    setup.envelope.v6 = i % 2 == 0;
    setup.client = host(static_cast<std::uint8_t>(i + 3), static_cast<std::uint16_t>(30000 + i));
    setup.segment_size = 1 + i;
    setup.start = kStart + i * 7 * kMillisecond + i;
    const std::vector<Frame> more =
        play(framing_cases()[i % framing_cases().size()], setup, kC, 0, i % 4 == 0 ? kC : kS).frames();
    frames.insert(frames.end(), more.begin(), more.end());
  }
  std::stable_sort(frames.begin(), frames.end(),
                   [](const Frame& a, const Frame& b) { return a.time_ns < b.time_ns; });
  return frames;
}

// Every record with its connection.
Lines records_of(const Outcomes& out) {
  Lines lines;
  for (std::size_t i = 0; i < out.sink.lines.size(); ++i) {
    lines.push_back(out.sink.who[i].client + " " + std::to_string(out.sink.who[i].id.words[0]) + " " +
                    out.sink.lines[i]);
  }
  return lines;
}

TEST(WorkersTest, ManyWorkersGiveTheSetOfOne) {
  const std::vector<Frame> frames = crowd();
  const Outcomes one = run(frames);
  Lines expected = records_of(one);
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(one.counters.opened, 60u);
  for (const std::uint32_t workers : {2u, 3u, 7u}) {
    Lines all;
    std::uint64_t packets = 0;
    std::size_t busy = 0;
    for (std::uint32_t worker = 0; worker < workers; ++worker) {
      FlowOptions options = default_options();
      options.worker = worker;
      options.workers = workers;
      const Outcomes out = run(frames, options);
      packets += out.counters.packets;
      busy += out.counters.opened > 0 ? 1 : 0;
      const Lines lines = records_of(out);
      all.insert(all.end(), lines.begin(), lines.end());
    }
    std::sort(all.begin(), all.end());
    EXPECT_EQ(all, expected) << workers;
    EXPECT_EQ(packets, frames.size());
    EXPECT_EQ(busy, workers) << "the tuples are not spread";
  }
}

TEST(DeterminismTest, HashSeedsAndBatchesDecideNothing) {
  const std::vector<Frame> frames = crowd();
  const Lines expected = records_of(run(frames));
  FlowOptions options = default_options();
  for (const std::uint64_t seed : {0u, 1u, 0xffffffffu}) {
    options.hash_seed = seed;
    EXPECT_EQ(records_of(run(frames, options)), expected);
  }
  Outcomes one_by_one;
  FlowProcessor processor(options, one_by_one.sink);
  feed(processor, frames);
  finish(processor, one_by_one.sink);
  EXPECT_EQ(records_of(one_by_one), expected);
}

// With a table too small for them all, too: what is evicted is chosen by time and place alone.
TEST(DeterminismTest, EvictionDoesNotDependOnTheHashSeed) {
  const std::vector<Frame> frames = crowd();
  FlowOptions options = default_options();
  options.max_flows = 5;
  const Lines expected = records_of(run(frames, options));
  for (const std::uint64_t seed : {1u, 2u, 3u}) {
    options.hash_seed = seed;
    EXPECT_EQ(records_of(run(frames, options)), expected);
  }
}

}  // namespace
}  // namespace tapline::test
