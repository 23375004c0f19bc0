// Where the lines of a message head end, and in each the header's name: one pass over the bytes, 64 at a
// time. There is a scanner for each set of vector instructions; all give the same answers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace tapline {

// The offsets of the line feeds, and before each that of the first colon of its line, where there is one.
// They come in batches, so that there is no limit to their number: what the reader has not used up it leaves
// at the front for the next batch.
struct HeadMarks {
  enum class From : std::uint8_t { kStartLine, kHeaderLines };
  // Of a start line the end alone is marked.
  explicit HeadMarks(From from) : unnamed(from == From::kHeaderLines ? 1 : 0), feeds(unnamed << 63) {}

  static constexpr std::size_t kRoom = 256;
  static constexpr std::size_t kBlock = 64;  // bytes that are looked at together

  std::uint32_t at[kRoom + kBlock];
  std::size_t count = 0;
  std::size_t scanned = 0;  // bytes that were looked at: the size of the head or more, when all were
  std::size_t end = 0;      // behind the empty line; 0: it was not met (yet)
  // Of the scanner.
  std::uint64_t unnamed;  // 1: of the line at `scanned` no colon was met yet
  std::uint64_t feeds;    // which of the last 64 bytes are line feeds
};

struct HeadScanner {
  const char* name;  // of the instructions
  // Adds marks up to and with the empty line's, or until marks.count >= kRoom.
  // REQUIRES: the same bytes at each call for one HeadMarks, less than 4 GiB; marks.count < kRoom.
  void (*mark)(const char* bytes, std::size_t size, HeadMarks& marks);
  // The offset behind the first empty line whose predecessor ends at bytes[from] or behind; 0: there is none.
  std::size_t (*find_end)(const char* bytes, std::size_t size, std::size_t from);
};

// Those that this processor has the instructions for, the fastest first. The last needs none.
std::span<const HeadScanner> head_scanners();
const HeadScanner& fastest_head_scanner();

}  // namespace tapline
