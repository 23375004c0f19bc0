// How bytes get from buffers into a sink's descriptor.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <memory>
#include <string_view>

#include "exporters/output_target.h"

namespace tapline {

// What became of one piece of output.
struct WriteResult {
  std::size_t bytes = 0;  // that are in the sink
  // 0: all of it is. ECANCELED: the sink had no room when it was asked to stop. EPIPE: its reader has gone.
  // Otherwise the errno of the write that failed.
  int error = 0;
};

// Writes pieces in the order in which they are submitted. Used by one thread. After a result with an error
// nothing more may be submitted; what was submitted before still has its results fetched.
class WriteBackend {
 public:
  virtual ~WriteBackend() = default;

  // For a person: "io_uring", "write", or "write in small pieces".
  virtual std::string_view name() const = 0;

  virtual bool has_room() const = 0;
  // `lines`, whole records, must stay as they are until their result is there. REQUIRES: has_room().
  virtual void submit(std::string_view lines) = 0;
  // Waits for the result of what was submitted first among that without result. REQUIRES: there is some.
  virtual WriteResult wait_oldest() = 0;

  // A descriptor on which poll() reports POLLERR or POLLHUP once nobody reads the sink any more, or -1.
  virtual int hangup_fd() const { return -1; }
};

enum class UseUring : bool { kNo, kIfAllowed };

// Chooses what suits the target: io_uring for regular files, if the system lets us, with several writes in
// flight; write(2) for everything else, where it is faster (pipes) or io_uring gains nothing (with O_APPEND
// only one write at a time would keep the order). `stop_fd` becomes readable when a write that waits for room
// must give up. `target` must outlive the result.
std::unique_ptr<WriteBackend> make_write_backend(const OutputTarget& target, int stop_fd, UseUring uring);

// After a write that failed half-way: cuts the regular file `fd` at `keep_end`, to take away the beginning of
// a record and whatever was written beyond, and moves the file position there. Does nothing unless all
// between keep_end and the end of the file is ours: the file position is still `our_end`, and the file ends
// there or before. True when the file was cut.
bool cut_file(int fd, off_t keep_end, off_t our_end);

}  // namespace tapline
