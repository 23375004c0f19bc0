// The writer, as the readers of its sinks see it.
#include "exporters/writer.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/fsuid.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace tapline {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLong{600'000};  // a hang is for ctest's time-out to find

void put_line(LineOutput& out, std::string_view line) {
  char* p = out.need(line.size() + 1);
  std::memcpy(p, line.data(), line.size());
  p[line.size()] = '\n';
  out.advance(p + line.size() + 1);
  out.end_line();
}

// "w3 000017 ppp…": the worker, the number of the line, and padding whose length depends on both.
std::string numbered(int worker, int number) {
  std::string line = "w" + std::to_string(worker) + " " + std::to_string(number) + " ";
  return line.append(static_cast<std::size_t>(number * 7 + worker) % 200, 'p');
}

void put_numbered(LineOutput& out, int worker, int from, int to) {
  for (int i = from; i < to; ++i) put_line(out, numbered(worker, i));
}

// Checks that all is whole lines made by numbered(), in each worker's order; returns how many each worker
// has.
std::map<int, int> count_numbered(std::string_view text) {
  std::map<int, int> count, last;
  EXPECT_TRUE(text.empty() || text.back() == '\n');
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size() - 1);
    const std::string line(text.substr(0, end));
    text.remove_prefix(end + 1);
    int worker = -1, number = -1;
    const bool parsed = std::sscanf(line.c_str(), "w%d %d", &worker, &number) == 2;
    if (!parsed || line != numbered(worker, number)) {
      ADD_FAILURE() << "not a whole line: " << line;
      break;
    }
    if (last.count(worker) != 0 && number <= last[worker]) ADD_FAILURE() << "out of order: " << line;
    last[worker] = number;
    ++count[worker];
  }
  return count;
}

