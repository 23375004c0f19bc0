#include "engine/file_run.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/byte_source.h"
#include "engine/capture_file.h"
#include "engine/clocks.h"
#include "engine/frame_file.h"
#include "engine/output.h"
#include "engine/privileges.h"
#include "engine/run_control.h"
#include "engine/run_setup.h"
#include "engine/run_stats.h"
#include "engine/shared_bytes.h"
#include "engine/summary.h"
#include "engine/supervisor.h"
#include "engine/worker.h"

namespace tapline {
namespace {

struct FileBounds {
  std::optional<std::uint64_t> frames;
  std::optional<std::int64_t> duration;  // ns since the first frame
  bool comes_in_slowly = false;          // a pipe: lines must not wait while the input does
};

// Walks all frames of the file and takes those of its own connections. The bounds are those of the file, so
// each worker comes to them by itself, at the same frame.
class FileWorker {
 public:
  FileWorker(FileBounds bounds, std::unique_ptr<ByteSource> source, const FlowOptions& flow_options,
             Output& output, FrameChannel* frames, RunControl& control)
      : bounds_(bounds),
        source_(std::move(source)),
        frames_out_(frames),
        control_(control),
        worker_(flow_options, output.add_channel(&interface_names_), frames) {}

  const Worker& worker() const { return worker_; }

  // The thread's body.
  void run() {
    const absl::Status status = read_all();
    // A read that was stopped is a run that was stopped: no failure of its own.
    const bool stopped = control_.stopping() && (status.ok() || absl::IsCancelled(status));
    if (!control_.abandoned()) {
      worker_.finish(stopped && !complete_ ? CloseReason::kShutdown : CloseReason::kEnd);
    }
    worker_.flush();
    control_.worker_ended(stopped ? absl::OkStatus() : status);
  }

 private:
  // Opening is part of the thread's work, for it waits for the first bytes of a pipe.
  absl::Status read_all() {
    absl::StatusOr<std::unique_ptr<CaptureFile>> file = CaptureFile::open(std::move(source_));
    if (!file.ok()) return file.status();
    std::array<Packet, 64> batch;
    while (!control_.stopping()) {
      const std::size_t got = (*file)->next(batch);
      if (got == 0) {
        complete_ = (*file)->status().ok();
        return (*file)->status();
      }
      take_interfaces(**file);
      const std::size_t wanted = within_bounds({batch.data(), got});
      worker_.process({batch.data(), wanted});
      if (wanted < got || (bounds_.frames && frames_ == *bounds_.frames)) {
        complete_ = true;
        return absl::OkStatus();
      }
      if (got < batch.size() && bounds_.comes_in_slowly) {
        worker_.flush();
      } else {
        worker_.tick(monotonic_now());
      }
    }
    return absl::OkStatus();
  }

  // The encoder looks into a copy that stays while the file goes; a file names its interfaces once.
  void take_interfaces(const CaptureFile& file) {
    const std::vector<std::string>& names = file.interface_names();
    if (names.size() == described_) return;
    interface_names_ = names;
    for (; described_ < names.size(); ++described_) {
      if (frames_out_ != nullptr) {
        frames_out_->add_interface(names[described_], file.interface_links()[described_]);
      }
    }
  }

  // How many of the frames come before the bounds of the run.
  std::size_t within_bounds(std::span<const Packet> packets) {
    if (frames_ == 0) first_time_ = packets.front().time_ns;
    std::size_t count = packets.size();
    if (bounds_.frames) {
      count = static_cast<std::size_t>(std::min<std::uint64_t>(count, *bounds_.frames - frames_));
    }
    if (bounds_.duration) {
      for (std::size_t i = 0; i < count; ++i) {
        if (packets[i].time_ns - first_time_ >= *bounds_.duration) count = i;
      }
    }
    frames_ += count;
    return count;
  }

