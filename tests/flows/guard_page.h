// Memory that ends at a page which must not be touched, so that reading one byte too far is a crash.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <stdexcept>
#include <string_view>

namespace tapline::test {

class GuardedBytes {
 public:
  explicit GuardedBytes(std::size_t capacity) {
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    usable_ = (capacity + page - 1) / page * page;
    mapped_ = usable_ + page;
    void* memory = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::runtime_error("mmap");
    start_ = static_cast<std::uint8_t*>(memory);
    if (mprotect(start_ + usable_, page, PROT_NONE) != 0) throw std::runtime_error("mprotect");
  }
  ~GuardedBytes() { munmap(start_, mapped_); }
  GuardedBytes(const GuardedBytes&) = delete;
  GuardedBytes& operator=(const GuardedBytes&) = delete;

  // Copies `bytes` to where their end is the page's end. Valid until the next call.
  std::span<const std::uint8_t> hold(std::span<const std::uint8_t> bytes) {
    std::uint8_t* at = start_ + usable_ - bytes.size();
    if (!bytes.empty()) std::memcpy(at, bytes.data(), bytes.size());
    return {at, bytes.size()};
  }
  std::string_view hold(std::string_view text) {
    const auto held = hold(std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
    return {reinterpret_cast<const char*>(held.data()), held.size()};
  }

 private:
  std::size_t usable_ = 0, mapped_ = 0;
  std::uint8_t* start_ = nullptr;
};

}  // namespace tapline::test
