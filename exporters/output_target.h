// What `-o SINK` names, and the open descriptor behind it.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "exporters/file_descriptor.h"
#include "exporters/record_framing.h"

namespace tapline {

// An open place to write records to.
//
// `-` is standard output: a descriptor of our own for the same open file, so that fd 1 itself stays as it is.
// `file:PATH` appends, like any log: what an earlier run wrote is never destroyed (`-o - > PATH` is how to
// start anew). It is created with mode 0640 less the umask, for records tell who asked for what. O_APPEND, so
// that two writers of one file interleave whole buffers, and truncating it from outside (logrotate's
// copytruncate) works.
class OutputTarget {
 public:
  // kInvalidArgument: `sink` is no sink; the message names those there are. Otherwise the error of the system
  // call, with the path. Opening a FIFO waits for its reader. Call it before other files are opened: a
  // process started with fd 1 closed would find one of those there.
  static absl::StatusOr<OutputTarget> open(std::string_view sink);

  // For a descriptor that is open already; `name` is for messages.
  OutputTarget(FileDescriptor fd, std::string name, Framing framing = Framing::kLines)
      : fd_(std::move(fd)), name_(std::move(name)), framing_(framing) {}

  int fd() const { return fd_.get(); }
  // As a person would call it: "standard output", or the path.
  const std::string& name() const { return name_; }
  // What is written to it consists of such records.
  Framing framing() const { return framing_; }

 private:
  FileDescriptor fd_;
  std::string name_;
  Framing framing_;
};

// Checks the form of `sink` and opens nothing: for the command line, before anything else is done.
absl::Status check_output(std::string_view sink);

}  // namespace tapline
