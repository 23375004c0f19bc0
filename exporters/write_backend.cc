#include "exporters/write_backend.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "exporters/stream_backend.h"
#include "exporters/uring_backend.h"

namespace tapline {

std::unique_ptr<WriteBackend> make_write_backend(const OutputTarget& target, int stop_fd, UseUring uring) {
  struct stat info {};
  const bool regular = ::fstat(target.fd(), &info) == 0 && S_ISREG(info.st_mode);
  const int flags = ::fcntl(target.fd(), F_GETFL);
  const bool append = flags < 0 || (flags & O_APPEND) != 0;
  if (regular && !append && uring == UseUring::kIfAllowed) {
    if (auto backend = UringBackend::create(target.fd(), target.framing())) return backend;
  }
  return std::make_unique<StreamBackend>(target.fd(), target.framing(), stop_fd);
}

bool cut_file(int fd, off_t keep_end, off_t our_end) {
  struct stat info {};
  if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) return false;
  if (::lseek(fd, 0, SEEK_CUR) != our_end || info.st_size > our_end) return false;
  if (info.st_size > keep_end && ::ftruncate(fd, keep_end) != 0) return false;
  return ::lseek(fd, keep_end, SEEK_SET) == keep_end;
}

}  // namespace tapline
