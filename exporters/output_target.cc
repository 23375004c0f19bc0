#include "exporters/output_target.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace tapline {
namespace {

constexpr std::string_view kFileScheme = "file:";

absl::Status invalid(std::string_view sink, std::string_view why) {
  std::string message = "output '";
  message.append(sink).append("': ").append(why);
  return absl::InvalidArgumentError(message);
}

absl::Status system_error(const std::string& tried) {
  const int error = errno;
  return absl::ErrnoToStatus(error, tried);
}

}  // namespace

absl::Status check_output(std::string_view sink) {
  // A comma ends the name: what follows are options of the sink.
  const std::string_view name = sink.substr(0, sink.find(','));
  if (name != "-") {
    if (name.substr(0, kFileScheme.size()) != kFileScheme) {
      return invalid(sink, "no such kind of output; there are '-' (standard output) and 'file:PATH'");
    }
    if (name.size() == kFileScheme.size()) return invalid(sink, "the path is missing, as in 'file:PATH'");
    if (name.find('\0') != std::string_view::npos) return invalid(sink, "a path has no NUL byte");
  }
  if (name.size() < sink.size()) {
    return invalid(sink, "outputs take no options after a comma, and a path with a comma cannot be named");
  }
  return absl::OkStatus();
}

absl::StatusOr<OutputTarget> OutputTarget::open(std::string_view sink) {
  if (absl::Status status = check_output(sink); !status.ok()) return status;
  if (sink == "-") {
    FileDescriptor fd(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3));
    if (!fd.valid()) return system_error("cannot write to standard output");
    return OutputTarget(std::move(fd), "standard output");
  }
  std::string path(sink.substr(kFileScheme.size()));
  FileDescriptor fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0640));
  if (!fd.valid()) return system_error("cannot open '" + path + "' for writing");
  return OutputTarget(std::move(fd), std::move(path));
}

}  // namespace tapline
