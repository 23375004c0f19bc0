#include "exporters/writer.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <csignal>
#include <string>
#include <system_error>
#include <utility>

namespace tapline {
namespace {

FileDescriptor make_event() { return FileDescriptor(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)); }

// Makes an eventfd readable for good. Leaves errno alone.
void raise_event(const FileDescriptor& event) {
  const int saved = errno;
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t n = ::write(event.get(), &one, sizeof(one));
  errno = saved;
}

void add(std::atomic<std::uint64_t>& counter, std::uint64_t n) {
  counter.store(counter.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
}

// Blocks all signals that are not caused by a fault of this thread itself, for as long as it lives.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    ::sigfillset(&all);
    for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT})
      ::sigdelset(&all, fault);
    ::pthread_sigmask(SIG_BLOCK, &all, &before_);
  }
  ~SignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Writer>> Writer::create(OutputTarget target, UseUring uring) {
  std::array<FileDescriptor, 3> events;
  for (FileDescriptor& event : events) {
    event = make_event();
    const int error = errno;
    if (!event.valid()) return absl::ErrnoToStatus(error, "cannot create an eventfd for the writer");
  }
  return std::unique_ptr<Writer>(
      new Writer(std::move(target), std::move(events[0]), std::move(events[1]), std::move(events[2]), uring));
}

Writer::Writer(OutputTarget target, FileDescriptor bell, FileDescriptor stop, FileDescriptor ended,
               UseUring uring)
    : target_(std::move(target)),
      bell_(std::move(bell)),
      stop_(std::move(stop)),
      ended_(std::move(ended)),
      backend_(make_write_backend(target_, stop_.get(), uring)) {}

Writer::~Writer() {
  if (!thread_.joinable()) return;
  stop_at_once();
  begin_finish();
  thread_.join();
}

LineBuffers& Writer::add_worker(const LineBufferOptions& options) {
  assert(!thread_.joinable());
  return *workers_.emplace_back(std::make_unique<LineBuffers>(options, bell_));
}

absl::Status Writer::start() {
  // The new thread inherits the mask.
  const SignalsBlocked blocked;
  try {
    thread_ = std::thread(&Writer::run, this);
  } catch (const std::system_error& error) {
    return absl::ErrnoToStatus(error.code().value(), "cannot start the writer's thread");
  }
  ::pthread_setname_np(thread_.native_handle(), "tapline-writer");
  return absl::OkStatus();
}

bool Writer::finish(std::chrono::milliseconds patience) {
  if (!thread_.joinable()) return true;
  begin_finish();
  pollfd ended{ended_.get(), POLLIN, 0};
  const auto timeout = std::clamp<std::chrono::milliseconds::rep>(patience.count(), 0, 3'600'000);
  if (::poll(&ended, 1, static_cast<int>(timeout)) <= 0) return false;
  thread_.join();
  return true;
}

void Writer::begin_finish() {
  finishing_.store(true, std::memory_order_release);
  bell_.ring();
}

void Writer::stop_at_once() {
  stopping_.store(true, std::memory_order_release);
  raise_event(stop_);
}

absl::Status Writer::status() const { return state() == SinkState::kFailed ? failure_ : absl::OkStatus(); }

SinkCounters Writer::counters() const {
  SinkCounters sum;
  sum.lines = lines_.load(std::memory_order_relaxed);
  sum.bytes = bytes_.load(std::memory_order_relaxed);
  sum.lost = lost_.load(std::memory_order_relaxed);
  for (const auto& worker : workers_) {
    sum.lost += worker->lost_lines();
    sum.waiting += worker->exchange().waiting();
    sum.oversized += worker->oversized_lines();
  }
  return sum;
}

void Writer::run() {
  for (;;) {
    if (stopping_.load(std::memory_order_acquire)) end_with(SinkState::kStopped);
    submit_all();
    if (!in_flight_.empty()) {
      settle_oldest();
      continue;
    }
    // Looked at in this order: what the workers handed over before finish() was called is seen.
    const bool finishing = finishing_.load(std::memory_order_acquire);
    if (anything_waits()) continue;
    if (finishing) break;
    wait_for_work();
  }
  raise_event(ended_);
}

// Gives the backend as much as it takes, a buffer of each worker in turn, and those of the first worker as
// soon as there are any.
void Writer::submit_all() {
  std::size_t in_vain = 0;
  while (in_vain < workers_.size() && backend_->has_room()) {
    BufferExchange& in_turn = workers_[next_worker_]->exchange();
    next_worker_ = (next_worker_ + 1) % workers_.size();
    if (in_turn.waiting() == 0) {
      ++in_vain;
      continue;
    }
    in_vain = 0;
    // Looked at in this order: what the first worker handed over before that buffer is seen.
    BufferExchange& first = workers_.front()->exchange();
    BufferExchange& exchange = first.waiting() > 0 ? first : in_turn;
    LineBuffer* const buffer = exchange.take_full();
    if (state() == SinkState::kOpen) {
      backend_->submit(std::string_view(buffer->data, buffer->size));
      in_flight_.push_back({buffer, &exchange});
    } else {
      add(lost_, buffer->lines);
      exchange.give_back(buffer);
    }
  }
}

void Writer::settle_oldest() {
  const WriteResult result = backend_->wait_oldest();
  const InFlight done = in_flight_.front();
  in_flight_.pop_front();
  std::uint64_t lines = done.buffer->lines;
  if (result.error != 0) {
    const std::string_view all(done.buffer->data, done.buffer->size);
    lines = whole_records(target_.framing(), all, result.bytes).count;
    add(lost_, done.buffer->lines - lines);
    fail(result.error);
  }
  add(lines_, lines);
  add(bytes_, result.bytes);
  done.from->give_back(done.buffer);
}

bool Writer::anything_waits() const {
  return std::any_of(workers_.begin(), workers_.end(),
                     [](const auto& worker) { return worker->exchange().waiting() > 0; });
}

// Sleeps until a buffer is handed over, finish() or stop_at_once() is called, or the reader goes away: that
// is noticed even when there is nothing to write to it.
void Writer::wait_for_work() {
  bell_.about_to_sleep();
  if (!anything_waits() && !finishing_.load(std::memory_order_acquire)) {
    const bool open = state() == SinkState::kOpen;
    // poll() passes over negative descriptors. The two that stay readable once they are must not be asked for
    // again: it would never sleep.
    std::array<pollfd, 3> fds{{{bell_.fd(), POLLIN, 0},
                               {open ? stop_.get() : -1, POLLIN, 0},
                               {open ? backend_->hangup_fd() : -1, 0, 0}}};
    if (::poll(fds.data(), fds.size(), -1) > 0 && (fds[2].revents & (POLLERR | POLLHUP)) != 0) {
      end_with(SinkState::kReaderGone);
    }
  }
  bell_.awake();
}

// The first reason stays.
void Writer::end_with(SinkState state) {
  if (state_.load(std::memory_order_relaxed) == SinkState::kOpen) {
    state_.store(state, std::memory_order_release);
  }
}

void Writer::fail(int error) {
  if (state_.load(std::memory_order_relaxed) != SinkState::kOpen) return;
  if (error == ECANCELED) return end_with(SinkState::kStopped);
  if (error == EPIPE) return end_with(SinkState::kReaderGone);
  // Not errno's own code: that of EPERM or EINVAL would pass for a missing capability or a wrong command
  // line.
  failure_ =
      absl::UnavailableError(absl::ErrnoToStatus(error, "cannot write to " + target_.name()).message());
  end_with(SinkState::kFailed);
}

}  // namespace tapline
