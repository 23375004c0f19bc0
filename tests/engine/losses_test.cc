// What is lost before a ring, counted, and what is said on the way while something is lost.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "engine/early_loss.h"
#include "engine/loss_warnings.h"
#include "tests/engine/temp_folder.h"

namespace tapline {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// As Linux 6.1 writes them: the second word is the drops, the thirteenth the processor.
std::string processor(const char* drops, const char* number) {
  return std::string("0073a161 ") + drops +
         " 00000003 00000000 00000000 00000000 00000000 00000000 00000000 " + "00000000 00000000 00000000 " +
         number + " 00000000 00000000\n";
}

Interface interface(int index, std::uint64_t missed) {
  Interface made;
  made.index = index;
  made.missed = missed;
  return made;
}

TEST(EarlyLoss, CountsFromTheFirstLookOverAllProcessors) {
  EarlyLoss loss(Fd(), {});
  EXPECT_FALSE(loss.counters().softnet.has_value());
  loss.take_softnet(processor("00000005", "00000000") + processor("00000007", "00000001"));
  EXPECT_EQ(loss.counters().softnet, 0u);
  loss.take_softnet(processor("00000006", "00000000") + processor("0000001b", "00000001"));
  EXPECT_EQ(loss.counters().softnet, 21u);
}

TEST(EarlyLoss, ProcessorsComeAndGoAndTheirCountersWrap) {
  EarlyLoss loss(Fd(), {});
  loss.take_softnet(processor("fffffffe", "00000000") + processor("00000002", "00000002"));
  loss.take_softnet(processor("00000003", "00000002"));  // 0 is offline: the lines move up
  EXPECT_EQ(loss.counters().softnet, 1u);
  loss.take_softnet(processor("00000002", "00000000") + processor("00000009", "00000001") +
                    processor("00000003", "00000002"));
  EXPECT_EQ(loss.counters().softnet, 5u) << "4 of processor 0 as it wrapped; those of 1 are from before";
}

TEST(EarlyLoss, OldKernelsDoNotNumberTheProcessors) {
  EarlyLoss loss(Fd(), {});
  loss.take_softnet("0073a161 00000001 00000003\n0073a161 00000001 00000003\n");
  loss.take_softnet("0073a161 00000002 00000003\n0073a161 00000003 00000003\n");
  EXPECT_EQ(loss.counters().softnet, 3u);
}

TEST(EarlyLoss, CountsCapturedInterfacesAlone) {
  const Interface captured[] = {interface(2, 0), interface(3, 0)};
  EarlyLoss loss(Fd(), captured);
  EXPECT_FALSE(loss.counters().interfaces.has_value());
  const Interface first[] = {interface(1, 10), interface(2, 100), interface(3, 7)};
  loss.take_interfaces(first);
  EXPECT_EQ(loss.counters().interfaces, 0u);
  const Interface then[] = {interface(1, 90), interface(2, 105)};  // 3 is gone
  loss.take_interfaces(then);
  EXPECT_EQ(loss.counters().interfaces, 5u);
  const Interface again[] = {interface(2, 1)};  // its driver was loaded anew
  loss.take_interfaces(again);
  const Interface last[] = {interface(2, 3)};
  loss.take_interfaces(last);
  EXPECT_EQ(loss.counters().interfaces, 7u);
}

TEST(EarlyLoss, ReadsTheFileAnewAtEachLook) {
  const test::TempFolder folder;
  const std::string path = folder.path("softnet_stat");
  std::ofstream(path) << processor("00000001", "00000000");
  EarlyLoss loss(Fd(open(path.c_str(), O_RDONLY | O_CLOEXEC)), {});
  loss.look();
  std::ofstream(path) << processor("00000004", "00000000");
  loss.look();
  EXPECT_EQ(loss.counters().softnet, 3u);
}

TEST(EarlyLoss, ThisHostTells) {
  EarlyLoss loss(open_softnet_stat(), {});
  loss.look();
  EXPECT_TRUE(loss.counters().softnet.has_value());
}

constexpr std::int64_t kSecond = 1'000'000'000;

Amount frames(std::uint64_t count) { return {.packets = count, .bytes = {}}; }

RunTotals totals_of(std::uint64_t received, std::uint64_t dropped) {
  RunTotals totals;
  totals.live = true;
  totals.counts.received = frames(received);
  totals.counts.dropped = frames(dropped);
  totals.counts.softnet_dropped = totals.counts.interface_dropped = frames(0);
  return totals;
}

TEST(LossWarnings, NoneWhileNothingIsLost) {
  LossWarnings warnings(0);
  EXPECT_FALSE(warnings.due(kSecond - 1));
  EXPECT_TRUE(warnings.due(kSecond));
  EXPECT_FALSE(warnings.look(totals_of(1000, 0), kSecond));
  EXPECT_FALSE(warnings.due(2 * kSecond - 1)) << "at most once a second";
  EXPECT_FALSE(warnings.look(totals_of(2000, 0), 2 * kSecond));
}

TEST(LossWarnings, CountSinceTheOneBefore) {
  LossWarnings warnings(0);
  EXPECT_THAT(warnings.look(totals_of(1000, 100), kSecond).value_or(""),
              HasSubstr("warning: the kernel dropped 100 frames (10.0 %) in 1 s because a ring was full; "
                        "more workers (-j) or a larger --ring-size help"));
  EXPECT_THAT(warnings.look(totals_of(1200, 150), 2 * kSecond).value_or(""),
              HasSubstr("dropped 50 frames (25.0 %) in 1 s"));
  EXPECT_FALSE(warnings.look(totals_of(9000, 150), 3 * kSecond)) << "it is over";
}

TEST(LossWarnings, EachPlaceHasALine) {
  LossWarnings warnings(0);
  RunTotals totals = totals_of(1000, 1);
  totals.counts.softnet_dropped = frames(2);
  totals.counts.interface_dropped = frames(3);
  totals.records.lost = 4;
  totals.saved = SavedFrames{.counts = {}, .too_slow = true, .file = "out.pcapng"};
  totals.saved->counts.lost = 5;
  const std::string text = warnings.look(totals, kSecond).value_or("");
  for (const char* line :
       {"warning: the kernel dropped 1 frame", "\nwarning: 2 frames were lost on this host in 1 s before",
        "\nwarning: 3 frames were lost by the interface", "\nwarning: 4 records were lost in 1 s",
        "\nwarning: 5 frames were not saved in 1 s"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
  totals.records.lost = 6;
  const std::string later = warnings.look(totals, 2 * kSecond).value_or("");
  EXPECT_THAT(later, HasSubstr("warning: 2 records were lost in 1 s"));
  EXPECT_THAT(later, Not(HasSubstr("\n"))) << "nothing else went on";
}

}  // namespace
}  // namespace tapline
