#include "bench/live_command.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <fstream>
#include <optional>
#include <string_view>
#include <utility>

#include "bench/file_tools.h"
#include "bench/live_bench.h"
#include "bench/live_plot.h"
#include "bench/live_report.h"
#include "engine/interfaces.h"
#include "engine/port_list.h"
#include "engine/size_and_time.h"

namespace tapline::bench {
namespace {

constexpr double kLeastRate = 1000;
constexpr std::uint64_t kLeastRing = 4u << 20;
constexpr double kLongestRun = 600;  // seconds

absl::Status wrong(const std::string& message) { return absl::InvalidArgumentError(message); }

std::vector<int> usable_processors() {
  std::vector<int> processors;
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return processors;
  for (int processor = 0; processor < CPU_SETSIZE; ++processor) {
    if (CPU_ISSET(static_cast<std::size_t>(processor), &set)) processors.push_back(processor);
  }
  return processors;
}

// "250k", "1.2M", "max".
std::optional<double> parse_rate(std::string_view text) {
  if (text == "max") return 0;
  double rate = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), rate);
  if (error != std::errc()) return std::nullopt;
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  if (unit == "k") rate *= 1e3;
  if (unit == "M") rate *= 1e6;
  if (!unit.empty() && unit != "k" && unit != "M") return std::nullopt;
  return rate >= kLeastRate && rate <= 1e9 ? std::optional(rate) : std::nullopt;
}

absl::StatusOr<LiveSettings> settings_of(const LiveCommand& command) {
  LiveSettings settings;
  settings.rates.clear();
  for (const std::string& text : split(command.rates, ',')) {
    const std::optional<double> rate = parse_rate(text);
    if (!rate)
      return wrong("--rates: '" + text + "' is no rate; say 1000 to 1000M, 250k for 250,000, or max");
    settings.rates.push_back(*rate);
  }
  settings.mixes.clear();
  for (const std::string& text : split(command.mixes, ',')) {
    const std::optional<Mix> mix = parse_mix(text);
    if (!mix) return wrong("--mixes: '" + text + "' is not known; there are syn, http, full");
    settings.mixes.push_back(*mix);
  }
  settings.placements.clear();
  for (const std::string& text : split(command.placements, ',')) {
    if (text != "split" && text != "onecore") {
      return wrong("--placements: '" + text + "' is not known; there are split, onecore");
    }
    settings.placements.push_back(text == "split" ? Placement::kSplit : Placement::kOneCore);
  }
  settings.seconds = command.seconds;
  settings.rounds = command.rounds;
  settings.step_rounds = command.step_rounds;
  settings.at_once = command.at_once;
  settings.packet_socket = command.packet_socket;
  return settings;
}

// The generator's processor is the first; the capturer has others, one for each worker where there are so
// many.
absl::Status choose_processors(const LiveCommand& command, LiveSettings& settings, CaptureOptions& capture) {
  std::vector<int> processors = usable_processors();
  if (!command.no_generate) {
    if (processors.size() < 2) {
      return absl::FailedPreconditionError(
          "this needs two processors at least: one sends, another captures (--interface IFACE --no-generate "
          "measures what comes in on an interface)");
    }
    settings.sender = processors.front();
    processors.erase(processors.begin());
  }
  processors.resize(std::min<std::size_t>(processors.size(), command.workers));
  capture.processors = std::move(processors);
  return absl::OkStatus();
}

absl::StatusOr<CaptureOptions> capture_of(const LiveCommand& command, const std::string& directory) {
  CaptureOptions capture;
  capture.workers = command.workers;
  capture.directory = directory;
  capture.connections = command.at_once;
  const absl::StatusOr<std::uint64_t> ring = parse_size(command.ring);
  if (!ring.ok()) return wrong("--ring: " + std::string(ring.status().message()));
  if (*ring < kLeastRing) return wrong("--ring: at least 4MiB, for frames of up to 64KiB");
  capture.ring_size = *ring;
  if (command.interface.empty() != !command.no_generate) {
    return wrong(command.no_generate
                     ? "--no-generate needs an --interface"
                     : "nothing is sent on real interfaces: --interface goes with --no-generate");
  }
  if (!command.no_generate) {
    capture.interface = VethLink::kReceiverEnd;
    return capture;
  }
  const absl::StatusOr<Interface> interface = find_interface(command.interface);
  if (!interface.ok()) return interface.status();
  if (is_any(*interface)) return wrong("--interface: name one interface");
  capture.interface = interface->name;
  const absl::StatusOr<PortSet> ports = parse_ports(command.ports);
  if (!ports.ok()) return wrong("--ports: " + std::string(ports.status().message()));
  capture.ports = command.ports;
  return capture;
}

