// Where a capture's bytes come from: a file, or standard input, in the order in which they stand there.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/fd.h"

namespace tapline {

// An input that hands out its bytes piece by piece. Not thread-safe.
class ByteSource {
 public:
  virtual ~ByteSource() = default;

  // The bytes after those of the previous call, as soon as there are any; empty at the end of the input. They
  // may be read until the next call, which gives them back. Blocks. Errors: kCancelled when the run was
  // stopped while there was nothing to hand out; kUnknown when reading failed. After the end or an error it
  // must not be called again.
  virtual absl::StatusOr<std::span<const std::uint8_t>> next() = 0;

  // What the user calls it, for messages: a path, or "standard input".
  virtual const std::string& name() const = 0;
};

// A file, FIFO or standard input that is open for reading and whose waits can be ended. Not thread-safe: each
// reader of one file has its own.
class InputFile {
 public:
  // Opens `path`; "-" is standard input. Does not wait for the other end of a FIFO. A read ends with
  // kCancelled once `stop_fd` (borrowed; -1: none) is readable. Errors: kNotFound for what does not exist,
  // kInvalidArgument for what cannot be read (no permission, a directory, a terminal).
  static absl::StatusOr<InputFile> open(const std::string& path, int stop_fd);

  // A second descriptor that ends reads; borrowed.
  void add_stop_fd(int fd) { stop_fds_.push_back(fd); }

  // Waits for bytes, then takes at most `buffer.size()` of them; 0 is the end. Errors as of ByteSource::next.
  // REQUIRES: `buffer` is not empty.
  absl::StatusOr<std::size_t> read(std::span<std::uint8_t> buffer);

  // Whether several readers can each have all of it: a regular file. What else there is comes once.
  bool can_be_shared() const { return end_ > start_; }
  // One more reader of the same bytes, however far this one has come: from where the file stood when it was
  // opened to the end that it had then. What is appended later is nobody's, so that all read the same. Error:
  // kUnknown where no descriptor is left. REQUIRES: can_be_shared().
  absl::StatusOr<InputFile> another_reader() const;

  const std::string& name() const { return name_; }

 private:
  InputFile(Fd fd, std::string name) : fd_(std::move(fd)), name_(std::move(name)) {}

  // Until there is something to read, or the end; kCancelled when a stop came first.
  absl::Status wait_readable() const;
  // As read(2), from wherever this reader stands.
  ssize_t read_some(std::span<std::uint8_t> buffer);

  Fd fd_;
  std::string name_;
  std::vector<int> stop_fds_;
  off_t start_ = 0, end_ = 0;      // of what can be shared; bytes
  std::optional<off_t> position_;  // of another reader; else the descriptor's own is taken
};

// A file for one reader, read in large pieces into one buffer.
class FileSource final : public ByteSource {
 public:
  explicit FileSource(InputFile file);

  absl::StatusOr<std::span<const std::uint8_t>> next() override;
  const std::string& name() const override { return file_.name(); }

 private:
  InputFile file_;
  std::unique_ptr<std::uint8_t[]> buffer_;
};

}  // namespace tapline
