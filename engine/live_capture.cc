#include "engine/live_capture.h"

#include <sched.h>
#include <sys/random.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bpf/port_filter.h"
#include "engine/clocks.h"
#include "engine/early_loss.h"
#include "engine/frame_file.h"
#include "engine/interface_table.h"
#include "engine/interfaces.h"
#include "engine/live_worker.h"
#include "engine/output.h"
#include "engine/packet_ring.h"
#include "engine/privileges.h"
#include "engine/ring_size.h"
#include "engine/run_control.h"
#include "engine/run_setup.h"
#include "engine/run_stats.h"
#include "engine/size_and_time.h"
#include "engine/summary.h"
#include "engine/supervisor.h"

namespace tapline {
namespace {

// The cores that this process may use, in their order.
std::vector<int> usable_cores() {
  std::vector<int> cores;
  cpu_set_t set;
  CPU_ZERO(&set);
  // Fails on machines with more than 1,024 cores: workers then run where the kernel puts them.
  if (sched_getaffinity(0, sizeof set, &set) != 0) return cores;
  for (int core = 0; core < CPU_SETSIZE; ++core) {
    if (CPU_ISSET(static_cast<std::size_t>(core), &set)) cores.push_back(core);
  }
  return cores;
}

// So that nobody who sends us frames can choose ones that collide in the flow table.
std::uint64_t secret() {
  std::uint64_t secret = 0;
  if (getrandom(&secret, sizeof secret, 0) != sizeof secret) secret = static_cast<std::uint64_t>(wall_now());
  return secret;
}

absl::StatusOr<std::vector<Interface>> chosen_interfaces(const Options& options) {
  std::vector<Interface> interfaces;
  if (options.interfaces.empty()) {
    absl::StatusOr<Interface> found = default_route_interface();
    if (!found.ok()) return found.status();
    interfaces.push_back(*std::move(found));
  }
  for (const std::string& name : options.interfaces) {
    absl::StatusOr<Interface> found = find_interface(name);
    if (!found.ok()) return found.status();
    // Alternative names: the same interface twice would deliver every frame twice.
    for (const Interface& known : interfaces) {
      if (known.index == found->index) {
        return absl::InvalidArgumentError("'" + name + "' is " + known.name + ", which is named already");
      }
    }
    interfaces.push_back(*std::move(found));
  }
  if (interfaces.size() > 1 && std::any_of(interfaces.begin(), interfaces.end(), is_any)) {
    return absl::InvalidArgumentError("'any' is all interfaces: name no other one beside it");
  }
  return interfaces;
}

// What a capture on all interfaces finds out about them as it goes.
struct FoundInterfaces {
  explicit FoundInterfaces(unsigned workers) {
    for (unsigned i = 0; i < workers; ++i) of_workers.push_back(std::make_unique<SeenInterfaces>(table));
  }

