#include "flows/byte_pool.h"

#include <algorithm>
#include <bit>

namespace tapline {

BytePool::BytePool(std::size_t bytes, std::pmr::memory_resource& memory)
    : orders_(static_cast<unsigned>(std::countr_zero(
          std::bit_floor(std::clamp<std::size_t>(bytes, 64u << 10, kUnit << (kMaxOrders - 1))) / kUnit))),
      arena_(std::size_t{1} << orders_, memory),
      free_order_(std::size_t{1} << orders_) {
  free_.fill(kNull);
  push(orders_, 0);
}

// Where none of the size was freed last.
BytePool::Handle BytePool::allocate_other(std::size_t size) {
  if (size == 0 || size > this->size()) return kNull;
  const unsigned order = order_of(size);
  Handle block = split(order);
  if (block == kNull) {
    merge_recent();
    block = split(order);
  }
  if (block != kNull) used_ += kUnit << order;
  return block;
}

void BytePool::take_back(Handle block, std::size_t size) {
  const unsigned order = order_of(size);
  used_ -= kUnit << order;
  if (order < kRecentOrders && recent_[order].count < kRecent) {
    recent_[order].blocks[recent_[order].count++] = block;
    return;
  }
  merge(order, block);
}

// Takes a block out of the smallest free one that is large enough.
BytePool::Handle BytePool::split(unsigned wanted) {
  unsigned order = wanted;
  while (order <= orders_ && free_[order] == kNull) ++order;
  if (order > orders_) return kNull;
  const Handle block = free_[order];
  unlink(order, block);
  while (order > wanted) {  // give the upper halves back
    --order;
    push(order, block + (Handle{1} << order));
  }
  return block;
}

void BytePool::merge(unsigned order, Handle block) {
  while (order < orders_) {
    const Handle buddy = block ^ (Handle{1} << order);
    if (free_order_[buddy] != order + 1) break;
    unlink(order, buddy);
    block = std::min(block, buddy);
    ++order;
  }
  push(order, block);
}

// What was kept may be all that is missing in a larger block.
void BytePool::merge_recent() {
  for (unsigned order = 0; order < kRecentOrders; ++order) {
    Recent& recent = recent_[order];
    while (recent.count > 0) merge(order, recent.blocks[--recent.count]);
  }
}

void BytePool::push(unsigned order, Handle block) {
  links(block) = {free_[order], kNull};
  if (free_[order] != kNull) links(free_[order]).previous = block;
  free_[order] = block;
  free_order_[block] = static_cast<std::uint8_t>(order + 1);
}

void BytePool::unlink(unsigned order, Handle block) {
  const Links own = links(block);
  if (own.next != kNull) links(own.next).previous = own.previous;
  if (own.previous != kNull) {
    links(own.previous).next = own.next;
  } else {
    free_[order] = own.next;
  }
  free_order_[block] = 0;
}

}  // namespace tapline
