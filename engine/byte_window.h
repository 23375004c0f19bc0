// The bytes of a source as one contiguous stretch that a parser can look at, however the source cuts them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "engine/byte_source.h"

namespace tapline {

// Shows pieces of the source where they lie; only what straddles two pieces is copied, into a buffer that
// grows by bytes that have come, never by a length that was only announced. Not thread-safe.
class ByteWindow {
 public:
  explicit ByteWindow(std::unique_ptr<ByteSource> source) : source_(std::move(source)) {}

  // The unread bytes that are in sight: `available()` of them at `data()`.
  const std::uint8_t* data() const { return position_; }
  std::size_t available() const { return static_cast<std::size_t>(limit_ - position_); }

  // Steps over bytes; those in front stay readable until gather() or skip(). REQUIRES: size <= available().
  void consume(std::size_t size) {
    position_ += size;
    offset_ += size;
    if (position_ == limit_ && in_straddle_) leave_straddle();
  }

  // Brings at least `size` unread bytes in sight, waiting for them; all that was in sight before moves. False
  // when the input ends or fails before: available() bytes are left, and status() says why. REQUIRES: size >
  // available().
  bool gather(std::size_t size);

  // Steps over `size` bytes, in sight or not, without keeping them. False as for gather().
  bool skip(std::uint64_t size);

  // Position of data() in the input.
  std::uint64_t offset() const { return offset_; }
  // OK at the end of the input.
  const absl::Status& status() const { return status_; }
  const std::string& name() const { return source_->name(); }

 private:
  bool next_piece();
  void leave_straddle();

  std::unique_ptr<ByteSource> source_;
  const std::uint8_t* position_ = nullptr;  // in the source's piece, or in straddle_
  const std::uint8_t* limit_ = nullptr;
  std::uint64_t offset_ = 0;
  bool ended_ = false;
  absl::Status status_;
  // A stretch that began in an earlier piece, and what the source's piece has after it.
  bool in_straddle_ = false;
  std::vector<std::uint8_t> straddle_;
  std::span<const std::uint8_t> rest_;
};

}  // namespace tapline
