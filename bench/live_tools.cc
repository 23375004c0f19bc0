#include "bench/live_tools.h"

#include <net/if.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <chrono>
#include <csignal>
#include <fstream>
#include <iterator>
#include <optional>
#include <regex>
#include <sstream>
#include <thread>
#include <utility>

#include "bench/background_process.h"
#include "bench/child_process.h"
#include "bench/file_tools.h"
#include "bench/null_consumer.h"
#include "bench/processor_time.h"

namespace tapline::bench {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

constexpr int kCannotStart = 127;    // as become_program() says
constexpr auto kLongestStart = 60s;  // Zeek reads scripts for seconds
constexpr auto kLongestEnd = 60s;
constexpr auto kLongestAnswer = 2s;
constexpr double kIdleShare = 0.05;  // of a processor, that a program uses that has nothing to do
constexpr auto kIdleTime = 100ms;

std::string content_of(const std::string& path) {
  std::ifstream file(path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

std::string last_line_of(const std::string& text) {
  std::istringstream lines(text);
  std::string last;
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty()) last = line;
  }
  return last;
}

// Programs write 1234567 or 1,234,567.
std::uint64_t number_of(const std::string& text) {
  std::uint64_t number = 0;
  for (const char c : text) {
    if (std::isdigit(static_cast<unsigned char>(c)) != 0) {
      number = number * 10 + static_cast<std::uint64_t>(c - '0');
    }
  }
  return number;
}

// The last match of an expression with one group.
std::optional<std::uint64_t> last_number(const std::string& text, const std::string& expression) {
  const std::regex pattern(expression);
  std::optional<std::uint64_t> number;
  for (auto match = std::sregex_iterator(text.begin(), text.end(), pattern); match != std::sregex_iterator();
       ++match) {
    number = number_of((*match)[1]);
  }
  return number;
}

// tapline's summary, as -v has it written at the end and on SIGUSR1; the last one.
std::optional<Captured> parse_summary(const std::string& text) {
  static const std::string kNumber = "tapline: ([0-9,]+) ";
  std::size_t begin = std::string::npos;
  const std::regex first(kNumber + "frames? \\([^)]*\\) in ");
  for (auto match = std::sregex_iterator(text.begin(), text.end(), first); match != std::sregex_iterator();
       ++match) {
    begin = static_cast<std::size_t>(match->position());
  }
  if (begin == std::string::npos) return std::nullopt;
  const std::string summary = text.substr(begin);
  const auto count = [&summary](const std::string& expression) {
    return last_number(summary, expression).value_or(0);
  };
  Captured captured;
  captured.elided = count(kNumber + "frames? of message bodies");
  captured.frames = count(kNumber + "frames? \\(") + *captured.elided;
  captured.lost_in_ring = count("tapline: the kernel dropped ([0-9,]+) frame");
  captured.lost_in_softnet = count(kNumber + "frames? w[a-z]+ lost on this host");
  captured.lost_by_interface = count(kNumber + "frames? w[a-z]+ lost by the interface");
  captured.lost_in_sink = count(kNumber + "records? w[a-z]+ lost");
  captured.connections = count(kNumber + "connections?, ");
  captured.transactions = count("connections?, ([0-9,]+) transactions?, ");
  return captured;
}

// How a program tells what it got and what it lost, last of all.
struct Words {
  const char* program;
  const char* received;
  const char* lost;
  bool received_with_lost = false;  // the former is before the latter is taken off
};
constexpr std::array kWords = {
    Words{"tcpdump", "([0-9]+) packets? captured", "([0-9]+) packets? dropped by kernel"},
    Words{"dumpcap", "Packets received/dropped on interface '.*': ([0-9]+)/",
          "Packets received/dropped on interface '.*': [0-9]+/([0-9]+)"},
    Words{"tshark", "([0-9]+) packets? captured", "([0-9]+) packets? dropped"},
    Words{"netsniff-ng", "([0-9]+) +packets passed filter", "([0-9]+) +packets failed filter"},
    Words{"httpry", "([0-9]+) packets received", "([0-9]+) packets dropped", true},
    Words{"suricata", "pkts: ([0-9]+)", "drop: ([0-9]+)", true},
    Words{"zeek", "([0-9]+) packets received", "([0-9]+) (?:\\([^)]*\\) )?dropped"},
};

// Whether a packet socket is bound to the interface where the process is.
bool is_bound(pid_t process, const std::string& interface) {
  std::ifstream file("/proc/" + std::to_string(process) + "/net/packet");
  const unsigned index = if_nametoindex(interface.c_str());
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string socket, references, type, protocol;
    unsigned bound_to = 0;
    // sk RefCnt Type Proto Iface ...
    if (words >> socket >> references >> type >> protocol >> bound_to && bound_to == index) return true;
  }
  return false;
}

