#include "flows/reassembler.h"

#include <algorithm>
#include <cstring>

#include "flows/connection.h"

namespace tapline {
namespace {

// What may wait behind one hole: more than any receive window that is common.
constexpr std::uint32_t kMaxKept = 8192;
constexpr std::uint32_t kMaxKeptBytes = 8u << 20;
constexpr std::int64_t kPatienceWithoutAcks = 1'000'000'000;  // ns

}  // namespace

Reassembler::Kept& Reassembler::kept(BytePool& pool, BytePool::Handle handle) {
  return *reinterpret_cast<Kept*>(pool.at(handle));
}

const Reassembler::Kept& Reassembler::kept(const BytePool& pool, BytePool::Handle handle) {
  return *reinterpret_cast<const Kept*>(pool.at(handle));
}

const Origin& Reassembler::first_origin(const BytePool& pool) const { return kept(pool, first_).origin; }

std::uint32_t Reassembler::accept(BytePool& pool, const Piece& arrived, bool acks_seen,
                                  StreamAccount& account, StreamConsumer& consumer) {
  Piece piece = arrived;
  const std::int32_t ahead = seq_distance(piece.origin.seq, next_);
  std::uint32_t late = 0;
  if (ahead < 0) {
    const auto old = static_cast<std::uint32_t>(std::min<std::int64_t>(-std::int64_t{ahead}, piece.length));
    late = lost_.fill(pool, piece.origin.seq, piece.origin.seq + old).bytes;
    account.missed_bytes -= late;
    // One old byte, or none, at the end of what was sent is a keep-alive probe (RFC 9293 section 3.8.4).
    const bool probe = late == 0 && piece.length <= 1 && ahead == -1;
    if (!probe) account.count_behind(old, late);
    if (old == piece.length) return late;
    piece.trim_front(old);
  }
  if (seq_distance(piece.origin.seq, next_) > 0 || held(pool) || !consumer.ready(piece.origin)) {
    const std::uint32_t fresh = late + keep(pool, piece, account);
    const bool too_much = kept_count_ > kMaxKept || kept_bytes_ > kMaxKeptBytes;
    const bool too_long =
        !acks_seen && waiting() && piece.origin.time_ns - first_origin(pool).time_ns > kPatienceWithoutAcks;
    if (too_much || too_long) {
      give_up_first_hole(pool, account, consumer);
      release(pool, account, consumer);
    }
    return fresh;
  }
  std::uint32_t fresh = piece.length;
  if (waiting()) {  // it fills a hole: count what is new, and keep the first copy of the rest
    const Kept& first = kept(pool, first_);
    const std::int32_t room = seq_distance(first.origin.seq, next_);
    if (room < static_cast<std::int32_t>(piece.length)) {
      Piece rest = piece;
      rest.trim_front(static_cast<std::uint32_t>(room));
      fresh = static_cast<std::uint32_t>(room) + keep(pool, rest, account);
      piece.length = static_cast<std::uint32_t>(room);
      piece.bytes = piece.bytes.substr(0, piece.length);
    }
    ++account.out_of_order;
    account.out_of_order_bytes += piece.length;
  }
  deliver(piece, account, consumer);
  release(pool, account, consumer);
  return late + fresh;
}

// Puts the parts of a piece that no kept piece covers into their places; gives their size.
std::uint32_t Reassembler::keep(BytePool& pool, Piece piece, StreamAccount& account) {
  std::uint32_t fresh = 0;
  BytePool::Handle before = BytePool::kNull;
  // Most pieces go behind the last one.
  if (last_ != BytePool::kNull && seq_distance(piece.origin.seq, kept(pool, last_).end()) >= 0)
    before = last_;
  while (piece.length > 0) {
    const BytePool::Handle at = before == BytePool::kNull ? first_ : kept(pool, before).next;
    if (at == BytePool::kNull) {
      store(pool, piece, before) ? fresh += piece.length : ++account.refused;
      break;
    }
    Kept& other = kept(pool, at);
    const std::int32_t room = seq_distance(other.origin.seq, piece.origin.seq);
    if (room > 0) {  // the part in front of `other`
      Piece part = piece;
      part.length = std::min(piece.length, static_cast<std::uint32_t>(room));
      part.bytes = piece.bytes.substr(0, part.length);
      if (store(pool, part, before)) {
        fresh += part.length;
        before = before == BytePool::kNull ? first_ : kept(pool, before).next;
      } else {
        ++account.refused;
      }
      piece.trim_front(part.length);
      continue;
    }
    const std::int32_t overlap = seq_distance(other.end(), piece.origin.seq);
    if (overlap > 0) {  // the first copy stays
      const std::uint32_t n = std::min(piece.length, static_cast<std::uint32_t>(overlap));
      const auto offset = static_cast<std::uint32_t>(-room);
      const std::size_t both = other.captured <= offset
                                   ? 0
                                   : std::min<std::size_t>({n, piece.bytes.size(), other.captured - offset});
      if (std::memcmp(other.bytes() + offset, piece.bytes.data(), both) != 0) ++account.conflicts;
      ++account.retransmits;
      account.retransmitted_bytes += n;
      piece.trim_front(n);
    }
    before = at;
  }
  return fresh;
}

// False when the pool has no room: the piece is then as good as never seen.
bool Reassembler::store(BytePool& pool, const Piece& piece, BytePool::Handle after) {
  const BytePool::Handle block = pool.allocate(sizeof(Kept) + piece.bytes.size());
  if (block == BytePool::kNull) return false;
  const BytePool::Handle next = after == BytePool::kNull ? first_ : kept(pool, after).next;
  Kept& entry = *new (pool.at(block))
                    Kept{piece.origin, piece.length,        static_cast<std::uint32_t>(piece.bytes.size()),
                         next,         piece.segment_start, piece.elided};
  std::memcpy(entry.bytes(), piece.bytes.data(), piece.bytes.size());
  (after == BytePool::kNull ? first_ : kept(pool, after).next) = block;
  if (next == BytePool::kNull) last_ = block;
  ++kept_count_;
  kept_bytes_ += entry.captured;
  return true;
}

void Reassembler::deliver(const Piece& piece, StreamAccount& account, StreamConsumer& consumer) {
  next_ += piece.length;
  if (piece.elided) return consumer.elided(piece.length, piece.origin.time_ns);
  if (!piece.bytes.empty()) consumer.data(piece.bytes, piece.origin, piece.segment_start);
  if (const std::size_t cut = piece.length - piece.bytes.size(); cut > 0) {
    account.missed_bytes += cut;
    ++account.holes;
    consumer.gap(cut, piece.origin.behind(piece.length));
  }
}

void Reassembler::release_first(BytePool& pool) {
  const Kept& entry = kept(pool, first_);
  const BytePool::Handle next = entry.next;
  --kept_count_;
  kept_bytes_ -= entry.captured;
  pool.release(first_, sizeof(Kept) + entry.captured);
  first_ = next;
  if (next == BytePool::kNull) last_ = BytePool::kNull;
}

bool Reassembler::release(BytePool& pool, StreamAccount& account, StreamConsumer& consumer) {
  bool any = false;
  while (held(pool) && consumer.ready(first_origin(pool))) {
    Kept& entry = kept(pool, first_);
    deliver({entry.origin, entry.length, {entry.bytes(), entry.captured}, entry.segment_start, entry.elided},
            account, consumer);
    release_first(pool);
    any = true;
  }
  return any;
}

// What is before `seq` did not come.
void Reassembler::lose(BytePool& pool, std::uint32_t seq, StreamAccount& account) {
  account.missed_bytes += seq - next_;
  ++account.holes;
  lost_.append(pool, next_, seq);
  next_ = seq;
}

// Nothing when the next bytes are there and only held back.
void Reassembler::give_up_first_hole(BytePool& pool, StreamAccount& account, StreamConsumer& consumer) {
  const Origin origin = first_origin(pool);
  const std::uint32_t hole = origin.seq - next_;
  if (hole == 0) return;
  lose(pool, origin.seq, account);
  consumer.gap(hole, origin);
}

void Reassembler::acknowledged(BytePool& pool, std::uint32_t ack, StreamAccount& account,
                               StreamConsumer& consumer) {
  while (waiting() && !held(pool) && seq_distance(ack, first_origin(pool).seq) >= 0) {
    give_up_first_hole(pool, account, consumer);
    release(pool, account, consumer);
  }
}

void Reassembler::skip_to(BytePool& pool, std::uint32_t seq, StreamAccount& account,
                          StreamConsumer& consumer) {
  acknowledged(pool, seq, account, consumer);
  const std::int32_t hole = seq_distance(seq, next_);
  if (hole <= 0 || held(pool)) return;
  lose(pool, seq, account);
  Origin origin;
  origin.seq = seq;
  consumer.gap(static_cast<std::uint32_t>(hole), origin);
}

void Reassembler::drain(BytePool& pool, StreamAccount& account, StreamConsumer& consumer) {
  while (waiting()) {
    give_up_first_hole(pool, account, consumer);
    if (!release(pool, account, consumer)) return;
  }
}

void Reassembler::clear(BytePool& pool) {
  while (waiting()) release_first(pool);
  lost_.clear(pool);
}

}  // namespace tapline
