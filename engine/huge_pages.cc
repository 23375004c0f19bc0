#include "engine/huge_pages.h"

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <new>

namespace tapline {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;  // x86-64's; and arm64's with pages of 4 KiB

std::size_t rounded_up(std::size_t size) { return (size + kHugePage - 1) / kHugePage * kHugePage; }

// Of `size` bytes, at a multiple of a huge page: what is mapped too much goes back at once.
void* map_aligned(std::size_t size) {
  void* const mapped = mmap(nullptr, size + kHugePage, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED) throw std::bad_alloc();
  char* const begin = static_cast<char*>(mapped);
  const std::size_t before = (kHugePage - reinterpret_cast<std::uintptr_t>(begin) % kHugePage) % kHugePage;
  if (before > 0) munmap(begin, before);
  munmap(begin + before + size, kHugePage - before);
  return begin + before;
}

class HugePageMemory final : public std::pmr::memory_resource {
  void* do_allocate(std::size_t bytes, std::size_t alignment) override {
    if (bytes < kHugePage) return std::pmr::new_delete_resource()->allocate(bytes, alignment);
    const std::size_t size = rounded_up(bytes);
    void* const memory = map_aligned(size);
    madvise(memory, size, MADV_HUGEPAGE);  // an error leaves the usual pages
    return memory;
  }
  void do_deallocate(void* memory, std::size_t bytes, std::size_t alignment) override {
    if (bytes < kHugePage) return std::pmr::new_delete_resource()->deallocate(memory, bytes, alignment);
    munmap(memory, rounded_up(bytes));
  }
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override { return this == &other; }
};

}  // namespace

std::pmr::memory_resource& huge_page_memory() {
  static HugePageMemory memory;
  return memory;
}

}  // namespace tapline
