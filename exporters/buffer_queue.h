// A bounded queue from one thread to one other, without locks.
#pragma once

#include <atomic>
#include <bit>
#include <cassert>
#include <cstddef>
#include <memory>

namespace tapline {

// What two threads write must not share one of these (bytes; x86-64 and most arm64).
inline constexpr std::size_t kCacheLine = 64;

// One thread calls push(), one other calls pop(); size() and empty() are for any thread. The memory order
// that hands a value, and everything written before push(), to the thread that pops it stands here and
// nowhere else. T is small and trivially copyable: a pointer or an index. Capacity is rounded up to a power
// of two, fixed, and reserved by the constructor.
template <typename T>
class BufferQueue {
 public:
  explicit BufferQueue(std::size_t capacity)
      : mask_(std::bit_ceil(capacity) - 1), slots_(std::make_unique<T[]>(mask_ + 1)) {
    assert(capacity > 0);
  }
  BufferQueue(const BufferQueue&) = delete;
  BufferQueue& operator=(const BufferQueue&) = delete;

  std::size_t capacity() const { return mask_ + 1; }

  // False, and nothing done, when the queue is full.
  bool push(T value) {
    const std::size_t tail = tail_.load(std::memory_order_relaxed);
    // Acquire: the consumer has finished reading the slot that is about to be overwritten.
    if (tail - head_.load(std::memory_order_acquire) > mask_) return false;
    slots_[tail & mask_] = value;
    tail_.store(tail + 1, std::memory_order_release);
    return true;
  }

  // False, and `value` untouched, when the queue is empty.
  bool pop(T& value) {
    const std::size_t head = head_.load(std::memory_order_relaxed);
    if (head == tail_.load(std::memory_order_acquire)) return false;
    value = slots_[head & mask_];
    head_.store(head + 1, std::memory_order_release);
    return true;
  }

  // Exact for neither side while the other one is at work: the producer may see too many, the consumer too
  // few.
  std::size_t size() const {
    // Head first: tail read later is never behind it.
    const std::size_t head = head_.load(std::memory_order_acquire);
    return tail_.load(std::memory_order_acquire) - head;
  }
  bool empty() const { return size() == 0; }

 private:
  // The indexes only grow; unsigned wrap-around is harmless, for the capacity is a power of two.
  alignas(kCacheLine) std::atomic<std::size_t> head_{0};  // written by the consumer
  alignas(kCacheLine) std::atomic<std::size_t> tail_{0};  // written by the producer
  alignas(kCacheLine) const std::size_t mask_;            // read by both, written by none
  const std::unique_ptr<T[]> slots_;
};

}  // namespace tapline
