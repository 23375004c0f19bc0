#include "engine/options.h"

#include <CLI/CLI.hpp>
#include <array>
#include <string_view>

#include "absl/status/status.h"
#include "engine/option_help.h"
#include "engine/option_values.h"
#include "engine/size_and_time.h"

namespace tapline {
namespace {

// One option that takes a value. `apply` checks the value; its message is printed behind the option's name.
struct ValueOption {
  OptionHelp help;
  absl::Status (*apply)(const std::string& value, Options& options);
  bool repeatable = false;
};

struct Flags {
  bool no_redact = false, ignore_encapsulation = false, quiet = false, verbose = false, version = false,
       help = false;
};

absl::Status wrong(std::string message) { return absl::InvalidArgumentError(message); }

constexpr std::string_view kInput = "Where frames come from";
constexpr std::string_view kOutput = "What is written";
constexpr std::string_view kEnd = "When to end";
constexpr std::string_view kLife = "When a silent connection is over";
constexpr std::string_view kResources = "Resources";
constexpr std::string_view kRest = "And";

constexpr std::array kValueOptions = {
    ValueOption{{"-i,--interface", "IFACE", kInput,
                 "capture here; may be given several times; any: all interfaces,\n"
                 "new ones, too, without promiscuous mode; what passes several\n"
                 "is taken on each, but for --dedup\n"
                 "(default: the default route's interface)"},
                add_interface,
                true},
    ValueOption{{"-r,--read", "FILE", kInput, "read a capture file instead ('-': standard input)"}, set_read},
    ValueOption{{"--timestamps", "WHICH", kInput,
                 "software: when the kernel took a frame in; hardware: when it came in,\n"
                 "by the interface's own clock, as for mirror ports: what this host\n"
                 "sends has no such time (default: software)"},
                set_timestamps},
    ValueOption{
        {"-p,--ports", "LIST", kInput, "server ports: 80,8080,8000-8100 (default: 80)"}, add_ports, true},
    ValueOption{{"-o,--output", "SINK", kOutput,
                 "- (standard output), or file:PATH, to which is appended\n(default: -)"},
                set_output},
    ValueOption{{"-w,--write", "FILE", kOutput,
                 "also save the frames themselves, as pcapng ('-': standard output,\n"
                 "with records to an -o file:PATH); nothing in them is redacted"},
                set_write},
    ValueOption{{"-f,--format", "NAME", kOutput,
                 "ecs: JSON lines; text: a short line a record, for a person\n"
                 "(default: ecs; text when standard output is a terminal)"},
                set_format},
    ValueOption{{"--records", "LIST", kOutput,
                 "any of http, request (as soon as its head is complete), opened,\n"
                 "established, half-closed, closed, stats, packet (each TCP segment),\n"
                 "and connection for the four steps of one\n"
                 "(default: http,connection)"},
                set_records},
    ValueOption{
        {"--headers", "WHICH", kOutput, "none, common, all, or names: Host,X-Request-Id\n(default: common)"},
        set_headers},
    ValueOption{{"--redact-key", "FILE", kOutput,
                 "redact to [hmac:...], a hash that is the same for the same secret;\n"
                 "the key is all of FILE, a newline at its end included\n"
                 "(default: [redacted])"},
                set_redact_key},
    ValueOption{{"--redact-query", "NAME,...", kOutput,
                 "redact the values of these query parameters, too, in the\n"
                 "request's URL and in those that header values hold"},
                add_redact_query,
                true},
    ValueOption{{"--stats-interval", "TIME", kOutput,
                 "write a stats record this often, and at the end\n(default: 10s, with --records stats)"},
                set_stats_interval},
    ValueOption{{"--dedup", "TIME", kInput,
                 "take a packet once that comes in on two interfaces (a bridge and\n"
                 "its port) within this time: 10ms (default: take both)"},
                set_timeout<&Options::dedup>},
    ValueOption{{"-c,--count", "N", kEnd, "after N frames (of the file; live: accepted ones)"}, set_frames},
    ValueOption{{"-d,--duration", "TIME", kEnd, "after this time: 10s, 5m, 1h (of a file: of packet time)"},
                set_run_time},
    ValueOption{{"--attempts", "limited|all", kOutput,
                 "attempts to connect that nobody answered and that make room for\n"
                 "newer ones (--max-flows): write 1000 a second and worker, or each;\n"
                 "all are counted (default: limited)"},
                set_attempts},
    ValueOption{
        {"--attempt-timeout", "TIME", kLife, "a handshake that nobody answers or completes (default: 30s)"},
        set_timeout<&Options::attempt_timeout>},
    ValueOption{{"--idle-timeout", "TIME", kLife, "an established connection (default: 1h)"},
                set_timeout<&Options::idle_timeout>},
    ValueOption{{"--half-closed-timeout", "TIME", kLife, "one that only one side has closed (default: 10m)"},
                set_timeout<&Options::half_closed_timeout>},
    ValueOption{{"--close-linger", "TIME", kLife,
                 "one that has ended: late frames still count in its record\n(default: 1s)"},
                set_timeout<&Options::close_linger>},
    ValueOption{{"-j,--workers", "N", kResources,
                 "threads that analyse frames, each on a core of its own\n"
                 "(default: as many as there are cores; with -r 1)"},
                set_workers},
    ValueOption{{"--fanout", "ebpf|hash", kResources,
                 "how workers share packets: by the connection inside of tunnels, too,\n"
                 "or by the kernel's hash, which sees less (default: ebpf)"},
                set_fanout},
    ValueOption{{"--ring-size", "SIZE", kResources,
                 "ring buffer of each worker and interface (default: what the link\n"
                 "delivers in 100 ms, shared by the workers, from 64MiB to 512MiB;\n"
                 "at most an eighth of the memory for all of them)"},
                set_ring_size},
    ValueOption{{"--block-size", "SIZE", kResources, "what is handed over at once (default: 1MiB)"},
                set_block_size},
    ValueOption{{"--block-timeout", "TIME", kResources,
                 "hand over a block that is not full after this time\n(default: 4ms)"},
                set_block_timeout},
    ValueOption{{"--max-flows", "N", kResources, "connections each worker holds at once (default: 262144)"},
                set_max_flows},
    ValueOption{{"--reassembly-memory", "SIZE", kResources,
                 "what each worker holds back until it is complete\n(default: 64MiB)"},
                set_reassembly_memory},
    ValueOption{{"--max-head", "SIZE", kResources, "the longest message head that is read (default: 64KiB)"},
                set_max_head},
    ValueOption{{"--elide-bodies", "on|off", kResources,
                 "leave in the kernel what nobody reads of message bodies: it is\n"
                 "counted and not copied; see tcp.SIDE.elided in records\n"
                 "(default: on live; off with -w, --records packet, --dedup and\n"
                 "--timestamps hardware)"},
                set_elide_bodies},
    ValueOption{{"--elide-above", "SIZE", kResources,
                 "so much of a body must be left for that to begin (default: 64KiB)"},
                set_elide_above},
    ValueOption{{"--user", "NAME", kResources,
                 "become this user once everything is open\n(default: nobody, when started as root live)"},
                set_user},
};

// One option that is given or not.
struct FlagOption {
  OptionHelp help;
  bool Flags::*flag;
};

constexpr std::array kFlagOptions = {
    FlagOption{{"--no-redact", "", kOutput,
                "show the values of Authorization, Proxy-Authorization,\n"
                "Cookie, Set-Cookie, and passwords in URLs"},
               &Flags::no_redact},
    FlagOption{{"--ignore-encapsulation", "", kLife,
                "tell connections apart by addresses and ports alone, whatever\n"
                "VLAN or tunnel they come in (default: equal ones in two are two)"},
               &Flags::ignore_encapsulation},
    FlagOption{{"-q,--quiet", "", kRest, "say nothing but errors"}, &Flags::quiet},
    FlagOption{{"-v,--verbose", "", kRest,
                "say what is captured, and sum up at the end\n(default: when standard error is a terminal)"},
               &Flags::verbose},
    FlagOption{{"--version", "", kRest, "print the version"}, &Flags::version},
    FlagOption{{"-h,--help", "", kRest, "print this"}, &Flags::help},
};

std::string help() {
  std::vector<OptionHelp> all;
  for (const ValueOption& option : kValueOptions) all.push_back(option.help);
  for (const FlagOption& option : kFlagOptions) all.push_back(option.help);
  return help_text(all);
}

// Checks that no single option can make.
absl::Status check_together(Options& options) {
  if (options.read && !options.interfaces.empty()) {
    return wrong("-i and -r exclude each other: capture live, or read a file");
  }
  if (options.read && options.user)
    return wrong("--user is for live capture; reading a file needs no privilege");
  if (options.read && options.ring.hardware_time) {
    return wrong("--timestamps is for live capture; a file has the times that it was written with");
  }
  if (options.write == "-" && options.output == "-") {
    return wrong("-w - and -o - cannot share standard output; send the records elsewhere: -o file:PATH");
  }
  if (!options.redact && options.redact_key) {
    return wrong("--no-redact and --redact-key exclude each other: show secrets, or hash them");
  }
  if (!options.redact && !options.redact_query.empty()) {
    return wrong("--no-redact and --redact-query exclude each other: show everything, or hide some");
  }
  if (options.elide_bodies.value_or(false) && options.read) {
    return wrong("--elide-bodies on is for live capture; a file has its bodies already");
  }
  if (const std::string_view other = rules_out_elision(options);
      options.elide_bodies.value_or(false) && !other.empty()) {
    return wrong("--elide-bodies on and " + std::string(other) +
                 " exclude each other: that needs every frame");
  }
  if (options.quiet && options.verbose) return wrong("-q and -v exclude each other");
  if (options.ring.ring_size != 0 && options.ring.block_size > options.ring.ring_size / 2) {
    return wrong("--ring-size: a ring of " + format_size(options.ring.ring_size) +
                 " needs at least two blocks of " + format_size(options.ring.block_size) +
                 "; make it larger, or --block-size smaller");
  }
  return absl::OkStatus();
}

absl::Status refuse_leftover(const std::string& leftover) {
  const std::string hint = "; see tapline --help";
  if (leftover.size() > 1 && leftover[0] == '-') {
    return wrong("there is no option " + leftover.substr(0, leftover.find('=')) + hint);
  }
  return wrong("'" + leftover + "' is not expected here" + hint);
}

}  // namespace

std::string_view rules_out_elision(const Options& options) {
  if (options.write) return "--write";
  if (options.records.has(RecordKind::kPacket)) return "--records packet";
  if (options.dedup > 0) return "--dedup";
  // What is left in the kernel has the kernel's time.
  if (options.ring.hardware_time) return "--timestamps hardware";
  return {};
}

absl::StatusOr<CommandLine> parse_command_line(int argc, const char* const* argv) {
  // CLI11 takes the line apart; what the parts mean, and what is said about them, is ours.
  CLI::App app;
  app.set_help_flag();
  app.allow_extras();
  std::array<std::vector<std::string>, kValueOptions.size()> values;
  for (std::size_t i = 0; i < kValueOptions.size(); ++i) {
    const OptionHelp& help = kValueOptions[i].help;
    app.add_option(std::string(help.names), values[i])
        ->type_name(std::string(help.value))
        ->expected(1)
        ->allow_extra_args(false)
        ->take_all();
  }
  Flags flags;
  for (const FlagOption& option : kFlagOptions) {
    app.add_flag(std::string(option.help.names), flags.*option.flag);
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return wrong(std::string(error.what()) + "; see tapline --help");
  }

  CommandLine line;
  if (flags.help) line.print = help();
  if (flags.version) line.print = std::string("tapline ") + TAPLINE_VERSION + "\n";
  if (line.print) return line;
  if (const std::vector<std::string> leftovers = app.remaining(); !leftovers.empty()) {
    return refuse_leftover(leftovers.front());
  }
  Options& options = line.options;
  options.redact = !flags.no_redact;
  options.ignore_encapsulation = flags.ignore_encapsulation;
  options.quiet = flags.quiet;
  options.verbose = flags.verbose;
  for (std::size_t i = 0; i < kValueOptions.size(); ++i) {
    const ValueOption& option = kValueOptions[i];
    const std::string names(option.help.names);
    if (values[i].size() > 1 && !option.repeatable) return wrong(names + ": given more than once");
    for (const std::string& value : values[i]) {
      if (absl::Status status = option.apply(value, options); !status.ok()) {
        return wrong(names + ": " + std::string(status.message()));
      }
    }
  }
  if (options.ports_text.empty()) {
    options.ports.insert(80);
    options.ports_text = "80";
  }
  if (absl::Status status = check_together(options); !status.ok()) return status;
  return line;
}

}  // namespace tapline
