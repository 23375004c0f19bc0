// A worker's buffers, with the test in the writer's place.
#include "exporters/line_buffers.h"

#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace tapline {
namespace {

// Writes `line` and its '\n', asking for room `step` bytes at a time.
void write_line(LineOutput& out, std::string_view line, std::size_t step = 16) {
  const auto piece = [&](std::string_view bytes) {
    char* p = out.need(bytes.size());
    std::memcpy(p, bytes.data(), bytes.size());
    out.advance(p + bytes.size());
  };
  for (std::size_t at = 0; at < line.size(); at += step) piece(line.substr(at, step));
  piece("\n");
  out.end_line();
}

class LineBuffersTest : public testing::Test {
 protected:
  LineBuffers& make(SlowSink slow_sink, std::size_t bytes, std::size_t count) {
    LineBufferOptions options;
    options.slow_sink = slow_sink;
    options.buffer_bytes = bytes;
    options.buffers = count;
    options.max_age_ns = 50;
    out_ = std::make_unique<LineBuffers>(options, bell_);
    return *out_;
  }

  // Takes what was handed over, as the writer does. Each buffer must hold whole lines only.
  std::string take_all() {
    std::string all;
    while (LineBuffer* buffer = out_->exchange().take_full()) {
      const std::string_view lines(buffer->data, buffer->size);
      EXPECT_FALSE(lines.empty());
      EXPECT_EQ(lines.back(), '\n');
      EXPECT_EQ(buffer->lines, std::count(lines.begin(), lines.end(), '\n'));
      all += lines;
      ++buffers_taken_;
      last_taken_ = buffer->data;
      out_->exchange().give_back(buffer);
    }
    return all;
  }

  Doorbell bell_{FileDescriptor(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC))};
  std::unique_ptr<LineBuffers> out_;
  int buffers_taken_ = 0;
  const char* last_taken_ = nullptr;
};

// Lines of every length around a buffer's, asked for in steps of every size: each line moves whole.
TEST_F(LineBuffersTest, NoLineIsSplitWhateverItsLengthAndSteps) {
  for (std::size_t step = 1; step <= 40; ++step) {
    make(SlowSink::kBlock, 64, 4);
    std::string expected, got;
    for (std::size_t length = 0; length < 150; ++length) {
      const std::string line(length, static_cast<char>('a' + length % 26));
      write_line(*out_, line, step);
      expected += line + '\n';
      got += take_all();
    }
    out_->flush();
    got += take_all();
    EXPECT_EQ(got, expected) << "step " << step;
    EXPECT_EQ(out_->lost_lines(), 0u);
  }
}

TEST_F(LineBuffersTest, ALineLongerThanABufferGoesOutAtOnceAndItsMemoryIsGivenUp) {
  make(SlowSink::kDrop, 64, 2);
  write_line(*out_, "short");
  const std::string longer(1000, 'x');
  write_line(*out_, longer);
  EXPECT_EQ(out_->oversized_lines(), 1u);
  EXPECT_EQ(take_all(), "short\n" + longer + "\n");
  write_line(*out_, "after");
  out_->flush();
  LineBuffer* buffer = out_->exchange().take_full();
  ASSERT_NE(buffer, nullptr);
  EXPECT_EQ(buffer->large, nullptr);
  EXPECT_EQ(buffer->capacity, 64u);
  EXPECT_EQ(out_->lost_lines(), 0u);
}

// One request for more than a buffer, in the middle of a line and at its beginning.
TEST_F(LineBuffersTest, OneNeedMayBeLargerThanABuffer) {
  make(SlowSink::kBlock, 64, 2);
  const std::string line(500, 'y');
  write_line(*out_, line, 500);
  write_line(*out_, "z" + line, 1);
  std::string got = take_all();
  const std::string_view head = "head:";
  char* p = out_->need(head.size());
  std::memcpy(p, head.data(), head.size());
  out_->advance(p + head.size());
  p = out_->need(501);
  std::memset(p, 'w', 500);
  p[500] = '\n';
  out_->advance(p + 501);
  out_->end_line();
  got += take_all();
  EXPECT_EQ(got, line + "\nz" + line + "\nhead:" + std::string(500, 'w') + "\n");
}

