// 16 bytes at a time, for AArch64.
#include <arm_neon.h>

#include "flows/head_blocks.h"

namespace tapline {
namespace {

struct NeonBlock {
  static std::uint64_t equal(const uint8x16_t bytes[4], char wanted) {
    // There is no instruction that gathers the top bits: each byte keeps the bit of its place among eight,
    // and neighbours are added up three times.
    static constexpr std::uint8_t kPlaces[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    const uint8x16_t pattern = vdupq_n_u8(static_cast<std::uint8_t>(wanted));
    const uint8x16_t places = vld1q_u8(kPlaces);
    const uint8x16_t first = vpaddq_u8(vandq_u8(vceqq_u8(bytes[0], pattern), places),
                                       vandq_u8(vceqq_u8(bytes[1], pattern), places));
    const uint8x16_t second = vpaddq_u8(vandq_u8(vceqq_u8(bytes[2], pattern), places),
                                        vandq_u8(vceqq_u8(bytes[3], pattern), places));
    const uint8x16_t sums = vpaddq_u8(first, second);
    return vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(sums, sums)), 0);
  }
  static Found look(const char* p) {
    const auto* const at = reinterpret_cast<const std::uint8_t*>(p);
    const uint8x16_t bytes[4] = {vld1q_u8(at), vld1q_u8(at + 16), vld1q_u8(at + 32), vld1q_u8(at + 48)};
    return {equal(bytes, '\n'), equal(bytes, ':')};
  }
  static Found look_at_rest(const char* bytes, std::size_t from, std::size_t size) {
    return look_back<NeonBlock>(bytes, from, size);
  }
  static void put(std::uint64_t bits, std::uint32_t base, std::uint32_t* out) {
    for (; bits != 0; bits &= bits - 1) *out++ = base + static_cast<std::uint32_t>(__builtin_ctzll(bits));
  }
};

}  // namespace

const HeadScanner kNeonHeadScanner = {"neon", mark_lines<NeonBlock>, find_empty_line<NeonBlock>};

}  // namespace tapline
