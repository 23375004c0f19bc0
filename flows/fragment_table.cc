#include "flows/fragment_table.h"

#include <algorithm>
#include <cstring>

namespace tapline {

FragmentTable::FragmentTable(BytePool& pool) : pool_(pool), lists_(kMaxDatagrams) {}

FragmentTable::~FragmentTable() { clear(); }

FragmentTable::Key FragmentTable::key_of(const Fragment& fragment) {
  Key key;
  // IPv6 fragments of one datagram may name different protocols; the first one's counts.
  const bool v4 = fragment.source.version == IpVersion::kV4;
  key.addresses.set(fragment.source.version, fragment.source.bytes.data(), fragment.destination.bytes.data(),
                    0, v4 ? fragment.protocol : std::uint16_t{0});
  key.addresses.set_encapsulation(fragment.around);
  key.id = fragment.id;
  return key;
}

std::uint32_t FragmentTable::begin(const Key& key, std::int64_t time_ns) {
  if (by_key_.size() == kMaxDatagrams) give_up(in_order_.head);
  std::uint32_t index = static_cast<std::uint32_t>(slots_.size());
  if (free_.empty()) {
    slots_.emplace_back();
  } else {
    index = free_.back();
    free_.pop_back();
  }
  Waiting& waiting = slots_[index];
  waiting.key = key;
  waiting.first_time = time_ns;
  by_key_.emplace(key, index);
  lists_.append(in_order_, index);
  return index;
}

void FragmentTable::erase(std::uint32_t index) {
  Waiting& waiting = slots_[index];
  for (const Piece& piece : waiting.pieces) pool_.release(piece.bytes, piece.captured);
  by_key_.erase(waiting.key);
  lists_.remove(in_order_, index);
  std::vector<Piece> pieces = std::move(waiting.pieces);
  pieces.clear();
  waiting = Waiting();
  waiting.pieces = std::move(pieces);
  free_.push_back(index);
}

void FragmentTable::give_up(std::uint32_t index) {
  given_up_ += slots_[index].fragments;
  erase(index);
}

void FragmentTable::clear() {
  while (in_order_.head != IndexLists::kNone) give_up(in_order_.head);
}

FragmentTable::Placed FragmentTable::place(Waiting& waiting, const Fragment& fragment) {
  const std::uint32_t end = fragment.offset + fragment.length;
  const bool same_end = waiting.end == 0 || (fragment.more ? end <= waiting.end : end == waiting.end);
  const bool whole_units = fragment.length > 0 && (!fragment.more || fragment.length % 8 == 0);
  if (end > kMaxPayload || !same_end || !whole_units) return Placed::kConflict;
  const auto next =
      std::lower_bound(waiting.pieces.begin(), waiting.pieces.end(), fragment.offset,
                       [](const Piece& piece, std::uint32_t offset) { return piece.offset < offset; });
  if (next != waiting.pieces.end() && next->offset == fragment.offset && next->length == fragment.length) {
    return Placed::kSame;
  }
  if (next != waiting.pieces.end() && next->offset < end) return Placed::kConflict;
  if (next != waiting.pieces.begin() && (next - 1)->offset + (next - 1)->length > fragment.offset) {
    return Placed::kConflict;
  }
  // What is behind the last fragment's end is none of the datagram's.
  if (!fragment.more && !waiting.pieces.empty() && waiting.pieces.back().offset > fragment.offset) {
    return Placed::kConflict;
  }
  Piece piece{fragment.offset, fragment.length, static_cast<std::uint32_t>(fragment.data.size()),
              BytePool::kNull};
  if (waiting.pieces.size() == kMaxPieces) return Placed::kNoRoom;
  if (piece.captured > 0) {
    piece.bytes = pool_.allocate(piece.captured);
    if (piece.bytes == BytePool::kNull) return Placed::kNoRoom;
    std::memcpy(pool_.at(piece.bytes), fragment.data.data(), piece.captured);
  }
  waiting.pieces.insert(next, piece);
  waiting.received += piece.length;
  if (!fragment.more) waiting.end = end;
  if (fragment.offset == 0) waiting.protocol = fragment.protocol;
  return Placed::kYes;
}

const Datagram* FragmentTable::complete(Waiting& waiting, const Fragment& last) {
  if (completed_count_ == completed_.size()) completed_.emplace_back();
  Completed& completed = completed_[completed_count_++];
  completed.bytes.clear();
  for (const Piece& piece : waiting.pieces) {
    if (piece.captured > 0) {
      const auto* bytes = reinterpret_cast<const std::uint8_t*>(pool_.at(piece.bytes));
      completed.bytes.insert(completed.bytes.end(), bytes, bytes + piece.captured);
    }
    if (piece.captured < piece.length) break;
  }
  Datagram& datagram = completed.datagram;
  datagram.source = last.source;
  datagram.destination = last.destination;
  datagram.protocol = waiting.protocol;
  datagram.length = waiting.end;
  datagram.data = completed.bytes;
  datagram.around = last.around;
  return &datagram;
}

const Datagram* FragmentTable::add(const Fragment& fragment, std::int64_t time_ns) {
  while (in_order_.head != IndexLists::kNone && slots_[in_order_.head].first_time + kTimeout < time_ns) {
    give_up(in_order_.head);
  }
  const Key key = key_of(fragment);
  const auto found = by_key_.find(key);
  const std::uint32_t index = found == by_key_.end() ? begin(key, time_ns) : found->second;
  Waiting& waiting = slots_[index];
  ++waiting.fragments;
  const Placed placed = place(waiting, fragment);
  if (placed == Placed::kConflict || placed == Placed::kNoRoom) {
    give_up(index);
    return nullptr;
  }
  if (waiting.end == 0 || waiting.received < waiting.end) return nullptr;
  const Datagram* const datagram = complete(waiting, fragment);
  erase(index);
  return datagram;
}

}  // namespace tapline
