#include "flows/hole_list.h"

#include <algorithm>
#include <new>

#include "flows/connection.h"

namespace tapline {

// The block, or a new one; null when the pool has no room.
HoleList::Block* HoleList::block(BytePool& pool) {
  if (block_ != BytePool::kNull) return reinterpret_cast<Block*>(pool.at(block_));
  block_ = pool.allocate(sizeof(Block));
  return block_ == BytePool::kNull ? nullptr : new (pool.at(block_)) Block();
}

void HoleList::clear(BytePool& pool) {
  pool.release(block_, sizeof(Block));
  block_ = BytePool::kNull;
}

std::uint32_t HoleList::append(BytePool& pool, std::uint32_t begin, std::uint32_t end) {
  Block* const list = block(pool);
  return list == nullptr ? end - begin : list->insert(list->count, {begin, end, false});
}

std::uint32_t HoleList::prepend(BytePool& pool, std::uint32_t begin, std::uint32_t end) {
  Block* const list = block(pool);
  return list == nullptr ? end - begin : list->insert(0, {begin, end, true});
}

HoleList::Filled HoleList::fill(BytePool& pool, std::uint32_t begin, std::uint32_t end) {
  Filled filled;
  if (empty()) return filled;
  Block& list = *block(pool);
  for (std::size_t i = 0; i < list.count;) {
    Hole& hole = list.holes[i];
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
      list.remove(i);
    } else {
      ++i;
    }
    if (rest.size > 0) {  // no other has a part of the range
      filled.forgotten = list.insert(i, rest);
      break;
    }
  }
  if (list.count == 0) clear(pool);
  return filled;
}

std::uint32_t HoleList::mark_before(BytePool& pool, std::uint32_t seq) {
  if (empty()) return 0;
  Block& list = *block(pool);
  std::uint32_t fresh = 0;
  for (std::size_t i = 0; i < list.count && seq_distance(seq, list.holes[i].end()) >= 0; ++i) {
    fresh += list.holes[i].marked ? 0 : 1;
    list.holes[i].marked = 1;
  }
  return fresh;
}

std::uint64_t HoleList::size(const BytePool& pool) const {
  if (empty()) return 0;
  const Block& list = *reinterpret_cast<const Block*>(pool.at(block_));
  std::uint64_t size = 0;
  for (std::size_t i = 0; i < list.count; ++i) size += list.holes[i].size;
  return size;
}

std::uint32_t HoleList::Block::insert(std::size_t at, Hole hole) {
  std::uint32_t forgotten = 0;
  if (count == kHoles) {
    if (at == 0) return hole.size;
    forgotten = holes[0].size;
    remove(0);
    --at;
  }
  std::copy_backward(holes.begin() + at, holes.begin() + count, holes.begin() + count + 1);
  holes[at] = hole;
  ++count;
  return forgotten;
}

void HoleList::Block::remove(std::size_t at) {
  std::copy(holes.begin() + at + 1, holes.begin() + count, holes.begin() + at);
  --count;
}

}  // namespace tapline
