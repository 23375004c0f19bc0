// A fixed number of equal objects, named by index.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory_resource>
#include <new>
#include <type_traits>

#include "flows/reserved_array.h"

namespace tapline {

// Memory is reserved once and touched only where it is used, so a large bound costs nothing until it is
// needed. Freed slots are used again last in, first out. Not thread-safe.
template <class T>
class SlotPool {
  static_assert(std::is_trivially_destructible_v<T> && sizeof(T) >= sizeof(std::uint32_t));

 public:
  static constexpr std::uint32_t kNone = 0xffffffffu;

  explicit SlotPool(std::uint32_t capacity,
                    std::pmr::memory_resource& memory = *std::pmr::new_delete_resource())
      : slots_(capacity, memory), capacity_(capacity) {}

  bool full() const { return free_ == kNone && touched_ == capacity_; }

  // REQUIRES: !full().
  std::uint32_t allocate() {
    std::uint32_t index = free_;
    if (index != kNone) {
      std::memcpy(&free_, slots_[index].bytes, sizeof free_);
    } else {
      index = touched_++;
    }
    new (slots_[index].bytes) T();
    return index;
  }
  void release(std::uint32_t index) {
    std::memcpy(slots_[index].bytes, &free_, sizeof free_);
    free_ = index;
  }

  const T& operator[](std::uint32_t index) const {
    return *std::launder(reinterpret_cast<const T*>(slots_[index].bytes));
  }
  T& operator[](std::uint32_t index) { return *std::launder(reinterpret_cast<T*>(slots_[index].bytes)); }
  std::uint32_t index_of(const T& object) const {
    return static_cast<std::uint32_t>(reinterpret_cast<const Slot*>(&object) - slots_.data());
  }

 private:
  struct Slot {
    alignas(64) std::byte bytes[sizeof(T)];
  };
  ReservedArray<Slot> slots_;
  std::uint32_t capacity_;
  std::uint32_t touched_ = 0;  // slots below were used at least once
  std::uint32_t free_ = kNone;
};

}  // namespace tapline
