#include "bench/live_generator.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <net/if.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <climits>
#include <csignal>
#include <ctime>
#include <numeric>
#include <string>
#include <thread>
#include <utility>

#include "bench/child_process.h"
#include "bench/sender.h"
#include "live_frames.skel.h"

namespace tapline::bench {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

// Handed to the receiver's end at a time: less than the 256 that its queue holds.
constexpr std::uint32_t kBatch = 64;
constexpr std::uint32_t kLatest = 256, kLateStep = 37;  // as in live_frames.bpf.c
constexpr auto kLongestEnd = 60s;                       // of a round, at a low rate

std::uint64_t monotonic_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
}

// Another process, or the kernel, writes meanwhile.
template <typename Value>
Value load_shared(Value& value) {
  return std::atomic_ref(value).load(std::memory_order_acquire);
}
template <typename Value>
void store_shared(Value& value, Value to) {
  std::atomic_ref(value).store(to, std::memory_order_release);
}

// A stride through the lanes that comes to each of them before it comes back, and not to neighbours in turn.
std::uint32_t stride_of(std::uint32_t lanes) {
  std::uint32_t stride = std::max(1u, lanes * 5 / 8);
  while (std::gcd(stride, lanes) != 1) ++stride;
  return stride;
}

void leave_system_call(int) {}

// In the process that sends: a signal ends the system call it is in, not the process.
void take_end_signal() {
  struct sigaction action {};
  action.sa_handler = leave_system_call;
  sigaction(SIGTERM, &action, nullptr);
}

// Puts so many empty frames through the program, unless a signal comes. Returns 0 or an errno.
int run_live_frames(int program, int count) {
  std::array<std::uint8_t, kMaxFrame> frame{};
  bpf_test_run_opts options{};
  options.sz = sizeof options;
  options.data_in = frame.data();
  options.data_size_in = frame.size();
  options.repeat = count;
  options.flags = BPF_F_TEST_XDP_LIVE_FRAMES;
  options.batch_size = kBatch;
  return bpf_prog_test_run_opts(program, &options) == 0 ? 0 : errno;
}

}  // namespace

void LiveGenerator::Destroy::operator()(live_frames_bpf* skeleton) const {
  live_frames_bpf::destroy(skeleton);
}
void LiveGenerator::Unmap::operator()(live_state* state) const { munmap(state, sizeof *state); }

LiveGenerator::LiveGenerator(const VethLink& link, const Traffic& traffic, const GeneratorOptions& options)
    : link_(link), traffic_(traffic), processor_(options.processor) {
  if (traffic.transactions == 0) return;  // nothing is open in a flood
  lanes_ = std::clamp((options.at_once + traffic.at_once - 1) / traffic.at_once, 1u, kMostLanes);
  lane_stride_ = stride_of(lanes_);
}
LiveGenerator::LiveGenerator(LiveGenerator&&) noexcept = default;
LiveGenerator::~LiveGenerator() = default;

