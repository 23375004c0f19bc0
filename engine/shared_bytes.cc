// Broadcasts one input to several consumers; see shared_bytes.h.
#include "engine/shared_bytes.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "absl/strings/str_cat.h"

namespace tapline {

class SharedBytes::Consumer final : public ByteSource {
 public:
  Consumer(SharedBytes* shared, std::size_t index) : shared_(shared), index_(index) {}
  ~Consumer() override { shared_->leave(index_); }

  absl::StatusOr<std::span<const std::uint8_t>> next() override {
    absl::StatusOr<std::span<const std::uint8_t>> piece = shared_->next(index_, position_);
    if (piece.ok()) position_ += piece->size();
    return piece;
  }
  const std::string& name() const override { return shared_->file_.name(); }

 private:
  SharedBytes* shared_;
  std::size_t index_;
  std::uint64_t position_ = 0;
};

absl::StatusOr<std::unique_ptr<SharedBytes>> SharedBytes::start(InputFile file, std::size_t consumers,
                                                                SharedBytesSizes sizes) {
  assert(sizes.piece > 0 && sizes.piece <= sizes.ring);
  absl::StatusOr<EventFd> stop = EventFd::open();
  if (!stop.ok()) return stop.status();
  return std::unique_ptr<SharedBytes>(new SharedBytes(std::move(file), *std::move(stop), consumers, sizes));
}

SharedBytes::SharedBytes(InputFile file, EventFd stop, std::size_t consumers, SharedBytesSizes sizes)
    : sizes_(sizes),
      ring_(std::make_unique_for_overwrite<std::uint8_t[]>(sizes.ring)),
      file_(std::move(file)),
      stop_(std::move(stop)),
      readers_(consumers) {
  file_.add_stop_fd(stop_.fd());
  thread_ = std::thread([this] { fill(); });
}

SharedBytes::~SharedBytes() {
  cancel();
  thread_.join();
}

std::unique_ptr<ByteSource> SharedBytes::take_consumer() {
  assert(taken_ < readers_.size());
  return std::make_unique<Consumer>(this, taken_++);
}

void SharedBytes::cancel() {
  {
    const std::lock_guard lock(mutex_);
    cancelled_ = true;
  }
  stop_.notify();
  readable_.notify_all();
  room_.notify_one();
}

void SharedBytes::fill() {
  absl::Status end;
  for (;;) {
    const std::span<std::uint8_t> room = wait_for_room();
    if (room.empty()) break;
    // Outside the lock: nobody else looks at this stretch before it is added to filled_.
    const absl::StatusOr<std::size_t> got = file_.read(room);
    if (!got.ok() || *got == 0) {
      end = got.status();
      break;
    }
    {
      const std::lock_guard lock(mutex_);
      filled_ += *got;
    }
    readable_.notify_all();
  }
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    end_ = std::move(end);
  }
  readable_.notify_all();
}

std::uint64_t SharedBytes::oldest_held() const {
  std::uint64_t oldest = filled_;
  for (const Reader& reader : readers_) {
    if (reader.active) oldest = std::min(oldest, reader.released);
  }
  return oldest;
}

std::span<std::uint8_t> SharedBytes::wait_for_room() {
  std::unique_lock lock(mutex_);
  room_.wait(lock, [this] { return cancelled_ || filled_ - oldest_held() < sizes_.ring; });
  if (cancelled_) return {};
  const std::size_t at = filled_ % sizes_.ring;
  const std::size_t free = sizes_.ring - (filled_ - oldest_held());
  return {ring_.get() + at, std::min({free, sizes_.ring - at, sizes_.piece})};
}

absl::StatusOr<std::span<const std::uint8_t>> SharedBytes::next(std::size_t consumer,
                                                                std::uint64_t position) {
  std::unique_lock lock(mutex_);
  // What was handed out before `position` is given back. The reading thread can only be waiting for the last
  // one that holds it back; it looks again whoever wakes it.
  readers_[consumer].released = position;
  room_.notify_one();
  readable_.wait(lock, [this, position] { return cancelled_ || ended_ || filled_ > position; });
  if (cancelled_) return absl::CancelledError(absl::StrCat("reading ", file_.name(), " was stopped"));
  if (filled_ == position) {
    if (!end_.ok()) return end_;
    return std::span<const std::uint8_t>();
  }
  const std::size_t at = position % sizes_.ring;
  const std::size_t there = static_cast<std::size_t>(filled_ - position);
  return std::span<const std::uint8_t>(ring_.get() + at, std::min({there, sizes_.ring - at, sizes_.piece}));
}

void SharedBytes::leave(std::size_t consumer) {
  bool last = false;
  {
    const std::lock_guard lock(mutex_);
    readers_[consumer].active = false;
    last = std::none_of(readers_.begin(), readers_.end(), [](const Reader& reader) { return reader.active; });
  }
  room_.notify_one();
  if (last) cancel();
}

}  // namespace tapline
