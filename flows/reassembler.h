// One direction of a connection in the order of its sequence numbers.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "flows/byte_pool.h"
#include "flows/hole_list.h"

namespace tapline {

// Where bytes came from: the frame they arrived in, and the numbers of their TCP header. `seq` is that of the
// first byte meant.
struct Origin {
  std::int64_t time_ns = 0;
  std::uint64_t ordinal = 0;
  std::uint32_t seq = 0;
  std::uint32_t ack = 0;
  bool has_ack = false;

  Origin behind(std::size_t bytes) const {
    Origin moved = *this;
    moved.seq += static_cast<std::uint32_t>(bytes);
    return moved;
  }
};

// Payload of one segment, or a part of it.
struct Piece {
  Origin origin;
  std::uint32_t length = 0;   // on the wire
  std::string_view bytes;     // as far as captured: bytes.size() <= length
  bool segment_start = true;  // `bytes` starts where a segment started
  bool elided = false;        // left out on purpose: no bytes, and nothing is missed

  // Drops `n` bytes from the front.
  void trim_front(std::uint32_t n) {
    origin.seq += n;
    length -= n;
    bytes.remove_prefix(std::min<std::size_t>(n, bytes.size()));
    segment_start = false;
  }
};

// What was noticed on the way; bytes are payload bytes.
struct StreamAccount {
  std::uint64_t retransmitted_bytes = 0, out_of_order_bytes = 0, missed_bytes = 0;
  std::uint32_t retransmits = 0, out_of_order = 0, conflicts = 0;
  std::uint32_t holes = 0;    // that missed_bytes is the size of
  std::uint32_t refused = 0;  // times that the pool had no room for what came early

  // A segment brought `behind` bytes from before what had come, `late` of them for the first time.
  void count_behind(std::uint32_t behind, std::uint32_t late) {
    out_of_order += late > 0 ? 1 : 0;
    out_of_order_bytes += late;
    retransmits += late < behind ? 1 : 0;
    retransmitted_bytes += behind - late;
  }
};

// Takes the stream as it comes out.
class StreamConsumer {
 public:
  virtual ~StreamConsumer() = default;
  // Whether bytes from there may come out now; if not, they are kept, and what is behind them too, until
  // release() finds that they may.
  virtual bool ready(const Origin&) const { return true; }
  // The next bytes; valid during the call only.
  virtual void data(std::string_view bytes, const Origin& origin, bool segment_start) = 0;
  // `length` bytes were on the wire and are not to be had.
  virtual void gap(std::uint64_t length, const Origin& next) = 0;
  // The next `length` bytes came, and were left where they were (Piece::elided). `last_time` of them is
  // known.
  virtual void elided(std::uint64_t, std::int64_t) {}
};

// In-order payload goes through without a copy; what comes early is kept in the pool, first copy first, until
// the hole before it is filled or given up. A hole is given up when the other side has acknowledged it (so it
// was lost by the capture, not on the way), when too much waits behind it, or, where no acknowledgements are
// seen at all, when it has stayed open for a second of packet time. Its bytes may still come; of the latest
// few holes they then count as late instead of missed.
class Reassembler {
 public:
  bool started() const { return started_; }
  bool waiting() const { return first_ != BytePool::kNull; }
  // Nothing waits, and nothing that was given up may still come.
  bool whole() const { return !waiting() && lost_.empty(); }
  // The next bytes are there and are kept back. REQUIRES: waiting(), for the origin.
  bool held(const BytePool& pool) const { return waiting() && first_origin(pool).seq == next_; }
  const Origin& first_origin(const BytePool& pool) const;
  // The next sequence number to come out. REQUIRES: started().
  std::uint32_t next() const { return next_; }

  void start(std::uint32_t seq) {
    next_ = seq;
    started_ = true;
  }

  // Takes a segment's payload; gives the number of its bytes that were new. REQUIRES: started(). `acks_seen`:
  // whether the other direction is captured.
  std::uint32_t accept(BytePool& pool, const Piece& piece, bool acks_seen, StreamAccount& account,
                       StreamConsumer& consumer);

  // The bytes up to `seq` came in order, and went past here. REQUIRES: started(), !waiting().
  void come_to(std::uint32_t seq) { next_ = seq; }

  // The other side has received everything before `ack`.
  void acknowledged(BytePool& pool, std::uint32_t ack, StreamAccount& account, StreamConsumer& consumer);

  // Hands out what was kept back and is ready now. True: something came out.
  bool release(BytePool& pool, StreamAccount& account, StreamConsumer& consumer);

  // Gives up what is missing before `seq`.
  void skip_to(BytePool& pool, std::uint32_t seq, StreamAccount& account, StreamConsumer& consumer);

  // Gives up every hole. For the end of a connection.
  void drain(BytePool& pool, StreamAccount& account, StreamConsumer& consumer);

  // [begin, end) stands before everything that came, and behind something that came late.
  void lack_early(BytePool& pool, std::uint32_t begin, std::uint32_t end, StreamAccount& account) {
    account.missed_bytes += end - begin;
    lost_.prepend(pool, begin, end);
  }
  // The latest few holes that were given up; from here on another's to keep, and to give back.
  HoleList hand_over_lost() { return std::exchange(lost_, HoleList()); }

  // Calls visit(sequence number, length) for each piece that waits, in order.
  template <class Visit>
  void for_each_kept(const BytePool& pool, Visit visit) const;

  // Lets go of what waits, and of what is remembered of holes.
  void clear(BytePool& pool);

 private:
  // Stands at the start of a pool block; the bytes follow.
  struct Kept {
    Origin origin;
    std::uint32_t length, captured;
    BytePool::Handle next;
    bool segment_start, elided;

    char* bytes() { return reinterpret_cast<char*>(this + 1); }
    std::uint32_t end() const { return origin.seq + length; }
  };
  static Kept& kept(BytePool& pool, BytePool::Handle handle);
  static const Kept& kept(const BytePool& pool, BytePool::Handle handle);
  std::uint32_t keep(BytePool& pool, Piece piece, StreamAccount& account);
  bool store(BytePool& pool, const Piece& piece, BytePool::Handle after);
  void deliver(const Piece& piece, StreamAccount& account, StreamConsumer& consumer);
  void release_first(BytePool& pool);
  void give_up_first_hole(BytePool& pool, StreamAccount& account, StreamConsumer& consumer);

  void lose(BytePool& pool, std::uint32_t seq, StreamAccount& account);

  std::uint32_t next_ = 0;
  HoleList lost_;  // given up: what comes of them after all is counted, and read no more
  BytePool::Handle first_ = BytePool::kNull, last_ = BytePool::kNull;  // kept pieces, by sequence number
  std::uint32_t kept_count_ = 0, kept_bytes_ = 0;
  bool started_ = false;
};

template <class Visit>
void Reassembler::for_each_kept(const BytePool& pool, Visit visit) const {
  for (BytePool::Handle at = first_; at != BytePool::kNull; at = kept(pool, at).next) {
    visit(kept(pool, at).origin.seq, kept(pool, at).length);
  }
}

}  // namespace tapline
