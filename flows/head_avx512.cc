// 64 bytes at a time. Compiled for AVX-512 BW and VBMI2 (Ice Lake, Zen 4 and later), BMI1, BMI2 and POPCNT:
// see head_blocks.h.
#include <immintrin.h>

#include "flows/head_blocks.h"

namespace tapline {
namespace {

struct Avx512Block {
  static Found equal(__m512i bytes) {
    return {_mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8('\n')),
            _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(':'))};
  }
  static Found look(const char* p) { return equal(_mm512_loadu_si512(p)); }
  // What the mask leaves out is not read (no fault behind the end), and is 0.
  static Found look_at_rest(const char* bytes, std::size_t from, std::size_t size) {
    const __mmask64 rest = _bzhi_u64(~0ull, static_cast<unsigned>(size - from));
    return equal(_mm512_maskz_loadu_epi8(rest, bytes + from));
  }
  static void put(std::uint64_t bits, std::uint32_t base, std::uint32_t* out) {
    alignas(64) static constexpr unsigned char kNumbers[64] = {
        0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
        22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43,
        44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63};
    const __m512i numbers = _mm512_maskz_compress_epi8(bits, _mm512_load_si512(kNumbers));
    const __m512i offset = _mm512_set1_epi32(static_cast<int>(base));
    const auto store = [&](__m128i part) {
      _mm512_storeu_si512(out, _mm512_add_epi32(_mm512_cvtepu8_epi32(part), offset));
      out += 16;
    };
    store(_mm512_castsi512_si128(numbers));
    if (_mm_popcnt_u64(bits) <= 16) return;  // nearly always
    store(_mm512_extracti32x4_epi32(numbers, 1));
    store(_mm512_extracti32x4_epi32(numbers, 2));
    store(_mm512_extracti32x4_epi32(numbers, 3));
  }
};

}  // namespace

const HeadScanner kAvx512HeadScanner = {"avx512", mark_lines<Avx512Block>, find_empty_line<Avx512Block>};

}  // namespace tapline
