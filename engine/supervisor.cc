#include "engine/supervisor.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <string>

#include "engine/clocks.h"
#include "engine/summary.h"

namespace tapline {
namespace {

// How often the sink's state is looked at, and stats records are handed over (LineBuffers: at least every 50
// ms).
constexpr std::int64_t kRound = 50'000'000;

}  // namespace

Supervisor::Supervisor(SupervisorOptions options, Signals& signals, RunControl& control, Output& output,
                       FrameFile* frames, RunStats& stats, const Console& console)
    : options_(options),
      signals_(signals),
      control_(control),
      output_(output),
      frames_(frames),
      stats_(stats),
      console_(console) {}

void Supervisor::wait_for_workers() {
  const std::int64_t start = monotonic_now();
  if (options_.run_time) end_time_ = start + *options_.run_time;
  if (options_.stats_interval) next_stats_ = start + *options_.stats_interval;
  if (console_.talks()) warnings_.emplace(start);
  while (control_.ended_workers() < options_.workers) {
    const std::int64_t now = monotonic_now();
    std::int64_t until = now + kRound;
    if (end_time_) until = std::min(until, *end_time_);
    if (next_stats_) until = std::min(until, *next_stats_);
    wait(until);
    const std::int64_t then = monotonic_now();
    if (end_time_ && then >= *end_time_) {
      control_.stop();
      end_time_.reset();
    }
    if (next_stats_ && then >= *next_stats_) {
      stats_.write_record();
      // Without catching up: a machine that slept gets one record, not all that are due.
      next_stats_ = std::max(*next_stats_ + *options_.stats_interval, then);
    }
    stats_.tick(then);
    warn_of_losses(then);
  }
}

void Supervisor::warn_of_losses(std::int64_t now) {
  if (!warnings_ || !warnings_->due(now)) return;
  if (const std::optional<std::string> text = warnings_->look(stats_.totals(), now)) console_.say(*text);
}

// Until a time of the monotonic clock, or something happens; deals with it.
void Supervisor::wait(std::int64_t until) {
  std::array<pollfd, 3> fds = {{{.fd = signals_.fd(), .events = POLLIN, .revents = 0},
                                {.fd = control_.ended().fd(), .events = POLLIN, .revents = 0},
                                // Asking for nothing, one is still told that the other end is gone: a pipe
                                // whose reader left ends a run on which no record would try to write.
                                {.fd = output_.writer().target().fd(), .events = 0, .revents = 0}}};
  const std::int64_t left = std::max<std::int64_t>(until - monotonic_now(), 0);
  const timespec timeout{.tv_sec = left / 1'000'000'000, .tv_nsec = left % 1'000'000'000};
  const nfds_t count = reader_gone_ ? 2 : 3;  // or it would be told again and again
  if (ppoll(fds.data(), count, &timeout, nullptr) > 0) {
    if (fds[1].revents != 0) control_.ended().clear();
    if (!reader_gone_ && (fds[2].revents & (POLLERR | POLLHUP)) != 0) reader_gone_ = true;
  }
  take_signals();
  look_at_sinks();
}

void Supervisor::take_signals() {
  while (const std::optional<Signal> signal = signals_.take()) {
    switch (*signal) {
      case Signal::kFinish:
        if (control_.stopping()) {
          gave_up_ = true;
          output_.writer().stop_at_once();
          if (frames_ != nullptr) frames_->writer().stop_at_once();
          control_.abandon();
        } else {
          control_.stop();
        }
        break;
      case Signal::kStats:
        // To whom the end's summary is told, how far it is.
        if (console_.talks()) console_.say(closing_summary(stats_.totals()));
        stats_.write_record();
        stats_.flush();
        break;
      case Signal::kReopen:
        break;  // a file sink appends: one that rotates by copying needs no reopening
    }
  }
}

void Supervisor::look_at_sinks() {
  // There is nobody left to write for.
  if (reader_gone_ || output_.writer().state() != SinkState::kOpen) control_.abandon();
  // Records go on without the frames.
  if (frames_ == nullptr || frames_ended_ || frames_->writer().state() == SinkState::kOpen) return;
  frames_ended_ = true;
  if (frames_->writer().state() == SinkState::kFailed) {
    console_.say("warning: " + std::string(frames_->writer().status().message()) +
                 "; no more frames are saved");
  } else if (frames_->writer().state() == SinkState::kReaderGone) {
    console_.say("nobody reads the frames any more");
    if (options_.ends_with_frame_reader) control_.stop();
  }
}

// Until the sink has taken up what was handed over, so that what sums it up comes last and counts it.
void Supervisor::drain(const Writer& writer) {
  while (writer.state() == SinkState::kOpen && writer.counters().waiting > 0) {
    wait(monotonic_now() + 1'000'000);
  }
}

void Supervisor::finish_frames() {
  using namespace std::chrono_literals;
  drain(frames_->writer());
  if (frames_->writer().state() == SinkState::kOpen) frames_->write_statistics();
  while (!frames_->writer().finish(20ms)) take_signals();
}

absl::Status Supervisor::finish() {
  using namespace std::chrono_literals;
  if (frames_ != nullptr) finish_frames();
  if (options_.stats_interval) {
    drain(output_.writer());
    stats_.write_record();
  }
  stats_.flush();
  Writer& writer = output_.writer();
  while (!writer.finish(20ms)) take_signals();
  if (gave_up_) return absl::AbortedError("stopped before everything was written");
  if (writer.state() == SinkState::kFailed) return writer.status();
  if (frames_ != nullptr && !frames_->writer().status().ok()) return frames_->writer().status();
  return control_.status();
}

}  // namespace tapline
