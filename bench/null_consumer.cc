#include "bench/null_consumer.h"

#include <poll.h>
#include <sys/mman.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <string>
#include <thread>
#include <utility>

#include "bench/background_process.h"
#include "bench/child_process.h"
#include "bpf/port_filter.h"
#include "engine/packet_ring.h"
#include "engine/port_list.h"

namespace tapline::bench {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

constexpr int kLongestWait = 20;  // ms; blocks are handed over each 4
constexpr unsigned kMostWorkers = 64;

// What the process shares with the one that started it.
struct Shared {
  struct alignas(64) Worker {
    std::atomic<std::uint64_t> frames{0}, bytes{0}, drops{0};
  };
  std::atomic<bool> ready{false}, stop{false};
  std::array<char, 256> error{};
  std::array<Worker, kMostWorkers> workers;
};

void walk(PacketRing& ring, Shared& shared, Shared::Worker& worker) {
  pollfd waiting{.fd = ring.fd(), .events = POLLIN, .revents = 0};
  bool more = true;
  while (more) {
    const bool last = shared.stop.load(std::memory_order_acquire);
    std::uint64_t frames = 0, bytes = 0;
    while (const std::optional<Block> block = ring.next_block()) {
      for (const Packet& packet : *block) bytes += packet.length;
      frames += block->size();
    }
    worker.frames.fetch_add(frames, std::memory_order_relaxed);
    worker.bytes.fetch_add(bytes, std::memory_order_relaxed);
    more = !last || frames > 0;
    if (frames == 0) poll(&waiting, 1, kLongestWait);
  }
  worker.drops.store(ring.read_statistics().drops, std::memory_order_relaxed);
}

absl::Status capture(const CaptureOptions& options, Shared& shared) {
  if (options.where != nullptr) {
    if (absl::Status status = move_process(*options.where); !status.ok()) return status;
  }
  run_on(options.processors);
  const absl::StatusOr<Interface> interface = find_interface(options.interface);
  if (!interface.ok()) return interface.status();
  const absl::StatusOr<PortSet> ports = parse_ports(options.ports);
  if (!ports.ok()) return ports.status();
  absl::StatusOr<PortFilter> filter = PortFilter::load();
  if (!filter.ok()) return filter.status();
  filter->set_ports(ports->words);
  const absl::StatusOr<int> fanout = filter->fanout_program_fd();
  FanoutGroup group = fanout.ok() ? FanoutGroup(*fanout) : FanoutGroup();
  std::vector<PacketRing> rings;
  for (unsigned i = 0; i < options.workers; ++i) {
    absl::StatusOr<PacketRing> ring =
        PacketRing::open(*interface, {.ring_size = options.ring_size}, filter->program_fd());
    if (!ring.ok()) return ring.status();
    rings.push_back(*std::move(ring));
  }
  for (PacketRing& ring : rings) {
    if (options.workers == 1) break;
    if (absl::Status status = ring.join_fanout(group); !status.ok()) return status;
  }
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < options.workers; ++i) {
    threads.emplace_back([&, i] {
      run_on({options.processors[i % options.processors.size()]});
      walk(rings[i], shared, shared.workers[i]);
    });
  }
  filter->set_open(true);
  shared.ready.store(true, std::memory_order_release);
  for (std::thread& thread : threads) thread.join();
  return absl::OkStatus();
}

class NullConsumer final : public Capturer {
 public:
  struct Unmap {
    void operator()(Shared* shared) const { munmap(shared, sizeof *shared); }
  };
  using Memory = std::unique_ptr<Shared, Unmap>;

  NullConsumer(Memory shared, BackgroundProcess process, unsigned workers)
      : shared_(std::move(shared)), process_(std::move(process)), workers_(workers) {}

  pid_t process() const override { return process_.pid(); }
  std::optional<Captured> so_far() override { return counts(); }

  absl::StatusOr<Captured> finish() override {
    shared_->stop.store(true, std::memory_order_release);
    if (const int status = process_.wait(10s); status != 0) return failure(status);
    Captured captured = counts();
    captured.lost_in_ring = 0;
    for (unsigned i = 0; i < workers_; ++i) *captured.lost_in_ring += shared_->workers[i].drops;
    return captured;
  }

  absl::Status wait_until_ready() {
    while (!shared_->ready.load(std::memory_order_acquire)) {
      if (told_to_end()) return absl::CancelledError("interrupted");
      if (!process_.running()) return failure(process_.wait(0ms));
      std::this_thread::sleep_for(1ms);
    }
    return absl::OkStatus();
  }

 private:
  Captured counts() const {
    Captured captured;
    for (unsigned i = 0; i < workers_; ++i) captured.frames += shared_->workers[i].frames;
    return captured;
  }
  absl::Status failure(int status) const {
    if (told_to_end()) return absl::CancelledError("interrupted");
    if (shared_->error[0] != 0)
      return absl::UnknownError("null consumer: " + std::string(shared_->error.data()));
    return absl::UnknownError("the null consumer " + end_of(status));
  }

  Memory shared_;
  BackgroundProcess process_;
  unsigned workers_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Capturer>> start_null_consumer(const CaptureOptions& options) {
  void* const memory =
      mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return absl::ErrnoToStatus(errno, "cannot map memory");
  NullConsumer::Memory shared(new (memory) Shared());
  absl::StatusOr<BackgroundProcess> process = BackgroundProcess::start([&options, &shared] {
    const absl::Status status = capture(options, *shared);
    if (status.ok()) return 0;
    const std::string message(status.message());
    message.copy(shared->error.data(), shared->error.size() - 1);
    return 1;
  });
  if (!process.ok()) return process.status();
  auto consumer = std::make_unique<NullConsumer>(std::move(shared), *std::move(process), options.workers);
  if (absl::Status status = consumer->wait_until_ready(); !status.ok()) return status;
  return consumer;
}

}  // namespace tapline::bench
