// The closing summary: short when all went well, honest when not.
#include "engine/summary.h"

#include <gtest/gtest.h>

#include <string>

namespace tapline {
namespace {

Amount frames(std::uint64_t count) { return {.packets = count, .bytes = {}}; }

RunTotals good_run() {
  RunTotals totals;
  totals.live = true;
  totals.duration = 12'300'000'000;
  FlowCounters& flows = totals.counts.flows.emplace();
  flows.packets = 1'234'567;
  flows.bytes = 64u << 20;
  flows.opened = 1;
  flows.transactions = 2'000;
  totals.records.lines = 2'004;
  totals.counts.received = frames(1'234'567);
  totals.counts.dropped = totals.counts.softnet_dropped = totals.counts.interface_dropped = frames(0);
  return totals;
}

bool says(const RunTotals& totals, const std::string& text) {
  return closing_summary(totals).find(text) != std::string::npos;
}

TEST(Summary, OfAGoodRunIsTwoLines) {
  EXPECT_EQ(closing_summary(good_run()),
            "1,234,567 frames (64 MiB) in 12.3 s, none dropped\n"
            "1 connection, 2,000 transactions, 2,004 records");
}

TEST(Summary, OfAFileClaimsNothingAboutDrops) {
  RunTotals totals = good_run();
  totals.live = false;
  totals.counts.dropped.reset();
  EXPECT_FALSE(says(totals, "drop"));
  EXPECT_TRUE(says(totals, "spanning 12.3 s")) << "the time between frames, not that of the run";
}

TEST(Summary, TellsDropsAndWhatHelps) {
  RunTotals totals = good_run();
  totals.counts.received = frames(2'000'000);
  totals.counts.dropped = frames(100'000);
  EXPECT_FALSE(says(totals, "none dropped"));
  EXPECT_TRUE(says(totals, "the kernel dropped 100,000 frames (5.0 %)"));
  EXPECT_TRUE(says(totals, "--ring-size"));
  EXPECT_FALSE(says(totals, "--elide-bodies")) << "it is on already";
  totals.could_elide = true;
  EXPECT_TRUE(says(totals, "--elide-bodies on help"));
  totals.counts.dropped = frames(1);
  EXPECT_TRUE(says(totals, "dropped 1 frame (under 0.01 %)"));
}

TEST(Summary, TellsLossesBeforeTheCaptureAndWhatHelps) {
  RunTotals totals = good_run();
  totals.counts.softnet_dropped = frames(30);
  totals.counts.interface_dropped = frames(4);
  EXPECT_TRUE(says(totals, ", 34 more dropped\n"));
  EXPECT_TRUE(says(totals, "30 frames were lost on this host before any capture"));
  EXPECT_TRUE(says(totals, "net.core.netdev_max_backlog"));
  EXPECT_TRUE(says(totals, "4 frames were lost by the interface"));
  EXPECT_TRUE(says(totals, "ethtool -G"));
  EXPECT_FALSE(says(totals, "--ring-size")) << "no ring was full";
}

TEST(Summary, TellsOfTimesOfAnotherClock) {
  RunTotals totals = good_run();
  totals.counts.software_time = frames(0);
  EXPECT_FALSE(says(totals, "kernel's time"));
  totals.counts.software_time = frames(12);
  EXPECT_TRUE(says(totals, "12 frames have the kernel's time"));
}

TEST(Summary, TellsWhatWasLeftInTheKernel) {
  RunTotals totals = good_run();
  totals.counts.flows->elided = 12'000;
  totals.counts.flows->elided_bytes = 16u << 20;
  EXPECT_TRUE(says(totals, "12,000 frames of message bodies (16 MiB) left in the kernel"));
}

TEST(Summary, TellsWhatWasSaved) {
  RunTotals totals = good_run();
  totals.saved = SavedFrames{.counts = {}, .too_slow = true, .file = "out.pcapng"};
  totals.saved->counts.lines = 1'234'560;
  EXPECT_TRUE(says(totals, "records\n1,234,560 frames saved to out.pcapng"));
  EXPECT_FALSE(says(totals, "not saved"));
  totals.saved->counts.lost = 7;
  EXPECT_TRUE(says(totals, "7 frames were not saved because out.pcapng did not take them in time; write to"));
  totals.saved->too_slow = false;
  EXPECT_TRUE(says(totals, "out.pcapng did not take them"));
  EXPECT_FALSE(says(totals, "faster disk")) << "it failed";
}

TEST(Summary, TellsEachLossAndBoundOnce) {
  RunTotals totals = good_run();
  totals.records.lost = 7;
  FlowCounters& flows = *totals.counts.flows;
  flows.cut = 3;
  flows.cut_bytes = 2048;
  flows.client_gaps = {.count = 1, .bytes = 1000};
  flows.server_gaps = {.count = 1, .bytes = 460};
  flows.evicted = 5;
  flows.attempts_unwritten = 4000;
  flows.reassembly_refused = 2;
  flows.heads_too_long = 1;
  flows.undecoded[static_cast<std::size_t>(Undecoded::kFragment)] = 4;
  flows.undecoded[static_cast<std::size_t>(Undecoded::kPort)] = 1000;
  for (const char* text :
       {"7 records were lost", "3 frames were cut short when captured (2 KiB missing)",
        "4 frames were not decoded: fragment 4", "2 holes in what connections sent (1.4 KiB never seen)",
        "5 connections made room for newer ones", "--max-flows", "4,000 attempts", "--attempts all",
        "let go 2 times", "--reassembly-memory", "1 message head was too long", "--max-head"}) {
    EXPECT_TRUE(says(totals, text)) << text << "\n" << closing_summary(totals);
  }
  EXPECT_FALSE(says(totals, "1,000")) << "frames of other ports are not a loss";
}

}  // namespace
}  // namespace tapline
