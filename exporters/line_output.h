// Where an encoder puts its lines: a worker's current buffer, handed to the writer when it is full.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tapline {

// Not thread-safe: one for each worker. The encoder writes a line straight into the buffer that will be
// written:
//
//   char* p = out.need(24);      // room for 24 bytes behind what the line has so far
//   p = ...;                     // at most 24 bytes
//   out.advance(p);
//   out.end_line();              // the line, which includes its '\n', is whole
//
// A line never appears in part: a partial line moves with need() to the next buffer when the current one has
// no room. When no buffer is to be had, the slow-sink policy decides (wait, or count the line as lost); the
// encoder does not notice.
class LineOutput {
 public:
  virtual ~LineOutput() = default;

  char* need(std::size_t n) {
    if (static_cast<std::size_t>(limit_ - position_) < n) make_room(n);
    return position_;
  }
  // Takes back what the line has, too, down to its beginning, when `end` is in front of it.
  void advance(char* end) { position_ = end; }
  // advance(end) and need(n) in one, for who keeps the position: it is stored only when there is no room.
  char* need(char* end, std::size_t n) {
    if (static_cast<std::size_t>(limit_ - end) >= n) return end;
    position_ = end;
    make_room(n);
    return position_;
  }
  // The end of the room that need() has given, and perhaps of more. Valid as long as the position is.
  const char* limit() const { return limit_; }
  virtual void end_line() = 0;

 protected:
  // Makes limit_ - position_ >= n, keeping the bytes of the current line in front of position_.
  virtual void make_room(std::size_t n) = 0;

  char* position_ = nullptr;
  char* limit_ = nullptr;
};

}  // namespace tapline
