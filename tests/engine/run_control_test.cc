// What the threads of a run share: bounds that hold over all of them, figures that arrive whole.
#include "engine/run_control.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "engine/published.h"

namespace tapline {
namespace {

bool readable(int fd) {
  pollfd wait{.fd = fd, .events = POLLIN, .revents = 0};
  return poll(&wait, 1, 0) == 1;
}

TEST(RunControl, FramesAreBoundedOverAllWorkers) {
  constexpr std::uint64_t kBound = 100'003;  // no multiple of what the workers ask for
  absl::StatusOr<std::unique_ptr<RunControl>> control = RunControl::open(kBound);
  ASSERT_TRUE(control.ok());
  std::atomic<std::uint64_t> taken = 0;
  std::vector<std::thread> threads;
  for (const std::uint64_t batch : std::vector<std::uint64_t>{64, 63, 1, 17}) {
    threads.emplace_back([&, batch] {
      while (!(*control)->frames_exhausted()) taken += (*control)->take_frames(batch);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(taken, kBound);
  EXPECT_EQ((*control)->take_frames(1), 0u);
}

TEST(RunControl, WithoutABoundEveryFrameIsTaken) {
  absl::StatusOr<std::unique_ptr<RunControl>> control = RunControl::open(std::nullopt);
  ASSERT_TRUE(control.ok());
  EXPECT_EQ((*control)->take_frames(1u << 30), 1u << 30);
  EXPECT_FALSE((*control)->frames_exhausted());
}

TEST(RunControl, StopIsSeenByThoseWhoWaitAndByThoseWhoLook) {
  absl::StatusOr<std::unique_ptr<RunControl>> control = RunControl::open(std::nullopt);
  ASSERT_TRUE(control.ok());
  EXPECT_FALSE(readable((*control)->stop_fd()));
  (*control)->stop();
  EXPECT_TRUE((*control)->stopping());
  EXPECT_FALSE((*control)->abandoned());
  EXPECT_TRUE(readable((*control)->stop_fd()));
  (*control)->abandon();
  EXPECT_TRUE((*control)->abandoned());
}

TEST(RunControl, TheFirstFailureIsKept) {
  absl::StatusOr<std::unique_ptr<RunControl>> control = RunControl::open(std::nullopt);
  ASSERT_TRUE(control.ok());
  (*control)->worker_ended(absl::OkStatus());
  EXPECT_TRUE(readable((*control)->ended().fd()));
  (*control)->worker_ended(absl::DataLossError("first"));
  (*control)->worker_ended(absl::UnknownError("second"));
  EXPECT_EQ((*control)->ended_workers(), 3u);
  EXPECT_EQ((*control)->status().message(), "first");
}

struct Pair {
  std::uint64_t one = 0, two = 0;
};

TEST(Published, NumbersOnlyGrowForWhoReadsThemMeanwhile) {
  constexpr std::uint64_t kLast = 200'000;
  Published<Pair> published;
  std::thread owner([&published] {
    for (std::uint64_t i = 1; i <= kLast; ++i) published.publish({i, 3 * i});
  });
  Pair latest;
  while (latest.one < kLast) {
    const Pair now = published.read();
    ASSERT_GE(now.one, latest.one);
    ASSERT_GE(now.two, latest.two);
    ASSERT_EQ(now.two % 3, 0u) << "torn";
    latest = now;
  }
  owner.join();
  EXPECT_EQ(published.read().two, 3 * kLast);
}

}  // namespace
}  // namespace tapline
