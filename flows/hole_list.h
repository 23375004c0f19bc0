// Ranges of sequence numbers that have not come, while others behind them have.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "flows/byte_pool.h"

namespace tapline {

// A few holes in order. Where there is no room for one more, the first is forgotten; where the pool has none,
// the new one. Numbers wrap; all holes lie within 2^31 of each other. Most streams have no hole, and pay for
// a handle only. All calls of one list take the same pool.
class HoleList {
 public:
  // Behind all others. Gives the size of the one that was forgotten.
  std::uint32_t append(BytePool& pool, std::uint32_t begin, std::uint32_t end);

  // Before all others, unless there is no room.
  std::uint32_t prepend(BytePool& pool, std::uint32_t begin, std::uint32_t end);

  struct Filled {
    std::uint32_t bytes = 0;      // that were in holes, and are in none now
    std::uint32_t forgotten = 0;  // size of the hole that was forgotten, as another became two
  };
  // Takes out [begin, end).
  Filled fill(BytePool& pool, std::uint32_t begin, std::uint32_t end);

  // The number of holes before `seq` that were not marked yet; they are now. A hole is marked when prepended.
  std::uint32_t mark_before(BytePool& pool, std::uint32_t seq);

  bool empty() const { return block_ == BytePool::kNull; }
  std::uint64_t size(const BytePool& pool) const;  // bytes, of all
  void clear(BytePool& pool);

 private:
  struct Hole {
    Hole() = default;
    Hole(std::uint32_t from, std::uint32_t to, bool mark)
        : begin(from), size((to - from) & 0x7fffffffu), marked(mark ? 1 : 0) {}

    std::uint32_t begin = 0;
    std::uint32_t size : 31 = 0;
    std::uint32_t marked : 1 = 0;
    std::uint32_t end() const { return begin + size; }
  };
  static constexpr std::size_t kHoles = 16;

  struct Block {
    std::array<Hole, kHoles> holes;
    std::uint32_t count = 0;

    std::uint32_t insert(std::size_t at, Hole hole);
    void remove(std::size_t at);
  };
  static_assert(sizeof(Block) <= BytePool::kUnit);

  Block* block(BytePool& pool);

  BytePool::Handle block_ = BytePool::kNull;  // none: there is no hole
};

}  // namespace tapline
