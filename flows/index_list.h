// A first-in, first-out list of indices from which any can be taken out.
#pragma once

#include <cstdint>
#include <memory_resource>

#include "flows/prefetch.h"
#include "flows/reserved_array.h"

namespace tapline {

// Starts to load the links on both sides of those at `index`, where they are not `none`.
template <class Links>
void prefetch_linked(const ReservedArray<Links>& links, std::uint32_t index, std::uint32_t none) {
  for (const std::uint32_t neighbour : {links[index].previous, links[index].next}) {
    if (neighbour != none) prefetch_line(&links[neighbour]);
  }
}

// Several lists share one set of links: an index is in at most one of them.
class IndexLists {
 public:
  static constexpr std::uint32_t kNone = 0xffffffffu;
  struct List {
    std::uint32_t head = kNone, tail = kNone;
  };

  // Memory is touched only where it is used.
  explicit IndexLists(std::uint32_t capacity,
                      std::pmr::memory_resource& memory = *std::pmr::new_delete_resource())
      : links_(capacity, memory) {}

  void append(List& list, std::uint32_t index) {
    links_[index] = {kNone, list.tail};
    (list.tail == kNone ? list.head : links_[list.tail].next) = index;
    list.tail = index;
  }
  // REQUIRES: `index` is in `list`.
  void remove(List& list, std::uint32_t index) {
    const Links own = links_[index];
    (own.previous == kNone ? list.head : links_[own.previous].next) = own.next;
    (own.next == kNone ? list.tail : links_[own.next].previous) = own.previous;
  }
  // Start to load what append() and remove() will look at: what the second asks of must have come. REQUIRES
  // of it: `index` is in a list.
  void prefetch(std::uint32_t index) const { prefetch_line(&links_[index]); }
  void prefetch_neighbours(std::uint32_t index) const { prefetch_linked(links_, index, kNone); }
  // Behind `index` in its list, or kNone.
  std::uint32_t next(std::uint32_t index) const { return links_[index].next; }

 private:
  struct Links {
    std::uint32_t next, previous;
  };
  ReservedArray<Links> links_;
};

}  // namespace tapline
