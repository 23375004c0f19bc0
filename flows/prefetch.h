// Lines of cache asked for before they are needed.
#pragma once

#include <cstddef>

namespace tapline {

// The line that `address` lies in; anything may stand there. The empty assembly keeps gcc from taking a
// function that does nothing else for one without effect, whose calls it drops.
inline void prefetch_line(const void* address) {
  __builtin_prefetch(address);
  asm volatile("");
}

// Those of `size` bytes from the start of a line; of 64 bytes, as on x86-64 and most of arm64.
inline void prefetch_lines(const void* object, std::size_t size) {
  const char* const lines = static_cast<const char*>(object);
  for (std::size_t offset = 0; offset < size; offset += 64) prefetch_line(lines + offset);
}

}  // namespace tapline
