// The pool against a model: blocks never overlap, the bound holds, and all freed is one block again.
#include "flows/byte_pool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <vector>

namespace tapline {
namespace {

TEST(BytePoolTest, RoundsItsSize) {
  EXPECT_EQ(BytePool(0).size(), 64u << 10);
  EXPECT_EQ(BytePool(65535).size(), 64u << 10);
  EXPECT_EQ(BytePool((1u << 20) - 1).size(), 512u << 10);
  EXPECT_EQ(BytePool(1u << 20).size(), 1u << 20);
}

TEST(BytePoolTest, GivesTheWholeArenaAtOnce) {
  BytePool pool(64u << 10);
  EXPECT_EQ(pool.allocate(0), BytePool::kNull);
  EXPECT_EQ(pool.allocate((64u << 10) + 1), BytePool::kNull);
  const BytePool::Handle all = pool.allocate(64u << 10);
  ASSERT_NE(all, BytePool::kNull);
  EXPECT_EQ(pool.used(), pool.size());
  EXPECT_EQ(pool.allocate(1), BytePool::kNull);
  pool.release(all, 64u << 10);
  EXPECT_EQ(pool.used(), 0u);
}

TEST(BytePoolTest, CapacityIsWhatAllocateGives) {
  EXPECT_EQ(BytePool::capacity(1), 256u);
  EXPECT_EQ(BytePool::capacity(256), 256u);
  EXPECT_EQ(BytePool::capacity(257), 512u);
  EXPECT_EQ(BytePool::capacity(513), 1024u);
  BytePool pool(64u << 10);
  const BytePool::Handle block = pool.allocate(257);
  EXPECT_EQ(pool.used(), 512u);
  pool.release(block, 257);
}

TEST(BytePoolTest, ReleasingNothingDoesNothing) {
  BytePool pool(64u << 10);
  pool.release(BytePool::kNull, 100);
  EXPECT_EQ(pool.used(), 0u);
}

TEST(BytePoolTest, EveryUnitCanBeOut) {
  BytePool pool(64u << 10);
  std::vector<BytePool::Handle> blocks;
  for (BytePool::Handle block; (block = pool.allocate(1)) != BytePool::kNull;) blocks.push_back(block);
  EXPECT_EQ(blocks.size(), 256u);
  std::sort(blocks.begin(), blocks.end());
  EXPECT_EQ(std::unique(blocks.begin(), blocks.end()), blocks.end());
  // Freeing every second leaves no room for two units in one block.
  for (std::size_t i = 0; i < blocks.size(); i += 2) pool.release(blocks[i], 1);
  EXPECT_EQ(pool.allocate(257), BytePool::kNull);
  for (std::size_t i = 1; i < blocks.size(); i += 2) pool.release(blocks[i], 1);
  EXPECT_NE(pool.allocate(64u << 10), BytePool::kNull);
}

TEST(BytePoolTest, AgreesWithAModelOnRandomUse) {
  struct Block {
    BytePool::Handle handle;
    std::size_t size;
    unsigned char mark;
  };
  std::mt19937 random(7);
  BytePool pool(256u << 10);
  std::vector<Block> out;
  std::size_t model_used = 0, refused = 0;
  for (int step = 0; step < 20000; ++step) {
    if (out.empty() || random() % 5 < 3) {
      const std::size_t size = 1 + random() % (std::size_t{1} << random() % 16);
      const BytePool::Handle handle = pool.allocate(size);
      if (handle == BytePool::kNull) {
        ++refused;
        ASSERT_GT(model_used + BytePool::capacity(size), pool.size() / 8) << "refused when nearly empty";
      } else {
        const auto mark = static_cast<unsigned char>(random());
        std::memset(pool.at(handle), mark, size);
        out.push_back({handle, size, mark});
        model_used += BytePool::capacity(size);
      }
    } else {
      std::swap(out[random() % out.size()], out.back());
      const Block block = out.back();
      out.pop_back();
      const auto* bytes = reinterpret_cast<const unsigned char*>(pool.at(block.handle));
      ASSERT_TRUE(std::all_of(bytes, bytes + block.size, [&](unsigned char b) { return b == block.mark; }));
      pool.release(block.handle, block.size);
      model_used -= BytePool::capacity(block.size);
    }
    ASSERT_EQ(pool.used(), model_used);
    ASSERT_LE(pool.used(), pool.size());
  }
  EXPECT_GT(refused, 0u) << "the bound was never met";
  for (const Block& block : out) pool.release(block.handle, block.size);
  EXPECT_EQ(pool.used(), 0u);
  EXPECT_NE(pool.allocate(pool.size()), BytePool::kNull) << "freed neighbours did not merge";
}

}  // namespace
}  // namespace tapline
