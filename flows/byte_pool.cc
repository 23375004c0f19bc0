#include "flows/byte_pool.h"

#include <algorithm>
#include <bit>

namespace tapline {

BytePool::BytePool(std::size_t bytes)
    : orders_(static_cast<unsigned>(std::countr_zero(
          std::bit_floor(std::clamp<std::size_t>(bytes, 64u << 10, kUnit << (kMaxOrders - 1))) / kUnit))),
      arena_(std::make_unique_for_overwrite<std::byte[]>(kUnit << orders_)),
      free_order_(std::size_t{1} << orders_) {
  free_.fill(kNull);
  push(orders_, 0);
}

unsigned BytePool::order_of(std::size_t size) {
  return static_cast<unsigned>(std::bit_width((std::max<std::size_t>(size, 1) - 1) / kUnit));
}

BytePool::Handle BytePool::allocate(std::size_t size) {
  if (size == 0 || size > this->size()) return kNull;
  const unsigned wanted = order_of(size);
  unsigned order = wanted;
  while (order <= orders_ && free_[order] == kNull) ++order;
  if (order > orders_) return kNull;
  const Handle block = free_[order];
  unlink(order, block);
  while (order > wanted) {  // give the upper halves back
    --order;
    push(order, block + (Handle{1} << order));
  }
  used_ += kUnit << wanted;
  return block;
}

void BytePool::release(Handle block, std::size_t size) {
  if (block == kNull) return;
  unsigned order = order_of(size);
  used_ -= kUnit << order;
  while (order < orders_) {
    const Handle buddy = block ^ (Handle{1} << order);
    if (free_order_[buddy] != order + 1) break;
    unlink(order, buddy);
    block = std::min(block, buddy);
    ++order;
  }
  push(order, block);
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
