#include "engine/live_worker.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "engine/clocks.h"

namespace tapline {
namespace {

constexpr std::int64_t kMillisecond = 1'000'000;
// With nothing to do: how often lines are handed over and expiry is looked at (LineBuffers: at least every 50
// ms).
constexpr std::int64_t kRound = 40 * kMillisecond;
// The kernel's counters of a ring have 32 bits, and the figures should be fresh; but reading is a system
// call.
constexpr std::int64_t kStatisticsRound = 100 * kMillisecond;

}  // namespace

LiveWorker::LiveWorker(LiveWorkerOptions options, std::vector<Source> sources,
                       const FlowOptions& flow_options, OutputChannel channel, FrameChannel* frames,
                       RunControl& control, const Console& console)
    : options_(options),
      control_(control),
      console_(console),
      elision_(options_.filter->elision() == nullptr
                   ? std::nullopt
                   : std::optional<KernelElision>(*options_.filter->elision())),
      worker_(flow_options, std::move(channel), frames, elision_ ? &*elision_ : nullptr) {
  for (Source& source : sources) {
    fds_.push_back({.fd = source.ring.fd(), .events = POLLIN | POLLERR, .revents = 0});
    inputs_.push_back({.source = std::move(source), .lost_since = std::nullopt});
  }
  fds_.push_back({.fd = control_.stop_fd(), .events = POLLIN, .revents = 0});
}

void LiveWorker::run() {
  pin();
  const absl::Status status = capture();
  // No frame is counted as received any more: what the rings hold now can be taken in to the last frame, and
  // the figures add up.
  options_.filter->set_open(false);
  if (!control_.abandoned()) {
    if (!control_.frames_exhausted()) drain();
    worker_.finish(CloseReason::kShutdown);
  }
  read_statistics();
  worker_.flush();
  control_.worker_ended(status);
}

// Best effort: a container may have taken the core away since we looked.
void LiveWorker::pin() const {
  if (!options_.core) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(*options_.core), &set);
  pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

absl::Status LiveWorker::capture() {
  while (!control_.stopping()) {
    const bool busy = take_blocks();
    const std::int64_t now = monotonic_now();
    if (now >= statistics_due_) {
      read_statistics();
      take_elided();
      statistics_due_ = now + kStatisticsRound;
    }
    worker_.tick(now);
    if (busy) continue;
    // The rings are empty: what was stamped before this can only be in a block that the kernel still fills,
    // and holds for the time-out, which its timer may overstep by a tick or so.
    if (const std::optional<std::int64_t> clock = frame_clock()) {
      worker_.advance(*clock - 2 * options_.block_timeout - 50 * kMillisecond);
    }
    wait(kRound);
    if (std::all_of(inputs_.begin(), inputs_.end(),
                    [](const Input& input) { return input.lost_since.has_value(); })) {
      return absl::UnavailableError("no interface is left to capture on: " + std::string(lost_.message()));
    }
  }
  return absl::OkStatus();
}

// Takes in what came before the end of the run: the kernel hands over the block that it is filling when the
// block's time is up, and no more come, as the filter is closed.
void LiveWorker::drain() {
  const std::int64_t end = monotonic_now() + 2 * options_.block_timeout + 20 * kMillisecond;
  fds_.back().fd = -1;  // the stop event stays readable
  for (std::int64_t now = monotonic_now(); !control_.abandoned(); now = monotonic_now()) {
    const bool busy = take_blocks();
    worker_.tick(now);
    if (busy) continue;
    if (now >= end) return;
    wait(end - now);
  }
}

// At most one block of each ring, so that no interface starves another and frames of all of them come about
// in the order of their times. False: there was none.
bool LiveWorker::take_blocks() {
  bool any = false;
  for (Input& input : inputs_) {
    const std::optional<Block> block = input.source.ring.next_block();
    if (!block) continue;
    any = true;
    // A frame from after the loss: the interface is up again. What the ring still held from before says
    // nothing.
    if (take(*block) > input.lost_since.value_or(std::numeric_limits<std::int64_t>::max())) {
      input.lost_since.reset();
    }
  }
  return any;
}

// Returns the time of the last frame.
std::int64_t LiveWorker::take(const Block& block) {
  std::array<Packet, 64> batch;
  std::size_t filled = 0;
  std::int64_t last_time = 0;
  for (const Packet& packet : block) {
    batch[filled++] = packet;
    last_time = packet.time_ns;
    if (filled == batch.size()) {
      hand_in(batch);
      filled = 0;
    }
  }
  hand_in({batch.data(), filled});
  if (options_.hardware_time) {
    latest_ = {.frame = last_time, .monotonic = monotonic_now()};
    count_software_times(block);
  }
  return last_time;
}

void LiveWorker::count_software_times(const Block& block) {
  for (auto frame = block.begin(); frame != block.end(); ++frame)
    software_times_ += frame.hardware_time() ? 0 : 1;
}

// What a frame would be stamped with now; nothing where no frame has told yet. An interface's clock may be
// the time of another epoch or scale (TAI), or of nothing at all.
std::optional<std::int64_t> LiveWorker::frame_clock() const {
  if (!options_.hardware_time) return wall_now();
  if (!latest_) return std::nullopt;
  return latest_->frame + (monotonic_now() - latest_->monotonic);
}

void LiveWorker::hand_in(std::span<Packet> packets) {
  const std::span<Packet> taken = packets.first(control_.take_frames(packets.size()));
  if (options_.number_frames) {
    for (Packet& packet : taken) packet.ordinal = ++frames_;
  }
  worker_.process(taken);
  if (control_.frames_exhausted()) control_.stop();
}

void LiveWorker::wait(std::int64_t nanos) {
  const timespec timeout{.tv_sec = nanos / 1'000'000'000, .tv_nsec = nanos % 1'000'000'000};
  if (ppoll(fds_.data(), fds_.size(), &timeout, nullptr) <= 0) return;
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    if ((fds_[i].revents & (POLLERR | POLLHUP | POLLNVAL)) != 0) look_at(inputs_[i], fds_[i]);
  }
}

void LiveWorker::look_at(Input& input, pollfd& fd) {
  absl::Status status = input.source.ring.interface_status();
  if (status.ok()) return;
  // One that is gone stays so, and would be told again by each poll.
  if (absl::IsNotFound(status)) fd.fd = -1;
  if (input.lost_since) return;
  input.lost_since = frame_clock().value_or(0);
  if (options_.reports) console_.say("warning: " + std::string(status.message()));
  lost_ = std::move(status);
}

// A body may go on for long without a frame.
void LiveWorker::take_elided() {
  if (!elision_) return;
  elision_->look_at_clocks();
  worker_.take_elided();
}

void LiveWorker::read_statistics() {
  RingStatistics sum;
  for (Input& input : inputs_) {
    const RingStatistics& ring = input.source.ring.read_statistics();
    sum.packets += ring.packets;
    sum.drops += ring.drops;
    sum.freezes += ring.freezes;
  }
  worker_.set_ring_statistics(sum, software_times_);
}

}  // namespace tapline
