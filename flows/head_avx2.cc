// 32 bytes at a time. Compiled for AVX2, BMI1, BMI2 and POPCNT: see head_blocks.h.
#include <immintrin.h>

#include "flows/head_blocks.h"

namespace tapline {
namespace {

struct Avx2Block {
  static std::uint64_t equal(__m256i first, __m256i second, char wanted) {
    const __m256i pattern = _mm256_set1_epi8(wanted);
    const auto low = static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(first, pattern)));
    const auto high = static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(second, pattern)));
    return std::uint64_t{high} << 32 | low;
  }
  static Found look(const char* p) {
    const __m256i first = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    const __m256i second = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + 32));
    return {equal(first, second, '\n'), equal(first, second, ':')};
  }
  static Found look_at_rest(const char* bytes, std::size_t from, std::size_t size) {
    return look_back<Avx2Block>(bytes, from, size);
  }
  // Eight at once, as few heads have more in 64 bytes: a loop that ends with the last bit would end
  // unforeseen in each block.
  static void put(std::uint64_t bits, std::uint32_t base, std::uint32_t* out) {
    do {
      for (int i = 0; i < 8; ++i) {
        out[i] = base + static_cast<std::uint32_t>(_tzcnt_u64(bits));
        bits = _blsr_u64(bits);
      }
      out += 8;
    } while (bits != 0);
  }
};

}  // namespace

const HeadScanner kAvx2HeadScanner = {"avx2", mark_lines<Avx2Block>, find_empty_line<Avx2Block>};

}  // namespace tapline
