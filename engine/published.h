// Numbers that one thread keeps and another reads.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace tapline {

// A copy of T that its owner brings up to date now and then. On cache lines of its own, so that reading it
// costs the owner nothing between two updates. Each number is whole, but they need not all be of one update:
// what is read while the owner writes can be off by what came in meanwhile. After the owner's thread was
// joined all are exact.
template <class T>
class alignas(64) Published {
  static_assert(std::is_trivially_copyable_v<T> && std::is_default_constructible_v<T>);
  static_assert(sizeof(T) % sizeof(std::uint64_t) == 0, "T is made of 64-bit numbers");
  using Words = std::array<std::uint64_t, sizeof(T) / sizeof(std::uint64_t)>;

 public:
  void publish(const T& value) {  // by the owner only
    const Words words = std::bit_cast<Words>(value);
    for (std::size_t i = 0; i < words.size(); ++i) words_[i].store(words[i], std::memory_order_relaxed);
  }

  T read() const {
    Words words;
    for (std::size_t i = 0; i < words.size(); ++i) words[i] = words_[i].load(std::memory_order_relaxed);
    return std::bit_cast<T>(words);
  }

 private:
  std::array<std::atomic<std::uint64_t>, std::tuple_size_v<Words>> words_{};
};

}  // namespace tapline
