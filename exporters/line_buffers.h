// The buffers of one worker: lines are encoded into them and leave for the writer as they are.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "exporters/buffer_exchange.h"
#include "exporters/line_output.h"

namespace tapline {

// What to do with a line when the writer has all buffers.
enum class SlowSink : std::uint8_t {
  kBlock,  // wait for the sink: nothing is lost. For input that can wait, a file.
  kDrop,   // count the line as lost: live capture must not stall. Whole lines only.
};

struct LineBufferOptions {
  SlowSink slow_sink = SlowSink::kDrop;
  // Writes of 256 KiB were as fast as any to a pipe and the fastest to a file (io_uring and write(2) alike);
  // smaller ones cost up to half of the rate to a file.
  std::size_t buffer_bytes = std::size_t{256} << 10;
  // 8 MiB a worker: some 10 ms of the densest record stream. Pages are touched only when they are needed.
  std::size_t buffers = 32;
  // How old a line may be when flush_if_older() is called, in nanoseconds. With a call at least every 50 ms,
  // no line waits longer than 100 ms.
  std::int64_t max_age_ns = 50'000'000;
};

// The LineOutput of a worker. A line is what a sink takes whole or not at all: a record and its '\n', or a
// block of a capture file. Used by that worker's thread alone, but for the counters. All memory is allocated
// by the constructor, but for lines longer than a buffer: such a line gets memory of its own, which is freed
// once it has been written. Memory is bounded by `buffers` times the longest line.
//
// What the worker's loop must do: call flush_if_older() at least every 50 ms, flush() before it waits for
// input without a limit of time (a pipe as input file), and flush() at the end.
class LineBuffers final : public LineOutput {
 public:
  // `writer` is rung when a buffer is handed over; it must outlive the object. REQUIRES: buffers and
  // buffer_bytes above 0.
  LineBuffers(const LineBufferOptions& options, Doorbell& writer);
  LineBuffers(const LineBuffers&) = delete;
  LineBuffers& operator=(const LineBuffers&) = delete;

  void end_line() override { end(1); }
  // Ends a line that no counter knows of: what describes a file, beside what it is there for.
  void end_uncounted() { end(0); }
  // After need(): no buffer was free, and whatever is written into this line is lost with it.
  bool loses_line() const { return current_ == &scratch_; }

  // Hands over what there is. REQUIRES: no line is begun.
  void flush();

  // Hands the current buffer over when its oldest line may be older than max_age_ns. `now_ns` is of a
  // monotonic clock. A line's age counts from the first call after it, so that lines cost no look at a clock.
  // Does nothing while the writer is behind: the line could not be written sooner, and buffers that are not
  // full would use up the supply. Costs a few instructions when there is nothing to do. REQUIRES: no line is
  // begun.
  void flush_if_older(std::int64_t now_ns);

  // For any thread, exact once the worker has come to rest.
  std::uint64_t lost_lines() const { return lost_.load(std::memory_order_relaxed); }
  // Times that a line longer than a buffer got memory of its own.
  std::uint64_t oversized_lines() const { return oversized_.load(std::memory_order_relaxed); }

  BufferExchange& exchange() { return exchange_; }
  const BufferExchange& exchange() const { return exchange_; }

 private:
  struct Free {
    void operator()(char* memory) const;
  };

  void make_room(std::size_t n) override;
  void end(std::uint32_t counted);
  bool holds_lines() const { return line_start_ != current_->data; }
  void reserve(LineBuffer& buffer, std::size_t bytes, std::size_t keep);
  LineBuffer* take_empty();
  void hand_over();
  void park();

  const LineBufferOptions options_;
  std::unique_ptr<char[], Free> memory_;
  std::vector<LineBuffer> buffers_;
  std::vector<LineBuffer*> spare_;  // empty ones; the last one was used last and is the warmest in the cache
  BufferExchange exchange_;

  // Takes the lines that are lost, and a partial line on its way from one buffer to the next.
  LineBuffer scratch_;
  // Where the line being written is. &scratch_ with no room: between lines, no buffer taken (park()).
  // &scratch_ otherwise: the line is lost.
  LineBuffer* current_ = &scratch_;
  char* line_start_ = nullptr;
  std::int64_t pending_since_ = 0;  // flush_if_older() first saw a line in current_; 0: not yet

  alignas(kCacheLine) std::atomic<std::uint64_t> lost_{0};
  std::atomic<std::uint64_t> oversized_{0};
};

}  // namespace tapline
