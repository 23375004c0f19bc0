// The thread that writes all workers' lines to one sink.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "exporters/doorbell.h"
#include "exporters/file_descriptor.h"
#include "exporters/line_buffers.h"
#include "exporters/output_target.h"
#include "exporters/write_backend.h"

namespace tapline {

enum class SinkState : std::uint8_t {
  kOpen,
  kReaderGone,  // nobody reads the pipe any more: a clean end, not an error
  kFailed,      // a write failed; status() says how
  kStopped,     // stop_at_once() was called
};

// Since the start. lines + lost is the number of lines the workers ended, once all of it has come to rest.
struct SinkCounters {
  std::uint64_t lines = 0, bytes = 0;  // that are in the sink
  std::uint64_t lost = 0;              // lines: no buffer was free, or the sink was dead
  std::uint64_t waiting = 0;           // buffers handed over that the writer has not taken up yet
  std::uint64_t oversized = 0;         // lines longer than a buffer
};

// Life: create(), add_worker() for each worker, start(); the workers write; each calls flush() on its
// LineBuffers and ends; finish(). create() opens all that it needs: privileges may be dropped and a sandbox
// entered after it.
//
// Lines arrive whole, those of one worker in their order; those of several workers interleave, but for the
// first that was added: what it hands over comes before all that others hand over after that. Only a sink
// that ends in the middle of a line (a reader that goes away, stop_at_once() with a full pipe, a full disk
// under a file that others write to as well) can be left with a part of one. A dead sink takes lines and
// counts them as lost, so that no worker is ever stuck on it: the engine looks at state() and ends.
//
// The thread blocks all signals, SIGPIPE among them: main need not ignore it for the writer's sake.
class Writer {
 public:
  static absl::StatusOr<std::unique_ptr<Writer>> create(OutputTarget target,
                                                        UseUring uring = UseUring::kIfAllowed);
  // Stops at once if finish() has not returned true.
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  // Buffers for one worker; they live as long as the writer. REQUIRES: not started.
  LineBuffers& add_worker(const LineBufferOptions& options);

  absl::Status start();

  // Waits at most `patience`, or until a signal handler has run, until everything handed over is written.
  // False: the sink needs longer; call again, or stop_at_once() first. REQUIRES: the workers write no more.
  // From one thread.
  bool finish(std::chrono::milliseconds patience);

  // Gives up what is not written yet, also a write that waits for room. From any thread and from a signal
  // handler: with one thread that both reads a file and takes the signals, nothing else can free that thread
  // from waiting for a sink that is stuck. REQUIRES: the object lives.
  void stop_at_once();

  // For any thread. The engine looks at it whenever it wakes.
  SinkState state() const { return state_.load(std::memory_order_acquire); }
  // kUnavailable in state kFailed, whatever the error: names the sink and the error. Otherwise OK.
  absl::Status status() const;
  SinkCounters counters() const;
  std::string_view backend_name() const { return backend_->name(); }
  const OutputTarget& target() const { return target_; }

 private:
  struct InFlight {
    LineBuffer* buffer;
    BufferExchange* from;
  };

  Writer(OutputTarget target, FileDescriptor bell, FileDescriptor stop, FileDescriptor ended, UseUring uring);

  void begin_finish();
  void run();
  void submit_all();
  void settle_oldest();
  void wait_for_work();
  bool anything_waits() const;
  void end_with(SinkState state);
  void fail(int error);

  const OutputTarget target_;
  Doorbell bell_;
  const FileDescriptor stop_;   // readable once stop_at_once() was called
  const FileDescriptor ended_;  // readable once the thread is about to end
  const std::unique_ptr<WriteBackend> backend_;
  std::vector<std::unique_ptr<LineBuffers>> workers_;
  std::thread thread_;

  // The thread's own.
  std::deque<InFlight> in_flight_;
  std::size_t next_worker_ = 0;

  std::atomic<bool> finishing_{false};
  std::atomic<bool> stopping_{false};
  std::atomic<SinkState> state_{SinkState::kOpen};
  absl::Status failure_;  // written before state_ becomes kFailed
  alignas(kCacheLine) std::atomic<std::uint64_t> lines_{0};
  std::atomic<std::uint64_t> bytes_{0};
  std::atomic<std::uint64_t> lost_{0};
};

}  // namespace tapline
