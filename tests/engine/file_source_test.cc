// Opening and reading input files, FIFOs and standard input, and ending the wait for them.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <string>
#include <thread>
#include <utility>

#include "engine/byte_source.h"
#include "engine/capture_file.h"
#include "engine/fd.h"
#include "tests/engine/capture_bytes.h"
#include "tests/engine/temp_folder.h"

namespace tapline::testing {
namespace {

using ::testing::HasSubstr;

std::string text_of(const absl::Status& status) { return std::string(status.message()); }

class FileSourceTest : public ::testing::Test {
 protected:
  std::string path(const std::string& name) const { return folder_.path(name); }
  std::string write_file(const std::string& name, const Bytes& bytes) const {
    std::ofstream(path(name), std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    return path(name);
  }

 private:
  test::TempFolder folder_;
};

struct Pipe {
  Fd read_end, write_end;
};
Pipe make_pipe() {
  int fds[2] = {-1, -1};
  EXPECT_EQ(pipe2(fds, O_CLOEXEC), 0);
  return {Fd(fds[0]), Fd(fds[1])};
}

void write_all(int fd, const Bytes& bytes) {
  ASSERT_EQ(write(fd, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
}

// Puts `fd` in the place of standard input, for the object's life.
class AsStandardInput {
 public:
  explicit AsStandardInput(int fd) : saved_(fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)) {
    EXPECT_EQ(dup2(fd, STDIN_FILENO), STDIN_FILENO);
  }
  ~AsStandardInput() {
    if (saved_.valid()) {
      dup2(saved_.get(), STDIN_FILENO);
    } else {
      close(STDIN_FILENO);
    }
  }

 private:
  Fd saved_;
};

// All bytes up to the end.
absl::StatusOr<Bytes> drain(ByteSource& source) {
  Bytes all;
  for (;;) {
    const auto piece = source.next();
    if (!piece.ok()) return piece.status();
    if (piece->empty()) return all;
    all.insert(all.end(), piece->begin(), piece->end());
  }
}

absl::StatusOr<Bytes> drain_file(const std::string& path, int stop_fd = -1) {
  absl::StatusOr<InputFile> file = InputFile::open(path, stop_fd);
  if (!file.ok()) return file.status();
  FileSource source(*std::move(file));
  return drain(source);
}

TEST_F(FileSourceTest, AFileOfManyPiecesComesWhole) {
  const Bytes bytes = frame_bytes((1u << 20) + 12345, 9);
  const auto read = drain_file(write_file("large", bytes));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(*read == bytes);
}

// However far the others have come, and whatever is appended when it is open.
TEST_F(FileSourceTest, EachReaderOfAFileHasTheSameBytes) {
  const Bytes bytes = frame_bytes((1u << 20) + 12345, 9);
  absl::StatusOr<InputFile> file = InputFile::open(write_file("shared", bytes), -1);
  ASSERT_TRUE(file.ok() && file->can_be_shared()) << file.status();
  std::ofstream(path("shared"), std::ios::binary | std::ios::app) << "more";
  absl::StatusOr<InputFile> first = file->another_reader(), second = file->another_reader();
  ASSERT_TRUE(first.ok() && second.ok()) << first.status() << second.status();
  FileSource ahead(*std::move(first)), behind(*std::move(second));
  const auto piece = ahead.next();
  ASSERT_TRUE(piece.ok()) << piece.status();
  const std::size_t taken = piece->size();
  const auto all = drain(behind), rest = drain(ahead);
  ASSERT_TRUE(all.ok() && rest.ok()) << all.status() << rest.status();
  EXPECT_TRUE(*all == bytes);
  EXPECT_TRUE(std::equal(rest->begin(), rest->end(), bytes.begin() + static_cast<std::ptrdiff_t>(taken),
                         bytes.end()));
}

TEST_F(FileSourceTest, WhatComesOnceIsNotShared) {
  const Pipe pipe = make_pipe();
  const AsStandardInput standard_input(pipe.read_end.get());
  const absl::StatusOr<InputFile> file = InputFile::open("-", -1);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_FALSE(file->can_be_shared());
}

TEST_F(FileSourceTest, AMissingFileIsNotFound) {
  const auto file = InputFile::open(path("nothing.pcap"), -1);
  EXPECT_EQ(file.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(text_of(file.status()), HasSubstr("nothing.pcap"));
  EXPECT_THAT(text_of(file.status()), HasSubstr("No such file or directory"));
}

TEST_F(FileSourceTest, ADirectoryIsNoInput) {
  const auto file = InputFile::open(path("."), -1);
  EXPECT_EQ(file.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(text_of(file.status()), HasSubstr("Is a directory"));
}

// Not kPermissionDenied, which would be told as a missing capability.
TEST_F(FileSourceTest, AFileWithoutPermissionIsTheWrongFile) {
  const std::string secret = write_file("secret.pcap", {1, 2, 3});
  ASSERT_EQ(chmod(secret.c_str(), 0), 0);
  const uid_t user = geteuid();
  ASSERT_EQ(seteuid(user == 0 ? 65534 : user), 0);  // root may read everything
  const auto file = InputFile::open(secret, -1);
  ASSERT_EQ(seteuid(user), 0);
  EXPECT_EQ(file.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(text_of(file.status()), HasSubstr("secret.pcap: Permission denied"));
}

TEST_F(FileSourceTest, AReadErrorIsTold) {
  const auto read = drain_file("/proc/self/mem");  // nothing is mapped at address 0
  EXPECT_EQ(read.status().code(), absl::StatusCode::kUnknown);
  EXPECT_THAT(text_of(read.status()), HasSubstr("cannot read /proc/self/mem: Input/output error"));
}

TEST_F(FileSourceTest, StandardInputIsReadAndLeftOpen) {
  Pipe pipe = make_pipe();
  const AsStandardInput standard_input(pipe.read_end.get());
  const Bytes bytes = frame_bytes(5000, 3);
  write_all(pipe.write_end.get(), bytes);
  pipe.write_end = Fd();
  const auto read = drain_file("-");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(*read == bytes);
  EXPECT_NE(fcntl(STDIN_FILENO, F_GETFD), -1);
}

TEST_F(FileSourceTest, ATerminalIsNoInput) {
  const Fd master(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  ASSERT_TRUE(master.valid());
  ASSERT_EQ(grantpt(master.get()), 0);
  ASSERT_EQ(unlockpt(master.get()), 0);
  char name[64] = {};
  ASSERT_EQ(ptsname_r(master.get(), name, sizeof name), 0);
  const Fd terminal(open(name, O_RDWR | O_NOCTTY | O_CLOEXEC));
  ASSERT_TRUE(terminal.valid());
  const AsStandardInput standard_input(terminal.get());
  const auto file = InputFile::open("-", -1);
  EXPECT_EQ(file.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(text_of(file.status()), HasSubstr("standard input is a terminal"));
}

TEST_F(FileSourceTest, AClosedStandardInputIsNoInput) {
  Pipe pipe = make_pipe();
  const AsStandardInput standard_input(pipe.read_end.get());
  close(STDIN_FILENO);
  const auto file = InputFile::open("-", -1);
  EXPECT_EQ(file.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(text_of(file.status()), HasSubstr("cannot read standard input: Bad file descriptor"));
}

// A live writer, `tcpdump -U -w - | tapline -r -`: what it has written must not wait for what it will.
TEST_F(FileSourceTest, FramesOfAPipeComeAsTheyAreWritten) {
  Pipe pipe = make_pipe();
  const AsStandardInput standard_input(pipe.read_end.get());
  write_all(pipe.write_end.get(), pcap_header(Order::kLittle, kMicroseconds, 1));
  absl::StatusOr<InputFile> file = InputFile::open("-", -1);
  ASSERT_TRUE(file.ok()) << file.status();
  auto capture = CaptureFile::open(std::make_unique<FileSource>(*std::move(file)));
  ASSERT_TRUE(capture.ok()) << capture.status();
  std::vector<Packet> packets(16);
  for (unsigned i = 1; i <= 20; ++i) {
    write_all(pipe.write_end.get(), pcap_frame(Order::kLittle, i, 0, frame_bytes(60 + i, i), 60 + i));
    ASSERT_EQ((*capture)->next(packets), 1u);
    EXPECT_EQ(Bytes(packets[0].data, packets[0].data + packets[0].captured), frame_bytes(60 + i, i));
    EXPECT_EQ(packets[0].ordinal, i);
  }
  pipe.write_end = Fd();
  EXPECT_EQ((*capture)->next(packets), 0u);
  EXPECT_TRUE((*capture)->status().ok()) << (*capture)->status();
}

TEST_F(FileSourceTest, AWriterThatPutsOneByteAtATimeGivesTheSameFrames) {
  const Bytes bytes = pcap_header(Order::kBig, kNanoseconds, 1) +
                      pcap_frame(Order::kBig, 1, 2, frame_bytes(90, 1), 90) +
                      pcap_frame(Order::kBig, 3, 4, frame_bytes(70, 2), 1500);
  Pipe pipe = make_pipe();
  const AsStandardInput standard_input(pipe.read_end.get());
  std::thread writer([&bytes, fd = std::move(pipe.write_end)] {
    for (const std::uint8_t byte : bytes) write_all(fd.get(), {byte});
  });
  absl::StatusOr<InputFile> file = InputFile::open("-", -1);
  ASSERT_TRUE(file.ok()) << file.status();
  const Contents contents = read_all(std::make_unique<FileSource>(*std::move(file)));
  writer.join();
  Contents whole = read_all({bytes});
  EXPECT_EQ(contents, whole);
}

// The pipe stays open and empty: only the stop can end the read, whether it comes before it or during it.
TEST_F(FileSourceTest, AStopEndsTheWaitForAPipe) {
  for (const bool before : {true, false}) {
    Pipe pipe = make_pipe();
    const AsStandardInput standard_input(pipe.read_end.get());
    const auto stop = EventFd::open();
    ASSERT_TRUE(stop.ok());
    if (before) stop->notify();
    std::thread stopper([&] { stop->notify(); });
    const auto read = drain_file("-", stop->fd());
    stopper.join();
    EXPECT_EQ(read.status().code(), absl::StatusCode::kCancelled) << read.status();
  }
}

TEST_F(FileSourceTest, AFifoIsOpenedWithoutItsWriterAndCanBeStopped) {
  const std::string fifo = path("fifo");
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  const auto stop = EventFd::open();
  ASSERT_TRUE(stop.ok());
  std::thread stopper([&] { stop->notify(); });
  const auto read = drain_file(fifo, stop->fd());
  stopper.join();
  EXPECT_EQ(read.status().code(), absl::StatusCode::kCancelled) << read.status();
}

// Without a writer yet, a FIFO must not be taken for one that has ended.
TEST_F(FileSourceTest, AFifoWaitsForItsFirstWriter) {
  const std::string fifo = path("fifo");
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  absl::StatusOr<InputFile> file = InputFile::open(fifo, -1);
  ASSERT_TRUE(file.ok()) << file.status();
  FileSource source(*std::move(file));
  std::thread writer([&fifo] {
    const Fd fd(open(fifo.c_str(), O_WRONLY | O_CLOEXEC));
    write_all(fd.get(), {1, 2, 3});
  });
  const auto read = drain(source);
  writer.join();
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read, (Bytes{1, 2, 3}));
}

}  // namespace
}  // namespace tapline::testing
