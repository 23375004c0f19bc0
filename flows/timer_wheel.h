// Deadlines of many connections, kept so that a packet that puts one off costs nothing.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory_resource>
#include <vector>

#include "flows/index_list.h"
#include "flows/prefetch.h"
#include "flows/reserved_array.h"

namespace tapline {

// Entries are indices below `capacity`, each scheduled at most once. A deadline may be put off without
// telling the wheel: when an entry's time comes, the wheel asks for its deadline as it is then and files it
// again. Driven by packet time; time never goes back. The order of what falls due is that of the ticks, and
// within a tick that of scheduling: nothing random decides it.
class TimerWheel {
 public:
  // Memory is touched only where it is used.
  explicit TimerWheel(std::uint32_t capacity,
                      std::pmr::memory_resource& memory = *std::pmr::new_delete_resource())
      : links_(capacity, memory) {
    heads_.fill(kNone);
  }

  // REQUIRES: `index` is not scheduled.
  void schedule(std::uint32_t index, std::int64_t deadline_ns) {
    const std::int64_t tick = std::max(tick_of(deadline_ns) + 1, now_ + 1);
    std::size_t slot;
    if (tick - now_ < kSlots) {
      slot = static_cast<std::size_t>(tick % kSlots);
    } else {  // what is too far for the second level goes to its last slot, and is filed again from there
      const std::int64_t far = std::min(tick / kSlots, now_ / kSlots + kSlots - 1);
      slot = kSlots + static_cast<std::size_t>(far % kSlots);
    }
    links_[index] = {kNone, tails_[slot], static_cast<std::uint32_t>(slot)};
    (heads_[slot] == kNone ? heads_[slot] : links_[tails_[slot]].next) = index;
    if (heads_[slot] == index) links_[index].previous = kNone;
    tails_[slot] = index;
  }

  // REQUIRES: `index` is scheduled.
  void cancel(std::uint32_t index) {
    const Links own = links_[index];
    (own.previous == kNone ? heads_[own.slot] : links_[own.previous].next) = own.next;
    (own.next == kNone ? tails_[own.slot] : links_[own.next].previous) = own.previous;
  }

  // Start to load what schedule() and cancel() will look at: what the second asks of must have come. REQUIRES
  // of it: `index` is scheduled.
  void prefetch(std::uint32_t index) const { prefetch_line(&links_[index]); }
  void prefetch_neighbours(std::uint32_t index) const { prefetch_linked(links_, index, kNone); }

  // True when advance() has something to look at.
  bool due(std::int64_t now_ns) const { return tick_of(now_ns) > now_; }

  // Moves time on. For each entry that may have come due, `deadline(index)` gives its deadline now; when that
  // is before `now_ns`, `expire(index)` is called, with the entry unscheduled; else it is filed again.
  // Some entries before both `prefetch(index, false)` is called, and some later `prefetch(index, true)`.
  template <class Prefetch, class Deadline, class Expire>
  void advance(std::int64_t now_ns, Prefetch prefetch, Deadline deadline, Expire expire) {
    const std::int64_t target = tick_of(now_ns);
    if (target - now_ > kSlots * kSlots) {  // a jump (the first packet, a merged capture): look at everything
      const std::int64_t from = now_;
      now_ = target;
      for (std::int64_t i = 1; i <= kSlots; ++i) take(static_cast<std::size_t>((from + i) % kSlots));
      for (std::int64_t i = 0; i < kSlots; ++i) {
        take(kSlots + static_cast<std::size_t>((from / kSlots + i) % kSlots));
      }
      settle(now_ns, prefetch, deadline, expire);
      return;
    }
    while (now_ < target) {
      ++now_;
      if (now_ % kSlots == 0) take(kSlots + static_cast<std::size_t>(now_ / kSlots % kSlots));
      take(static_cast<std::size_t>(now_ % kSlots));
      if (!taken_.empty()) settle(now_ns, prefetch, deadline, expire);
    }
  }

 private:
  static constexpr std::uint32_t kNone = 0xffffffffu;
  static constexpr std::int64_t kSlots = 256;
  // 2^26 ns are 67 ms: the first level reaches 17 s, the second 73 minutes.
  static std::int64_t tick_of(std::int64_t ns) { return ns >> 26; }
  struct Links {
    std::uint32_t next, previous, slot;
  };

  void take(std::size_t slot) {
    for (std::uint32_t i = heads_[slot]; i != kNone; i = links_[i].next) taken_.push_back(i);
    heads_[slot] = kNone;
  }
  template <class Prefetch, class Deadline, class Expire>
  void settle(std::int64_t now_ns, Prefetch prefetch, Deadline deadline, Expire expire) {
    constexpr std::size_t kNear = 8, kFar = 16;
    std::swap(taken_, settling_);
    const std::size_t n = settling_.size();
    for (std::size_t step = 0; step < n + kFar; ++step) {
      if (step < n) prefetch(settling_[step], false);
      if (step >= kNear && step - kNear < n) prefetch(settling_[step - kNear], true);
      if (step < kFar) continue;
      const std::uint32_t index = settling_[step - kFar];
      const std::int64_t at = deadline(index);
      if (at < now_ns) {
        expire(index);
      } else {
        schedule(index, at);
      }
    }
    settling_.clear();
  }

  ReservedArray<Links> links_;
  std::array<std::uint32_t, 2 * kSlots> heads_{}, tails_{};
  std::vector<std::uint32_t> taken_, settling_;
  std::int64_t now_ = 0;  // ticks
};

}  // namespace tapline
