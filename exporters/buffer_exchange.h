// Carries full buffers from one worker to the writer, and empty ones back.
#pragma once

#include <atomic>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "exporters/buffer_queue.h"
#include "exporters/doorbell.h"

namespace tapline {

// Whole lines on their way to a sink. It belongs to the worker while it is being filled and to the writer
// from hand_over() to give_back(); nobody else touches it meanwhile.
struct LineBuffer {
  char* data = nullptr;
  std::size_t capacity = 0;  // bytes at `data`
  std::size_t size = 0;      // bytes of whole lines; set when it is handed over
  std::uint32_t lines = 0;   // of them that count
  // What the buffer falls back to once a line longer than that has been written from `large`.
  char* home = nullptr;
  std::size_t home_capacity = 0;
  std::unique_ptr<char[]> large;
};

// Two queues and a place for the worker to sleep. Both queues hold all buffers there are, so that neither
// push can fail.
class BufferExchange {
 public:
  // `writer` must outlive the exchange.
  BufferExchange(std::size_t buffers, Doorbell& writer) : full_(buffers), empty_(buffers), writer_(writer) {}

  // For the worker.

  void hand_over(LineBuffer* buffer) {
    [[maybe_unused]] const bool pushed = full_.push(buffer);
    assert(pushed);
    writer_.ring();
  }

  // Null when the writer has given none back.
  LineBuffer* take_empty() {
    LineBuffer* buffer = nullptr;
    empty_.pop(buffer);
    return buffer;
  }

  // Sleeps until the writer gives a buffer back, which it does even for a sink that is dead.
  LineBuffer* wait_for_empty() {
    for (;;) {
      if (LineBuffer* buffer = take_empty()) return buffer;
      // The same chain of exchanges as in Doorbell: either we see the buffer, or the writer sees us wait.
      waiting_.exchange(1, std::memory_order_acq_rel);
      if (LineBuffer* buffer = take_empty()) {
        waiting_.exchange(0, std::memory_order_acq_rel);
        return buffer;
      }
      waiting_.wait(1, std::memory_order_acquire);
    }
  }

  // For the writer.

  // Null when none waits.
  LineBuffer* take_full() {
    LineBuffer* buffer = nullptr;
    full_.pop(buffer);
    return buffer;
  }

  void give_back(LineBuffer* buffer) {
    [[maybe_unused]] const bool pushed = empty_.push(buffer);
    assert(pushed);
    if (waiting_.exchange(0, std::memory_order_acq_rel) != 0) waiting_.notify_one();
  }

  // For any thread: buffers that the writer has not taken up yet.
  std::size_t waiting() const { return full_.size(); }

 private:
  BufferQueue<LineBuffer*> full_;
  BufferQueue<LineBuffer*> empty_;
  Doorbell& writer_;
  alignas(kCacheLine) std::atomic<int> waiting_{0};  // 1: the worker sleeps, or is about to
};

}  // namespace tapline
