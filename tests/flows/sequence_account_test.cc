// Bytes of one direction, counted by their numbers alone.
#include "flows/sequence_account.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/flows/generated_conversation.h"

namespace tapline::test {
namespace {

// All starts are close to where the numbers come round.
constexpr std::uint32_t kFirst = 0xffffffe0u;

struct Counted {
  BytePool pool{64 << 10};
  SequenceAccount sequence;
  StreamAccount account;

  Counted() { sequence.start(kFirst); }
  std::uint32_t add(std::uint32_t from, std::uint32_t to) {
    return sequence.add(pool, kFirst + from, to - from, account);
  }
};

TEST(SequenceAccountTest, BytesInOrderAndAgain) {
  Counted c;
  EXPECT_EQ(c.add(0, 10), 10u);
  EXPECT_EQ(c.add(10, 100), 90u);
  EXPECT_EQ(c.account.retransmits, 0u);
  EXPECT_EQ(c.add(5, 10), 0u);
  EXPECT_EQ(c.add(90, 120), 20u);
  EXPECT_EQ(c.account.retransmits, 2u);
  EXPECT_EQ(c.account.retransmitted_bytes, 15u);
  EXPECT_EQ(c.account.out_of_order, 0u);
}

TEST(SequenceAccountTest, LateBytesFillTheHole) {
  Counted c;
  c.add(0, 10);
  EXPECT_EQ(c.add(50, 60), 10u);
  EXPECT_EQ(c.add(20, 30), 10u) << "leaves two";
  EXPECT_EQ(c.add(10, 20), 10u);
  EXPECT_EQ(c.add(25, 55), 20u) << "the rest of it, and bytes around it again";
  EXPECT_EQ(c.account.out_of_order, 3u);
  EXPECT_EQ(c.account.out_of_order_bytes, 40u);
  EXPECT_EQ(c.account.retransmitted_bytes, 10u);
  c.sequence.finish(c.pool, kFirst + 60, c.account);
  EXPECT_EQ(c.account.missed_bytes, 0u);
}

TEST(SequenceAccountTest, WhatIsAcknowledgedWasMissedUnlessItComesLate) {
  Counted c;
  c.add(10, 20);
  c.add(30, 40);
  c.sequence.acknowledged(c.pool, kFirst + 25, c.account);
  EXPECT_EQ(c.account.holes, 1u);
  c.sequence.acknowledged(c.pool, kFirst + 40, c.account);
  c.sequence.acknowledged(c.pool, kFirst + 40, c.account);
  EXPECT_EQ(c.account.holes, 2u);
  EXPECT_EQ(c.add(0, 10), 10u) << "the other direction came first";
  c.sequence.finish(c.pool, kFirst + 45, c.account);
  EXPECT_EQ(c.account.missed_bytes, 10u + 5u);
  EXPECT_EQ(c.account.holes, 3u) << "with the end";
}

TEST(SequenceAccountTest, TheFirstOfTooManyHolesIsGivenUp) {
  Counted c;
  for (std::uint32_t i = 0; i < 17; ++i) EXPECT_EQ(c.add(20 * i + 10, 20 * i + 20), 10u);
  EXPECT_EQ(c.account.missed_bytes, 10u);
  EXPECT_EQ(c.add(0, 10), 0u);
  EXPECT_EQ(c.account.retransmitted_bytes, 10u);
  EXPECT_EQ(c.add(20, 30), 10u);
}

// Whatever comes, with few holes at a time: each byte once, and nothing is lost from sight.
TEST(SequenceAccountTest, AnyOrderCountsEachByteOnce) {
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    Random random(seed);
    Counted c;
    std::set<std::uint32_t> seen;
    std::uint64_t fresh = 0, sent = 0;
    for (std::uint32_t i = 0, at = 0; i < 20; ++i) {
      const auto from = static_cast<std::uint32_t>(at > 40 ? at - 40 + random.below(60) : random.below(20));
      const auto to = from + 1 + static_cast<std::uint32_t>(random.below(20));
      fresh += c.add(from, to);
      for (std::uint32_t byte = from; byte < to; ++byte) seen.insert(byte);
      sent += to - from;
      at = std::max(at, to);
      if (c.account.missed_bytes > 0) break;  // more holes than it remembers
      ASSERT_EQ(fresh, seen.size()) << seed;
      ASSERT_EQ(sent, fresh + c.account.retransmitted_bytes) << seed;
    }
    c.sequence.finish(c.pool, c.sequence.next(), c.account);
    ASSERT_EQ(fresh + c.account.missed_bytes, c.sequence.next() - kFirst) << seed;
  }
}

}  // namespace
}  // namespace tapline::test
