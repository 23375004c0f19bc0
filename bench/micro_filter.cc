// What the filter in the kernel costs a frame, as BPF_PROG_TEST_RUN measures it.
#include <benchmark/benchmark.h>
#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "bench/micro.h"
#include "bench/tcp_frame.h"
#include "bpf/port_filter.h"

namespace tapline::bench {
namespace {

constexpr std::uint32_t kRuns = 100'000;  // in one call

struct TestRun {
  std::uint32_t kept = 0;      // what the program returned
  std::uint32_t duration = 0;  // ns a run, on average
};

// A test run of a socket filter takes an Ethernet header off its input before the program sees it: one of
// nobody is put in front.
std::optional<TestRun> test_run(int program, const std::vector<std::uint8_t>& frame, std::uint32_t runs) {
  std::vector<std::uint8_t> input(14, 0xee);
  input.insert(input.end(), frame.begin(), frame.end());
  bpf_attr attributes{};
  attributes.test.prog_fd = static_cast<std::uint32_t>(program);
  attributes.test.data_in = reinterpret_cast<std::uintptr_t>(input.data());
  attributes.test.data_size_in = static_cast<std::uint32_t>(input.size());
  attributes.test.repeat = runs;
  if (syscall(SYS_bpf, BPF_PROG_TEST_RUN, &attributes, sizeof attributes) != 0) return std::nullopt;
  return TestRun{attributes.test.retval, attributes.test.duration};
}

std::vector<std::uint8_t> frame_to(std::uint16_t client_port, std::size_t payload, std::uint8_t flags) {
  const Segment segment{10u << 24 | 1, 192u << 24 | 2u << 8 | 1, client_port, true, flags, 1, 1};
  return frame_of(segment, std::string(payload, 'x'));
}

void filter(benchmark::State& state, bool eliding, const std::vector<std::uint8_t>& frame, bool other_port) {
  absl::StatusOr<PortFilter> filter = eliding ? PortFilter::load_eliding() : PortFilter::load();
  if (!filter.ok()) {
    // No failure of tapline's: it takes CAP_BPF.
    state.SkipWithError(std::string(filter.status().message()).c_str());
    return;
  }
  std::array<std::uint64_t, PortFilter::kPortWords> ports{};
  const unsigned port = other_port ? 8080 : kServerPort;
  ports[port / 64] = std::uint64_t{1} << (port % 64);
  filter->set_ports(ports);
  filter->set_open(true);
  const std::optional<TestRun> first = test_run(filter->program_fd(), frame, 1);
  if (!first) return wrong(state, std::strerror(errno));
  if ((first->kept != 0) == other_port)
    return wrong(state, "the filter keeps what it must not, or the reverse");
  for (auto _ : state) {
    const std::optional<TestRun> many = test_run(filter->program_fd(), frame, kRuns);
    if (!many) return wrong(state, std::strerror(errno));
    state.SetIterationTime(many->duration / 1e9 * kRuns);
  }
  per_item(state, "frame", kRuns);
}

void filter_syn(benchmark::State& state) { filter(state, false, frame_to(40'000, 0, kSynFlag), false); }
void filter_http(benchmark::State& state) { filter(state, false, frame_to(40'000, 460, kAckFlag), false); }
void filter_full(benchmark::State& state) { filter(state, false, frame_to(40'000, 1460, kAckFlag), false); }
void filter_refused(benchmark::State& state) { filter(state, false, frame_to(40'000, 460, kAckFlag), true); }
// Nothing is armed: what the feature costs those who do not need it.
void filter_eliding(benchmark::State& state) { filter(state, true, frame_to(40'000, 1460, kAckFlag), false); }

BENCHMARK(filter_syn)->UseManualTime();
BENCHMARK(filter_http)->UseManualTime();
BENCHMARK(filter_full)->UseManualTime();
BENCHMARK(filter_refused)->UseManualTime();
BENCHMARK(filter_eliding)->UseManualTime();

}  // namespace
}  // namespace tapline::bench
