// Any segments, order, repetition and envelope: the records are those of what was sent.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "tests/flows/generated_conversation.h"

namespace tapline::test {
namespace {

// Conversations are run in crowds, interleaved, as a capture has them.
constexpr std::size_t kCrowd = 50;
constexpr std::uint16_t kFirstPort = 20000;

// Under a sanitizer a case costs ten times as much, and what it is to find shows in fewer.
#ifdef TAPLINE_SANITIZED
constexpr std::size_t kCases = 10'000;
#else
constexpr std::size_t kCases = 100'000;
#endif

void run_crowd(std::uint64_t seed) {
  Random random(seed);
  std::map<std::string, std::vector<std::string>> expected, found;  // by client
  std::vector<Frame> frames;
  for (std::size_t i = 0; i < kCrowd; ++i) {
    const auto port = static_cast<std::uint16_t>(kFirstPort + i);
    const GeneratedConversation conversation = generate(random);
    const std::int64_t start = kStart + static_cast<std::int64_t>(random.below(50)) * kMillisecond;
    std::vector<Frame> delivered = deliver(conversation, port, start, random);
    expected[std::to_string(port)] = conversation.records;
    frames.insert(frames.end(), std::make_move_iterator(delivered.begin()),
                  std::make_move_iterator(delivered.end()));
  }
  std::stable_sort(frames.begin(), frames.end(),
                   [](const Frame& a, const Frame& b) { return a.time_ns < b.time_ns; });
  FlowOptions options = default_options();
  options.reassembly_memory = 8u << 20;
  const Outcomes out = run(std::move(frames), options);
  for (std::size_t i = 0; i < out.sink.lines.size(); ++i) {
    if (!out.sink.lines[i].starts_with("#")) continue;
    const std::string& client = out.sink.who[i].client;
    found[client.substr(client.rfind(':') + 1)].push_back(out.sink.lines[i]);
  }
  for (const auto& [port, records] : expected) {
    ASSERT_EQ(found[port], records) << "crowd " << seed << ", client port " << port;
  }
  EXPECT_EQ(out.counters.gaps().count, 0u) << "crowd " << seed;
  EXPECT_EQ(out.counters.reassembly_refused, 0u) << "crowd " << seed;
}

void run_crowds(std::uint64_t seed, std::size_t cases) {
  for (std::size_t i = 0; i < cases / kCrowd && !testing::Test::HasFailure(); ++i)
    run_crowd(seed * 1'000'000 + i);
}

TEST(SegmentationPropertyTest, FixedSeed) { run_crowds(1, kCases / 2); }

// To run a seed again: TAPLINE_SEED=N.
TEST(SegmentationPropertyTest, FreshSeed) {
  const char* given = std::getenv("TAPLINE_SEED");
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  std::printf("TAPLINE_SEED=%llu\n", static_cast<unsigned long long>(seed));
  SCOPED_TRACE("TAPLINE_SEED=" + std::to_string(seed));
  run_crowds(seed, kCases / 2);
}

}  // namespace
}  // namespace tapline::test
