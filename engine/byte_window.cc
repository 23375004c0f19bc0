// Joins the pieces of a source where that is needed; see byte_window.h.
#include "engine/byte_window.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "absl/status/statusor.h"

namespace tapline {
namespace {

// A straddle buffer that one huge frame made larger than this is let go of.
constexpr std::size_t kKeptStraddle = 1u << 20;

}  // namespace

// Into rest_. False at the end and on failure, for good.
bool ByteWindow::next_piece() {
  if (ended_) return false;
  const absl::StatusOr<std::span<const std::uint8_t>> piece = source_->next();
  if (!piece.ok()) status_ = piece.status();
  ended_ = !piece.ok() || piece->empty();
  if (!ended_) rest_ = *piece;
  return !ended_;
}

void ByteWindow::leave_straddle() {
  in_straddle_ = false;
  position_ = rest_.data();
  limit_ = rest_.data() + rest_.size();
  rest_ = {};
}

bool ByteWindow::gather(std::size_t size) {
  assert(size > available());
  if (available() == 0) {  // then nothing straddles yet
    if (!next_piece()) return false;
    leave_straddle();
    if (available() >= size) return true;
  }
  if (in_straddle_) {
    straddle_.erase(straddle_.begin(), straddle_.end() - static_cast<std::ptrdiff_t>(available()));
  } else {
    if (straddle_.capacity() > kKeptStraddle && size <= kKeptStraddle) straddle_ = {};
    straddle_.assign(position_, limit_);
    in_straddle_ = true;
  }
  while (straddle_.size() < size) {
    if (rest_.empty() && !next_piece()) break;
    const std::size_t take = std::min(size - straddle_.size(), rest_.size());
    straddle_.insert(straddle_.end(), rest_.begin(), rest_.begin() + static_cast<std::ptrdiff_t>(take));
    rest_ = rest_.subspan(take);
  }
  position_ = straddle_.data();
  limit_ = straddle_.data() + straddle_.size();
  return straddle_.size() >= size;
}

bool ByteWindow::skip(std::uint64_t size) {
  while (size > 0) {
    if (available() == 0) {
      if (!next_piece()) return false;
      leave_straddle();
    }
    const std::size_t step = static_cast<std::size_t>(std::min<std::uint64_t>(size, available()));
    consume(step);
    size -= step;
  }
  return true;
}

}  // namespace tapline