// An encoder may take back what it has written of the line (a comma too many), wherever the line has moved
// to.
TEST_F(LineBuffersTest, TheLineSoFarStaysInFrontOfThePosition) {
  for (const std::size_t buffers : {1u, 2u}) {  // with 1, the second line is lost
    make(SlowSink::kDrop, 32, buffers);
    write_line(*out_, "first");
    char* p = out_->need(5);
    std::memcpy(p, "{\"a\",", 5);
    out_->advance(p + 5);
    for (const std::size_t room : {30u, 300u, 3000u}) {
      p = out_->need(room);
      EXPECT_EQ(std::string_view(p - 5, 5), "{\"a\",");
    }
    p[-1] = '}';
    *p = '\n';
    out_->advance(p + 1);
    out_->end_line();
    out_->flush();
    EXPECT_EQ(take_all(), buffers == 1 ? "first\n" : "first\n{\"a\"}\n");
    EXPECT_EQ(out_->lost_lines(), buffers == 1 ? 1u : 0u);
  }
}

TEST_F(LineBuffersTest, DropLosesWholeLinesCountsThemAndGoesOnWithTheFirstFreeBuffer) {
  make(SlowSink::kDrop, 64, 2);
  std::string expected;
  int sent = 0;
  const auto send = [&] {
    const std::string line = "line " + std::to_string(sent++) + std::string(20, '.');
    const std::uint64_t lost = out_->lost_lines();
    write_line(*out_, line, 3);
    if (out_->lost_lines() == lost) expected += line + '\n';
  };
  for (int i = 0; i < 50; ++i) send();
  EXPECT_EQ(out_->lost_lines(), 46u);  // two lines of 27 to 28 bytes in each of two buffers
  std::string got = take_all();
  // The very next line must have a buffer: nothing is lost that could have been kept.
  const std::uint64_t lost = out_->lost_lines();
  send();
  EXPECT_EQ(out_->lost_lines(), lost);
  out_->flush();
  got += take_all();
  EXPECT_EQ(got, expected);
  EXPECT_EQ(static_cast<std::uint64_t>(std::count(got.begin(), got.end(), '\n')) + out_->lost_lines(), 51u);
}

TEST_F(LineBuffersTest, ALostLineMayBeLongerThanABuffer) {
  make(SlowSink::kDrop, 64, 1);
  write_line(*out_, std::string(60, 'a'));
  write_line(*out_, std::string(5000, 'b'));
  EXPECT_EQ(out_->lost_lines(), 1u);
  EXPECT_EQ(take_all(), std::string(60, 'a') + "\n");
  write_line(*out_, "c");
  out_->flush();
  EXPECT_EQ(take_all(), "c\n");
}

TEST_F(LineBuffersTest, BlockWaitsForABufferAndLosesNothing) {
  make(SlowSink::kBlock, 64, 1);
  constexpr int kLines = 20'000;
  std::atomic<bool> done{false};
  std::thread worker([&] {
    for (int i = 0; i < kLines; ++i) write_line(*out_, std::to_string(i));
    out_->flush();
    done.store(true, std::memory_order_release);
  });
  std::string got, expected;
  for (bool last = false; !last;) {
    last = done.load(std::memory_order_acquire);
    got += take_all();
    if (!last) std::this_thread::yield();
  }
  worker.join();
  for (int i = 0; i < kLines; ++i) expected += std::to_string(i) + '\n';
  EXPECT_EQ(got, expected);
  EXPECT_EQ(out_->lost_lines(), 0u);
}

TEST_F(LineBuffersTest, FlushIfOlderCountsFromTheFirstCallThatSeesALine) {
  make(SlowSink::kDrop, 4096, 4);
  out_->flush_if_older(1000);
  out_->flush_if_older(2000);
  write_line(*out_, "a");
  out_->flush_if_older(3000);
  write_line(*out_, "b");
  out_->flush_if_older(3049);
  EXPECT_EQ(take_all(), "");
  out_->flush_if_older(3050);
  EXPECT_EQ(take_all(), "a\nb\n");
  // A new buffer has an age of its own.
  write_line(*out_, "c");
  out_->flush_if_older(4000);
  EXPECT_EQ(take_all(), "");
  out_->flush_if_older(4050);
  EXPECT_EQ(take_all(), "c\n");
}

