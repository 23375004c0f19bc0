// What the threads of one run share: whether to stop, how many frames may still be taken, who has ended and
// how.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/fd.h"

namespace tapline {

// Thread-safe but for open. The lock is on the path of threads that end, not of packets.
class RunControl {
 public:
  // `frames`: the bound of -c over all workers together; nothing: no bound.
  static absl::StatusOr<std::unique_ptr<RunControl>> open(std::optional<std::uint64_t> frames) {
    absl::StatusOr<EventFd> stop = EventFd::open();
    if (!stop.ok()) return stop.status();
    absl::StatusOr<EventFd> ended = EventFd::open();
    if (!ended.ok()) return ended.status();
    return std::unique_ptr<RunControl>(new RunControl(frames, *std::move(stop), *std::move(ended)));
  }

  // Workers end: with all that is open written (stop), or at once (abandon). The second can follow the first.
  void stop() {
    stopping_.store(true, std::memory_order_relaxed);
    stop_.notify();
  }
  void abandon() {
    abandoned_.store(true, std::memory_order_relaxed);
    stop();
  }
  bool stopping() const { return stopping_.load(std::memory_order_relaxed); }
  bool abandoned() const { return abandoned_.load(std::memory_order_relaxed); }
  int stop_fd() const { return stop_.fd(); }  // readable from stop() on

  // How many of `wanted` frames may be handled; fewer than wanted: the bound is reached.
  std::uint64_t take_frames(std::uint64_t wanted) {
    if (!bounded_) return wanted;
    std::uint64_t left = frames_left_.load(std::memory_order_relaxed);
    while (
        !frames_left_.compare_exchange_weak(left, left - std::min(left, wanted), std::memory_order_relaxed)) {
    }
    return std::min(left, wanted);
  }
  bool frames_exhausted() const { return bounded_ && frames_left_.load(std::memory_order_relaxed) == 0; }

  // Said once by each worker, as its last act. The first failure is kept.
  void worker_ended(const absl::Status& status) {
    {
      const std::lock_guard lock(mutex_);
      status_.Update(status);
      ++ended_workers_;
    }
    ended_.notify();
  }
  unsigned ended_workers() const {
    const std::lock_guard lock(mutex_);
    return ended_workers_;
  }
  absl::Status status() const {
    const std::lock_guard lock(mutex_);
    return status_;
  }
  const EventFd& ended() const { return ended_; }  // readable when a worker has ended

 private:
  RunControl(std::optional<std::uint64_t> frames, EventFd stop, EventFd ended)
      : stop_(std::move(stop)),
        ended_(std::move(ended)),
        bounded_(frames.has_value()),
        frames_left_(frames.value_or(std::numeric_limits<std::uint64_t>::max())) {}

  const EventFd stop_, ended_;
  std::atomic<bool> stopping_ = false, abandoned_ = false;
  const bool bounded_;
  std::atomic<std::uint64_t> frames_left_;
  mutable std::mutex mutex_;
  absl::Status status_;
  unsigned ended_workers_ = 0;
};

}  // namespace tapline
