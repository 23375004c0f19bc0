// The scan of head_index.h, for a Block that says how 64 bytes are compared.
//
// Each file that includes this is compiled for other instructions. So all of it has internal linkage, and
// nothing of other headers is instantiated: the linker would take for all what only one of them may run.
//
// A Block has
//   static Found look(const char* p)           at p[0] to p[63]
//   static Found look_at_rest(const char* bytes, std::size_t from, std::size_t size)
//                                              from bytes[from] to the end, less than 64; the bits behind are
//                                              0
//   static void put(std::uint64_t bits, std::uint32_t base, std::uint32_t* out)
//                                              base + the number of each bit; 64 may be written in any case
#pragma once

#include "flows/head_index.h"

namespace tapline {

extern const HeadScanner kAvx512HeadScanner, kAvx2HeadScanner, kNeonHeadScanner;

namespace {

// Bit i: of byte i.
struct Found {
  std::uint64_t feeds, colons;
};

// Looks at 64 bytes that end with the last one, some of them again: nothing behind it is read.
template <typename Block>
Found look_back(const char* bytes, std::size_t from, std::size_t size) {
  if (size >= HeadMarks::kBlock) {
    const std::size_t again = HeadMarks::kBlock - (size - from);
    const Found found = Block::look(bytes + size - HeadMarks::kBlock);
    return {found.feeds >> again, found.colons >> again};
  }
  char copy[HeadMarks::kBlock] = {};
  for (std::size_t i = 0; i < size - from; ++i) copy[i] = bytes[from + i];
  return Block::look(copy);
}

template <typename Block>
Found look_at(const char* bytes, std::size_t from, std::size_t size) {
  return size - from >= HeadMarks::kBlock ? Block::look(bytes + from)
                                          : Block::look_at_rest(bytes, from, size);
}

// The bit of the first line feed that ends an empty line, 64 when there is none. `before`: line feeds of the
// 64 bytes before `block`.
inline unsigned empty_line(std::uint64_t feeds, std::uint64_t before, const char* block) {
  const std::uint64_t behind_feed = feeds << 1 | before >> 63;
  // Few heads have a line of one character, so that this is 0 but for the end.
  std::uint64_t near = feeds & (behind_feed | feeds << 2 | before >> 62);
  for (; near != 0; near &= near - 1) {
    const int i = __builtin_ctzll(near);
    if ((behind_feed >> i & 1) != 0 || block[i - 1] == '\r') return static_cast<unsigned>(i);
  }
  return 64;
}

template <typename Block>
void mark_lines(const char* bytes, std::size_t size, HeadMarks& marks) {
  std::size_t from = marks.scanned, count = marks.count;
  std::uint64_t before = marks.feeds, unnamed = marks.unnamed;
  while (from < size && count < HeadMarks::kRoom) {
    const Found found = look_at<Block>(bytes, from, size);
    // The bit of a line's start, added to those of the bytes that are neither colon nor line feed, is carried
    // to the first byte that is one; out of the block, where it has none.
    const std::uint64_t starts = found.feeds << 1 | unnamed;
    const std::uint64_t stops = found.feeds | found.colons;
    unsigned long long sum = 0;
    const bool over = __builtin_uaddll_overflow(~stops, starts, &sum);
    unnamed = (over ? 1 : 0) | found.feeds >> 63;
    std::uint64_t bits = (sum & stops) | found.feeds;
    const unsigned last = empty_line(found.feeds, before, bytes + from);
    if (last < 64) {
      bits &= ~std::uint64_t{0} >> (63 - last);
      marks.end = from + last + 1;
    }
    Block::put(bits, static_cast<std::uint32_t>(from), marks.at + count);
    count += static_cast<std::size_t>(__builtin_popcountll(bits));
    before = found.feeds;
    from += HeadMarks::kBlock;
    if (last < 64) from = size;
  }
  marks.scanned = from;
  marks.count = count;
  marks.feeds = before;
  marks.unnamed = unnamed;
}

template <typename Block>
std::size_t find_empty_line(const char* bytes, std::size_t size, std::size_t from) {
  std::uint64_t before = 0;
  for (; from < size; from += HeadMarks::kBlock) {
    const std::uint64_t feeds = look_at<Block>(bytes, from, size).feeds;
    const unsigned last = empty_line(feeds, before, bytes + from);
    if (last < 64) return from + last + 1;
    before = feeds;
  }
  return 0;
}

}  // namespace
}  // namespace tapline
