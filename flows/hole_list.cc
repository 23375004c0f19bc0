#include "flows/hole_list.h"

#include <algorithm>

#include "flows/connection.h"

namespace tapline {

std::uint32_t HoleList::append(std::uint32_t begin, std::uint32_t end) {
  return insert(count_, {begin, end, false});
}

std::uint32_t HoleList::prepend(std::uint32_t begin, std::uint32_t end) {
  return insert(0, {begin, end, true});
}

HoleList::Filled HoleList::fill(std::uint32_t begin, std::uint32_t end) {
  Filled filled;
  for (std::size_t i = 0; i < count_;) {
    Hole& hole = holes_[i];
    const std::uint32_t from = seq_distance(begin, hole.begin) > 0 ? begin : hole.begin;
    const std::uint32_t to = seq_distance(end, hole.end()) < 0 ? end : hole.end();
    if (seq_distance(to, from) <= 0) {
      ++i;
      continue;
    }
    filled.bytes += to - from;
    const Hole rest{to, hole.end(), hole.marked != 0};
    hole = {hole.begin, from, hole.marked != 0};
    if (hole.size == 0) {
      remove(i);
    } else {
      ++i;
    }
    if (rest.size > 0) {  // no other has a part of the range
      filled.forgotten = insert(i, rest);
      break;
    }
  }
  return filled;
}

std::uint32_t HoleList::mark_before(std::uint32_t seq) {
  std::uint32_t fresh = 0;
  for (std::size_t i = 0; i < count_ && seq_distance(seq, holes_[i].end()) >= 0; ++i) {
    fresh += holes_[i].marked ? 0 : 1;
    holes_[i].marked = 1;
  }
  return fresh;
}

std::uint64_t HoleList::size() const {
  std::uint64_t size = 0;
  for (std::size_t i = 0; i < count_; ++i) size += holes_[i].size;
  return size;
}

std::uint32_t HoleList::insert(std::size_t at, Hole hole) {
  std::uint32_t forgotten = 0;
  if (count_ == kHoles) {
    if (at == 0) return hole.size;
    forgotten = holes_[0].size;
    remove(0);
    --at;
  }
  std::copy_backward(holes_.begin() + at, holes_.begin() + count_, holes_.begin() + count_ + 1);
  holes_[at] = hole;
  ++count_;
  return forgotten;
}

void HoleList::remove(std::size_t at) {
  std::copy(holes_.begin() + at + 1, holes_.begin() + count_, holes_.begin() + at);
  --count_;
}

}  // namespace tapline
