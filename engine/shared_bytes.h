// One input that comes once only, a pipe, seen whole by several workers.
//
// A connection's frames are anywhere in a capture, so each worker walks the frames of all of it and takes
// those of its own flows. Of a regular file each has a reader of its own (InputFile::another_reader), which
// costs less: what one core has read is far from the others.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/byte_source.h"
#include "engine/fd.h"

namespace tapline {

struct SharedBytesSizes {
  std::size_t ring = 4u << 20;     // bytes held at once
  std::size_t piece = 256u << 10;  // most bytes read, and handed to a consumer, at a time
};

// A ring of bytes, filled by a thread of its own. The slowest consumer holds the reader back, and so the
// others once they have seen all that is in the ring: memory is bounded by the ring, and nothing is lost.
//
// Each consumer belongs to one thread; the lock is taken once a piece.
class SharedBytes {
 public:
  // Starts reading for `consumers` consumers. REQUIRES: 0 < sizes.piece <= sizes.ring.
  static absl::StatusOr<std::unique_ptr<SharedBytes>> start(InputFile file, std::size_t consumers,
                                                            SharedBytesSizes sizes = {});

  // Cancels. REQUIRES: no source that take_consumer() gave is left.
  ~SharedBytes();
  SharedBytes(const SharedBytes&) = delete;
  SharedBytes& operator=(const SharedBytes&) = delete;

  // The next of the consumers, which all start at the first byte. One that is not needed any more must be
  // destroyed, or it holds back the others; so must those that are never taken. When all are gone, reading
  // ends. What was read before the input ended, failed or was stopped is handed out before the end or the
  // error is told. REQUIRES: called at most `consumers` times, by one thread.
  std::unique_ptr<ByteSource> take_consumer();

  // Wakes everybody who waits, reader and consumers; these get kCancelled from now on. From any thread.
  void cancel();

 private:
  class Consumer;

  struct Reader {
    std::uint64_t released = 0;  // position before which this consumer has given all bytes back
    bool active = true;
  };

  SharedBytes(InputFile file, EventFd stop, std::size_t consumers, SharedBytesSizes sizes);

  void fill();
  // Bytes that may be read next, as far as they lie in one stretch of the ring; empty: stop.
  std::span<std::uint8_t> wait_for_room();
  absl::StatusOr<std::span<const std::uint8_t>> next(std::size_t consumer, std::uint64_t position);
  void leave(std::size_t consumer);
  std::uint64_t oldest_held() const;

  // Positions count bytes from the start of the input; position p is at ring_[p % sizes_.ring].
  const SharedBytesSizes sizes_;
  const std::unique_ptr<std::uint8_t[]> ring_;
  InputFile file_;      // the reading thread's alone
  const EventFd stop_;  // ends the reading thread's wait for input
  std::size_t taken_ = 0;

  std::mutex mutex_;
  std::condition_variable readable_;  // for consumers
  std::condition_variable room_;      // for the reading thread
  // Under mutex_.
  std::vector<Reader> readers_;
  std::uint64_t filled_ = 0;  // position behind the last byte in the ring
  bool ended_ = false;
  absl::Status end_;  // how it ended
  bool cancelled_ = false;

  std::thread thread_;  // last: it uses all of the above
};

}  // namespace tapline
