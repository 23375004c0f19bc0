// The lock-free queue and the doorbell, between two threads.
#include "exporters/buffer_queue.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "exporters/doorbell.h"

namespace tapline {
namespace {

TEST(BufferQueue, RoundsItsCapacityUpAndRefusesMore) {
  BufferQueue<int> queue(3);
  EXPECT_EQ(queue.capacity(), 4u);
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(queue.push(i));
  EXPECT_FALSE(queue.push(4));
  EXPECT_EQ(queue.size(), 4u);
  int value = -1;
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(queue.pop(value));
    EXPECT_EQ(value, i);
  }
  EXPECT_FALSE(queue.pop(value));
  EXPECT_EQ(value, 3);
  EXPECT_TRUE(queue.empty());
}

TEST(BufferQueue, HoldsOneItemOfCapacityOne) {
  BufferQueue<int> queue(1);
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(queue.push(i));
    EXPECT_FALSE(queue.push(i));
    int value = -1;
    EXPECT_TRUE(queue.pop(value));
    EXPECT_EQ(value, i);
  }
}

// What is written to an item before push() must be what the other thread reads after pop(); the items go
// round by a second queue, so that a slot given back too early is seen as well. A race is for TSan to tell.
TEST(BufferQueue, CarriesMillionsOfItemsAndTheMemoryBehindThem) {
  struct Item {
    std::uint64_t number = 0;
    std::uint64_t check = 0;
  };
  constexpr std::uint64_t kCount = 3'000'000;
  std::vector<Item> items(60);
  BufferQueue<Item*> full(items.size()), empty(items.size());
  for (Item& item : items) ASSERT_TRUE(empty.push(&item));

  std::thread producer([&] {
    for (std::uint64_t i = 1; i <= kCount; ++i) {
      Item* item = nullptr;
      while (!empty.pop(item)) std::this_thread::yield();
      item->number = i;
      item->check = ~i;
      while (!full.push(item)) std::this_thread::yield();
    }
  });
  std::uint64_t wrong = 0;
  for (std::uint64_t i = 1; i <= kCount; ++i) {
    Item* item = nullptr;
    while (!full.pop(item)) std::this_thread::yield();
    if (item->number != i || item->check != ~i) ++wrong;
    *item = Item{};
    while (!empty.push(item)) std::this_thread::yield();
  }
  producer.join();
  EXPECT_EQ(wrong, 0u);
}

// Two threads hand a token to and fro and sleep in between: a wake-up that is lost hangs the test.
TEST(Doorbell, LosesNoWakeUp) {
  struct Side {
    Doorbell bell{FileDescriptor(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC))};
    std::atomic<int> token{0};
    void wait_for(int value) {
      while (token.load(std::memory_order_acquire) < value) {
        bell.about_to_sleep();
        if (token.load(std::memory_order_acquire) < value) {
          pollfd fd{bell.fd(), POLLIN, 0};
          ::poll(&fd, 1, -1);
        }
        bell.awake();
      }
    }
    void send(int value) {
      token.store(value, std::memory_order_release);
      bell.ring();
    }
  };
  constexpr int kRounds = 50'000;
  Side here, there;
  std::thread other([&] {
    for (int i = 1; i <= kRounds; ++i) {
      there.wait_for(i);
      here.send(i);
    }
  });
  for (int i = 1; i <= kRounds; ++i) {
    there.send(i);
    here.wait_for(i);
  }
  other.join();
  EXPECT_EQ(here.token.load(), kRounds);
}

TEST(Doorbell, DoesNotTouchTheEventfdOfAnAwakeThread) {
  Doorbell bell{FileDescriptor(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC))};
  pollfd fd{bell.fd(), POLLIN, 0};
  bell.ring();
  EXPECT_EQ(::poll(&fd, 1, 0), 0);
  bell.about_to_sleep();
  bell.ring();
  EXPECT_EQ(::poll(&fd, 1, 0), 1);
  bell.awake();
  EXPECT_EQ(::poll(&fd, 1, 0), 0);
}

}  // namespace
}  // namespace tapline
