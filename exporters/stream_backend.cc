#include "exporters/stream_backend.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <string>
#include <utility>

namespace tapline {
namespace {

constexpr int kDefaultPipeSize = 64 << 10;
constexpr int kPipeSize = 1 << 20;  // the most that pipe-max-size lets everybody have, unless it was changed

// A larger pipe saved a third of the time and a fifth of the CPU: fewer turns between us and the reader, and
// more room while it pauses. A size that somebody has chosen stays. It may be refused; that's no loss.
void enlarge(int pipe) {
  if (::fcntl(pipe, F_GETPIPE_SZ) == kDefaultPipeSize) ::fcntl(pipe, F_SETPIPE_SZ, kPipeSize);
}

}  // namespace

StreamBackend::StreamBackend(int fd, Framing framing, int stop_fd)
    : fd_(fd), framing_(framing), stop_fd_(stop_fd) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) return;  // the first write will say why
  regular_ = S_ISREG(info.st_mode);
  if (S_ISSOCK(info.st_mode)) {
    mode_ = Mode::kSocket;
    hangup_fd_ = fd;
  } else if (S_ISFIFO(info.st_mode) || ::isatty(fd) == 1) {
    if (S_ISFIFO(info.st_mode)) {
      hangup_fd_ = fd;
      enlarge(fd);
    }
    const std::string path = "/proc/self/fd/" + std::to_string(fd);
    reopened_ = FileDescriptor(::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    mode_ = reopened_.valid() ? Mode::kNonBlocking : Mode::kPieces;
    if (reopened_.valid()) fd_ = reopened_.get();
  }
}

WriteResult StreamBackend::wait_oldest() {
  const std::string_view lines = std::exchange(lines_, {});
  std::size_t written = 0;
  while (written < lines.size()) {
    if (mode_ == Mode::kPieces && !wait_for_room()) return {written, ECANCELED};
    const ssize_t n = write_some(lines.substr(written));
    if (n < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN) return failed(lines, written, errno);
    } else {
      written += static_cast<std::size_t>(n);
      if (written == lines.size()) break;
    }
    // A write that was cut short has found the end of the room: asking again at once would be in vain.
    const bool may_wait = mode_ == Mode::kNonBlocking || mode_ == Mode::kSocket;
    if (may_wait && !wait_for_room()) return {written, ECANCELED};
  }
  return {written, 0};
}

ssize_t StreamBackend::write_some(std::string_view bytes) {
  switch (mode_) {
    case Mode::kSocket:
      return ::send(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    case Mode::kPieces:
      return ::write(fd_, bytes.data(), std::min<std::size_t>(bytes.size(), PIPE_BUF));
    case Mode::kNonBlocking:
    case Mode::kPlain:
      break;
  }
  return ::write(fd_, bytes.data(), bytes.size());
}

// False when asked to stop. True also for a sink in error: the next write will tell.
bool StreamBackend::wait_for_room() {
  std::array<pollfd, 2> fds{{{fd_, POLLOUT, 0}, {stop_fd_, POLLIN, 0}}};
  for (;;) {
    const int ready = ::poll(fds.data(), fds.size(), -1);
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0 || fds[0].revents != 0) return true;
    if (fds[1].revents != 0) return false;
  }
}

WriteResult StreamBackend::failed(std::string_view lines, std::size_t written, int error) {
  if (regular_) {
    const off_t end = ::lseek(fd_, 0, SEEK_CUR);
    const std::size_t whole = whole_records(framing_, lines, written).bytes;
    if (end >= 0 && cut_file(fd_, end - static_cast<off_t>(written - whole), end)) written = whole;
  }
  if (mode_ == Mode::kSocket && error == ECONNRESET) error = EPIPE;
  return {written, error};
}

}  // namespace tapline
