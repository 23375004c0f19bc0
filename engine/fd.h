// Owners of file descriptors.
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace tapline {

// Closes what it holds; -1 is "none".
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd() {
    if (fd_ >= 0) close(fd_);
  }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

// A flag that poll can wait for. notify() may be called from any thread.
class EventFd {
 public:
  static absl::StatusOr<EventFd> open() {
    Fd fd(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    if (!fd.valid()) return absl::ErrnoToStatus(errno, "cannot open an eventfd");
    return EventFd(std::move(fd));
  }

  int fd() const { return fd_.get(); }

  // Makes fd() readable, and leaves it so until clear(). A full counter is readable already.
  void notify() const {
    const std::uint64_t one = 1;
    while (write(fd_.get(), &one, sizeof one) < 0 && errno == EINTR) {
    }
  }

  void clear() const {
    std::uint64_t count = 0;
    while (read(fd_.get(), &count, sizeof count) < 0 && errno == EINTR) {
    }
  }

 private:
  explicit EventFd(Fd fd) : fd_(std::move(fd)) {}

  Fd fd_;
};

}  // namespace tapline
