// A LineOutput that keeps everything in one string: for what is made once and in whole, not for records.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>

#include "exporters/line_output.h"

namespace tapline {

class StringOutput final : public LineOutput {
 public:
  void end_line() override {}

  // What was written so far. The output is empty then, and may be used again.
  std::string take() {
    bytes_.resize(position_ == nullptr ? 0 : static_cast<std::size_t>(position_ - bytes_.data()));
    position_ = limit_ = nullptr;
    return std::exchange(bytes_, {});
  }

 private:
  void make_room(std::size_t n) override {
    const std::size_t used = position_ == nullptr ? 0 : static_cast<std::size_t>(position_ - bytes_.data());
    bytes_.resize(std::max(2 * bytes_.size(), used + n));
    position_ = bytes_.data() + used;
    limit_ = bytes_.data() + bytes_.size();
  }

  std::string bytes_;
};

}  // namespace tapline
