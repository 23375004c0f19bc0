// The wheel against a model: nothing fires early, nothing is forgotten, whatever the jumps.
#include "flows/timer_wheel.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <vector>

namespace tapline {
namespace {

constexpr std::int64_t kTick = std::int64_t{1} << 26;
constexpr std::int64_t kSecondNs = 1'000'000'000;
constexpr std::int64_t kYear = 365 * 24 * 3600 * kSecondNs;

// A wheel whose entries have the deadlines of a map.
class Wheel {
 public:
  explicit Wheel(std::int64_t now) : wheel_(4096) { advance(now); }

  void schedule(std::uint32_t index, std::int64_t deadline) {
    deadlines_[index] = deadline;
    wheel_.schedule(index, deadline);
  }
  void put_off(std::uint32_t index, std::int64_t deadline) { deadlines_[index] = deadline; }
  void cancel(std::uint32_t index) {
    deadlines_.erase(index);
    wheel_.cancel(index);
  }
  std::vector<std::uint32_t> advance(std::int64_t now) {
    std::vector<std::uint32_t> fired;
    if (!wheel_.due(now)) return fired;
    wheel_.advance(
        now,
        [this](std::uint32_t index, bool) { EXPECT_TRUE(deadlines_.contains(index)) << "not scheduled"; },
        [this](std::uint32_t index) { return deadlines_.at(index); },
        [&](std::uint32_t index) {
          EXPECT_LT(deadlines_.at(index), now) << "fired early";
          fired.push_back(index);
          deadlines_.erase(index);
        });
    // A tick late is allowed, and no more.
    for (const auto& [index, deadline] : deadlines_) EXPECT_GE(deadline, now - 2 * kTick) << index;
    return fired;
  }
  std::size_t size() const { return deadlines_.size(); }
  const std::map<std::uint32_t, std::int64_t>& deadlines() const { return deadlines_; }

 private:
  TimerWheel wheel_;
  std::map<std::uint32_t, std::int64_t> deadlines_;
};

using Fired = std::vector<std::uint32_t>;

TEST(TimerWheelTest, FiresWhatIsDueAndNothingElse) {
  Wheel wheel(50 * kYear);
  wheel.schedule(1, 50 * kYear + kSecondNs);
  wheel.schedule(2, 50 * kYear + 30 * kSecondNs);
  wheel.schedule(3, 50 * kYear + 3600 * kSecondNs);
  EXPECT_EQ(wheel.advance(50 * kYear + kSecondNs / 2), Fired{});
  EXPECT_EQ(wheel.advance(50 * kYear + 2 * kSecondNs), Fired{1});
  EXPECT_EQ(wheel.advance(50 * kYear + 29 * kSecondNs), Fired{});
  EXPECT_EQ(wheel.advance(50 * kYear + 31 * kSecondNs), Fired{2});
  EXPECT_EQ(wheel.advance(50 * kYear + 3601 * kSecondNs), Fired{3});
}

TEST(TimerWheelTest, LooksAtEverythingAfterAJumpOfYears) {
  Wheel wheel(0);
  for (std::uint32_t i = 0; i < 100; ++i) wheel.schedule(i, i * 60 * kSecondNs);
  wheel.schedule(500, 100 * kYear);
  EXPECT_EQ(wheel.advance(55 * kYear).size(), 100u);
  EXPECT_EQ(wheel.size(), 1u);
  EXPECT_EQ(wheel.advance(99 * kYear), Fired{});
  EXPECT_EQ(wheel.advance(101 * kYear), Fired{500});
}

TEST(TimerWheelTest, AsksAgainForADeadlineThatWasPutOff) {
  Wheel wheel(kYear);
  wheel.schedule(1, kYear + kSecondNs);
  wheel.put_off(1, kYear + 100 * kSecondNs);
  EXPECT_EQ(wheel.advance(kYear + 50 * kSecondNs), Fired{});
  EXPECT_EQ(wheel.advance(kYear + 101 * kSecondNs), Fired{1});
}

TEST(TimerWheelTest, FiresInTheOrderOfTicksThenOfScheduling) {
  Wheel wheel(kYear);
  wheel.schedule(5, kYear + 3 * kSecondNs);
  wheel.schedule(9, kYear + kSecondNs);
  wheel.schedule(2, kYear + kSecondNs);
  wheel.schedule(7, kYear + kSecondNs);
  wheel.cancel(2);
  EXPECT_EQ(wheel.advance(kYear + 10 * kSecondNs), (Fired{9, 7, 5}));
}

TEST(TimerWheelTest, CancelsAnywhereInASlot) {
  for (const std::uint32_t which : {0u, 1u, 2u}) {
    Wheel wheel(kYear);
    for (std::uint32_t i = 0; i < 3; ++i) wheel.schedule(i, kYear + kSecondNs);
    wheel.cancel(which);
    wheel.schedule(3, kYear + kSecondNs);
    const Fired fired = wheel.advance(kYear + 2 * kSecondNs);
    EXPECT_EQ(fired.size(), 3u);
    EXPECT_EQ(std::count(fired.begin(), fired.end(), which), 0);
  }
}

TEST(TimerWheelTest, TakesADeadlineInThePast) {
  Wheel wheel(kYear);
  wheel.schedule(1, 5);
  EXPECT_EQ(wheel.advance(kYear + 2 * kTick), Fired{1});
}

TEST(TimerWheelTest, AgreesWithAModelOnRandomUse) {
  std::mt19937_64 random(11);
  std::int64_t now = 54 * kYear;
  Wheel wheel(now);
  const auto up_to = [&](std::int64_t bound) {
    return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(bound));
  };
  const auto patience = [&] { return up_to(random() % 10 == 0 ? 30 * kYear / 365 : 200 * kSecondNs); };
  std::size_t fired = 0;
  for (int step = 0; step < 30000; ++step) {
    const auto index = static_cast<std::uint32_t>(random() % 4096);
    const bool known = wheel.deadlines().contains(index);
    switch (random() % 8) {
      case 0:
        fired += wheel.advance(now += up_to(random() % 50 == 0 ? 3600 * kSecondNs : 2 * kSecondNs)).size();
        break;
      case 1:
        if (known) wheel.cancel(index);
        break;
      case 2:
      case 3:
        if (known) wheel.put_off(index, wheel.deadlines().at(index) + patience());
        break;
      default:
        if (!known) wheel.schedule(index, now + patience());
    }
  }
  EXPECT_GT(fired, 1000u);
  const std::size_t left = wheel.size();
  EXPECT_EQ(wheel.advance(now + 200 * kYear).size(), left);
}

}  // namespace
}  // namespace tapline
