// One input for several workers: all see all of it, nobody waits for one that left, and everybody can be
// woken.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "engine/byte_source.h"
#include "engine/capture_file.h"
#include "engine/fd.h"
#include "engine/shared_bytes.h"
#include "tests/engine/capture_bytes.h"

namespace tapline::testing {
namespace {

constexpr std::size_t kConsumers = 3;

std::string path_of(const Fd& fd) { return "/proc/self/fd/" + std::to_string(fd.get()); }

// A file that has no name any more, to be opened by path_of().
Fd make_file(const Bytes& bytes) {
  std::string name = ::testing::TempDir() + "tapline-shared-XXXXXX";
  Fd fd(mkostemp(name.data(), O_CLOEXEC));
  EXPECT_TRUE(fd.valid());
  EXPECT_EQ(unlink(name.c_str()), 0);
  EXPECT_EQ(write(fd.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  return fd;
}

struct Pipe {
  Fd read_end, write_end;
};
Pipe make_pipe() {
  int fds[2] = {-1, -1};
  EXPECT_EQ(pipe2(fds, O_CLOEXEC), 0);
  return {Fd(fds[0]), Fd(fds[1])};
}

std::unique_ptr<SharedBytes> start(const std::string& path, std::size_t consumers,
                                   SharedBytesSizes sizes = {}, int stop_fd = -1) {
  absl::StatusOr<InputFile> file = InputFile::open(path, stop_fd);
  EXPECT_TRUE(file.ok()) << file.status();
  auto shared = SharedBytes::start(*std::move(file), consumers, sizes);
  EXPECT_TRUE(shared.ok()) << shared.status();
  return *std::move(shared);
}

// Up to `limit` bytes.
absl::StatusOr<Bytes> drain(ByteSource& source, std::size_t limit = SIZE_MAX) {
  Bytes all;
  while (all.size() < limit) {
    const auto piece = source.next();
    if (!piece.ok()) return piece.status();
    if (piece->empty()) break;
    all.insert(all.end(), piece->begin(), piece->end());
  }
  return all;
}

Bytes many_frames(unsigned count) {
  Bytes file = pcap_header(Order::kLittle, kNanoseconds, 1);
  for (unsigned i = 0; i < count; ++i) {
    const Bytes frame = pcap_frame(Order::kLittle, i, i, frame_bytes(i * 7 % 1500, i), 1500);
    file.insert(file.end(), frame.begin(), frame.end());
  }
  return file;
}

// Sizes that make views end at, before and behind the ring's seam, and the reader wait for the consumers.
TEST(SharedBytes, EveryConsumerGetsTheWholeFile) {
  const Bytes bytes = many_frames(400);
  const Fd file = make_file(bytes);
  const Contents whole = read_all({bytes});
  ASSERT_TRUE(whole.status.ok()) << whole.status;
  for (const SharedBytesSizes sizes : {SharedBytesSizes{}, SharedBytesSizes{65536, 65536},
                                       SharedBytesSizes{10007, 1000}, SharedBytesSizes{100, 64}}) {
    const auto shared = start(path_of(file), kConsumers, sizes);
    std::vector<Contents> contents(kConsumers);
    std::vector<std::thread> threads;
    for (Contents& mine : contents) {
      threads.emplace_back(
          [&mine, source = shared->take_consumer()]() mutable { mine = read_all(std::move(source)); });
    }
    for (std::thread& thread : threads) thread.join();
    for (const Contents& mine : contents) EXPECT_TRUE(mine == whole) << sizes.ring << " " << mine.status;
  }
}

TEST(SharedBytes, ASlowConsumerHoldsTheReaderBack) {
  const Bytes bytes = frame_bytes(10000, 1);
  const Fd file = make_file(bytes);
  const auto shared = start(path_of(file), 2, {1000, 100});
  auto slow = shared->take_consumer();
  auto quick = shared->take_consumer();
  // The quick one gets what the ring holds, and would then have to wait.
  const auto ahead = drain(*quick, 1000);
  ASSERT_TRUE(ahead.ok()) << ahead.status();
  EXPECT_EQ(ahead->size(), 1000u);
  const auto first = drain(*slow, 1000);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_TRUE(*first == *ahead);
  EXPECT_TRUE(std::equal(first->begin(), first->end(), bytes.begin()));
}

TEST(SharedBytes, AConsumerThatLeavesHoldsNobodyBack) {
  const Bytes bytes = frame_bytes(200000, 1);
  const Fd file = make_file(bytes);
  const auto shared = start(path_of(file), kConsumers, {1000, 100});
  auto stays = shared->take_consumer();
  {
    auto leaves = shared->take_consumer();
    auto leaves_at_once = shared->take_consumer();
    EXPECT_TRUE(drain(*leaves, 300).ok());
  }
  const auto read = drain(*stays);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(*read == bytes);
}

// Whether a thread of this process waits for something, as the kernel says.
bool asleep(pid_t thread) {
  std::ifstream file("/proc/self/task/" + std::to_string(thread) + "/stat");
  std::string stat;
  std::getline(file, stat);
  const std::size_t name_end = stat.rfind(") ");
  return name_end != std::string::npos && stat[name_end + 2] == 'S';
}

// As the above, but the others already wait for room when it leaves, and so does the reader: nobody but the
// one that leaves is left to wake them.
TEST(SharedBytes, AConsumerThatLeavesWakesThoseItHeldBack) {
  const Bytes bytes = frame_bytes(200000, 1);
  const Fd file = make_file(bytes);
  const auto shared = start(path_of(file), kConsumers, {1000, 100});
  auto leaves = shared->take_consumer();
  EXPECT_TRUE(leaves->next().ok());

  struct Other {
    std::atomic<pid_t> thread = 0;
    std::atomic<std::size_t> bytes = 0;
  };
  std::array<Other, 2> others;
  std::vector<std::thread> threads;
  for (Other& other : others) {
    threads.emplace_back([&other, source = shared->take_consumer()] {
      other.thread = gettid();
      for (auto piece = source->next(); piece.ok() && !piece->empty(); piece = source->next()) {
        other.bytes += piece->size();
      }
    });
  }
  for (const Other& other : others) {
    while (other.bytes < 1000 || !asleep(other.thread)) std::this_thread::yield();
    EXPECT_EQ(other.bytes, 1000u);
  }
  leaves.reset();
  for (std::thread& thread : threads) thread.join();
  for (const Other& other : others) EXPECT_EQ(other.bytes, bytes.size());
}

TEST(SharedBytes, CancelWakesReaderAndConsumers) {
  const Pipe pipe = make_pipe();  // nothing is ever written to it
  const auto shared = start(path_of(pipe.read_end), kConsumers);
  std::vector<std::thread> threads;
  std::vector<absl::StatusCode> codes(kConsumers, absl::StatusCode::kOk);
  for (absl::StatusCode& code : codes) {
    threads.emplace_back(
        [&code, source = shared->take_consumer()] { code = drain(*source).status().code(); });
  }
  shared->cancel();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(codes, std::vector<absl::StatusCode>(kConsumers, absl::StatusCode::kCancelled));
}

TEST(SharedBytes, AStopIsToldAfterWhatWasRead) {
  const Pipe pipe = make_pipe();
  const auto stop = EventFd::open();
  ASSERT_TRUE(stop.ok());
  const auto shared = start(path_of(pipe.read_end), 2, {}, stop->fd());
  auto one = shared->take_consumer();
  auto other = shared->take_consumer();
  ASSERT_EQ(write(pipe.write_end.get(), "abc", 3), 3);
  EXPECT_EQ(*drain(*one, 3), (Bytes{'a', 'b', 'c'}));
  stop->notify();
  EXPECT_EQ(one->next().status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(*drain(*other, 3), (Bytes{'a', 'b', 'c'}));
  EXPECT_EQ(other->next().status().code(), absl::StatusCode::kCancelled);
}

// As after --count: all workers have what they want, and the pipe is silent.
TEST(SharedBytes, EndsWhileTheInputIsSilent) {
  const Pipe pipe = make_pipe();
  const auto shared = start(path_of(pipe.read_end), 2);
  auto one = shared->take_consumer();
  auto other = shared->take_consumer();
  ASSERT_EQ(write(pipe.write_end.get(), "abc", 3), 3);
  EXPECT_EQ(*drain(*one, 3), (Bytes{'a', 'b', 'c'}));
}

TEST(SharedBytes, AReadErrorReachesEveryConsumer) {
  const auto shared = start("/proc/self/mem", 2);  // nothing is mapped at address 0
  for (int i = 0; i < 2; ++i) {
    const auto consumer = shared->take_consumer();
    EXPECT_EQ(consumer->next().status().code(), absl::StatusCode::kUnknown);
  }
}

// One thread that opens its workers' files in turn must not wait for itself: the ring is filled up by however
// small pieces.
TEST(SharedBytes, FilesCanBeOpenedOneAfterTheOther) {
  const Bytes bytes = many_frames(20);
  Pipe pipe = make_pipe();
  const auto shared = start(path_of(pipe.read_end), 2);
  std::thread writer([&bytes, fd = std::move(pipe.write_end)] {
    for (const std::uint8_t byte : bytes) ASSERT_EQ(write(fd.get(), &byte, 1), 1);
  });
  auto one = CaptureFile::open(shared->take_consumer());
  auto other = CaptureFile::open(shared->take_consumer());
  EXPECT_TRUE(one.ok()) << one.status();
  EXPECT_TRUE(other.ok()) << other.status();
  writer.join();
}

}  // namespace
}  // namespace tapline::testing
