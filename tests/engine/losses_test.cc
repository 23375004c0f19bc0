// What is lost before a ring, counted.
#include <fcntl.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "engine/early_loss.h"
#include "tests/engine/temp_folder.h"

namespace tapline {
namespace {

// As Linux 6.1 writes them: the second word is the drops, the thirteenth the processor.
std::string processor(const char* drops, const char* number) {
  return std::string("0073a161 ") + drops + " 00000003 00000000 00000000 00000000 00000000 00000000 00000000 " +
         "00000000 00000000 00000000 " + number + " 00000000 00000000\n";
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

}  // namespace
}  // namespace tapline
