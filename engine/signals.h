// The signals that mean something to us, as events to wait for instead of handlers that interrupt.
#pragma once

#include <optional>

#include "absl/status/statusor.h"
#include "engine/fd.h"

namespace tapline {

enum class Signal {
  kFinish,  // SIGINT, SIGTERM
  kReopen,  // SIGHUP
  kStats,   // SIGUSR1
};

// Not thread-safe.
class Signals {
 public:
  // Blocks the signals in this thread and, by inheritance, in all threads started later; ignores SIGPIPE, so
  // that a reader that goes away is an error of write (EPIPE) and not our death.
  //
  // REQUIRES: no other thread runs yet; it would go on dying from them.
  static absl::StatusOr<Signals> open();

  // Readable, for poll, while a signal waits to be taken.
  int fd() const { return fd_.get(); }

  // The next signal that came, nothing when none waits. Never blocks. Several of a kind that come before they
  // are taken are one (that is how the kernel counts them).
  std::optional<Signal> take();

 private:
  explicit Signals(Fd fd) : fd_(std::move(fd)) {}

  Fd fd_;
};

}  // namespace tapline
