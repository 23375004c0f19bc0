#include "engine/signals.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/status/status.h"

namespace tapline {

absl::StatusOr<Signals> Signals::open() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGUSR1}) sigaddset(&set, number);
  if (const int error = pthread_sigmask(SIG_BLOCK, &set, nullptr); error != 0) {
    return absl::ErrnoToStatus(error, "cannot block signals");
  }
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  if (sigaction(SIGPIPE, &ignore, nullptr) != 0) return absl::ErrnoToStatus(errno, "cannot ignore SIGPIPE");
  Fd fd(signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!fd.valid()) return absl::ErrnoToStatus(errno, "cannot open a signalfd");
  return Signals(std::move(fd));
}

std::optional<Signal> Signals::take() {
  signalfd_siginfo info;
  for (;;) {
    const ssize_t got = read(fd_.get(), &info, sizeof info);
    if (got < 0 && errno == EINTR) continue;
    if (got != sizeof info) return std::nullopt;
    switch (info.ssi_signo) {
      case SIGINT:
      case SIGTERM:
        return Signal::kFinish;
      case SIGHUP:
        return Signal::kReopen;
      case SIGUSR1:
        return Signal::kStats;
      default:
        break;  // not in the set; cannot come
    }
  }
}

}  // namespace tapline
