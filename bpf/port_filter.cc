#include "bpf/port_filter.h"

#include <bpf/libbpf.h>
#include <linux/membarrier.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "port_filter.skel.h"

namespace tapline {
namespace {

constexpr std::size_t kVerifierLogSize = 256u << 10;
constexpr std::size_t kVerifierLogShown = 1000;  // bytes of its end, where the reason stands

// The verifier rejects with EACCES, too: only an empty log tells that a capability is missing.
absl::Status load_error(int error, const std::string& log_buffer) {
  const std::string log = log_buffer.c_str();
  if (log.empty()) {
    return absl::ErrnoToStatus(error, "cannot load the port filter into the kernel (needs CAP_BPF)");
  }
  const std::string tail = log.substr(log.size() - std::min(log.size(), kVerifierLogShown));
  const absl::Status reason = absl::ErrnoToStatus(error, "the kernel does not take the port filter");
  return absl::InternalError(absl::StrCat(reason.message(), "; the verifier's last words:\n", tail));
}

// Waits until no packet is being handled that was taken up before the call: the kernel does that work under
// RCU, and this command waits for an RCU grace period. Kernels that run with nohz_full refuse it; there the
// window (a packet held up between choosing its ring and its filter) stays open, as wide as a few
// instructions.
void wait_for_packets_in_flight() { syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0); }

struct Loaded {
  port_filter_bpf* skeleton = nullptr;  // the caller's to destroy, also where `status` is not OK
  absl::Status status;
};

Loaded load_programs(bool eliding, bool with_fanout) {
  std::string log(kVerifierLogSize, '\0');
  bpf_object_open_opts options{};
  options.sz = sizeof options;
  options.kernel_log_buf = log.data();
  options.kernel_log_size = log.size();
  port_filter_bpf* const skeleton = port_filter_bpf::open(&options);
  if (skeleton == nullptr)
    return {nullptr, absl::ErrnoToStatus(errno, "cannot read the embedded port filter")};
  auto& programs = skeleton->progs;
  bpf_program__set_autoload(programs.port_filter_ethernet, !eliding);
  bpf_program__set_autoload(programs.port_filter_raw_ip, !eliding);
  bpf_program__set_autoload(programs.port_filter_any, !eliding);
  bpf_program__set_autoload(programs.eliding_filter_ethernet, eliding);
  bpf_program__set_autoload(programs.eliding_filter_raw_ip, eliding);
  bpf_program__set_autoload(programs.eliding_filter_any, eliding);
  bpf_program__set_autoload(programs.fanout_by_connection, with_fanout);
  bpf_map__set_autocreate(skeleton->maps.elision, eliding);
  const int error = port_filter_bpf::load(skeleton);
  return {skeleton, error == 0 ? absl::OkStatus() : load_error(-error, log)};
}

}  // namespace

void PortFilter::Destroy::operator()(port_filter_bpf* skeleton) const { port_filter_bpf::destroy(skeleton); }

PortFilter::PortFilter(Skeleton skeleton, absl::Status fanout)
    : skeleton_(std::move(skeleton)), fanout_(std::move(fanout)) {}
PortFilter::PortFilter(PortFilter&&) noexcept = default;
PortFilter& PortFilter::operator=(PortFilter&&) noexcept = default;
PortFilter::~PortFilter() = default;

absl::StatusOr<PortFilter> PortFilter::load(bool eliding) {
  libbpf_set_print(nullptr);  // it would write to standard error; what it knows is in errno and the log
  Loaded loaded = load_programs(eliding, /*with_fanout=*/true);
  Skeleton skeleton(loaded.skeleton);
  absl::Status fanout = std::move(loaded.status);
  if (absl::IsInternal(fanout)) {  // one of the programs is not taken; the filters alone will do
    loaded = load_programs(eliding, /*with_fanout=*/false);
    skeleton.reset(loaded.skeleton);
    if (!loaded.status.ok()) return loaded.status;
  } else if (!fanout.ok()) {
    return fanout;
  }
  // Best effort: with a known seed somebody could send everything to one worker.
  std::uint64_t seed = 0;
  if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) == sizeof seed) skeleton->bss->fanout_seed = seed;
  PortFilter filter(std::move(skeleton), std::move(fanout));
  if (!eliding) return filter;
  absl::StatusOr<ElisionTable> table =
      ElisionTable::open(bpf_map__fd(filter.skeleton_->maps.elision), &filter.skeleton_->bss->armed);
  if (!table.ok()) return table.status();
  filter.elision_ = std::make_unique<ElisionTable>(*std::move(table));
  return filter;
}

void PortFilter::set_ports(std::span<const std::uint64_t, kPortWords> words) {
  // Word by word and each at once, as the programs read them meanwhile.
  for (std::size_t i = 0; i < kPortWords; ++i) {
    std::atomic_ref(skeleton_->bss->port_words[i]).store(words[i], std::memory_order_relaxed);
  }
}

void PortFilter::set_open(bool open) {
  if (open) wait_for_packets_in_flight();
  std::atomic_ref(skeleton_->bss->open).store(open ? 1 : 0, std::memory_order_release);
}

PortFilter::Refused PortFilter::refused() const {
  Refused sum;
  for (auto& processor : skeleton_->bss->refused) {
    sum.packets += std::atomic_ref(processor.packets).load(std::memory_order_relaxed);
    sum.bytes += std::atomic_ref(processor.bytes).load(std::memory_order_relaxed);
  }
  return sum;
}

int PortFilter::program_fd() const {
  const auto& programs = skeleton_->progs;
  return bpf_program__fd(elision_ != nullptr ? programs.eliding_filter_ethernet
                                             : programs.port_filter_ethernet);
}

int PortFilter::raw_ip_program_fd() const {
  const auto& programs = skeleton_->progs;
  return bpf_program__fd(elision_ != nullptr ? programs.eliding_filter_raw_ip : programs.port_filter_raw_ip);
}

int PortFilter::any_program_fd() const {
  const auto& programs = skeleton_->progs;
  return bpf_program__fd(elision_ != nullptr ? programs.eliding_filter_any : programs.port_filter_any);
}

absl::StatusOr<int> PortFilter::fanout_program_fd() const {
  if (!fanout_.ok()) return fanout_;
  return bpf_program__fd(skeleton_->progs.fanout_by_connection);
}

}  // namespace tapline
