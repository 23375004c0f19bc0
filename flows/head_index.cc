#include "flows/head_index.h"

#include <array>
#include <bit>
#include <cstring>

#include "flows/head_blocks.h"

namespace tapline {
namespace {

constexpr std::uint64_t kEachByte = 0x0101010101010101;

// Bit i: whether byte i of `word` is `wanted`. The sum stays within each byte, so no byte tells of another.
std::uint64_t bytes_equal(std::uint64_t word, char wanted) {
  constexpr std::uint64_t kLow = 0x7f * kEachByte;
  const std::uint64_t differs = word ^ static_cast<std::uint8_t>(wanted) * kEachByte;
  const std::uint64_t top_bits = ~(((differs & kLow) + kLow) | differs | kLow);
  return (top_bits >> 7) * 0x0102040810204080 >> 56;
}

// For any processor: 8 bytes at a time.
struct WordBlock {
  static Found look(const char* p) {
    Found found{};
    for (unsigned at = 0; at < HeadMarks::kBlock; at += 8) {
      std::uint64_t word = 0;
      std::memcpy(&word, p + at, 8);
      if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap64(word);
      found.feeds |= bytes_equal(word, '\n') << at;
      found.colons |= bytes_equal(word, ':') << at;
    }
    return found;
  }
  static Found look_at_rest(const char* bytes, std::size_t from, std::size_t size) {
    return look_back<WordBlock>(bytes, from, size);
  }
  static void put(std::uint64_t bits, std::uint32_t base, std::uint32_t* out) {
    for (; bits != 0; bits &= bits - 1) *out++ = base + static_cast<std::uint32_t>(std::countr_zero(bits));
  }
};

constexpr HeadScanner kPortableHeadScanner = {"portable", mark_lines<WordBlock>, find_empty_line<WordBlock>};

struct Scanners {
  Scanners() {
#if defined(__x86_64__)
    __builtin_cpu_init();
    const bool bits =
        __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt");
    if (bits && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vbmi2")) {
      all[count++] = kAvx512HeadScanner;
    }
    if (bits && __builtin_cpu_supports("avx2")) all[count++] = kAvx2HeadScanner;
#elif defined(__aarch64__)
    all[count++] = kNeonHeadScanner;  // every AArch64 processor that runs Linux programs has it
#endif
    all[count++] = kPortableHeadScanner;
  }
  std::array<HeadScanner, 3> all{};
  std::size_t count = 0;
};

const Scanners& scanners() {
  static const Scanners found;
  return found;
}

}  // namespace

std::span<const HeadScanner> head_scanners() { return {scanners().all.data(), scanners().count}; }

const HeadScanner& fastest_head_scanner() { return scanners().all.front(); }

}  // namespace tapline
