// What came of one direction, by sequence numbers alone: for streams that are counted and not read.
#pragma once

#include <cstdint>

#include "flows/hole_list.h"
#include "flows/reassembler.h"

namespace tapline {

// Remembers the end of what came, and the holes before it: bytes that come late count once, whatever came
// since. When there are more holes than room the first is given up, and what fills it then counts as sent
// again.
class SequenceAccount {
 public:
  bool started() const { return started_; }
  void start(std::uint32_t seq) {
    next_ = seq;
    started_ = true;
  }
  // Goes on where another reading stopped: before `seq` all came but `holes`, which were told already.
  void start(BytePool& pool, std::uint32_t seq, HoleList holes) {
    start(seq);
    holes_ = holes;
    holes_.mark_before(pool, seq);
  }
  // Behind the highest byte that came. REQUIRES: started().
  std::uint32_t next() const { return next_; }

  // Takes in `length` bytes at `seq`; gives the number of those that are new. REQUIRES: started().
  std::uint32_t add(BytePool& pool, std::uint32_t seq, std::uint32_t length, StreamAccount& account);

  // [begin, end) stands before everything that came, and behind something that came late.
  void lack_early(BytePool& pool, std::uint32_t begin, std::uint32_t end, StreamAccount& account) {
    account.missed_bytes += holes_.prepend(pool, begin, end);
  }

  // The other side has received everything before `ack`. Holes before it are the capture's loss, and are
  // counted in `account.holes`; late bytes still fill them.
  void acknowledged(BytePool& pool, std::uint32_t ack, StreamAccount& account) {
    if (!holes_.empty()) account.holes += holes_.mark_before(pool, ack);
  }

  // Gives up all holes, and what is missing before `end`.
  void finish(BytePool& pool, std::uint32_t end, StreamAccount& account);

  // Nothing is missing before next().
  bool whole() const { return holes_.empty(); }

  void release(BytePool& pool) { holes_.clear(pool); }

 private:
  HoleList holes_;
  bool started_ = false;
  std::uint32_t next_ = 0;
};

}  // namespace tapline
