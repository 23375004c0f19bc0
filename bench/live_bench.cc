#include "bench/live_bench.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "bench/child_process.h"
#include "bench/veth_link.h"

namespace tapline::bench {
namespace {

using std::chrono_literals::operator""ms;
using Clock = std::chrono::steady_clock;

constexpr double kWarmUpRate = 300e3;  // frames a second
constexpr auto kLook = 20ms;
// A capturer that used less than this share of a processor for so long has nothing left to do.
constexpr double kIdleShare = 0.1;
constexpr auto kIdleTime = 100ms;
constexpr auto kLongestDrain = std::chrono::seconds(60);

double seconds_between(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

absl::Status interrupted() { return absl::CancelledError("interrupted"); }

// Waits until the capturer has nothing to do any more. Returns since when.
absl::StatusOr<Clock::time_point> wait_until_idle(const Capturer& capturer) {
  auto since = Clock::now();
  const auto until = since + kLongestDrain;
  double used = process_seconds(capturer.process());
  for (;;) {
    if (told_to_end()) return interrupted();
    const auto begin = Clock::now();
    std::this_thread::sleep_for(kLook);
    const auto now = Clock::now();
    const double used_now = process_seconds(capturer.process());
    if (used_now - used > kIdleShare * seconds_between(begin, now)) since = now;
    used = used_now;
    if (now - since >= kIdleTime || now > until) return since;
  }
}

absl::Status sleep_while_sending(LiveGenerator& generator, Clock::time_point until) {
  while (Clock::now() < until) {
    if (told_to_end()) return interrupted();
    const absl::StatusOr<bool> sending = generator.running();
    if (!sending.ok()) return sending.status();
    std::this_thread::sleep_until(std::min(until, Clock::now() + kLook));
  }
  return absl::OkStatus();
}

// Opens all connections; returns how many frames that took.
absl::StatusOr<std::uint64_t> warm_up(LiveGenerator& generator, const Capturer& capturer) {
  const std::uint64_t wanted = generator.warm_up();
  if (wanted == 0) return 0;
  if (absl::Status status = generator.start(kWarmUpRate); !status.ok()) return status;
  while (generator.offered().frames < wanted) {
    if (absl::Status status = sleep_while_sending(generator, Clock::now() + kLook); !status.ok())
      return status;
  }
  const absl::StatusOr<Offered> sent = generator.stop();
  if (!sent.ok()) return sent.status();
  const auto idle = wait_until_idle(capturer);
  if (!idle.ok()) return idle.status();
  return sent->frames;
}

// What is sampled at the beginning and at the end of a run.
struct Sample {
  static Sample take(Capturer& capturer) {
    Sample sample;
    sample.captured = capturer.so_far();
    sample.time = Clock::now();
    sample.process = process_time(capturer.process());
    sample.used = process_seconds(capturer.process());
    sample.processors = processor_times();
    return sample;
  }

  std::optional<Captured> captured;
  Clock::time_point time;
  ProcessTime process;
  double used = 0;  // by the process, in seconds
  std::map<int, ProcessorTime> processors;
};

void put_difference(Sample& before, Sample& after, int sender, int receiver, LiveRun& run) {
  if (before.captured && after.captured && after.captured->transactions) {
    run.transactions = *after.captured->transactions - before.captured->transactions.value_or(0);
  }
  run.process = {.user = after.process.user - before.process.user,
                 .system = after.process.system - before.process.system};
  run.process_seconds = after.used - before.used;
  run.sending = after.processors[sender] - before.processors[sender];
  run.capturing = after.processors[receiver] - before.processors[receiver];
}

class Series {
 public:
  Series(const LiveSettings& settings, const std::vector<LiveTool>& tools, CaptureOptions capture,
         const LiveProgress& progress)
      : settings_(settings), tools_(tools), capture_(std::move(capture)), progress_(progress) {
    for (const double rate : settings_.rates) {
      expected_ += (rate == 0 ? settings_.rounds : settings_.step_rounds) * settings_.mixes.size() *
                   settings_.placements.size() * tools_.size();
    }
  }

  absl::StatusOr<LiveResult> run() {
    for (unsigned round = 0; round < std::max(settings_.rounds, settings_.step_rounds); ++round) {
      for (const Mix mix : settings_.mixes) {
        if (absl::Status status = run_mix(mix, round); !status.ok()) return status;
      }
    }
    return std::move(result_);
  }

 private:
  bool measured_in(double rate, unsigned round) const {
    return round < (rate == 0 ? settings_.rounds : settings_.step_rounds);
  }

  absl::Status run_mix(Mix mix, unsigned round) {
    const Traffic traffic = make_traffic(mix);
    for (const Placement placement : settings_.placements) {
      for (const double rate : settings_.rates) {
        if (!measured_in(rate, round)) continue;
        for (std::size_t i = 0; i < tools_.size(); ++i) {
          LiveRun run;
          run.tool = (i + round) % tools_.size();
          run.mix = mix;
          run.placement = placement;
          run.rate = rate;
          run.round = round;
          if (absl::Status status = run_tool(traffic, run); !status.ok()) return status;
          result_.runs.push_back(run);
        }
      }
    }
    return absl::OkStatus();
  }

  void say(const LiveRun& run) {
    const std::string rate =
        run.rate == 0 ? "as fast as it can" : std::to_string(static_cast<long>(run.rate / 1e3)) + " k/s";
    progress_(std::string(name_of(run.mix)) + ", " + std::string(name_of(run.placement)) + ", " + rate +
                  ": " + tools_[run.tool].name,
              static_cast<double>(result_.runs.size()) / static_cast<double>(expected_));
  }

  // On a link of its own: what an earlier tool left in it is no part of this.
  absl::Status run_tool(const Traffic& traffic, LiveRun& run) {
    say(run);
    const absl::StatusOr<VethLink> link = VethLink::make();
    if (!link.ok()) return link.status();
    absl::StatusOr<LiveGenerator> generator = LiveGenerator::make(*link, traffic,
                                                                  {.processor = settings_.sender,
                                                                   .at_once = settings_.at_once,
                                                                   .packet_socket = settings_.packet_socket});
    if (!generator.ok()) return generator.status();
    result_.live_frames = generator->uses_live_frames();
    run.at_once = generator->at_once();
    const int receiver = capture_.processors.front();
    if (run.placement == Placement::kOneCore) {
      if (absl::Status status = link->receive_on(receiver); !status.ok()) return status;
    }
    CaptureOptions options = capture_;
    options.interface = VethLink::kReceiverEnd;
    options.where = &link->receiver();
    const absl::StatusOr<std::unique_ptr<Capturer>> capturer = start(tools_[run.tool], options);
    if (!capturer.ok()) return capturer.status();
    return send_to(**capturer, *link, *generator, run);
  }

  absl::Status send_to(Capturer& capturer, const VethLink& link, LiveGenerator& generator, LiveRun& run) {
    const absl::StatusOr<std::uint64_t> warmed = warm_up(generator, capturer);
    if (!warmed.ok()) return warmed.status();
    run.warm_up = *warmed;
    Sample before = Sample::take(capturer);
    if (absl::Status status = generator.start(run.rate); !status.ok()) return status;
    // Setting up the kernel's frames takes some 25 ms, and longer on a busy machine.
    while (generator.offered().frames == 0) {
      if (absl::Status status = sleep_while_sending(generator, Clock::now() + 1ms); !status.ok())
        return status;
    }
    const auto end = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                        std::chrono::duration<double>(settings_.seconds));
    if (absl::Status status = sleep_while_sending(generator, end); !status.ok()) return status;
    const absl::StatusOr<Offered> offered = generator.stop();
    if (!offered.ok()) return offered.status();
    run.offered = *offered;
    Sample after = Sample::take(capturer);
    const absl::StatusOr<Clock::time_point> idle = wait_until_idle(capturer);
    if (!idle.ok()) return idle.status();
    run.seconds = run.offered.seconds;
    const bool tells = after.captured.has_value();
    if (!tells) {  // only in the end, when it has taken in what its buffer held
      run.seconds += seconds_between(after.time, *idle);
      after = Sample::take(capturer);
    }
    put_difference(before, after, settings_.sender, capture_.processors.front(), run);
    const absl::StatusOr<Captured> captured = capturer.finish();
    if (!captured.ok()) return captured.status();
    run.captured = *captured;
    const std::uint64_t frames = tells ? after.captured->frames : captured->frames;
    const std::uint64_t earlier = before.captured ? before.captured->frames : run.warm_up;
    run.frames = frames > earlier ? frames - earlier : 0;
    const absl::StatusOr<LinkCounters> counters = link.counters();
    if (!counters.ok()) return counters.status();
    run.lost_in_softnet = counters->receive_drops;
    const std::uint64_t sent = run.warm_up + run.offered.frames;
    run.lost_on_link = sent > counters->received ? sent - counters->received : 0;
    return absl::OkStatus();
  }

  const LiveSettings& settings_;
  const std::vector<LiveTool>& tools_;
  CaptureOptions capture_;
  const LiveProgress& progress_;
  std::size_t expected_ = 0;  // runs
  LiveResult result_;
};

// What one tool makes of an interface's traffic for a while.
absl::Status watch_interface(const LiveTool& tool, const CaptureOptions& options, double seconds,
                             LiveRun& run) {
  const absl::StatusOr<std::unique_ptr<Capturer>> started = start(tool, options);
  if (!started.ok()) return started.status();
  Capturer& capturer = **started;
  Sample before = Sample::take(capturer);
  const absl::StatusOr<LinkCounters> counted_before = link_counters(options.interface);
  if (!counted_before.ok()) return counted_before.status();
  while (seconds_between(before.time, Clock::now()) < seconds) {
    if (told_to_end()) return interrupted();
    std::this_thread::sleep_for(kLook);
  }
  Sample after = Sample::take(capturer);
  const absl::StatusOr<LinkCounters> counted = link_counters(options.interface);
  if (!counted.ok()) return counted.status();
  const absl::StatusOr<Captured> captured = capturer.finish();
  if (!captured.ok()) return captured.status();
  run.captured = *captured;
  run.offered.frames = counted->received + counted->sent - counted_before->received - counted_before->sent;
  run.offered.bytes = counted->bytes - counted_before->bytes;
  run.offered.seconds = run.seconds = seconds_between(before.time, after.time);
  run.lost_in_softnet = captured->lost_in_softnet.value_or(0);
  run.lost_on_link = captured->lost_by_interface.value_or(0);
  const std::uint64_t frames = after.captured ? after.captured->frames : captured->frames;
  run.frames = frames - (before.captured ? before.captured->frames : 0);
  const int processor = options.processors.front();
  put_difference(before, after, processor, processor, run);
  return absl::OkStatus();
}

}  // namespace

std::string_view name_of(Placement placement) { return placement == Placement::kSplit ? "split" : "onecore"; }

std::uint64_t LiveRun::lost() const {
  return lost_on_link + lost_in_softnet + captured.lost_in_ring.value_or(0);
}

std::int64_t LiveRun::unaccounted() const {
  return static_cast<std::int64_t>(warm_up + offered.frames) -
         static_cast<std::int64_t>(captured.frames + lost());
}

absl::StatusOr<LiveResult> measure_live(const LiveSettings& settings, const std::vector<LiveTool>& tools,
                                        CaptureOptions capture, const LiveProgress& progress) {
  return Series(settings, tools, std::move(capture), progress).run();
}

absl::StatusOr<LiveResult> measure_interface(const LiveSettings& settings, const std::vector<LiveTool>& tools,
                                             const CaptureOptions& capture, const LiveProgress& progress) {
  LiveResult result;
  for (unsigned round = 0; round < settings.rounds; ++round) {
    for (std::size_t i = 0; i < tools.size(); ++i) {
      LiveRun run;
      run.tool = (i + round) % tools.size();
      run.round = round;
      progress(capture.interface + ": " + tools[run.tool].name,
               static_cast<double>(result.runs.size()) / static_cast<double>(settings.rounds * tools.size()));
      if (absl::Status status = watch_interface(tools[run.tool], capture, settings.seconds, run);
          !status.ok()) {
        return status;
      }
      result.runs.push_back(run);
    }
  }
  return result;
}

}  // namespace tapline::bench
