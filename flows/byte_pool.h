// Memory for what must outlive its packet: out-of-order segments, unfinished heads, requests that wait.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <vector>

#include "flows/reserved_array.h"

namespace tapline {

// A buddy allocator over one arena that is reserved at the start and never grows: the bound of
// `--reassembly-memory`. Blocks are powers of two from 256 bytes up; freed neighbours merge again, so a burst
// of one size leaves nothing behind. The last freed few of the small sizes are kept as they are, and given
// out again before others: they are in the cache still, and neither split nor merge. Not thread-safe. Pages
// that were never used cost no memory.
class BytePool {
 public:
  // A block's place in the arena; kNull is no block.
  using Handle = std::uint32_t;
  static constexpr Handle kNull = 0xffffffffu;
  static constexpr std::size_t kUnit = 256;

  // `bytes` is rounded down to a power of two, and up to 64 KiB at least. At most 256 GiB.
  explicit BytePool(std::size_t bytes, std::pmr::memory_resource& memory = *std::pmr::new_delete_resource());

  // kNull when no block of `size` bytes is free, or size is 0. The content is undefined.
  Handle allocate(std::size_t size) {
    const unsigned order = order_of(size);
    if (order >= kRecentOrders || recent_[order].count == 0 || size == 0) return allocate_other(size);
    used_ += kUnit << order;
    return recent_[order].blocks[--recent_[order].count];
  }
  // `size` as it was asked for. kNull is let pass.
  void release(Handle block, std::size_t size) {
    if (block != kNull) take_back(block, size);
  }

  std::byte* at(Handle block) { return arena_[block].bytes; }
  const std::byte* at(Handle block) const { return arena_[block].bytes; }
  // What allocate(size) really gives.
  static std::size_t capacity(std::size_t size) { return kUnit << order_of(size); }

  std::size_t used() const { return used_; }  // bytes in blocks that are out
  std::size_t size() const { return kUnit << orders_; }

 private:
  static constexpr unsigned kMaxOrders = 31;
  static constexpr unsigned kRecentOrders = 4;  // up to 2 KiB
  static constexpr std::size_t kRecent = 32;    // blocks of each
  struct Unit {
    alignas(64) std::byte bytes[kUnit];
  };
  static unsigned order_of(std::size_t size) {
    return static_cast<unsigned>(std::bit_width((std::max<std::size_t>(size, 1) - 1) / kUnit));
  }
  struct Links {
    Handle next, previous;
  };
  struct Recent {
    std::array<Handle, kRecent> blocks;
    std::size_t count = 0;
  };
  Handle allocate_other(std::size_t size);
  void take_back(Handle block, std::size_t size);
  Handle split(unsigned order);
  void merge(unsigned order, Handle block);
  void merge_recent();
  void push(unsigned order, Handle block);
  void unlink(unsigned order, Handle block);
  Links& links(Handle block) { return *reinterpret_cast<Links*>(at(block)); }

  unsigned orders_;  // the arena is one block of this order
  ReservedArray<Unit> arena_;
  std::vector<std::uint8_t> free_order_;   // by unit: 1 + the order of the free block that starts there, or 0
  std::array<Handle, kMaxOrders> free_{};  // heads of the lists of free blocks
  std::array<Recent, kRecentOrders> recent_;  // freed last; to free_ they are still out
  std::size_t used_ = 0;
};

}  // namespace tapline