std::string read_to_end(int fd) {
  std::string all;
  std::vector<char> buffer(64 << 10);
  for (;;) {
    const ssize_t n = ::read(fd, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return all;
    all.append(buffer.data(), static_cast<std::size_t>(n));
  }
}

std::string read_file(const std::string& path) {
  const FileDescriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_TRUE(fd.valid()) << path;
  return read_to_end(fd.get());
}

struct Pipe {
  FileDescriptor reader, writer;
};

// A pipe of one page.
Pipe small_pipe() {
  std::array<int, 2> fds{};
  EXPECT_EQ(::pipe2(fds.data(), O_CLOEXEC), 0);
  EXPECT_EQ(::fcntl(fds[1], F_SETPIPE_SZ, 4096), 4096);
  return {FileDescriptor(fds[0]), FileDescriptor(fds[1])};
}

// True once all but one of a worker's small_buffers() wait behind a pipe that nobody reads: the writer has
// the last one and is stuck with it, or soon will be.
bool stuck(const Writer& writer, int pipe_reader) {
  int in_pipe = 0;
  EXPECT_EQ(::ioctl(pipe_reader, FIONREAD, &in_pipe), 0);
  return in_pipe > 0 && writer.counters().waiting >= 3;
}

void wait_until_stuck(const Writer& writer, int pipe_reader) {
  while (!stuck(writer, pipe_reader)) std::this_thread::yield();
}

class TempFile {
 public:
  TempFile() {
    const FileDescriptor fd(::mkstemp(path_.data()));
    EXPECT_TRUE(fd.valid());
  }
  ~TempFile() { ::unlink(path_.c_str()); }
  const std::string& path() const { return path_; }
  FileDescriptor open(int flags) const { return FileDescriptor(::open(path_.c_str(), flags | O_CLOEXEC)); }

 private:
  std::string path_ = "/tmp/tapline-writer-test-XXXXXX";
};

std::unique_ptr<Writer> make_writer(FileDescriptor fd, UseUring uring = UseUring::kIfAllowed) {
  auto writer = Writer::create(OutputTarget(std::move(fd), "the test's sink"), uring);
  EXPECT_TRUE(writer.ok()) << writer.status();
  return std::move(writer).value();
}

// Together they hold more than small_pipe() does.
LineBufferOptions small_buffers(SlowSink slow_sink) {
  LineBufferOptions options;
  options.slow_sink = slow_sink;
  options.buffer_bytes = 2048;
  options.buffers = 4;
  return options;
}

// A seccomp filter for this thread and those it makes: io_uring_setup, or io_uring_enter, gives EPERM, as in
// a container. What the kernel can't undo, a thread of its own takes with it.
void refuse_system_call(int number) {
  std::array<sock_filter, 4> code{{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(number), 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
  sock_fprog program{code.size(), code.data()};
  ASSERT_EQ(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
  ASSERT_EQ(::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

// The ways to write to a regular file, all with the same results.
enum class Way { kUring, kWrite };
class FileWriterTest : public testing::TestWithParam<Way> {
 protected:
  std::unique_ptr<Writer> make(FileDescriptor fd) const {
    const bool append = (::fcntl(fd.get(), F_GETFL) & O_APPEND) != 0;
    const bool allowed = GetParam() == Way::kUring;
    auto writer = make_writer(std::move(fd), allowed ? UseUring::kIfAllowed : UseUring::kNo);
    EXPECT_EQ(writer->backend_name(), allowed && !append ? "io_uring" : "write");
    return writer;
  }
};

// A file's head may grow while frames are saved: what it describes comes after it.
TEST_P(FileWriterTest, WhatTheFirstWorkerHandsOverComesBeforeWhatOthersHandOverThen) {
  const TempFile file;
  auto writer = make(file.open(O_WRONLY));
  LineBuffers& first = writer->add_worker(small_buffers(SlowSink::kBlock));
  LineBuffers& other = writer->add_worker(small_buffers(SlowSink::kBlock));
  for (const char* line : {"head 1", "head 2", "head 3"}) {
    put_line(first, line);
    first.flush();
  }
  for (const char* line : {"frame 1", "frame 2", "frame 3"}) {
    put_line(other, line);
    other.flush();
  }
  ASSERT_TRUE(writer->start().ok());
  ASSERT_TRUE(writer->finish(kLong));
  EXPECT_EQ(read_file(file.path()), "head 1\nhead 2\nhead 3\nframe 1\nframe 2\nframe 3\n");
}

TEST_P(FileWriterTest, LinesOfSeveralWorkersAreWholeAndInOrder) {
  constexpr int kWorkers = 3, kLines = 30'000;
  const TempFile file;
  auto writer = make(file.open(O_WRONLY));
  std::vector<LineBuffers*> outs;
  for (int w = 0; w < kWorkers; ++w) outs.push_back(&writer->add_worker(small_buffers(SlowSink::kBlock)));
  ASSERT_TRUE(writer->start().ok());
  std::vector<std::thread> threads;
  for (int w = 0; w < kWorkers; ++w) {
    threads.emplace_back([&, w] {
      put_numbered(*outs[static_cast<std::size_t>(w)], w, 0, kLines);
      outs[static_cast<std::size_t>(w)]->flush();
    });
  }
  for (std::thread& thread : threads) thread.join();
  ASSERT_TRUE(writer->finish(kLong));
  const std::string text = read_file(file.path());
  EXPECT_EQ(count_numbered(text), (std::map<int, int>{{0, kLines}, {1, kLines}, {2, kLines}}));
  const SinkCounters counters = writer->counters();
  EXPECT_EQ(counters.lines, static_cast<std::uint64_t>(kWorkers * kLines));
  EXPECT_EQ(counters.bytes, text.size());
  EXPECT_EQ(counters.lost, 0u);
  EXPECT_EQ(counters.waiting, 0u);
  EXPECT_EQ(writer->state(), SinkState::kOpen);
  EXPECT_TRUE(writer->status().ok());
}

// `(echo head; tapline; echo tail) > f`
TEST_P(FileWriterTest, StartsAtTheFilePositionAndLeavesItAtTheEnd) {
  const TempFile file;
  FileDescriptor fd = file.open(O_WRONLY);
  ASSERT_EQ(::write(fd.get(), "head\n", 5), 5);
  const FileDescriptor shared(::dup(fd.get()));
  auto writer = make(std::move(fd));
  LineBuffers& out = writer->add_worker(small_buffers(SlowSink::kBlock));
  ASSERT_TRUE(writer->start().ok());
  put_numbered(out, 0, 0, 1000);
  out.flush();
  ASSERT_TRUE(writer->finish(kLong));
  ASSERT_EQ(::write(shared.get(), "tail\n", 5), 5);
  const std::string text = read_file(file.path());
  ASSERT_EQ(text.substr(0, 5), "head\n");
  ASSERT_EQ(text.substr(text.size() - 5), "tail\n");
  EXPECT_EQ(count_numbered(std::string_view(text).substr(5, text.size() - 10)),
            (std::map<int, int>{{0, 1000}}));
}

// `tapline > log 2>&1`, or a second program that writes through the same open file.
TEST_P(FileWriterTest, WhatOthersWriteThroughTheSameOpenFileIsNotOverwritten) {
  constexpr int kLines = 20'000;
  const TempFile file;
  FileDescriptor fd = file.open(O_WRONLY);
  const FileDescriptor shared(::dup(fd.get()));
  auto writer = make(std::move(fd));
  LineBuffers& out = writer->add_worker(small_buffers(SlowSink::kBlock));
  ASSERT_TRUE(writer->start().ok());
  std::thread other([&] {
    for (int i = 0; i < 2'000; ++i) {
      const std::string line = numbered(9, i) + "\n";
      EXPECT_EQ(::write(shared.get(), line.data(), line.size()), static_cast<ssize_t>(line.size()));
    }
  });
  put_numbered(out, 0, 0, kLines);
  out.flush();
  other.join();
  ASSERT_TRUE(writer->finish(kLong));
  EXPECT_EQ(count_numbered(read_file(file.path())), (std::map<int, int>{{0, kLines}, {9, 2'000}}));
}

TEST_P(FileWriterTest, TwoWritersAppendToOneFile) {
  constexpr int kLines = 20'000;
  const TempFile file;
  std::vector<std::unique_ptr<Writer>> writers;
  std::vector<std::thread> threads;
  for (int w = 0; w < 2; ++w) {
    writers.push_back(make(file.open(O_WRONLY | O_APPEND)));
    LineBuffers* out = &writers.back()->add_worker(small_buffers(SlowSink::kBlock));
    ASSERT_TRUE(writers.back()->start().ok());
    threads.emplace_back([out, w] {
      put_numbered(*out, w, 0, kLines);
      out->flush();
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (auto& writer : writers) ASSERT_TRUE(writer->finish(kLong));
  EXPECT_EQ(count_numbered(read_file(file.path())), (std::map<int, int>{{0, kLines}, {1, kLines}}));
}

TEST_P(FileWriterTest, ALineLongerThanABufferIsWritten) {
  const TempFile file;
  auto writer = make(file.open(O_WRONLY));
  LineBuffers& out = writer->add_worker(small_buffers(SlowSink::kDrop));
  ASSERT_TRUE(writer->start().ok());
  const std::string longer(1 << 20, 'L');
  put_line(out, "before");
  put_line(out, longer);
  put_line(out, "after");
  out.flush();
  ASSERT_TRUE(writer->finish(kLong));
  EXPECT_EQ(read_file(file.path()), "before\n" + longer + "\nafter\n");
  EXPECT_EQ(writer->counters().oversized, 1u);
}

// A file that may grow no further, in the middle of a line and with later writes in flight.
class LimitedFileSize {
 public:
  explicit LimitedFileSize(rlim_t bytes) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limited{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limited);
  }
  ~LimitedFileSize() { ::setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

TEST_P(FileWriterTest, AFullFileEndsWithAWholeLineAndAnError) {
  for (const int append : {0, O_APPEND}) {
    const TempFile file;
    auto writer = make(file.open(O_WRONLY | append));
    LineBuffers& out = writer->add_worker(small_buffers(SlowSink::kBlock));
    constexpr int kLines = 20'000;
    {
      const LimitedFileSize limit(100'001);
      ASSERT_TRUE(writer->start().ok());
      put_numbered(out, 0, 0, kLines);
      out.flush();
      ASSERT_TRUE(writer->finish(kLong));
    }
    EXPECT_EQ(writer->state(), SinkState::kFailed);
    EXPECT_EQ(writer->status().code(), absl::StatusCode::kUnavailable);
    EXPECT_NE(writer->status().message().find("the test's sink"), std::string::npos) << writer->status();
    EXPECT_NE(writer->status().message().find("File too large"), std::string::npos) << writer->status();
    const std::string text = read_file(file.path());
    EXPECT_GT(text.size(), 99'000u);
    const int lines = count_numbered(text)[0];
    const SinkCounters counters = writer->counters();
    EXPECT_EQ(counters.lines, static_cast<std::uint64_t>(lines));
    EXPECT_EQ(counters.bytes, text.size());
    EXPECT_EQ(counters.lost, static_cast<std::uint64_t>(kLines - lines));
  }
}

// A file that already has more behind the position must not be cut, whatever happens.
TEST_P(FileWriterTest, AFailureInTheMiddleOfAFileCutsNothingOff) {
  const TempFile file;
  ASSERT_EQ(::truncate(file.path().c_str(), 300'000), 0);
  auto writer = make(file.open(O_WRONLY));
  LineBuffers& out = writer->add_worker(small_buffers(SlowSink::kBlock));
  {
    const LimitedFileSize limit(100'001);
    ASSERT_TRUE(writer->start().ok());
    put_numbered(out, 0, 0, 20'000);
    out.flush();
    ASSERT_TRUE(writer->finish(kLong));
  }
  EXPECT_EQ(writer->state(), SinkState::kFailed);
  EXPECT_EQ(read_file(file.path()).size(), 300'000u);
}

INSTANTIATE_TEST_SUITE_P(Ways, FileWriterTest, testing::Values(Way::kUring, Way::kWrite),
                         [](const auto& way) { return way.param == Way::kUring ? "uring" : "write"; });

TEST(Writer, WritesTheSameWithWriteWhereIoUringIsRefused) {
  std::array<std::string, 3> texts;
  const std::array<std::pair<int, std::string_view>, 3> refusals{
      {{-1, "io_uring"}, {SYS_io_uring_setup, "write"}, {SYS_io_uring_enter, "write"}}};
  for (std::size_t i = 0; i < refusals.size(); ++i) {
    const TempFile file;
    std::thread([&] {
      if (refusals[i].first >= 0) refuse_system_call(refusals[i].first);
      auto writer = make_writer(file.open(O_WRONLY));
      EXPECT_EQ(writer->backend_name(), refusals[i].second);
      LineBuffers& out = writer->add_worker(small_buffers(SlowSink::kBlock));
      ASSERT_TRUE(writer->start().ok());
      put_numbered(out, 0, 0, 10'000);
      out.flush();
      ASSERT_TRUE(writer->finish(kLong));
    }).join();
    texts[i] = read_file(file.path());
  }
  EXPECT_EQ(count_numbered(texts[0])[0], 10'000);
  EXPECT_EQ(texts[1], texts[0]);
  EXPECT_EQ(texts[2], texts[0]);
}

// The ways to write to a pipe: through an open file of our own, or, where that is refused, in small pieces.
class PipeWriterTest : public testing::TestWithParam<bool> {
 protected:
  // Calls `body` with a writer to `fd` which it made without the right to open the pipe again.
  std::unique_ptr<Writer> make(FileDescriptor fd) const {
    std::unique_ptr<Writer> writer;
    const int raw = fd.get();
    std::thread([&] {
      if (GetParam()) {
        ASSERT_EQ(::fchmod(raw, 0), 0);
        ::setfsuid(65534);  // of this thread: root loses the right to open whatever it likes
      }
      writer = make_writer(std::move(fd));
    }).join();
    EXPECT_EQ(writer->backend_name(), GetParam() ? "write in small pieces" : "write");
    // Others who hold the same open file must not find their writes refused.
    EXPECT_EQ(::fcntl(raw, F_GETFL) & O_NONBLOCK, 0);
    // Whoever chose the size of the pipe keeps it.
    EXPECT_EQ(::fcntl(raw, F_GETPIPE_SZ), 4096);
    return writer;
  }
};

TEST_P(PipeWriterTest, BlockLosesNothingThroughATinyPipe) {
  constexpr int kWorkers = 2, kLines = 10'000;
  Pipe pipe = small_pipe();
  auto writer = make(std::move(pipe.writer));
  std::vector<LineBuffers*> outs;
  for (int w = 0; w < kWorkers; ++w) outs.push_back(&writer->add_worker(small_buffers(SlowSink::kBlock)));
  ASSERT_TRUE(writer->start().ok());
  std::vector<std::thread> threads;
  for (int w = 0; w < kWorkers; ++w) {
    threads.emplace_back([&, w] {
      put_numbered(*outs[static_cast<std::size_t>(w)], w, 0, kLines);
      outs[static_cast<std::size_t>(w)]->flush();
    });
  }
  wait_until_stuck(*writer, pipe.reader.get());
  std::string text;
  std::thread reader([&] { text = read_to_end(pipe.reader.get()); });
  for (std::thread& thread : threads) thread.join();
  ASSERT_TRUE(writer->finish(kLong));
  EXPECT_EQ(writer->counters().lost, 0u);
  writer.reset();
  reader.join();
  EXPECT_EQ(count_numbered(text), (std::map<int, int>{{0, kLines}, {1, kLines}}));
}

TEST_P(PipeWriterTest, DropLosesWholeLinesAndCountsEachOne) {
  constexpr int kLines = 10'000;
  Pipe pipe = small_pipe();
  auto writer = make(std::move(pipe.writer));
  LineBuffers& out = writer->add_worker(small_buffers(SlowSink::kDrop));
  ASSERT_TRUE(writer->start().ok());
  put_numbered(out, 0, 0, kLines);  // nobody reads: it comes back all the same
  EXPECT_GT(out.lost_lines(), 0u);
  std::string text;
  std::thread reader([&] { text = read_to_end(pipe.reader.get()); });
  put_numbered(out, 0, kLines, 2 * kLines);
  out.flush();
  ASSERT_TRUE(writer->finish(kLong));
  const SinkCounters counters = writer->counters();
  writer.reset();
  reader.join();
  const int received = count_numbered(text)[0];
  EXPECT_GT(received, 0);
  EXPECT_EQ(counters.lines, static_cast<std::uint64_t>(received));
  EXPECT_EQ(counters.bytes, text.size());
  EXPECT_EQ(counters.lines + counters.lost, 2u * kLines);
}

TEST_P(PipeWriterTest, AReaderThatGoesAwayFreesTheWorkerAndIsNoError) {
  constexpr int kLines = 10'000;
  Pipe pipe = small_pipe();
  auto writer = make(std::move(pipe.writer));
  LineBuffers& out = writer->add_worker(small_buffers(SlowSink::kBlock));
  ASSERT_TRUE(writer->start().ok());
  std::thread worker([&] {
    put_numbered(out, 0, 0, kLines);
    out.flush();
  });
  wait_until_stuck(*writer, pipe.reader.get());
  pipe.reader.reset();
  worker.join();
  ASSERT_TRUE(writer->finish(kLong));
  EXPECT_EQ(writer->state(), SinkState::kReaderGone);
  EXPECT_TRUE(writer->status().ok());
  const SinkCounters counters = writer->counters();
  EXPECT_EQ(counters.lines + counters.lost, static_cast<std::uint64_t>(kLines));
  EXPECT_GT(counters.lost, 0u);
}

TEST_P(PipeWriterTest, StopAtOnceFreesAWriterAndAWorkerThatAreStuck) {
  constexpr int kLines = 10'000;
  Pipe pipe = small_pipe();
  auto writer = make(std::move(pipe.writer));
  LineBuffers& out = writer->add_worker(small_buffers(SlowSink::kBlock));
  ASSERT_TRUE(writer->start().ok());
  std::thread worker([&] {
    put_numbered(out, 0, 0, kLines);
    out.flush();
  });
  wait_until_stuck(*writer, pipe.reader.get());
  EXPECT_EQ(writer->state(), SinkState::kOpen);
  writer->stop_at_once();
  worker.join();
  ASSERT_TRUE(writer->finish(kLong));
  EXPECT_EQ(writer->state(), SinkState::kStopped);
  EXPECT_TRUE(writer->status().ok());
  const SinkCounters counters = writer->counters();
  EXPECT_EQ(counters.lines + counters.lost, static_cast<std::uint64_t>(kLines));
}

TEST_P(PipeWriterTest, FinishSaysThatASinkNeedsLonger) {
  Pipe pipe = small_pipe();
  auto writer = make(std::move(pipe.writer));
  LineBuffers& out = writer->add_worker(small_buffers(SlowSink::kDrop));
  ASSERT_TRUE(writer->start().ok());
  put_numbered(out, 0, 0, 1'000);
  out.flush();
  EXPECT_FALSE(writer->finish(milliseconds(0)));
  EXPECT_FALSE(writer->finish(milliseconds(1)));
  std::string text;
  std::thread reader([&] { text = read_to_end(pipe.reader.get()); });
  EXPECT_TRUE(writer->finish(kLong));
  EXPECT_TRUE(writer->finish(milliseconds(0)));
  const SinkCounters counters = writer->counters();
  writer.reset();
  reader.join();
  EXPECT_EQ(counters.lines, static_cast<std::uint64_t>(count_numbered(text)[0]));
  EXPECT_EQ(counters.lines + counters.lost, 1'000u);
}

TEST_P(PipeWriterTest, DestructionDoesNotHangOnAStuckReader) {
  Pipe pipe = small_pipe();
  auto writer = make(std::move(pipe.writer));
  LineBuffers& out = writer->add_worker(small_buffers(SlowSink::kDrop));
  ASSERT_TRUE(writer->start().ok());
  for (int i = 0; !stuck(*writer, pipe.reader.get()); ++i) put_line(out, numbered(0, i));
  writer.reset();
  EXPECT_FALSE(read_to_end(pipe.reader.get()).empty());
}

INSTANTIATE_TEST_SUITE_P(Ways, PipeWriterTest, testing::Values(false, true),
                         [](const auto& pieces) { return pieces.param ? "pieces" : "reopened"; });

Writer* stop_from_handler = nullptr;

// With one thread that reads a file and takes the signals, ^C reaches it while it waits for the sink.
TEST(Writer, StopAtOnceWorksFromASignalHandlerOfTheThreadThatWaits) {
  Pipe pipe = small_pipe();
  auto writer = make_writer(std::move(pipe.writer));
  LineBuffers& out = writer->add_worker(small_buffers(SlowSink::kBlock));
  ASSERT_TRUE(writer->start().ok());
  stop_from_handler = writer.get();
  struct sigaction action {
  }, before{};
  action.sa_handler = [](int) { stop_from_handler->stop_at_once(); };
  ASSERT_EQ(::sigaction(SIGUSR1, &action, &before), 0);
  std::thread other([&, waiting = ::pthread_self()] {
    wait_until_stuck(*writer, pipe.reader.get());
    ::pthread_kill(waiting, SIGUSR1);
  });
  put_numbered(out, 0, 0, 10'000);
  out.flush();
  other.join();
  ASSERT_TRUE(writer->finish(kLong));
  ::sigaction(SIGUSR1, &before, nullptr);
  EXPECT_EQ(writer->state(), SinkState::kStopped);
}

// `tapline | head -1` on a silent network: nothing is written any more, and still it must end.
TEST(Writer, NoticesThatTheReaderHasGoneWithoutWriting) {
  Pipe pipe = small_pipe();
  auto writer = make_writer(std::move(pipe.writer));
  LineBuffers& out = writer->add_worker(small_buffers(SlowSink::kDrop));
  ASSERT_TRUE(writer->start().ok());
  put_line(out, "one");
  out.flush();
  std::array<char, 16> text{};
  ASSERT_EQ(::read(pipe.reader.get(), text.data(), text.size()), 4);
  pipe.reader.reset();
  while (writer->state() == SinkState::kOpen) std::this_thread::yield();
  EXPECT_EQ(writer->state(), SinkState::kReaderGone);
  ASSERT_TRUE(writer->finish(kLong));
}

TEST(Writer, AFullDeviceIsAnErrorWithItsNameAndReason) {
  auto target = OutputTarget::open("file:/dev/full");
  ASSERT_TRUE(target.ok());
  auto writer = Writer::create(std::move(target).value());
  ASSERT_TRUE(writer.ok());
  LineBuffers& out = (*writer)->add_worker(small_buffers(SlowSink::kBlock));
  ASSERT_TRUE((*writer)->start().ok());
  put_numbered(out, 0, 0, 10'000);  // a dead sink holds nobody up
  out.flush();
  ASSERT_TRUE((*writer)->finish(kLong));
  EXPECT_EQ((*writer)->state(), SinkState::kFailed);
  EXPECT_EQ((*writer)->status().message(), "cannot write to /dev/full: No space left on device");
  EXPECT_EQ((*writer)->counters().lines, 0u);
  EXPECT_EQ((*writer)->counters().lost, 10'000u);
}

TEST(Writer, WritesToASocketAndNoticesThatItsPeerHasGone) {
  std::array<int, 2> fds{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()), 0);
  FileDescriptor peer(fds[0]);
  auto writer = make_writer(FileDescriptor(fds[1]));
  LineBuffers& out = writer->add_worker(small_buffers(SlowSink::kBlock));
  ASSERT_TRUE(writer->start().ok());
  std::string text;
  std::thread reader([&] {
    std::array<char, 4096> buffer{};
    while (std::count(text.begin(), text.end(), '\n') < 10'000) {
      const ssize_t n = ::read(peer.get(), buffer.data(), buffer.size());
      ASSERT_GT(n, 0);
      text.append(buffer.data(), static_cast<std::size_t>(n));
    }
  });
  put_numbered(out, 0, 0, 10'000);
  out.flush();
  reader.join();
  EXPECT_EQ(count_numbered(text)[0], 10'000);
  peer.reset();
  while (writer->state() == SinkState::kOpen) std::this_thread::yield();
  EXPECT_EQ(writer->state(), SinkState::kReaderGone);
  ASSERT_TRUE(writer->finish(kLong));
}

TEST(Writer, WritesToATerminal) {
  const FileDescriptor master(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  ASSERT_TRUE(master.valid());
  ASSERT_EQ(::grantpt(master.get()), 0);
  ASSERT_EQ(::unlockpt(master.get()), 0);
  std::array<char, 64> name{};
  ASSERT_EQ(::ptsname_r(master.get(), name.data(), name.size()), 0);
  auto writer = make_writer(FileDescriptor(::open(name.data(), O_RDWR | O_NOCTTY | O_CLOEXEC)));
  LineBuffers& out = writer->add_worker(small_buffers(SlowSink::kBlock));
  ASSERT_TRUE(writer->start().ok());
  std::string text;
  std::thread reader([&] {
    std::array<char, 4096> buffer{};
    while (std::count(text.begin(), text.end(), '\n') < 1'000) {
      const ssize_t n = ::read(master.get(), buffer.data(), buffer.size());
      ASSERT_GT(n, 0);
      text.append(buffer.data(), static_cast<std::size_t>(n));
    }
  });
  put_numbered(out, 0, 0, 1'000);
  out.flush();
  ASSERT_TRUE(writer->finish(kLong));
  reader.join();
  text.erase(std::remove(text.begin(), text.end(), '\r'), text.end());
  EXPECT_EQ(count_numbered(text)[0], 1'000);
}

TEST(OutputTarget, NamesWhatThereIsWhenTheSinkIsUnknown) {
  for (const char* sink :
       {"", "kafka:host/topic", "out.json", "file:", "file", "-x", "file:x,format=zeek", "-,x=y"}) {
    const absl::Status status = check_output(sink);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << sink;
    EXPECT_NE(status.message().find(sink), std::string::npos);
    EXPECT_EQ(OutputTarget::open(sink).status(), status);
  }
  EXPECT_EQ(check_output("tcp:host:1").message(),
            "output 'tcp:host:1': no such kind of output; there are '-' (standard output) and 'file:PATH'");
  EXPECT_TRUE(check_output("-").ok());
  EXPECT_TRUE(check_output("file:/nowhere/out.json").ok());
}

TEST(OutputTarget, AFileIsCreatedForItsOwnerAndAppendedTo) {
  const TempFile file;
  ::unlink(file.path().c_str());
  for (const char* line : {"one\n", "two\n"}) {
    const auto target = OutputTarget::open("file:" + file.path());
    ASSERT_TRUE(target.ok()) << target.status();
    EXPECT_EQ(target->name(), file.path());
    ASSERT_EQ(::write(target->fd(), line, 4), 4);
  }
  EXPECT_EQ(read_file(file.path()), "one\ntwo\n");
  struct stat info {};
  ASSERT_EQ(::stat(file.path().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0027, 0u);
}

TEST(OutputTarget, AFileThatCannotBeOpenedIsNamedWithTheReason) {
  const absl::Status status = OutputTarget::open("file:/nowhere/out.json").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_NE(status.message().find("'/nowhere/out.json'"), std::string::npos) << status;
  EXPECT_NE(status.message().find("No such file or directory"), std::string::npos) << status;
}

}  // namespace
}  // namespace tapline