  InterfaceTable table;
  std::vector<std::unique_ptr<SeenInterfaces>> of_workers;
};

// Root becomes nobody where nothing else is said; others have capabilities at most, and keep their user.
absl::StatusOr<std::optional<User>> user_to_become(const Options& options) {
  if (!options.user && !running_as_root()) return std::nullopt;
  absl::StatusOr<User> user = find_user(options.user.value_or("nobody"));
  if (user.ok()) return *std::move(user);
  // A container's root file system may know no users at all.
  if (!options.user && absl::IsNotFound(user.status())) return User{"nobody", 65534, 65534};
  return user.status();
}

// An interface that is down, say, is a wrong choice of the user's, not a failure of the run.
absl::Status as_refusal(const absl::Status& status) {
  if (absl::IsUnavailable(status)) return absl::InvalidArgumentError(status.message());
  return status;
}

// How the workers share the packets of an interface. The kernel's own hash is there when ours is not.
FanoutGroup fanout_group(const Options& options, const PortFilter& filter) {
  const absl::StatusOr<int> program = filter.fanout_program_fd();
  return options.fanout == Fanout::kEbpf && program.ok() ? FanoutGroup(*program) : FanoutGroup();
}

void warn_without_fanout_program(const Options& options, unsigned workers, const PortFilter& filter,
                                 const Console& console) {
  const absl::Status status = filter.fanout_program_fd().status();
  if (status.ok() || workers == 1 || options.fanout != Fanout::kEbpf) return;
  console.say(
      "warning: " + std::string(status.message()) +
      "\nwarning: workers share packets by the kernel's own hash (as with --fanout hash): what comes in "
      "tunnels or fragments may be told in parts");
}

// A reason not to leave bodies out is no reason not to capture. One is a kernel that is too old. The other is
// that two interfaces may show one connection, and the kernel's own hash give its frames to two workers: what
// is left out on account of one of them the other would miss.
absl::StatusOr<PortFilter> load_filter(const Options& options, const std::vector<Interface>& interfaces,
                                       unsigned workers, const Console& console) {
  if (!elides_bodies(options)) return PortFilter::load();
  absl::StatusOr<PortFilter> filter = PortFilter::load_eliding();
  const bool shown_twice = workers > 1 && (interfaces.size() > 1 || is_any(interfaces.front()));
  const bool by_program = options.fanout == Fanout::kEbpf && filter.ok() && filter->fanout_program_fd().ok();
  if (filter.ok() && (!shown_twice || by_program)) return filter;
  const std::string reason = filter.ok() ? "workers share several interfaces by the kernel's own hash"
                                         : std::string(filter.status().message());
  absl::StatusOr<PortFilter> whole = PortFilter::load();
  if (whole.ok() && (!filter.ok() || options.elide_bodies)) {
    console.say("warning: message bodies are captured whole: " + reason);
  }
  return whole;
}

// For each worker a ring of each interface, in the fanout group of that interface, with a filter that nobody
// can change any more. `found`: null but for a capture on all interfaces. REQUIRES: the filter is closed,
// until this has returned.
absl::StatusOr<std::vector<std::vector<LiveWorker::Source>>> open_rings(
    const Options& options, const std::vector<Interface>& interfaces, unsigned workers,
    const PortFilter& filter, const FoundInterfaces* found, const Console& console) {
  std::vector<std::vector<LiveWorker::Source>> rings(workers);
  warn_without_fanout_program(options, workers, filter, console);
  for (std::size_t slot = 0; slot < interfaces.size(); ++slot) {
    const Interface& interface = interfaces[slot];
    const bool raw_ip = link_type(interface) == LinkType::kRaw;
    const int program = is_any(interface) ? filter.any_program_fd()
                        : raw_ip          ? filter.raw_ip_program_fd()
                                          : filter.program_fd();
    RingOptions ring_options = options.ring;
    if (ring_options.ring_size == 0) {
      ring_options.ring_size = default_ring_size({.workers = workers,
                                                  .interfaces = interfaces.size(),
                                                  .link_speed = link_speed(interface.name),
                                                  .memory = machine_memory(),
                                                  .block_size = ring_options.block_size});
    }
    ring_options.interface_slot = static_cast<std::uint16_t>(slot);
    for (unsigned i = 0; i < workers; ++i) {
      if (found != nullptr) ring_options.seen = found->of_workers[i].get();
      absl::StatusOr<PacketRing> ring = PacketRing::open(interface, ring_options, program);
      if (!ring.ok()) return as_refusal(ring.status());
      if (ring->size() < ring_options.ring_size / ring_options.block_size * ring_options.block_size) {
        console.say("warning: memory is short: a ring of " + format_size(ring->size()) + " on " +
                    interface.name + " instead of " + format_size(ring_options.ring_size));
      }
      rings[i].push_back({interface.name, *std::move(ring)});
    }
    FanoutGroup group = fanout_group(options, filter);
    for (unsigned i = 0; i < workers; ++i) {
      PacketRing& ring = rings[i].back().ring;
      if (workers > 1) {
        if (absl::Status status = ring.join_fanout(group); !status.ok()) return status;
      }
      if (absl::Status status = ring.lock_filter(); !status.ok()) return status;
    }
  }
  return rings;
}

// `found`: null but for a capture on all interfaces, each of which is described when its first frame comes.
absl::Status start_frames(FrameFile& frames, const std::vector<Interface>& interfaces,
                          FoundInterfaces* found) {
  std::vector<FrameFile::Interface> described;
  if (found != nullptr) {
    found->table.set_listener(
        [&frames](const InterfaceTable::Entry& entry) { frames.add_interface(entry.name, entry.link); });
    return frames.start(section_of_this_host(), described);
  }
  for (const Interface& interface : interfaces) {
    // Other kinds were refused when their rings were opened.
    described.push_back({interface.name, link_type(interface).value_or(LinkType::kEthernet)});
  }
  return frames.start(section_of_this_host(), described);
}

// What an interface itself counted since it was as in `before`.
void add_interface_counters(const std::vector<Interface>& now, const Interface& before,
                            InterfaceStatistics& statistics) {
  for (const Interface& interface : now) {
    if (interface.index != before.index) continue;  // nothing is known of one that went away
    statistics.received = interface.received - before.received;
    statistics.missed = interface.missed - before.missed;
  }
}

// Of each interface, over the rings of all workers. `interfaces` are as they were at `start`. REQUIRES: the
// workers have ended.
std::vector<InterfaceStatistics> statistics_of(const std::vector<std::unique_ptr<LiveWorker>>& workers,
                                               const std::vector<Interface>& interfaces, std::int64_t start) {
  const std::int64_t end = wall_now();
  const std::vector<Interface> now = list_interfaces().value_or(std::vector<Interface>());
  std::vector<InterfaceStatistics> all;
  for (std::size_t i = 0; i < interfaces.size(); ++i) {
    InterfaceStatistics& statistics = all.emplace_back();
    statistics.start = start;
    statistics.end = end;
    statistics.accepted = statistics.dropped = 0;
    for (const auto& worker : workers) {
      *statistics.accepted += worker->statistics_of(i).packets;
      *statistics.dropped += worker->statistics_of(i).drops;
    }
    add_interface_counters(now, interfaces[i], statistics);
  }
  return all;
}

// Of a capture on all interfaces. How many frames of each were dropped, the kernel does not say. `before`:
// those that were there at `start`.
std::vector<InterfaceStatistics> statistics_of(const InterfaceTable& table,
                                               const std::vector<Interface>& before, std::int64_t start) {
  const std::int64_t end = wall_now();
  const std::vector<Interface> now = list_interfaces().value_or(std::vector<Interface>());
  std::vector<InterfaceStatistics> all;
  for (const InterfaceTable::Entry& entry : table.entries()) {
    InterfaceStatistics& statistics = all.emplace_back();
    statistics.start = start;
    statistics.end = end;
    for (const Interface& interface : before) {
      if (interface.index == entry.index) add_interface_counters(now, interface, statistics);
    }
  }
  return all;
}

std::string capturing_on(const std::vector<std::string>& interfaces, const Options& options,
                         unsigned workers) {
  std::string text = "capturing on ";
  for (std::size_t i = 0; i < interfaces.size(); ++i) text += (i == 0 ? "" : ", ") + interfaces[i];
  const bool one_port = options.ports_text.find_first_of(",-") == std::string::npos;
  text += std::string(one_port ? ", port " : ", ports ") + options.ports_text;
  text += ", " + std::to_string(workers) + (workers == 1 ? " worker" : " workers");
  return text + "; ^C ends";
}

}  // namespace

absl::Status run_live(const Options& options, Signals& signals, const Console& console) {
  // What the user named, before what the user may do: a typing error is told without sudo.
  absl::StatusOr<std::vector<Interface>> interfaces = chosen_interfaces(options);
  if (!interfaces.ok()) return interfaces.status();
  absl::StatusOr<std::optional<User>> user = user_to_become(options);
  if (!user.ok()) return user.status();
  if (absl::Status status = check_capture_capabilities(); !status.ok()) return status;
  absl::StatusOr<Output> output = Output::open(options, SlowSink::kDrop, console);
  if (!output.ok()) return output.status();
  absl::StatusOr<std::unique_ptr<RunControl>> control = RunControl::open(options.count);
  if (!control.ok()) return control.status();

  const std::vector<int> cores = usable_cores();
  const unsigned workers = options.workers.value_or(std::max(1u, static_cast<unsigned>(cores.size())));
  absl::StatusOr<PortFilter> filter = load_filter(options, *interfaces, workers, console);
  if (!filter.ok()) return filter.status();
  filter->set_ports(options.ports.words);
  std::unique_ptr<FoundInterfaces> found;
  if (is_any(interfaces->front())) found = std::make_unique<FoundInterfaces>(workers);
  auto rings = open_rings(options, *interfaces, workers, *filter, found.get(), console);
  if (!rings.ok()) return rings.status();
  // After all else that can fail: a file of an earlier run is not emptied for nothing.
  absl::StatusOr<std::unique_ptr<FrameFile>> frames = FrameFile::open(options, output->writer());
  if (!frames.ok()) return frames.status();
  absl::StatusOr<std::vector<Interface>> counted = found != nullptr ? list_interfaces() : interfaces;
  if (!counted.ok()) return counted.status();
  const bool could_elide =
      filter->elision() == nullptr && options.elide_bodies == false && rules_out_elision(options).empty();
  LiveCounters counters{options.ring.hardware_time, *filter, EarlyLoss(open_softnet_stat(), *counted),
                        could_elide};
  if (absl::Status status = drop_privileges(*user); !status.ok()) return status;

  FlowOptions flow_options = flow_options_of(options);
  flow_options.hash_seed = secret();
  std::vector<std::string> names;
  for (const Interface& interface : *interfaces) names.push_back(interface.name);
  RunStats stats(std::move(counters), options.output, output->writer(), output->add_channel(nullptr),
                 frames->get());
  std::vector<std::unique_ptr<LiveWorker>> live_workers;
  for (unsigned i = 0; i < workers; ++i) {
    LiveWorkerOptions worker_options;
    if (!cores.empty()) worker_options.core = cores[i % cores.size()];
    worker_options.number_frames = workers == 1 && filter->elision() == nullptr;
    worker_options.reports = i == 0;
    worker_options.filter = &*filter;
    worker_options.hardware_time = options.ring.hardware_time;
    worker_options.block_timeout = std::int64_t{options.ring.block_timeout_ms} * 1'000'000;
    const std::vector<std::string>* const names_of_worker =
        found != nullptr ? &found->of_workers[i]->names() : &names;
    FrameChannel* const frame_channel =
        *frames != nullptr ? &(*frames)->add_channel(SlowSink::kDrop, std::nullopt) : nullptr;
    live_workers.push_back(std::make_unique<LiveWorker>(worker_options, std::move((*rings)[i]), flow_options,
                                                        output->add_channel(names_of_worker), frame_channel,
                                                        **control, console));
    stats.add_worker(live_workers.back()->worker());
  }
  if (absl::Status status = output->writer().start(); !status.ok()) return status;
  if (*frames != nullptr) {
    if (absl::Status status = start_frames(**frames, *interfaces, found.get()); !status.ok()) return status;
  }
  const SupervisorOptions supervision{workers, options.duration, stats_interval_of(options),
                                      /*ends_with_frame_reader=*/true};
  Supervisor supervisor(supervision, signals, **control, *output, frames->get(), stats, console);
  WorkerThreads threads;
  for (const auto& worker : live_workers) threads.start([&worker] { worker->run(); });
  const std::int64_t start = wall_now();
  stats.begin();
  filter->set_open(true);
  console.say(capturing_on(names, options, workers));
  supervisor.wait_for_workers();
  threads.join();
  stats.end();
  if (*frames != nullptr) {
    (*frames)->set_statistics(found != nullptr ? statistics_of(found->table, *counted, start)
                                               : statistics_of(live_workers, *interfaces, start));
  }
  const absl::Status status = supervisor.finish();
  console.say(closing_summary(stats.totals()));
  return status;
}

}  // namespace tapline