// One line, that is written over; only where a person sees it.
class ProgressLine {
 public:
  void say(const std::string& what, double part) {
    if (isatty(STDERR_FILENO) == 0) return;
    std::fprintf(stderr, "\r\033[K%3.0f %%  %s", 100 * part, what.c_str());
    shown_ = true;
  }
  ~ProgressLine() {
    if (shown_) std::fputs("\r\033[K", stderr);
  }

 private:
  bool shown_ = false;
};

}  // namespace

void add_live_options(CLI::App& app, LiveCommand& command) {
  std::vector<CLI::Option*> options = {
      app.add_option("--mixes", command.mixes, "of traffic (default: syn,http,full)")->option_text("LIST"),
      app.add_option("--rates", command.rates,
                     "frames a second; max: as many as can be sent (default: 250k,500k,1M,max)")
          ->option_text("LIST"),
      app.add_option("--placements", command.placements,
                     "split: the kernel takes frames in beside the generator; onecore: on\n"
                     "the tool's processor (default: split,onecore)")
          ->option_text("LIST"),
      app.add_option("--records", command.records,
                     "tapline writes these, to /dev/null; may be said again: each is a tool\n"
                     "of its own (default: stats, and http,closed)")
          ->expected(1)
          ->allow_extra_args(false)
          ->take_all()
          ->option_text("LIST"),
      app.add_option("--seconds", command.seconds, "of each run (default: 1)")
          ->check(CLI::Range(0.05, kLongestRun))
          ->option_text("N"),
      app.add_option("--step-rounds", command.step_rounds,
                     "how often each tool runs at the rates below max (default: 3)")
          ->check(CLI::Range(1u, 1000u))
          ->option_text("N"),
      app.add_option("--workers", command.workers,
                     "of tapline and of the null consumer, on a processor each (default: 1)")
          ->check(CLI::Range(1u, 64u))
          ->option_text("N"),
      app.add_option("--ring", command.ring, "memory for frames, of each worker (default: 64MiB)")
          ->option_text("SIZE"),
      app.add_flag("--peers", command.peers,
                   "also tcpdump, dumpcap, netsniff-ng, httpry, tshark, Suricata and Zeek,\n"
                   "those that are installed"),
      app.add_option("--interface", command.interface, "measure on this one")->option_text("IFACE"),
      app.add_flag("--no-generate", command.no_generate, "send nothing, take what is there"),
      app.add_option("--ports", command.ports, "with --interface: of the servers (default: 80)")
          ->option_text("LIST"),
      app.add_flag("--packet-socket", command.packet_socket,
                   "send through a packet socket, as where the kernel has no live frames"),
      app.add_option("--plot", command.plot, "draw received and lost frames over the offered rate, as SVG")
          ->option_text("FILE"),
  };
  for (CLI::Option* option : options) option->group("Packet rates");
}

absl::StatusOr<std::string> run_live(const LiveCommand& command, const TaplineBuilds& builds,
                                     const std::string& directory) {
  LiveReport report;
  absl::StatusOr<LiveSettings> settings = settings_of(command);
  if (!settings.ok()) return settings.status();
  report.settings = *std::move(settings);
  absl::StatusOr<CaptureOptions> capture = capture_of(command, directory);
  if (!capture.ok()) return capture.status();
  report.capture = *std::move(capture);
  if (absl::Status status = choose_processors(command, report.settings, report.capture); !status.ok()) {
    return status;
  }
  if (command.no_generate && !command.plot.empty()) {
    return wrong("--plot: there is nothing to draw of what an interface happens to bring");
  }
  std::ofstream plot;  // before minutes of measuring, not after
  if (!command.plot.empty()) {
    plot.open(command.plot);
    if (!plot) return wrong("--plot: cannot write " + command.plot);
  }
  report.interface = command.no_generate ? report.capture.interface : "";
  report.tools = live_tools(builds, command.records, report.capture, command.peers);
  report.before = this_machine();
  absl::StatusOr<LiveResult> result;
  {
    ProgressLine line;
    const LiveProgress progress = [&line](const std::string& what, double part) { line.say(what, part); };
    result = command.no_generate ? measure_interface(report.settings, report.tools, report.capture, progress)
                                 : measure_live(report.settings, report.tools, report.capture, progress);
  }
  if (!result.ok()) return result.status();
  report.result = *std::move(result);
  report.load_after = this_machine().load;
  if (plot.is_open() && !(plot << plot_of(report)).flush()) {
    return absl::UnknownError("cannot write " + command.plot);
  }
  return command.json ? json_of(report) : table_of(report);
}

}  // namespace tapline::bench
