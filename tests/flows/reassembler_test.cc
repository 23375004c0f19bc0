// Random segmentations, orders, duplicates and losses: what comes out is the stream, each byte once.
#include "flows/reassembler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

namespace tapline {
namespace {

// Writes the stream down; a byte that is not to be had as '?'.
class Text final : public StreamConsumer {
 public:
  void data(std::string_view bytes, const Origin& origin, bool) override {
    EXPECT_FALSE(bytes.empty());
    expect_position(origin.seq, first_seq + static_cast<std::uint32_t>(text.size()));
    text.append(bytes);
    times.push_back(origin.time_ns);
  }
  void gap(std::uint64_t length, const Origin& next) override {
    text.append(length, '?');
    expect_position(next.seq, first_seq + static_cast<std::uint32_t>(text.size()));
  }
  std::string text;
  std::uint32_t first_seq = 0;
  std::vector<std::int64_t> times;

 private:
  static void expect_position(std::uint32_t told, std::uint32_t true_one) { EXPECT_EQ(told, true_one); }
};

// One direction from sequence number `first`.
class Stream {
 public:
  explicit Stream(std::uint32_t first, std::size_t memory = 1u << 20) : pool_(memory), first_(first) {
    text_.first_seq = first;
    reassembler_.start(first);
  }
  // The reassembler must have let go of everything when it is cleared.
  ~Stream() {
    reassembler_.clear(pool_);
    EXPECT_EQ(pool_.used(), 0u);
  }

  std::uint32_t take(std::size_t offset, std::string_view bytes, std::int64_t time = 0,
                     bool acks_seen = true) {
    return take_cut(offset, bytes, bytes.size(), time, acks_seen);
  }
  // Of `length` bytes on the wire only these were captured.
  std::uint32_t take_cut(std::size_t offset, std::string_view bytes, std::size_t length,
                         std::int64_t time = 0, bool acks_seen = true) {
    Piece piece;
    piece.origin.seq = first_ + static_cast<std::uint32_t>(offset);
    piece.origin.time_ns = time;
    piece.length = static_cast<std::uint32_t>(length);
    piece.bytes = bytes;
    return reassembler_.accept(pool_, piece, acks_seen, account_, text_);
  }
  void acknowledge(std::size_t offset) {
    reassembler_.acknowledged(pool_, first_ + static_cast<std::uint32_t>(offset), account_, text_);
  }
  void drain() { reassembler_.drain(pool_, account_, text_); }

  const std::string& text() const { return text_.text; }
  const StreamAccount& account() const { return account_; }
  const Text& consumer() const { return text_; }
  BytePool& pool() { return pool_; }
  const Reassembler& reassembler() const { return reassembler_; }

