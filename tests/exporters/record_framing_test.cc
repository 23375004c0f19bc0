// What is whole in a piece that was written in part.
#include "exporters/record_framing.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <string>

namespace tapline {
namespace {

std::string block(std::uint32_t type, std::uint32_t size) {
  std::string bytes(size, '\n');  // which means nothing here
  std::memcpy(bytes.data(), &type, sizeof type);
  std::memcpy(bytes.data() + 4, &size, sizeof size);
  return bytes;
}

TEST(RecordFraming, LinesEndWithTheirNewline) {
  const std::string lines = "one\ntwo\n\nfour\n";
  for (std::size_t bytes = 0; bytes <= lines.size(); ++bytes) {
    const WholeRecords whole = whole_records(Framing::kLines, lines, bytes);
    EXPECT_EQ(whole.bytes, bytes < 4 ? 0u : bytes < 8 ? 4u : bytes < 9 ? 8u : bytes < 14 ? 9u : 14u) << bytes;
    EXPECT_EQ(whole.count, bytes < 4 ? 0u : bytes < 8 ? 1u : bytes < 9 ? 2u : bytes < 14 ? 3u : 4u) << bytes;
  }
}

TEST(RecordFraming, BlocksEndAsTheirSizeSaysAndFramesCount) {
  const std::string blocks =
      block(0x0A0D0D0A, 28) + block(1, 20) + block(6, 36) + block(5, 24) + block(6, 32);
  const std::size_t ends[] = {0, 28, 48, 84, 108, 140};
  const std::uint64_t frames[] = {0, 0, 0, 1, 1, 2};
  for (std::size_t bytes = 0; bytes <= blocks.size(); ++bytes) {
    std::size_t last = 0;
    while (last + 1 < std::size(ends) && ends[last + 1] <= bytes) ++last;
    const WholeRecords whole = whole_records(Framing::kPcapng, blocks, bytes);
    EXPECT_EQ(whole.bytes, ends[last]) << bytes;
    EXPECT_EQ(whole.count, frames[last]) << bytes;
  }
}

}  // namespace
}  // namespace tapline
