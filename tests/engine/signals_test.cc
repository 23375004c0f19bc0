// Signals as events.
#include "engine/signals.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

namespace tapline {
namespace {

bool readable(int fd) {
  pollfd wait{.fd = fd, .events = POLLIN, .revents = 0};
  return poll(&wait, 1, 0) == 1;
}

// In a child, for signal masks and dispositions outlive a test. Returns the number of the first check that
// failed.
int checks() {
  absl::StatusOr<Signals> signals = Signals::open();
  if (!signals.ok()) return 1;
  if (readable(signals->fd()) || signals->take()) return 2;
  const struct {
    int number;
    Signal meaning;
  } table[] = {{SIGINT, Signal::kFinish},
               {SIGTERM, Signal::kFinish},
               {SIGHUP, Signal::kReopen},
               {SIGUSR1, Signal::kStats}};
  for (const auto& [number, meaning] : table) {
    if (kill(getpid(), number) != 0) return 3;
    if (!readable(signals->fd())) return 4;
    if (signals->take() != meaning) return 5;
    if (signals->take()) return 6;
  }
  // A first and a second ^C are two events.
  for (int i = 0; i < 2; ++i) {
    kill(getpid(), SIGINT);
    if (signals->take() != Signal::kFinish) return 7;
  }
  // A reader that went away is an error of write.
  int ends[2];
  if (pipe(ends) != 0) return 8;
  close(ends[0]);
  if (write(ends[1], "x", 1) != -1 || errno != EPIPE) return 9;
  return 0;
}

TEST(Signals, AreTakenOneByOneAndKillNobody) {
  const pid_t child = fork();
  if (child == 0) _exit(checks());
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status)) << "killed by signal " << WTERMSIG(status);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace tapline