  const FileBounds bounds_;
  std::unique_ptr<ByteSource> source_;
  FrameChannel* const frames_out_;
  RunControl& control_;
  std::vector<std::string> interface_names_;
  std::size_t described_ = 0;  // of the interfaces
  Worker worker_;              // after the names, which its encoder uses
  std::uint64_t frames_ = 0;
  std::int64_t first_time_ = 0;
  bool complete_ = false;  // all that was asked for was read
};

// Standard input, FIFOs and devices deliver when somebody writes there.
bool delivers_slowly(const std::string& path) {
  struct stat about {};
  const int failed = path == "-" ? fstat(STDIN_FILENO, &about) : stat(path.c_str(), &about);
  return failed != 0 || !S_ISREG(about.st_mode);
}

// Each worker reads a regular file for itself: copying a frame into the cache of the core that looks at it
// takes less than fetching its headers from another core's. What comes once only they share through a reading
// thread, which must outlive them.
struct Input {
  std::unique_ptr<SharedBytes> shared;
  std::vector<std::unique_ptr<ByteSource>> sources;
};

absl::StatusOr<Input> share_input(InputFile file, unsigned workers) {
  Input input;
  if (workers == 1) {
    input.sources.push_back(std::make_unique<FileSource>(std::move(file)));
    return input;
  }
  if (file.can_be_shared()) {
    for (unsigned i = 0; i < workers; ++i) {
      absl::StatusOr<InputFile> reader = file.another_reader();
      if (!reader.ok()) return reader.status();
      input.sources.push_back(std::make_unique<FileSource>(*std::move(reader)));
    }
    return input;
  }
  absl::StatusOr<std::unique_ptr<SharedBytes>> shared = SharedBytes::start(std::move(file), workers);
  if (!shared.ok()) return shared.status();
  input.shared = *std::move(shared);
  for (unsigned i = 0; i < workers; ++i) input.sources.push_back(input.shared->take_consumer());
  return input;
}

}  // namespace

absl::Status run_file(const Options& options, Signals& signals, const Console& console) {
  const unsigned workers = options.workers.value_or(1);
  absl::StatusOr<Output> output = Output::open(options, SlowSink::kBlock, console);
  if (!output.ok()) return output.status();
  absl::StatusOr<std::unique_ptr<RunControl>> control = RunControl::open(std::nullopt);
  if (!control.ok()) return control.status();
  absl::StatusOr<InputFile> file = InputFile::open(*options.read, (*control)->stop_fd());
  if (!file.ok()) return file.status();
  // After the input: who mistypes that has not lost the file of the last run.
  absl::StatusOr<std::unique_ptr<FrameFile>> frames = FrameFile::open(options, output->writer());
  if (!frames.ok()) return frames.status();
  // What a file says is not to be trusted, and from here on nothing needs a privilege; no thread runs yet.
  if (absl::Status status = drop_privileges(std::nullopt); !status.ok()) return status;
  absl::StatusOr<Input> input = share_input(*std::move(file), workers);
  if (!input.ok()) return input.status();

  FlowOptions flow_options = flow_options_of(options);
  flow_options.workers = workers;
  flow_options.number_connections = workers == 1;
  const FileBounds bounds{options.count, options.duration, delivers_slowly(*options.read)};
  RunStats stats(/*live=*/std::nullopt, options.output, output->writer(), output->add_channel(nullptr),
                 frames->get());
  // Every worker walks all frames: the first one alone saves them, in the order of the input.
  FrameChannel* const frame_channel =
      *frames != nullptr ? &(*frames)->add_channel(SlowSink::kBlock, options.ports) : nullptr;
  std::vector<std::unique_ptr<FileWorker>> file_workers;
  for (unsigned i = 0; i < workers; ++i) {
    flow_options.worker = i;
    file_workers.push_back(std::make_unique<FileWorker>(bounds, std::move(input->sources[i]), flow_options,
                                                        *output, i == 0 ? frame_channel : nullptr,
                                                        **control));
    stats.add_worker(file_workers.back()->worker());
  }
  if (absl::Status status = output->writer().start(); !status.ok()) return status;
  if (*frames != nullptr) {
    if (absl::Status status = (*frames)->start(section_of_a_copy(), {}); !status.ok()) return status;
  }

  const SupervisorOptions supervision{workers, std::nullopt, stats_interval_of(options),
                                      /*ends_with_frame_reader=*/false};
  Supervisor supervisor(supervision, signals, **control, *output, frames->get(), stats, console);
  WorkerThreads threads;
  for (const auto& worker : file_workers) threads.start([&worker] { worker->run(); });
  supervisor.wait_for_workers();
  threads.join();
  const absl::Status status = supervisor.finish();
  console.say(closing_summary(stats.totals()));
  return status;
}

}  // namespace tapline
