#include "engine/ladder_run.h"

#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "engine/byte_source.h"
#include "engine/capture_file.h"
#include "engine/console.h"
#include "engine/ladder_collector.h"
#include "engine/output.h"
#include "engine/privileges.h"
#include "engine/run_setup.h"
#include "engine/signals.h"
#include "engine/size_and_time.h"
#include "exporters/ladder_svg.h"
#include "exporters/ladder_text.h"
#include "exporters/output_target.h"
#include "exporters/string_output.h"

namespace tapline {
namespace {

// Where a picture goes must be empty: two in one file are none.
absl::StatusOr<OutputTarget> open_target(const LadderOptions& options) {
  absl::StatusOr<OutputTarget> target = OutputTarget::open(options.run.output);
  if (!target.ok()) return absl::InvalidArgumentError(target.status().message());
  struct stat about {};
  const bool named = options.run.output != "-";
  if (options.svg && named && fstat(target->fd(), &about) == 0 && S_ISREG(about.st_mode) &&
      about.st_size > 0) {
    return absl::InvalidArgumentError("'" + target->name() +
                                      "' holds something already, and a picture stands alone in its file");
  }
  return target;
}

std::size_t width_of(int fd) {
  if (const char* columns = std::getenv("COLUMNS"); columns != nullptr) {
    absl::StatusOr<std::uint64_t> count = parse_count(columns);
    if (count.ok() && *count > 0) return static_cast<std::size_t>(*count);
  }
  struct winsize size {};
  if (isatty(fd) != 0 && ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return LadderTextOptions{}.width;
}

// Reads all of the file, or until a signal asks to end.
absl::Status read_all(std::unique_ptr<ByteSource> source, FlowProcessor& processor, Signals& signals) {
  absl::StatusOr<std::unique_ptr<CaptureFile>> file = CaptureFile::open(std::move(source));
  if (!file.ok()) return absl::IsCancelled(file.status()) ? absl::OkStatus() : file.status();
  std::array<Packet, 64> batch;
  while (signals.take() != Signal::kFinish) {
    const std::size_t got = (*file)->next(batch);
    if (got == 0) {
      const absl::Status& status = (*file)->status();
      return absl::IsCancelled(status) ? absl::OkStatus() : status;
    }
    processor.process({batch.data(), got});
  }
  return absl::OkStatus();
}

// From here on ^C ends the process, also one that waits for a reader.
void let_signals_end_us(Signals& signals) {
  while (signals.take()) {
  }
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGINT);
  sigaddset(&ends, SIGTERM);
  pthread_sigmask(SIG_UNBLOCK, &ends, nullptr);
}

// A reader that goes away has seen enough.
absl::Status write_all(const OutputTarget& target, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(target.fd(), text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EPIPE) {
      return absl::OkStatus();
    } else if (errno != EINTR) {
      const int error = errno;
      return absl::Status(
          absl::StatusCode::kUnknown,
          "cannot write to " + target.name() + ": " + std::string(absl::ErrnoToStatus(error, "").message()));
    }
  }
  return absl::OkStatus();
}

std::string count_text(std::uint64_t connections, const std::string& ports) {
  if (connections == 0) return "no connection on port " + ports;
  if (connections == 1) return "one connection on port " + ports;
  return std::to_string(connections) + " connections on port " + ports;
}

// What can be drawn as was asked for; kNotFound otherwise.
absl::StatusOr<std::string> drawing(const LadderOptions& options, LadderCollector& collector, int fd) {
  const bool colour = isatty(fd) != 0 && colour_is_welcome();
  const std::string there_is = count_text(collector.connections(), options.run.ports_text);
  std::optional<Ladder> ladder = collector.take_ladder();
  StringOutput out;
  if (ladder && options.svg) return ladder_svg(*ladder, options.all);
  if (ladder) {
    draw_ladder(*ladder, {.width = width_of(fd), .colour = colour, .all = options.all}, out);
    return out.take();
  }
  const std::string advice = "; tapline ladder -r FILE lists them";
  if (options.connection) {
    return absl::NotFoundError("there is no connection " + *options.connection + ": the capture has " +
                               there_is + (collector.connections() > 1 ? ", numbered from 1" + advice : ""));
  }
  if (options.svg) {
    return absl::NotFoundError("--svg draws one connection, and the capture has " + there_is +
                               (collector.connections() > 1 ? ": say which with --connection" + advice : ""));
  }
  const std::vector<LadderSummary> list = collector.take_list();
  if (list.empty()) return std::string();
  list_connections(list, colour, out);
  return out.take();
}

}  // namespace

absl::Status run_ladder(const LadderOptions& options) {
  absl::StatusOr<Signals> signals = Signals::open();
  if (!signals.ok()) return signals.status();
  const Console console(options.run.quiet, options.run.verbose);
  absl::StatusOr<Redaction> redaction = redaction_of(options.run, console);
  if (!redaction.ok()) return redaction.status();
  absl::StatusOr<OutputTarget> target = open_target(options);
  if (!target.ok()) return target.status();
  absl::StatusOr<InputFile> file = InputFile::open(*options.run.read, signals->fd());
  if (!file.ok()) return file.status();
  // What a file says is not to be trusted, and from here on nothing needs a privilege.
  if (absl::Status status = drop_privileges(std::nullopt); !status.ok()) return status;

  FlowOptions flow_options = flow_options_of(options.run);
  flow_options.tell_packets = true;
  flow_options.number_connections = true;
  LadderCollector collector(options.connection, *std::move(redaction));
  FlowProcessor processor(flow_options, collector);
  const absl::Status read = read_all(std::make_unique<FileSource>(*std::move(file)), processor, *signals);
  if (!read.ok() && !absl::IsDataLoss(read)) return read;
  processor.finish(CloseReason::kEnd);
  let_signals_end_us(*signals);

  absl::StatusOr<std::string> text = drawing(options, collector, target->fd());
  if (!text.ok() && !read.ok()) {
    return absl::Status(text.status().code(),
                        std::string(text.status().message()) + "\n" + std::string(read.message()));
  }
  if (!text.ok()) return text.status();
  if (absl::Status status = write_all(*target, *text); !status.ok()) return status;
  if (text->empty()) console.say(count_text(0, options.run.ports_text));
  if (collector.connections() > LadderCollector::kMostListed && !options.connection) {
    console.say("listed are the first " + grouped(LadderCollector::kMostListed) + " of " +
                grouped(collector.connections()) + " connections to close");
  }
  return read;
}

}  // namespace tapline
