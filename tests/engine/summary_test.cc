// The closing summary: short when all went well, honest when not.
#include "engine/summary.h"

#include <gtest/gtest.h>

#include <string>

namespace tapline {
namespace {

RunTotals good_run() {
  RunTotals totals;
  totals.duration = 12'300'000'000;
  totals.flows.packets = 1'234'567;
  totals.flows.bytes = 64u << 20;
  totals.flows.opened = 1;
  totals.flows.transactions = 2'000;
  totals.records = 2'004;
  totals.rings = RingStatistics{.packets = 1'234'567, .drops = 0, .freezes = 0};
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
  totals.rings.reset();
  EXPECT_FALSE(says(totals, "drop"));
  EXPECT_TRUE(says(totals, "spanning 12.3 s")) << "the time between frames, not that of the run";
}

TEST(Summary, TellsDropsAndWhatHelps) {
  RunTotals totals = good_run();
  totals.rings->packets = 2'000'000;
  totals.rings->drops = 100'000;
  EXPECT_FALSE(says(totals, "none dropped"));
  EXPECT_TRUE(says(totals, "the kernel dropped 100,000 frames (5.0 %)"));
  EXPECT_TRUE(says(totals, "--ring-size"));
  totals.rings->drops = 1;
  EXPECT_TRUE(says(totals, "dropped 1 frame (under 0.01 %)"));
}

TEST(Summary, TellsWhatWasSaved) {
  RunTotals totals = good_run();
  totals.saved = SavedFrames{.frames = 1'234'560, .lost = 0, .too_slow = true, .file = "out.pcapng"};
  EXPECT_TRUE(says(totals, "records\n1,234,560 frames saved to out.pcapng"));
  EXPECT_FALSE(says(totals, "not saved"));
  totals.saved->lost = 7;
  EXPECT_TRUE(says(totals, "7 frames were not saved because out.pcapng did not take them in time; write to"));
  totals.saved->too_slow = false;
  EXPECT_TRUE(says(totals, "out.pcapng did not take them"));
  EXPECT_FALSE(says(totals, "faster disk")) << "it failed";
}

TEST(Summary, TellsEachLossAndBoundOnce) {
  RunTotals totals = good_run();
  totals.lost = 7;
  totals.flows.cut = 3;
  totals.flows.cut_bytes = 2048;
  totals.flows.gaps = 1;
  totals.flows.gap_bytes = 1460;
  totals.flows.evicted = 5;
  totals.flows.attempts_unwritten = 4000;
  totals.flows.reassembly_refused = 2;
  totals.flows.heads_too_long = 1;
  totals.flows.undecoded[static_cast<std::size_t>(Undecoded::kFragment)] = 4;
  totals.flows.undecoded[static_cast<std::size_t>(Undecoded::kPort)] = 1000;
  for (const char* text :
       {"7 records were lost", "3 frames were cut short when captured (2 KiB missing)",
        "4 frames were not decoded: fragment 4", "1 hole in what connections sent (1.4 KiB never seen)",
        "5 connections made room for newer ones", "--max-flows", "4,000 attempts", "--attempts all",
        "let go 2 times", "--reassembly-memory", "1 message head was too long", "--max-head"}) {
    EXPECT_TRUE(says(totals, text)) << text << "\n" << closing_summary(totals);
  }
  EXPECT_FALSE(says(totals, "1,000")) << "frames of other ports are not a loss";
}

}  // namespace
}  // namespace tapline