class Program final : public Capturer {
 public:
  Program(const LiveTool& tool, BackgroundProcess process, std::string words_path)
      : tool_(tool), process_(std::move(process)), words_path_(std::move(words_path)) {}

  pid_t process() const override { return process_.pid(); }

  std::optional<Captured> so_far() override {
    if (tool_.kind != LiveTool::Kind::kTapline) return std::nullopt;
    const std::size_t before = words().size();
    process_.signal(SIGUSR1);
    const auto until = std::chrono::steady_clock::now() + kLongestAnswer;
    while (std::chrono::steady_clock::now() < until && !told_to_end()) {
      // The summary is written at once.
      const std::string said = words();
      if (said.size() > before) {
        if (auto captured = parse_summary(said.substr(before))) return captured;
      }
      std::this_thread::sleep_for(1ms);
    }
    return std::nullopt;
  }

  absl::StatusOr<Captured> finish() override {
    process_.signal(SIGINT);
    const int status = process_.wait(kLongestEnd);
    if (told_to_end()) return absl::CancelledError("interrupted");
    // httpry ends with other statuses than 0 on SIGINT; what it says counts.
    if (status != 0 && tool_.kind == LiveTool::Kind::kTapline) return failure(status);
    if (const auto captured = parse_words(tool_.arguments.front(), words())) return *captured;
    return failure(status);
  }

  absl::Status wait_until_ready(const CaptureOptions& options) {
    const auto until = std::chrono::steady_clock::now() + kLongestStart;
    double busy = process_seconds(process_.pid());
    auto since = std::chrono::steady_clock::now();
    while (std::chrono::steady_clock::now() < until) {
      if (told_to_end()) return absl::CancelledError("interrupted");
      if (!process_.running()) return failure(process_.wait(0ms));
      if (tool_.kind == LiveTool::Kind::kTapline) {
        if (words().find("capturing on") != std::string::npos) return absl::OkStatus();
      } else {
        // It says so in its own way, or not at all: it is bound, and waits.
        const auto now = std::chrono::steady_clock::now();
        const double used = process_seconds(process_.pid());
        if (used - busy > kIdleShare * std::chrono::duration<double>(kIdleTime).count()) {
          busy = used;
          since = now;
        }
        if (now - since > kIdleTime && is_bound_there(options)) return absl::OkStatus();
      }
      std::this_thread::sleep_for(5ms);
    }
    return absl::DeadlineExceededError(tool_.name + " does not begin to capture");
  }

 private:
  std::string words() const { return content_of(words_path_); }

  bool is_bound_there(const CaptureOptions& options) const {
    if (options.where == nullptr) return is_bound(process_.pid(), options.interface);
    const absl::StatusOr<InNamespace> there = InNamespace::enter(*options.where);
    return there.ok() && is_bound(process_.pid(), options.interface);
  }

  absl::Status failure(int status) const {
    if (WIFEXITED(status) && WEXITSTATUS(status) == kCannotStart) {
      return absl::NotFoundError("cannot start " + tool_.arguments.front());
    }
    return absl::UnknownError(tool_.name + " " + end_of(status) + ": " + last_line_of(words()));
  }

  LiveTool tool_;
  BackgroundProcess process_;
  std::string words_path_;
};

LiveTool tapline_with(const std::string& program, std::string name, const std::string& records,
                      const CaptureOptions& options) {
  LiveTool tool{
      std::move(name),
      LiveTool::Kind::kTapline,
      {program, "-v", "-i", options.interface, "-p", options.ports, "-j", std::to_string(options.workers),
       "--ring-size", std::to_string(options.ring_size), "-f", "ecs", "--records", records}};
  // Its own default bounds it well below a million.
  if (options.connections > 100'000) {
    tool.arguments.insert(tool.arguments.end(), {"--max-flows", std::to_string(2 * options.connections)});
  }
  return tool;
}

