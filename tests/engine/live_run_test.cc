// Whole live runs in a namespace of their own: bounds over all workers, interfaces that go away, privileges.
// These need root to start from.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "engine/live_capture.h"
#include "tests/bpf/frame.h"
#include "tests/engine/network_stage.h"
#include "tests/engine/run_stage.h"

namespace tapline {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

frames::Bytes request_frame(unsigned i) {
  const std::string text = "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: h\r\n\r\n";
  frames::Bytes segment = frames::tcp(static_cast<std::uint16_t>(20'000 + i), 80);
  segment.insert(segment.end(), text.begin(), text.end());
  return frames::ethernet(frames::kIpv4, frames::ipv4({}, segment));
}

class LiveRun : public ::testing::Test {
 protected:
  LiveRun() {
    stage_.options.workers = 2;
    stage_.options.stats_interval = kSecond / 100;  // its first record tells that capture has begun
    stage_.options.ring.ring_size = 8u << 20;
    stage_.options.max_flows = 1000;
  }

  void start(std::vector<std::string> interfaces) {
    stage_.options.interfaces = std::move(interfaces);
    stage_.start(run_live);
    ASSERT_TRUE(stage_.await_records("tapline.stats", 1));
  }

  stage::NetworkNamespace network_;
  stage::RunStage stage_;
};

TEST_F(LiveRun, EndsAfterSoManyFramesOfAllWorkers) {
  network_.add_veth("one", "two");
  stage::wait_for_wire("two", "one");
  stage_.options.count = 13;
  start({"one"});
  const stage::Injector wire("two");
  for (unsigned i = 0; i < 40; ++i) wire.send(request_frame(i));
  EXPECT_EQ(stage_.exit_code(), ExitCode::kDone);
  EXPECT_THAT(stage_.records("tapline.http"), SizeIs(13));
  EXPECT_THAT(stage_.records("tapline.stats").back(), HasSubstr("\"delivered\":{\"packets\":13,"));
}

TEST_F(LiveRun, EndsAfterAWhile) {
  stage_.options.duration = kSecond / 20;
  start({"lo"});
  EXPECT_EQ(stage_.exit_code(), ExitCode::kDone);
}

// What came just before the signal is in blocks that the kernel has not handed over yet.
TEST_F(LiveRun, FramesBeforeTheSignalAreTakenIn) {
  network_.add_veth("one", "two");
  stage::wait_for_wire("two", "one");
  stage_.options.ring.block_timeout_ms = 50;
  start({"one"});
  const stage::Injector wire("two");
  for (unsigned i = 0; i < 40; ++i) wire.send(request_frame(i));
  stage_.send_signal(SIGINT);
  EXPECT_EQ(stage_.exit_code(), ExitCode::kDone);
  EXPECT_THAT(stage_.records("tapline.http"), SizeIs(40));
  EXPECT_THAT(stage_.records("\"reason\":\"shutdown\""), SizeIs(40));
}

TEST_F(LiveRun, TheAccountAddsUp) {
  network_.add_veth("one", "two");
  stage::wait_for_wire("two", "one");
  start({"one"});
  const stage::Injector wire("two");
  const frames::Bytes other = frames::ethernet(frames::kIpv4, frames::ipv4({}, frames::tcp(40000, 443)));
  for (unsigned i = 0; i < 40; ++i) {
    wire.send(request_frame(i));
    wire.send(other);
  }
  stage_.send_signal(SIGINT);
  EXPECT_EQ(stage_.exit_code(), ExitCode::kDone);
  const std::string record = stage_.records("tapline.stats").back();
  EXPECT_THAT(record, HasSubstr(R"("received":{"packets":40},"delivered":{"packets":40,)"));
  EXPECT_THAT(record, HasSubstr(R"("dropped":{"packets":0,"freezes":0},"softnet_dropped":{"packets":)"))
      << "what the host has lost of other frames meanwhile is not ours to say";
  EXPECT_THAT(record, HasSubstr(R"("interface_dropped":{"packets":0},"filtered":{"packets":)"));
  const std::string filtered = R"("filtered":{"packets":)";
  // The kernel sends some of its own, too (neighbour discovery).
  EXPECT_GE(std::stoul(record.substr(record.find(filtered) + filtered.size())), 40u);
}

TEST_F(LiveRun, RefusesHardwareTimeThatIsNotThere) {
  network_.add_veth("one", "two");
  stage_.options.ring.hardware_time = true;
  for (const char* interface : {"one", "lo"}) {
    stage_.options.interfaces = {interface};
    stage_.start(run_live);
    EXPECT_EQ(stage_.exit_code(), ExitCode::kUsage) << interface;
  }
}

TEST_F(LiveRun, FailsWhenTheLastInterfaceGoes) {
  network_.add_veth("one", "two");
  stage::wait_for_wire("two", "one");
  start({"one"});
  const stage::Injector wire("two");
  for (unsigned i = 0; i < 10; ++i) wire.send(request_frame(i));
  network_.ip("link del one");
  EXPECT_EQ(stage_.exit_code(), ExitCode::kFailed);
  EXPECT_THAT(stage_.records("tapline.http"), SizeIs(10));
}

TEST_F(LiveRun, GoesOnWithTheInterfacesThatAreLeft) {
  network_.add_veth("one", "two");
  network_.add_veth("three", "four");
  stage::wait_for_wire("two", "one");
  stage::wait_for_wire("four", "three");
  start({"one", "three"});
  network_.ip("link del one");
  const stage::Injector wire("four");
  wire.send(request_frame(1));
  ASSERT_TRUE(stage_.await_records("\"action\":\"opened\"", 1));
  EXPECT_THAT(stage_.records("\"action\":\"opened\"").back(), HasSubstr("\"name\":\"three\""));
  stage_.send_signal(SIGTERM);
  EXPECT_EQ(stage_.exit_code(), ExitCode::kDone);
  EXPECT_THAT(stage_.records("tapline.http"), SizeIs(1));
}

TEST_F(LiveRun, WhatIsMissingIsAWrongCommandLine) {
  stage_.options.interfaces = {"nothere"};
  stage_.start(run_live);
  EXPECT_EQ(stage_.exit_code(), ExitCode::kUsage);
  stage_.options.interfaces = {};  // and no default route
  stage_.start(run_live);
  EXPECT_EQ(stage_.exit_code(), ExitCode::kUsage);
  network_.ip("link set lo down");
  stage_.options.interfaces = {"lo"};
  stage_.start(run_live);
  EXPECT_EQ(stage_.exit_code(), ExitCode::kUsage);
  network_.ip("link set lo up");
  stage_.options.user = "no-such-user-here";
  stage_.start(run_live);
  EXPECT_EQ(stage_.exit_code(), ExitCode::kUsage);
}

}  // namespace
}  // namespace tapline
