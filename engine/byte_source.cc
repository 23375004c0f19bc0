// Opens and reads input files; see byte_source.h.
#include "engine/byte_source.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"

namespace tapline {
namespace {

// Large enough that the system call is nothing beside the work on what it brings, small enough to stay in the
// core's own cache until that work is done. Reading and walking the frames of bench/'s generated capture (420
// bytes on average, in the page cache) takes 23 ns a frame with 256 KiB, 27 with 64 KiB, 28 with 4 MiB; from
// a mapping of the file it takes 78 with all that can be fetched ahead, 94 without: each header is a miss
// that the next one waits for, and each page a fault. A mapping of a file that is cut meanwhile is a crash
// besides.
constexpr std::size_t kPieceSize = 256u << 10;
constexpr std::size_t kMaxStopFds = 2;

absl::Status open_failed(const std::string& name, int error) {
  const absl::Status from_errno = absl::ErrnoToStatus(error, absl::StrCat("cannot read ", name));
  // Whatever stands in the way, the remedy is to name another file; only its absence is told apart.
  if (error == ENOENT) return from_errno;
  return absl::InvalidArgumentError(from_errno.message());
}

absl::Status read_failed(const std::string& name) {
  return absl::UnknownError(absl::ErrnoToStatus(errno, absl::StrCat("cannot read ", name)).message());
}

absl::StatusOr<Fd> open_standard_input(const std::string& name) {
  if (isatty(STDIN_FILENO) != 0) {
    return absl::InvalidArgumentError(
        "standard input is a terminal; pipe a capture into it: tcpdump -U -w - | tapline -r -");
  }
  // Our own descriptor, so that all inputs are closed alike and the process keeps its descriptor 0.
  Fd fd(fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3));
  if (!fd.valid()) return open_failed(name, errno);
  return fd;
}

absl::StatusOr<Fd> open_path(const std::string& path) {
  // O_NONBLOCK: a FIFO without a writer would hold us in open(), where no stop reaches us. poll() waits for
  // its first writer instead: Linux reports the hang-up of a FIFO only after a writer was there.
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!fd.valid()) return open_failed(path, errno);
  return fd;
}

}  // namespace

absl::StatusOr<InputFile> InputFile::open(const std::string& path, int stop_fd) {
  const bool standard_input = path == "-";
  std::string name = standard_input ? "standard input" : path;
  absl::StatusOr<Fd> fd = standard_input ? open_standard_input(name) : open_path(path);
  if (!fd.ok()) return fd.status();

  struct stat info = {};
  if (fstat(fd->get(), &info) != 0) return open_failed(name, errno);
  if (S_ISDIR(info.st_mode)) return open_failed(name, EISDIR);  // open() takes it, read() would not

  InputFile file(*std::move(fd), std::move(name));
  if (S_ISREG(info.st_mode)) {
    posix_fadvise(file.fd_.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
    file.start_ = std::max<off_t>(lseek(file.fd_.get(), 0, SEEK_CUR), 0);
    file.end_ = info.st_size;
  }
  if (stop_fd >= 0) file.add_stop_fd(stop_fd);
  return file;
}

absl::StatusOr<InputFile> InputFile::another_reader() const {
  assert(can_be_shared());
  Fd fd(fcntl(fd_.get(), F_DUPFD_CLOEXEC, 3));
  if (!fd.valid()) return read_failed(name_);
  InputFile reader(std::move(fd), name_);
  reader.stop_fds_ = stop_fds_;
  reader.start_ = start_;
  reader.end_ = end_;
  reader.position_ = start_;
  return reader;
}

absl::Status InputFile::wait_readable() const {
  assert(stop_fds_.size() <= kMaxStopFds);
  std::array<pollfd, 1 + kMaxStopFds> waits{};
  waits[0] = {.fd = fd_.get(), .events = POLLIN, .revents = 0};
  nfds_t count = 1;
  for (const int fd : stop_fds_) waits[count++] = {.fd = fd, .events = POLLIN, .revents = 0};

  while (poll(waits.data(), count, -1) < 0) {
    if (errno != EINTR) return absl::UnknownError(absl::ErrnoToStatus(errno, "poll failed").message());
  }
  for (nfds_t i = 1; i < count; ++i) {
    if (waits[i].revents != 0) return absl::CancelledError(absl::StrCat("reading ", name_, " was stopped"));
  }
  return absl::OkStatus();
}

ssize_t InputFile::read_some(std::span<std::uint8_t> buffer) {
  if (!position_) return ::read(fd_.get(), buffer.data(), buffer.size());
  const off_t left = std::max<off_t>(end_ - *position_, 0);
  const std::size_t size = std::min<std::uint64_t>(buffer.size(), static_cast<std::uint64_t>(left));
  const ssize_t got = ::pread(fd_.get(), buffer.data(), size, *position_);
  if (got > 0) *position_ += got;
  return got;
}

absl::StatusOr<std::size_t> InputFile::read(std::span<std::uint8_t> buffer) {
  assert(!buffer.empty());
  for (;;) {
    if (absl::Status waited = wait_readable(); !waited.ok()) return waited;
    const ssize_t got = read_some(buffer);
    if (got >= 0) return static_cast<std::size_t>(got);
    // EAGAIN: someone who shares this pipe took the bytes first; wait again.
    if (errno == EINTR || errno == EAGAIN) continue;
    return read_failed(name_);
  }
}

FileSource::FileSource(InputFile file)
    : file_(std::move(file)), buffer_(std::make_unique_for_overwrite<std::uint8_t[]>(kPieceSize)) {}

absl::StatusOr<std::span<const std::uint8_t>> FileSource::next() {
  const absl::StatusOr<std::size_t> got = file_.read({buffer_.get(), kPieceSize});
  if (!got.ok()) return got.status();
  return std::span<const std::uint8_t>(buffer_.get(), *got);
}

}  // namespace tapline
