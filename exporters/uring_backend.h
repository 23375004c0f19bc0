// Writes to regular files with io_uring, several writes at a time.
#pragma once

#include <liburing.h>
#include <sys/types.h>

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include "exporters/record_framing.h"
#include "exporters/write_backend.h"

namespace tapline {

// Each write goes to an explicit offset, reserved by moving the shared file position first. So writes may be
// done in any order; another process, or our own standard error (`> log 2>&1`), that writes through the same
// open file meanwhile goes behind what is in flight and not over it; and the position is right for whoever
// writes after us (`(tapline; echo) > f`).
class UringBackend final : public WriteBackend {
 public:
  // Null when the system refuses io_uring (EPERM in containers and by sysctl, ENOSYS, ENOMEM), or is too old.
  // `fd` must outlive the object. REQUIRES: fd is a regular file without O_APPEND, which knows no offsets.
  static std::unique_ptr<WriteBackend> create(int fd, Framing framing);
  ~UringBackend() override;
  UringBackend(const UringBackend&) = delete;
  UringBackend& operator=(const UringBackend&) = delete;

  std::string_view name() const override { return "io_uring"; }
  bool has_room() const override { return in_flight_ < slots_.size(); }
  void submit(std::string_view lines) override;
  WriteResult wait_oldest() override;

 private:
  struct Slot {
    std::string_view lines;
    off_t offset = -1;  // of lines[0] in the file; -1: not known
    std::size_t written = 0;
    int error = 0;
    bool done = false;
  };

  UringBackend(int fd, Framing framing);
  bool set_up();
  void prepare(Slot& slot);
  void reap();
  void take(const io_uring_cqe& cqe);
  void fail_all(int error);
  void give_up_from(Slot& failed);
  Slot& nth(std::size_t n) { return slots_[(oldest_ + n) % slots_.size()]; }

  io_uring ring_{};
  bool ring_open_ = false;
  const int fd_;
  const Framing framing_;
  off_t initial_size_ = 0;
  std::vector<Slot> slots_;  // a ring: in_flight_ of them from oldest_ on
  std::size_t oldest_ = 0;
  std::size_t in_flight_ = 0;
  bool failed_ = false;
};

}  // namespace tapline
