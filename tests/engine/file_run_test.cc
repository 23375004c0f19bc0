// Whole runs over files: bounds, damage, signals, with one worker and with three.
#include "engine/file_run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/bpf/frame.h"
#include "tests/engine/capture_bytes.h"
#include "tests/engine/run_stage.h"

namespace tapline {
namespace {

using testing::Bytes;
using ::testing::Each;
using ::testing::HasSubstr;
using testing::Order;
using testing::operator+;
using ::testing::SizeIs;

// Frame `i`, at second 100 + i, is the first data of a midstream connection of its own: a request.
Bytes request_frame(unsigned i) {
  const std::string text = "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: h\r\n\r\n";
  Bytes segment = frames::tcp(static_cast<std::uint16_t>(20'000 + i), 80);
  segment.insert(segment.end(), text.begin(), text.end());
  const Bytes frame = frames::ethernet(frames::kIpv4, frames::ipv4({}, segment));
  return testing::pcap_frame(Order::kLittle, 100 + i, 0, frame, static_cast<std::uint32_t>(frame.size()));
}

Bytes capture_of(unsigned frames) {
  Bytes file = testing::pcap_header(Order::kLittle, testing::kNanoseconds, 1);
  for (unsigned i = 0; i < frames; ++i) file = file + request_frame(i);
  return file;
}

class FileRun : public ::testing::TestWithParam<unsigned> {
 protected:
  FileRun() {
    stage_.options.read = stage_.path("in");
    stage_.options.workers = GetParam();
  }

  void write_input(const Bytes& bytes) const {
    std::ofstream(stage_.path("in"), std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  }
  ExitCode run() {
    stage_.start(run_file);
    return stage_.exit_code();
  }

  stage::RunStage stage_;
};

TEST_P(FileRun, EveryTransactionIsWritten) {
  write_input(capture_of(200));
  EXPECT_EQ(run(), ExitCode::kDone);
  EXPECT_THAT(stage_.records("tapline.http"), SizeIs(200));
  EXPECT_THAT(stage_.records("\"closed\""), SizeIs(200));
  EXPECT_THAT(stage_.records("\"closed\""), Each(HasSubstr("\"reason\":\"end\"")));
}

TEST_P(FileRun, EndsAfterSoManyFramesOfTheFile) {
  write_input(capture_of(200));
  stage_.options.count = 67;
  EXPECT_EQ(run(), ExitCode::kDone);
  EXPECT_THAT(stage_.records("tapline.http"), SizeIs(67));
  EXPECT_THAT(stage_.records("\"reason\":\"end\""), SizeIs(67));
}

TEST_P(FileRun, EndsAfterSoMuchPacketTime) {
  write_input(capture_of(200));
  stage_.options.duration = 150 * kSecond;  // frame 150 comes just then, and is out
  EXPECT_EQ(run(), ExitCode::kDone);
  EXPECT_THAT(stage_.records("tapline.http"), SizeIs(150));
}

TEST_P(FileRun, WhatCameBeforeDamageIsWritten) {
  Bytes file = capture_of(100);
  file.pop_back();
  write_input(file);
  EXPECT_EQ(run(), ExitCode::kDamaged);
  EXPECT_THAT(stage_.records("tapline.http"), SizeIs(99));
}

TEST_P(FileRun, NoCaptureFileIsAWrongFile) {
  write_input({'h', 'e', 'l', 'l', 'o', ' ', 'w', 'o', 'r', 'l', 'd'});
  EXPECT_EQ(run(), ExitCode::kUsage);
  std::filesystem::remove(stage_.path("in"));
  EXPECT_EQ(run(), ExitCode::kUsage);
}

TEST_P(FileRun, AFullDiskIsAFailure) {
  write_input(capture_of(10));
  stage_.options.output = "file:/dev/full";
  EXPECT_EQ(run(), ExitCode::kFailed);
}

// A FIFO whose writer falls silent for good: what has come is written without waiting for more, and a signal
// ends the run, with what is open written and told so.
TEST_P(FileRun, ASignalEndsAWaitForInput) {
  ASSERT_EQ(mkfifo(stage_.path("in").c_str(), 0600), 0);
  stage_.start(run_file);
  std::ofstream fifo(stage_.path("in"), std::ios::binary);
  const Bytes bytes = capture_of(5);
  fifo.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size())).flush();
  ASSERT_TRUE(stage_.await_records("\"action\":\"opened\"", 5));
  stage_.send_signal(SIGTERM);
  EXPECT_EQ(stage_.exit_code(), ExitCode::kDone);
  EXPECT_THAT(stage_.records("tapline.http"), SizeIs(5));
  EXPECT_THAT(stage_.records("\"closed\""), SizeIs(5));
  EXPECT_THAT(stage_.records("\"closed\""), Each(HasSubstr("\"reason\":\"shutdown\"")));
}

// SIGUSR1 asks for a record of figures; whoever wants them at the end gets them last.
TEST_P(FileRun, StatsComeOnRequestAndLast) {
  ASSERT_EQ(mkfifo(stage_.path("in").c_str(), 0600), 0);
  stage_.options.stats_interval = 3600 * kSecond;
  stage_.start(run_file);
  {
    std::ofstream fifo(stage_.path("in"), std::ios::binary);
    const Bytes bytes = capture_of(5);
    fifo.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()))
        .flush();
    ASSERT_TRUE(stage_.await_records("\"action\":\"opened\"", 5));
    stage_.send_signal(SIGUSR1);
    ASSERT_TRUE(stage_.await_records("tapline.stats", 1));
  }
  EXPECT_EQ(stage_.exit_code(), ExitCode::kDone);
  EXPECT_THAT(stage_.records("tapline.stats"), SizeIs(2));
  const std::string last = stage_.records("").back();
  EXPECT_THAT(last, HasSubstr("tapline.stats"));
  EXPECT_THAT(last, HasSubstr("\"delivered\":{\"packets\":5,"));
  EXPECT_THAT(last, HasSubstr("\"transactions\":5"));
}

INSTANTIATE_TEST_SUITE_P(Workers, FileRun, ::testing::Values(1u, 3u));

}  // namespace
}  // namespace tapline
