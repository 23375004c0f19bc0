// Wakes one thread that sleeps in poll(), at no system call while it is awake.
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>

#include "exporters/buffer_queue.h"
#include "exporters/file_descriptor.h"

namespace tapline {

// The sleeper:                               The others:
//   bell.about_to_sleep();                     make work visible (push to a queue, set a flag);
//   if (nothing to do) poll(bell.fd(), …);     bell.ring();
//   bell.awake();
//
// No wake-up is lost: both sides exchange the same atomic, and whoever comes second sees what the other did
// before. If the sleeper is second, it has synchronised with ring() and finds the work when it looks again;
// if ring() is second, it reads `true` and writes to the eventfd, which stays readable until awake(). Hence
// all changes of `asleep_` are read-modify-writes: a plain store would break the chain.
class Doorbell {
 public:
  // `event` is a non-blocking eventfd.
  explicit Doorbell(FileDescriptor event) : event_(std::move(event)) {}
  Doorbell(const Doorbell&) = delete;
  Doorbell& operator=(const Doorbell&) = delete;

  int fd() const { return event_.get(); }

  // Any thread, and signal handlers. Leaves errno alone.
  void ring() {
    if (!asleep_.exchange(false, std::memory_order_acq_rel)) return;
    const int saved = errno;
    const std::uint64_t one = 1;
    // It can only fail with EAGAIN, when the counter is near 2^64: then fd() is readable already.
    [[maybe_unused]] const ssize_t n = ::write(event_.get(), &one, sizeof(one));
    errno = saved;
  }

  void about_to_sleep() { asleep_.exchange(true, std::memory_order_acq_rel); }
  void awake() {
    asleep_.exchange(false, std::memory_order_acq_rel);
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t n = ::read(event_.get(), &count, sizeof(count));
  }

 private:
  const FileDescriptor event_;
  alignas(kCacheLine) std::atomic<bool> asleep_{false};
};

}  // namespace tapline
