// A large array whose memory is taken once, from whoever the user of flows/ names.
#pragma once

#include <cstddef>
#include <memory_resource>
#include <type_traits>

namespace tapline {

// Elements are not initialised, so pages that nobody writes to cost no memory where `memory` hands out fresh
// ones. `memory` must outlive the array; what it throws when it has none comes through.
template <class T>
class ReservedArray {
  static_assert(std::is_trivially_destructible_v<T> && std::is_trivially_default_constructible_v<T>);

 public:
  ReservedArray(std::size_t size, std::pmr::memory_resource& memory)
      : memory_(memory),
        size_(size),
        elements_(static_cast<T*>(memory.allocate(size * sizeof(T), alignof(T)))) {}
  ~ReservedArray() { memory_.deallocate(elements_, size_ * sizeof(T), alignof(T)); }
  ReservedArray(const ReservedArray&) = delete;
  ReservedArray& operator=(const ReservedArray&) = delete;

  T& operator[](std::size_t i) { return elements_[i]; }
  const T& operator[](std::size_t i) const { return elements_[i]; }
  T* data() { return elements_; }
  const T* data() const { return elements_; }
  std::size_t size() const { return size_; }

 private:
  std::pmr::memory_resource& memory_;
  std::size_t size_;
  T* elements_;
};

}  // namespace tapline