// "80,8000-8100" as libpcap's filters have it.
std::string pcap_filter(const std::string& ports) {
  std::string filter;
  for (const std::string& part : split(ports, ',')) {
    const bool range = part.find('-') != std::string::npos;
    filter += (filter.empty() ? "" : " or ") + std::string(range ? "tcp portrange " : "tcp port ") + part;
  }
  return filter;
}

std::string mebibytes(std::uint64_t bytes) { return std::to_string(std::max<std::uint64_t>(bytes >> 20, 1)); }

}  // namespace

std::vector<LiveTool> live_tools(const TaplineBuilds& builds, const std::vector<std::string>& records,
                                 const CaptureOptions& options, bool peers) {
  std::vector<LiveTool> tools = {{"null", LiveTool::Kind::kNull, {}}};
  const std::string& interface = options.interface;
  for (const std::string& set : records) {
    tools.push_back(tapline_with(builds.tapline, "tapline " + set, set, options));
    if (!builds.against.empty())
      tools.push_back(tapline_with(builds.against, "against " + set, set, options));
  }
  if (!peers) return tools;
  const std::string filter = pcap_filter(options.ports), ring = mebibytes(options.ring_size);
  const std::vector<LiveTool> others = {
      {"tcpdump",
       LiveTool::Kind::kOther,
       {"tcpdump", "-n", "-i", interface, "-Z", "root", "-B", std::to_string(options.ring_size >> 10), "-w",
        "/dev/null", filter}},
      {"dumpcap",
       LiveTool::Kind::kOther,
       {"dumpcap", "-i", interface, "-B", ring, "-f", filter, "-w", "/dev/null"}},
      {"netsniff-ng",
       LiveTool::Kind::kOther,
       {"netsniff-ng", "--in", interface, "--out", "/dev/null", "--silent", "--ring-size", ring + "MiB",
        "--filter", filter}},
      {"httpry", LiveTool::Kind::kOther, {"httpry", "-i", interface, "-o", "/dev/null"}},
      {"tshark",
       LiveTool::Kind::kOther,
       {"tshark", "-n", "-i", interface, "-B", ring, "-f", filter, "-w", "/dev/null"}},
      // No rules; its default configuration writes http and flow events into the folder.
      {"suricata",
       LiveTool::Kind::kOther,
       {"suricata", "--af-packet=" + interface, "-k", "none", "-S", "/dev/null", "-l", "."}},
      {"zeek",
       LiveTool::Kind::kOther,
       {"zeek", "-b", "-C", "-i", interface, "base/protocols/conn", "base/protocols/http"}},
  };
  for (const LiveTool& tool : others) {
    if (installed(tool.arguments.front())) tools.push_back(tool);
  }
  return tools;
}

absl::StatusOr<std::unique_ptr<Capturer>> start(const LiveTool& tool, const CaptureOptions& options) {
  if (tool.kind == LiveTool::Kind::kNull) return start_null_consumer(options);
  std::string words_path = options.directory + "/standard-error";
  unlink(words_path.c_str());  // those of another tool are not this one's
  absl::StatusOr<BackgroundProcess> process = BackgroundProcess::start([&] {
    if (options.where != nullptr && !move_process(*options.where).ok()) return 1;
    if (!options.processors.empty() && !run_on(options.processors)) return 1;
    // Some tell on standard output what others tell on standard error.
    const std::string output = tool.kind == LiveTool::Kind::kTapline ? "/dev/null" : words_path;
    return become_program(tool.arguments, options.directory, output, words_path);
  });
  if (!process.ok()) return process.status();
  auto program = std::make_unique<Program>(tool, *std::move(process), std::move(words_path));
  if (absl::Status status = program->wait_until_ready(options); !status.ok()) return status;
  return program;
}

std::optional<Captured> parse_words(const std::string& program, const std::string& words) {
  for (const Words& one : kWords) {
    if (program != one.program) continue;
    const auto received = last_number(words, one.received);
    if (!received) return std::nullopt;
    Captured captured;
    captured.frames = *received;
    captured.lost_in_ring = last_number(words, one.lost);
    if (one.received_with_lost)
      captured.frames -= std::min(captured.frames, captured.lost_in_ring.value_or(0));
    return captured;
  }
  return parse_summary(words);
}

}  // namespace tapline::bench
