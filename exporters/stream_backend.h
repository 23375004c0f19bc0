// Writes with write(2): pipes, terminals, sockets, devices, and files where io_uring is refused.
#pragma once

#include <cstddef>
#include <string_view>

#include "exporters/file_descriptor.h"
#include "exporters/record_framing.h"
#include "exporters/write_backend.h"

namespace tapline {

// A reader that does not read must never keep the process from ending, so no write may block for good, and
// yet a standard output that is shared with other processes must not become non-blocking for them. In this
// order:
//
//  - a pipe or terminal is opened once more through /proc/self/fd, which gives an open file of our own, with
//  a
//    flag O_NONBLOCK of its own: writes take as much as there is room for, poll() waits for the rest;
//  - where that fails (a pipe of another user; no /proc), pieces of at most PIPE_BUF bytes are written once
//    poll() has said that there is room: a pipe with any room has that much. Right, but slower, and it can
//    block while another process fills the same pipe between poll() and write();
//  - sockets have MSG_DONTWAIT;
//  - regular files and other devices are always ready.
class StreamBackend final : public WriteBackend {
 public:
  // Both descriptors must outlive the object.
  StreamBackend(int fd, Framing framing, int stop_fd);

  std::string_view name() const override {
    return mode_ == Mode::kPieces ? "write in small pieces" : "write";
  }
  bool has_room() const override { return lines_.empty(); }
  void submit(std::string_view lines) override { lines_ = lines; }
  WriteResult wait_oldest() override;
  int hangup_fd() const override { return hangup_fd_; }

 private:
  enum class Mode { kNonBlocking, kPieces, kSocket, kPlain };

  ssize_t write_some(std::string_view bytes);
  bool wait_for_room();
  WriteResult failed(std::string_view lines, std::size_t written, int error);

  int fd_;
  const Framing framing_;
  const int stop_fd_;
  int hangup_fd_ = -1;
  FileDescriptor reopened_;
  Mode mode_ = Mode::kPlain;
  bool regular_ = false;
  std::string_view lines_;
};

}  // namespace tapline