// While the writer is behind, a slow trickle must not use up the buffers, one for each line.
TEST_F(LineBuffersTest, FlushIfOlderKeepsFillingWhileTheWriterIsBehind) {
  make(SlowSink::kDrop, 4096, 2);
  std::string expected;
  for (int i = 0; i < 100; ++i) {
    write_line(*out_, std::to_string(i));
    expected += std::to_string(i) + '\n';
    out_->flush_if_older(1000 + 100 * i);
  }
  EXPECT_EQ(out_->lost_lines(), 0u);
  std::string got = take_all();
  EXPECT_FALSE(got.empty());
  out_->flush_if_older(100'000);
  got += take_all();
  EXPECT_EQ(got, expected);
}

TEST_F(LineBuffersTest, FlushOfNothingHandsOverNothing) {
  make(SlowSink::kDrop, 4096, 2);
  out_->flush();
  write_line(*out_, "a");
  out_->flush();
  out_->flush();
  EXPECT_EQ(out_->exchange().waiting(), 1u);
}

// Memory that is not needed is not touched: a quiet worker uses the same buffer again and again.
TEST_F(LineBuffersTest, ABufferThatComesBackInTimeIsUsedAgainAtOnce) {
  make(SlowSink::kDrop, 4096, 16);
  const char* first = nullptr;
  for (int i = 0; i < 40; ++i) {
    write_line(*out_, "a");
    out_->flush();
    take_all();
    if (first == nullptr) first = last_taken_;
    EXPECT_EQ(last_taken_, first);
  }
  EXPECT_EQ(buffers_taken_, 40);
}

TEST_F(LineBuffersTest, BuffersStartOnPagesOfTheirOwn) {
  make(SlowSink::kDrop, 100, 3);
  for (int i = 0; i < 3; ++i) {
    write_line(*out_, "a");
    out_->flush();
  }
  while (LineBuffer* buffer = out_->exchange().take_full()) {
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer->data) % 4096, 0u);
  }
}

// What stands before the first line that counts goes out with it, or alone, whole as any line.
TEST_F(LineBuffersTest, LinesThatDoNotCountAreLinesAllTheSame) {
  make(SlowSink::kDrop, 64, 2);
  const auto describe = [&](std::size_t size) {
    std::memset(out_->need(size), 'd', size);
    out_->advance(out_->need(0) + size);
    out_->end_uncounted();
  };
  describe(10);
  out_->flush();
  LineBuffer* buffer = out_->exchange().take_full();
  ASSERT_NE(buffer, nullptr);
  EXPECT_EQ(buffer->lines, 0u);
  EXPECT_EQ(buffer->size, 10u);
  out_->exchange().give_back(buffer);

  describe(10);
  write_line(*out_, std::string(60, 'l'));  // needs the next buffer
  buffer = out_->exchange().take_full();
  ASSERT_NE(buffer, nullptr);
  EXPECT_EQ(buffer->lines, 0u);
  EXPECT_EQ(std::string_view(buffer->data, buffer->size), "dddddddddd");
  out_->flush_if_older(1);
  out_->flush_if_older(100);
  LineBuffer* next = out_->exchange().take_full();
  ASSERT_NE(next, nullptr);
  EXPECT_EQ(next->lines, 1u);

  out_->need(10);
  EXPECT_TRUE(out_->loses_line()) << "both buffers are away";
  describe(10);
  EXPECT_EQ(out_->lost_lines(), 0u);
  write_line(*out_, "lost");
  EXPECT_EQ(out_->lost_lines(), 1u);
  out_->exchange().give_back(next);
  out_->need(10);
  EXPECT_FALSE(out_->loses_line());
}

}  // namespace
}  // namespace tapline