absl::StatusOr<LiveGenerator> LiveGenerator::make(const VethLink& link, const Traffic& traffic,
                                                  const GeneratorOptions& options) {
  LiveGenerator generator(link, traffic, options);
  if (absl::Status status = generator.load(); !status.ok()) return status;
  if (absl::Status status = generator.attach_receiver(); !status.ok()) return status;
  generator.live_frames_ = !options.packet_socket && generator.kernel_has_live_frames();
  if (generator.live_frames_) {
    if (absl::Status status = generator.fill_traffic(); !status.ok()) return status;
    generator.state_ = &generator.skeleton_->bss->state;
    return generator;
  }
  void* const memory =
      mmap(nullptr, sizeof(live_state), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return absl::ErrnoToStatus(errno, "cannot map memory");
  generator.state_ = new (memory) live_state();
  generator.own_state_.reset(generator.state_);
  return generator;
}

absl::Status LiveGenerator::load() {
  libbpf_set_print(nullptr);  // it would write to standard error
  skeleton_.reset(live_frames_bpf::open());
  if (skeleton_ == nullptr) return absl::ErrnoToStatus(errno, "cannot read the embedded generator");
  unsigned interface = 0;
  {
    const absl::StatusOr<InNamespace> there = InNamespace::enter(link_.sender());
    if (!there.ok()) return there.status();
    interface = if_nametoindex(VethLink::kSenderEnd);
  }
  skeleton_->rodata->frame_count = static_cast<std::uint32_t>(traffic_.frames.size());
  skeleton_->rodata->lanes = lanes_;
  skeleton_->rodata->lane_stride = lane_stride_;
  skeleton_->rodata->whole_rounds = lanes_ == 1 ? 1 : 0;
  skeleton_->rodata->interface = interface;
  bpf_map__set_max_entries(skeleton_->maps.traffic, static_cast<std::uint32_t>(traffic_.frames.size()));
  // A kernel without live frames lacks the helpers of the program that sends them.
  int error = live_frames_bpf::load(skeleton_.get());
  if (error == -EPERM) return absl::ErrnoToStatus(EPERM, "cannot load the generator (needs CAP_BPF)");
  if (error == 0) return absl::OkStatus();
  skeleton_.reset(live_frames_bpf::open());
  if (skeleton_ == nullptr) return absl::ErrnoToStatus(errno, "cannot read the embedded generator");
  bpf_program__set_autoload(skeleton_->progs.send_live_frame, false);
  bpf_map__set_autocreate(skeleton_->maps.traffic, false);
  error = live_frames_bpf::load(skeleton_.get());
  return error == 0 ? absl::OkStatus()
                    : absl::ErrnoToStatus(-error, "the kernel does not take the generator");
}

absl::Status LiveGenerator::attach_receiver() {
  const absl::StatusOr<InNamespace> there = InNamespace::enter(link_.receiver());
  if (!there.ok()) return there.status();
  const unsigned interface = if_nametoindex(VethLink::kReceiverEnd);
  skeleton_->links.receive_live_frame =
      bpf_program__attach_xdp(skeleton_->progs.receive_live_frame, static_cast<int>(interface));
  if (skeleton_->links.receive_live_frame != nullptr) return absl::OkStatus();
  return absl::ErrnoToStatus(errno, "cannot attach a program to the link");
}

absl::Status LiveGenerator::fill_traffic() {
  const int map = bpf_map__fd(skeleton_->maps.traffic);
  for (std::uint32_t i = 0; i < traffic_.frames.size(); ++i) {
    const Frame& frame = traffic_.frames[i];
    live_frame value{};
    value.size = static_cast<std::uint32_t>(frame.bytes.size());
    value.from_client = frame.from_client ? 1 : 0;
    value.begins_connection = frame.begins_connection ? 1 : 0;
    value.ends_transaction = frame.ends_transaction ? 1 : 0;
    std::copy(frame.bytes.begin(), frame.bytes.end(), value.bytes);
    if (bpf_map_update_elem(map, &i, &value, BPF_ANY) != 0) {
      return absl::ErrnoToStatus(errno, "cannot hand the traffic to the kernel");
    }
  }
  return absl::OkStatus();
}

// While the program drops each.
bool LiveGenerator::kernel_has_live_frames() {
  if (!bpf_program__autoload(skeleton_->progs.send_live_frame)) return false;
  const absl::StatusOr<InNamespace> there = InNamespace::enter(link_.sender());
  if (!there.ok()) return false;
  skeleton_->bss->state.done = 1;
  return run_live_frames(bpf_program__fd(skeleton_->progs.send_live_frame), 1) == 0;
}

std::uint64_t LiveGenerator::warm_up() const {
  if (lanes_ == 1) return 0;
  // The handshake's three turns of all connections, and the frames of all lanes that begin earlier.
  std::uint64_t frames = 0;
  for (std::uint32_t lane = 0; lane < lanes_; ++lane) {
    frames += 3 * traffic_.at_once + kLatest - lane * kLateStep % kLatest;
  }
  return frames;
}

absl::Status LiveGenerator::start(double rate) {
  state_->frames = state_->bytes = state_->connections = state_->transactions = 0;
  state_->start = state_->end = 0;
  state_->stop = state_->done = 0;
  state_->gap = rate > 0 ? static_cast<std::uint64_t>(1e9 / rate * (1 << LIVE_GAP_SHIFT)) : 0;
  absl::StatusOr<BackgroundProcess> process = BackgroundProcess::start([this] {
    take_end_signal();
    if (!run_on({processor_}) || !link_.sender().enter().ok()) return 1;
    return (live_frames_ ? send_live_frames() : send_by_socket()) ? 0 : 1;
  });
  if (!process.ok()) return process.status();
  process_.emplace(*std::move(process));
  return absl::OkStatus();
}

bool LiveGenerator::send_live_frames() const {
  while (load_shared(state_->done) == 0) {
    const int error = run_live_frames(bpf_program__fd(skeleton_->progs.send_live_frame), INT_MAX);
    if (error != 0 && error != EINTR) return false;
  }
  return true;
}

// What the program in the kernel does, with a system call for each frame.
bool LiveGenerator::send_by_socket() {
  absl::StatusOr<Sender> sender = Sender::open(VethLink::kSenderEnd);
  if (!sender.ok()) return false;
  live_state& state = *state_;
  const std::size_t count = traffic_.frames.size();
  store_shared(state.start, __u64{monotonic_ns()});
  for (;; state.lane = 0, ++state.step) {
    for (; state.lane < lanes_; ++state.lane) {
      if (load_shared(state.stop) != 0 && (lanes_ > 1 || state.step % count == 0)) {
        state.end = monotonic_ns();
        store_shared(state.done, __u32{1});
        return true;
      }
      const auto lane = static_cast<std::uint32_t>(std::uint64_t{state.lane} * lane_stride_ % lanes_);
      const std::uint64_t late = lane * kLateStep % kLatest;
      if (state.step < late) continue;
      while (state.gap != 0 && monotonic_ns() < state.start + (state.frames * state.gap >> LIVE_GAP_SHIFT)) {
      }
      const Frame& frame = traffic_.frames[(state.step - late) % count];
      const std::uint64_t round = lane + (state.step - late) / count * lanes_;
      if (!sender->send(frame, static_cast<std::uint32_t>(round)).ok()) return false;
      state.bytes += frame.bytes.size();
      state.connections += frame.begins_connection ? 1 : 0;
      state.transactions += frame.ends_transaction ? 1 : 0;
      store_shared(state.frames, state.frames + 1);
    }
  }
}

Offered LiveGenerator::offered() const {
  Offered offered;
  offered.frames = load_shared(state_->frames);
  offered.bytes = load_shared(state_->bytes);
  offered.connections = load_shared(state_->connections);
  offered.transactions = load_shared(state_->transactions);
  const std::uint64_t start = load_shared(state_->start);
  const std::uint64_t end = load_shared(state_->done) != 0 ? load_shared(state_->end) : monotonic_ns();
  if (start != 0 && end > start) offered.seconds = static_cast<double>(end - start) / 1e9;
  return offered;
}

absl::StatusOr<bool> LiveGenerator::running() {
  if (load_shared(state_->done) != 0) return false;
  if (process_->running()) return true;
  return absl::UnknownError("the generator " + end_of(process_->wait(0ms)));
}

absl::StatusOr<Offered> LiveGenerator::stop() {
  store_shared(state_->stop, __u32{1});
  const auto until = std::chrono::steady_clock::now() + kLongestEnd;
  while (true) {
    const absl::StatusOr<bool> sending = running();
    if (!sending.ok()) return sending.status();
    if (!*sending) break;
    if (told_to_end()) return absl::CancelledError("interrupted");
    if (std::chrono::steady_clock::now() > until) {
      return absl::DeadlineExceededError("the generator does not end its round");
    }
    std::this_thread::sleep_for(1ms);
  }
  const Offered offered = this->offered();
  // Again and again: a signal that comes just before the system call does not end it.
  while (process_->running() && !told_to_end()) {
    process_->signal(SIGTERM);
    std::this_thread::sleep_for(1ms);
  }
  const int status = process_->wait(0ms);
  process_.reset();
  if (status != 0) return absl::UnknownError("the generator " + end_of(status));
  return offered;
}

}  // namespace tapline::bench
