// A LineOutput that gives exactly the room asked for, each time in new memory.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "exporters/line_output.h"

namespace tapline {

// One byte written past what need() promised, or through a pointer from before the last need(), is an error
// that AddressSanitizer sees. With `spare` > 0, buffers have that much more room, so that lines also get room
// without moving.
class ExactOutput : public LineOutput {
 public:
  explicit ExactOutput(std::size_t spare = 0) : spare_(spare) {}

  void end_line() override {
    lines_.emplace_back(buffer_.get(), position_);
    make_fresh(0, 0);
  }

  // Whole lines, each with its '\n'.
  const std::vector<std::string>& lines() const { return lines_; }
  // The one line that there is.
  std::string line() const {
    return lines_.size() == 1 ? lines_[0] : "not one line but " + std::to_string(lines_.size());
  }
  void clear() { lines_.clear(); }

 protected:
  void make_room(std::size_t n) override {
    make_fresh(static_cast<std::size_t>(position_ - buffer_.get()), n + spare_);
  }

 private:
  void make_fresh(std::size_t used, std::size_t room) {
    auto fresh = std::make_unique<char[]>(used + room);
    std::copy_n(buffer_.get(), used, fresh.get());
    buffer_ = std::move(fresh);
    position_ = buffer_.get() + used;
    limit_ = position_ + room;
  }

  std::size_t spare_;
  std::unique_ptr<char[]> buffer_;
  std::vector<std::string> lines_;
};

}  // namespace tapline
