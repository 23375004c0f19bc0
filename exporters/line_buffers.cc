#include "exporters/line_buffers.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <new>
#include <utility>

namespace tapline {
namespace {

// Buffers start on pages of their own: two workers share no cache line, a page belongs to the node of the
// worker that fills it (first touch), and the kernel's copy, which goes page by page, has an aligned source.
constexpr std::size_t kPage = 4096;

// For counters that one thread writes: no locked instruction.
void add_one(std::atomic<std::uint64_t>& counter) {
  counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

}  // namespace

void LineBuffers::Free::operator()(char* memory) const {
  ::operator delete (memory, std::align_val_t{kPage});
}

LineBuffers::LineBuffers(const LineBufferOptions& options, Doorbell& writer)
    : options_(options), buffers_(options.buffers), exchange_(options.buffers, writer) {
  assert(options.buffers > 0 && options.buffer_bytes > 0);
  const std::size_t stride = (options.buffer_bytes + kPage - 1) / kPage * kPage;
  // So large an allocation is fresh from the kernel: pages that no line reaches are never there.
  memory_.reset(static_cast<char*>(::operator new (stride*(options.buffers + 1), std::align_val_t{kPage})));
  const auto settle = [&](LineBuffer& buffer, std::size_t index) {
    buffer.data = buffer.home = memory_.get() + index * stride;
    buffer.capacity = buffer.home_capacity = options.buffer_bytes;
  };
  spare_.reserve(options.buffers);
  for (std::size_t i = 0; i < options.buffers; ++i) {
    settle(buffers_[i], i);
    spare_.push_back(&buffers_[i]);
  }
  settle(scratch_, options.buffers);
  park();
}

void LineBuffers::end(std::uint32_t counted) {
  if (current_ == &scratch_) {
    if (counted > 0) add_one(lost_);
    park();  // so that the next line asks for a buffer again
    return;
  }
  current_->lines += counted;
  line_start_ = position_;
  if (current_->large != nullptr) hand_over();  // to have its memory freed soon
}

void LineBuffers::flush() {
  assert(position_ == line_start_);
  if (current_ != &scratch_ && holds_lines()) hand_over();
}

void LineBuffers::flush_if_older(std::int64_t now_ns) {
  assert(position_ == line_start_);
  if (current_ == &scratch_ || !holds_lines()) return;
  if (pending_since_ == 0) {
    pending_since_ = now_ns;
  } else if (now_ns - pending_since_ >= options_.max_age_ns && exchange_.waiting() == 0) {
    hand_over();
  }
}

void LineBuffers::make_room(std::size_t n) {
  const auto partial = static_cast<std::size_t>(position_ - line_start_);
  // A lost line stays where it is, and so does a line that has a buffer for itself: only more memory helps
  // it.
  const bool stays = current_ == &scratch_ ? partial > 0 : !holds_lines();
  if (!stays) {
    if (current_ != &scratch_) {
      // The partial line goes to the next buffer by way of the scratch buffer: once handed over, the old one
      // is no longer ours to read, and there may be no next one.
      reserve(scratch_, partial, 0);
      std::memcpy(scratch_.data, line_start_, partial);
      hand_over();
    }
    if (LineBuffer* next = take_empty()) {
      reserve(*next, partial + n, 0);
      std::memcpy(next->data, scratch_.data, partial);
      current_ = next;
    }
  }
  reserve(*current_, partial + n, partial);
  line_start_ = current_->data;
  position_ = line_start_ + partial;
  limit_ = current_->data + current_->capacity;
}

// Makes capacity >= bytes, keeping the first `keep` bytes.
void LineBuffers::reserve(LineBuffer& buffer, std::size_t bytes, std::size_t keep) {
  if (buffer.capacity >= bytes) return;
  const std::size_t capacity = std::max(bytes, 2 * buffer.capacity);
  auto larger = std::make_unique_for_overwrite<char[]>(capacity);
  if (keep > 0) std::memcpy(larger.get(), buffer.data, keep);
  if (&buffer != &scratch_ && buffer.large == nullptr) add_one(oversized_);
  buffer.large = std::move(larger);
  buffer.data = buffer.large.get();
  buffer.capacity = capacity;
}

// Null when the writer has all buffers and lines are to be dropped.
LineBuffer* LineBuffers::take_empty() {
  while (LineBuffer* returned = exchange_.take_empty()) spare_.push_back(returned);
  if (spare_.empty()) {
    if (options_.slow_sink == SlowSink::kDrop) return nullptr;
    spare_.push_back(exchange_.wait_for_empty());
  }
  LineBuffer* buffer = spare_.back();
  spare_.pop_back();
  buffer->large.reset();
  buffer->data = buffer->home;
  buffer->capacity = buffer->home_capacity;
  buffer->size = 0;
  buffer->lines = 0;
  return buffer;
}

void LineBuffers::hand_over() {
  current_->size = static_cast<std::size_t>(line_start_ - current_->data);
  pending_since_ = 0;
  LineBuffer* full = current_;
  park();
  exchange_.hand_over(full);
}

void LineBuffers::park() {
  current_ = &scratch_;
  line_start_ = position_ = limit_ = scratch_.data;
}

}  // namespace tapline