 private:
  BytePool pool_;
  Reassembler reassembler_;
  StreamAccount account_;
  Text text_;
  std::uint32_t first_;
};

TEST(ReassemblerTest, GivesInOrderPayloadAtOnceAndKeepsNothing) {
  Stream stream(100);
  EXPECT_EQ(stream.take(0, "abc"), 3u);
  EXPECT_EQ(stream.take(3, "def"), 3u);
  EXPECT_EQ(stream.text(), "abcdef");
  EXPECT_EQ(stream.pool().used(), 0u);
  EXPECT_EQ(stream.account().retransmits, 0u);
  EXPECT_EQ(stream.account().out_of_order, 0u);
}

TEST(ReassemblerTest, KeepsWhatComesEarlyUntilTheHoleIsFilled) {
  Stream stream(100);
  EXPECT_EQ(stream.take(3, "def", 1), 3u);
  EXPECT_EQ(stream.take(6, "ghi", 2), 3u);
  EXPECT_EQ(stream.text(), "");
  EXPECT_TRUE(stream.reassembler().waiting());
  EXPECT_EQ(stream.take(0, "abc", 3), 3u);
  EXPECT_EQ(stream.text(), "abcdefghi");
  EXPECT_EQ(stream.consumer().times, (std::vector<std::int64_t>{3, 1, 2}))
      << "each byte has its own frame's time";
  EXPECT_EQ(stream.account().out_of_order, 1u);
  EXPECT_EQ(stream.account().out_of_order_bytes, 3u);
  EXPECT_EQ(stream.account().missed_bytes, 0u);
}

TEST(ReassemblerTest, TellsRetransmissionsFromKeepAliveProbes) {
  Stream stream(100);
  stream.take(0, "abcdef");
  EXPECT_EQ(stream.take(2, "cd"), 0u);
  EXPECT_EQ(stream.account().retransmits, 1u);
  EXPECT_EQ(stream.account().retransmitted_bytes, 2u);
  EXPECT_EQ(stream.take(5, "\0"), 0u);  // one old byte: a probe
  EXPECT_EQ(stream.account().retransmits, 1u);
  EXPECT_EQ(stream.take(4, "efghi"), 3u);
  EXPECT_EQ(stream.account().retransmits, 2u);
  EXPECT_EQ(stream.account().retransmitted_bytes, 4u);
  EXPECT_EQ(stream.text(), "abcdefghi");
}

TEST(ReassemblerTest, GivesAHoleUpWhenItIsAcknowledged) {
  Stream stream(100);
  stream.take(5, "fgh");
  stream.acknowledge(4);
  EXPECT_EQ(stream.text(), "");
  stream.acknowledge(8);
  EXPECT_EQ(stream.text(), "?????fgh");
  EXPECT_EQ(stream.account().missed_bytes, 5u);
  EXPECT_EQ(stream.pool().used(), BytePool::kUnit) << "which hole it was is remembered";
  EXPECT_EQ(stream.take(1, "bcd"), 3u) << "too late to be read";
  EXPECT_EQ(stream.text(), "?????fgh");
  EXPECT_EQ(stream.account().missed_bytes, 2u);
  EXPECT_EQ(stream.account().out_of_order_bytes, 3u);
  EXPECT_EQ(stream.take(0, "abcde"), 2u);
  EXPECT_EQ(stream.account().missed_bytes, 0u);
  EXPECT_EQ(stream.account().retransmitted_bytes, 3u);
  EXPECT_EQ(stream.pool().used(), 0u);
}

TEST(ReassemblerTest, GivesUpOnlyTheHolesThatAreAcknowledged) {
  Stream stream(100);
  stream.take(2, "c");
  stream.take(5, "f");
  stream.acknowledge(3);
  EXPECT_EQ(stream.text(), "??c");
  stream.take(3, "de");
  EXPECT_EQ(stream.text(), "??cdef");
}

TEST(ReassemblerTest, WaitsASecondWhereNoAcksAreSeen) {
  constexpr std::int64_t kSecondNs = 1'000'000'000;
  Stream stream(100);
  stream.take(2, "c", 0, false);
  stream.take(3, "d", kSecondNs, false);
  EXPECT_EQ(stream.text(), "");
  stream.take(4, "e", kSecondNs + 1, false);
  EXPECT_EQ(stream.text(), "??cde");
}

TEST(ReassemblerTest, TheFirstCopyStaysAndConflictsAreCounted) {
  Stream stream(100);
  stream.take(2, "cde");
  EXPECT_EQ(stream.take(1, "XXXXXX"), 3u);  // b, f, g are new
  EXPECT_EQ(stream.account().conflicts, 1u);
  EXPECT_EQ(stream.account().retransmitted_bytes, 3u);
  stream.take(3, "de");  // says the same: no conflict
  EXPECT_EQ(stream.account().conflicts, 1u);
  stream.take(0, "aXcd");
  EXPECT_EQ(stream.text(), "aXcdeXX");
}

TEST(ReassemblerTest, ASegmentThatFillsAHoleDoesNotReplaceWhatIsKept) {
  Stream stream(100);
  stream.take(3, "def");
  stream.take(8, "i");
  EXPECT_EQ(stream.take(0, "abcXXXgh"), 5u);
  EXPECT_EQ(stream.text(), "abcdefghi");
  EXPECT_EQ(stream.account().conflicts, 1u);
}

TEST(ReassemblerTest, WhatASnaplenCutOffIsAGap) {
  Stream stream(100);
  EXPECT_EQ(stream.take_cut(0, "ab", 5), 5u);
  stream.take(5, "fg");
  EXPECT_EQ(stream.text(), "ab???fg");
  EXPECT_EQ(stream.account().missed_bytes, 3u);
  EXPECT_EQ(stream.take_cut(9, "", 4), 4u);  // early, and nothing of it captured
  stream.take(7, "hi");
  EXPECT_EQ(stream.text(), "ab???fghi????");
}

TEST(ReassemblerTest, DrainGivesAllHolesUp) {
  Stream stream(100);
  stream.take(2, "c");
  stream.take(5, "f");
  stream.drain();
  EXPECT_EQ(stream.text(), "??c??f");
  EXPECT_EQ(stream.account().missed_bytes, 4u);
}

TEST(ReassemblerTest, AFullPoolLosesDataButNeverMoreMemory) {
  Stream stream(0xfffffff0u, 64u << 10);
  const std::string kilobyte(1000, 'x');
  for (std::size_t i = 1; i <= 200; ++i) {
    stream.take(i * 1000, kilobyte);
    ASSERT_LE(stream.pool().used(), 64u << 10);
  }
  stream.take(0, kilobyte);
  stream.acknowledge(201'000);
  EXPECT_GE(stream.text().size(), 30'000u);
  EXPECT_EQ(stream.text().substr(0, 30'000), std::string(30'000, 'x'));
}

TEST(ReassemblerTest, ManySmallPiecesBehindOneHoleAreBounded) {
  Stream stream(0, 16u << 20);
  for (std::size_t i = 1; i <= 20'000; ++i) stream.take(i, "x");
  EXPECT_EQ(stream.text().substr(0, 3), "?xx") << "the hole was never given up";
  EXPECT_EQ(stream.text().size(), 20'001u);
}

// A segment of the random test below.
struct Cut {
  std::size_t offset, size;
};

std::string random_text(std::mt19937& random, std::size_t size) {
  std::string text(size, ' ');
  for (char& c : text) c = static_cast<char>('a' + random() % 26);
  return text;
}

// All of the text in segments, some twice, some overlapping, shuffled within a window.
std::vector<Cut> random_cuts(std::mt19937& random, std::size_t size) {
  std::vector<Cut> cuts;
  const std::size_t largest = 1 + random() % 60, window = random() % 40;
  for (std::size_t at = 0; at < size;) {
    const std::size_t n = std::min(size - at, 1 + random() % largest);
    cuts.push_back({at, n});
    at += n;
  }
  const std::size_t count = cuts.size();
  for (std::size_t i = 0; i < count / 4; ++i) {  // duplicates and overlaps
    const std::size_t at = random() % size;
    const auto place = cuts.begin() + static_cast<std::ptrdiff_t>(random() % cuts.size());
    cuts.insert(place, {at, std::min(size - at, 1 + random() % (3 * largest))});
  }
  for (std::size_t i = 0; i < cuts.size() && window > 0; ++i) {
    std::swap(cuts[i], cuts[i + std::min(cuts.size() - 1 - i, random() % window)]);
  }
  return cuts;
}

void expect_whole(std::uint32_t seed) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const std::string text = random_text(random, 1 + random() % 3000);
  // Starts in a way that most of the streams wrap.
  Stream stream(0u - static_cast<std::uint32_t>(random() % (text.size() + 10)));
  std::uint64_t fresh = 0;
  for (const Cut& cut : random_cuts(random, text.size())) {
    fresh += stream.take(cut.offset, std::string_view(text).substr(cut.offset, cut.size));
  }
  EXPECT_EQ(stream.text(), text);
  EXPECT_EQ(fresh, text.size());
  EXPECT_EQ(stream.account().missed_bytes, 0u);
  EXPECT_EQ(stream.account().conflicts, 0u);
  EXPECT_FALSE(stream.reassembler().waiting());
  EXPECT_EQ(stream.pool().used(), 0u);
}

// The same with segments lost: what comes out is the text with '?' for exactly the bytes that never came.
void expect_holes(std::uint32_t seed) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  std::string text = random_text(random, 1 + random() % 3000);
  Stream stream(0u - static_cast<std::uint32_t>(random() % (text.size() + 10)));
  std::string expected(text.size(), '?');
  for (const Cut& cut : random_cuts(random, text.size())) {
    if (random() % 4 == 0) continue;
    const std::string_view bytes = std::string_view(text).substr(cut.offset, cut.size);
    stream.take(cut.offset, bytes);
    expected.replace(cut.offset, cut.size, bytes);
  }
  stream.drain();
  while (!expected.empty() && expected.back() == '?') expected.pop_back();  // what nothing follows is no hole
  EXPECT_EQ(stream.text(), expected);
  EXPECT_EQ(stream.account().missed_bytes,
            static_cast<std::uint64_t>(std::count(expected.begin(), expected.end(), '?')));
  EXPECT_FALSE(stream.reassembler().waiting());
}

TEST(ReassemblerTest, AnyOrderOfAnySegmentsIsTheStream) {
  for (std::uint32_t seed = 1; seed <= 400; ++seed) expect_whole(seed);
  const std::uint32_t fresh = std::random_device{}();
  std::printf("fresh seed %u\n", fresh);
  expect_whole(fresh);
}

TEST(ReassemblerTest, WhatNeverCameIsAGapAndNothingElseIs) {
  for (std::uint32_t seed = 1; seed <= 400; ++seed) expect_holes(seed);
  const std::uint32_t fresh = std::random_device{}();
  std::printf("fresh seed %u\n", fresh);
  expect_holes(fresh);
}

}  // namespace
}  // namespace tapline
