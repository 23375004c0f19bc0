// The command line as a user meets it: what it accepts, what it becomes, what is said about what is wrong.
#include "engine/options.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tapline {
namespace {

absl::StatusOr<CommandLine> parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "tapline");
  return parse_command_line(static_cast<int>(arguments.size()), arguments.data());
}

Options accepted(const std::vector<const char*>& arguments) {
  absl::StatusOr<CommandLine> line = parse(arguments);
  EXPECT_TRUE(line.ok()) << line.status();
  return line.ok() ? line->options : Options{};
}

// What is said; empty when the command line was accepted.
std::string refusal(const std::vector<const char*>& arguments) {
  absl::StatusOr<CommandLine> line = parse(arguments);
  if (line.ok()) return "";
  EXPECT_EQ(line.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(line.status().message());
}

TEST(Options, DefaultsAreThoseOfTheContract) {
  const Options options = accepted({});
  EXPECT_TRUE(options.interfaces.empty());
  EXPECT_FALSE(options.read);
  EXPECT_FALSE(options.write);
  PortSet only_80;
  only_80.insert(80);
  EXPECT_EQ(options.ports, only_80);
  EXPECT_EQ(options.ports_text, "80");
  EXPECT_EQ(options.output, "-");
  EXPECT_FALSE(options.format);
  EXPECT_EQ(options.records, RecordSet::defaults());
  EXPECT_TRUE(options.headers.selects("Host"));
  EXPECT_FALSE(options.headers.selects("Cookie"));
  EXPECT_TRUE(options.redact);
  EXPECT_FALSE(options.redact_key);
  EXPECT_TRUE(options.redact_query.empty());
  EXPECT_FALSE(options.workers);
  EXPECT_EQ(options.fanout, Fanout::kEbpf);
  EXPECT_FALSE(options.count);
  EXPECT_FALSE(options.duration);
  EXPECT_EQ(options.ring.ring_size, 0u) << "by link, workers and memory";
  EXPECT_EQ(options.ring.block_size, 1u << 20);
  EXPECT_EQ(options.max_head, 64u << 10);
  EXPECT_EQ(options.elide_above, 64u << 10);
  EXPECT_FALSE(options.elide_bodies);
  EXPECT_FALSE(options.all_attempts);
  EXPECT_EQ(options.attempt_timeout, 30 * kSecond);
  EXPECT_EQ(options.idle_timeout, 3600 * kSecond);
  EXPECT_EQ(options.half_closed_timeout, 600 * kSecond);
  EXPECT_EQ(options.close_linger, kSecond);
  EXPECT_FALSE(options.user);
  EXPECT_FALSE(options.stats_interval);
  EXPECT_FALSE(options.quiet);
  EXPECT_FALSE(options.verbose);
}

TEST(Options, EveryOptionIsUnderstood) {
  const Options live = accepted({"-i",          "eth0",
                                 "--interface", "lo",
                                 "-p",          "80,443",
                                 "-p",          "8000-8002",
                                 "-o",          "file:/tmp/x",
                                 "-f",          "ecs",
                                 "--records",   "http,stats",
                                 "--headers",   "all",
                                 "--no-redact", "-j",
                                 "3",           "-c",
                                 "100",         "-d",
                                 "1.5s",        "--ring-size",
                                 "16MiB",       "--block-size",
                                 "2MiB",        "--block-timeout",
                                 "10ms",        "--max-flows",
                                 "1000",        "--reassembly-memory",
                                 "8MiB",        "--max-head",
                                 "16KiB",       "--elide-above",
                                 "1MiB",        "--elide-bodies",
                                 "off",         "--user",
                                 "daemon",      "--stats-interval",
                                 "5s",          "--attempts",
                                 "all",         "--attempt-timeout",
                                 "5s",          "--idle-timeout",
                                 "15m",         "--half-closed-timeout",
                                 "2m",          "--close-linger",
                                 "1ms",         "--fanout",
                                 "hash",        "-v"});
  EXPECT_EQ(live.interfaces, (std::vector<std::string>{"eth0", "lo"}));
  for (const std::uint16_t port : std::vector<std::uint16_t>{80, 443, 8000, 8001, 8002}) {
    EXPECT_TRUE(live.ports.contains(port)) << port;
  }
  EXPECT_FALSE(live.ports.contains(8003));
  EXPECT_EQ(live.ports_text, "80,443,8000-8002");
  EXPECT_EQ(live.output, "file:/tmp/x");
  EXPECT_EQ(live.format, Format::kEcs);
  EXPECT_TRUE(live.records.has(RecordKind::kHttp));
  EXPECT_TRUE(live.records.has(RecordKind::kStats));
  EXPECT_FALSE(live.records.has(RecordKind::kClosed));
  EXPECT_TRUE(live.headers.selects("Anything"));
  EXPECT_FALSE(live.redact);
  EXPECT_EQ(live.workers, 3u);
  EXPECT_EQ(live.fanout, Fanout::kHash);
  EXPECT_EQ(live.count, 100u);
  EXPECT_EQ(live.duration, 1'500'000'000);
  EXPECT_EQ(live.ring.ring_size, 16u << 20);
  EXPECT_EQ(live.ring.block_size, 2u << 20);
  EXPECT_EQ(live.ring.block_timeout_ms, 10);
  EXPECT_TRUE(accepted({"-i", "eth0", "--timestamps", "hardware"}).ring.hardware_time);
  EXPECT_FALSE(live.ring.hardware_time);
  EXPECT_EQ(live.max_flows, 1000u);
  EXPECT_EQ(live.reassembly_memory, 8u << 20);
  EXPECT_EQ(live.max_head, 16u << 10);
  EXPECT_EQ(live.elide_above, 1u << 20);
  EXPECT_EQ(live.elide_bodies, false);
  EXPECT_EQ(live.user, "daemon");
  EXPECT_EQ(live.stats_interval, 5'000'000'000);
  EXPECT_TRUE(live.all_attempts);
  EXPECT_EQ(live.attempt_timeout, 5 * kSecond);
  EXPECT_EQ(live.idle_timeout, 900 * kSecond);
  EXPECT_EQ(live.half_closed_timeout, 120 * kSecond);
  EXPECT_EQ(live.close_linger, kSecond / 1000);
  EXPECT_TRUE(live.verbose);

  const Options file =
      accepted({"--read", "-", "--output", "-", "--format", "text", "--redact-key", "/etc/key",
                "--redact-query", "token,api%20key", "--redact-query", "sig", "-q"});
  EXPECT_EQ(file.read, "-");
  EXPECT_EQ(file.output, "-");
  EXPECT_EQ(file.format, Format::kText);
  EXPECT_EQ(file.redact_key, "/etc/key");
  EXPECT_EQ(file.redact_query, (QueryNames{"token", "api key", "sig"}));
  EXPECT_TRUE(file.quiet);
}

TEST(Options, ValuesMayBeAttached) {
  const Options options = accepted({"-ieth0", "--ports=8080", "-qd5s"});
  EXPECT_EQ(options.interfaces, std::vector<std::string>{"eth0"});
  EXPECT_TRUE(options.ports.contains(8080));
}

struct Refused {
  std::vector<const char*> arguments;
  const char* says;  // must stand in the message
};

TEST(Options, MessagesNameTheOptionAndWhatIsWrong) {
  const std::vector<Refused> table = {
      {{"--ports", "80,x"}, "--ports: 'x' is not a port"},
      {{"-p", "90-80"}, "'90-80' goes backwards"},
      {{"-p", "70000"}, "'70000' is not a port"},
      {{"-p", ""}, "--ports"},
      {{"--colour"}, "there is no option --colour"},
      {{"--colour=yes"}, "there is no option --colour;"},
      {{"-X"}, "there is no option -X"},
      {{"eth0"}, "'eth0' is not expected here"},
      {{"-i", "eth0", "eth1"}, "'eth1' is not expected here"},
      {{"-i", "eth0", "-i", "eth0"}, "'eth0' is named twice"},
      {{"-i", ""}, "needs a name"},
      {{"-r"}, "--read"},
      {{"-r", "a", "-r", "b"}, "--read: given more than once"},
      {{"-i", "eth0", "-r", "x.pcap"}, "-i and -r exclude each other"},
      {{"-r", "x.pcap", "--user", "nobody"}, "--user is for live capture"},
      {{"-r", "x.pcap", "--timestamps", "hardware"}, "--timestamps is for live capture"},
      {{"--timestamps", "ptp"}, "'ptp' is neither 'software' nor 'hardware'"},
      {{"-f", "xml"}, "no format 'xml'; there are: ecs, text"},
      {{"--records", "http,foo"}, "foo"},
      {{"--headers", "a b"}, "a b"},
      {{"-j", "0"}, "'0' is out of bounds: from 1"},
      {{"-j", "two"}, "'two' is not a whole number"},
      {{"-j", "-1"}, "'-1' is not a whole number"},
      {{"-c", "0"}, "'0' is out of bounds"},
      {{"-c", "99999999999999999999"}, "is too large"},
      {{"-d", "10x"}, "the unit is one of ns, us, ms, s, m, h, d"},
      {{"-d", "0"}, "no time at all"},
      {{"--ring-size", "64Mix"}, "the unit is one of"},
      {{"--ring-size", "64KiB"}, "'64KiB' is out of bounds: from 1 MiB"},
      {{"--block-size", "3MiB"}, "'3MiB' is no power of two"},
      {{"--block-size", "4096"}, "out of bounds: from 1 MiB"},
      {{"--ring-size", "2MiB", "--block-size", "2MiB"}, "at least two blocks"},
      {{"--block-timeout", "0"}, "no time at all"},
      {{"--block-timeout", "4"}, "milliseconds from 1ms to 1000ms"},
      {{"--block-timeout", "1500us"}, "milliseconds from 1ms to 1000ms"},
      {{"--max-flows", "1"}, "out of bounds"},
      {{"--attempts", "some"}, "'some' is neither 'limited' nor 'all'"},
      {{"--attempt-timeout", "0"}, "no time at all"},
      {{"--idle-timeout", "8d"}, "from 1ms to 7d"},
      {{"--half-closed-timeout", "soon"}, "soon"},
      {{"--close-linger", "1us"}, "from 1ms to 7d"},
      {{"--max-head", "1GiB"}, "out of bounds"},
      {{"--elide-bodies", "on", "-w", "f"}, "--elide-bodies on and --write exclude each other"},
      {{"--elide-bodies", "on", "--records", "packet"}, "--elide-bodies on and --records packet exclude"},
      {{"--elide-bodies", "on", "--dedup", "1ms"}, "--elide-bodies on and --dedup exclude"},
      {{"--elide-bodies", "on", "-r", "f"}, "for live capture"},
      {{"--elide-above", "1KiB"}, "out of bounds"},
      {{"--elide-bodies", "maybe"}, "neither 'on' nor 'off'"},
      {{"--redact-key", ""}, "needs a name"},
      {{"--redact-key", "k", "--no-redact"}, "--no-redact and --redact-key exclude each other"},
      {{"--redact-query", "token,"}, "--redact-query: '' is no name of a query parameter"},
      {{"--redact-query", "token=1"}, "'token=1' is no name"},
      {{"--redact-query", "token", "--no-redact"}, "--no-redact and --redact-query exclude each other"},
      {{"-w", ""}, "needs a name"},
      {{"-w", "a", "--write", "b"}, "given more than once"},
      {{"-w", "-"}, "cannot share standard output; send the records elsewhere: -o file:PATH"},
      {{"-q", "-v"}, "-q and -v exclude each other"},
  };
  for (const Refused& refused : table) {
    std::string command;
    for (const char* argument : refused.arguments) command += std::string(" ") + argument;
    EXPECT_NE(refusal(refused.arguments).find(refused.says), std::string::npos)
        << "tapline" << command << "\nsaid: " << refusal(refused.arguments) << "\nwanted: " << refused.says;
  }
}

TEST(Options, FramesAreSavedBesideTheRecords) {
  EXPECT_EQ(accepted({"-w", "out.pcapng"}).write, "out.pcapng");
  const Options piped = accepted({"-r", "in.pcap", "--write", "-", "-o", "file:out.ndjson"});
  EXPECT_EQ(piped.write, "-");
  EXPECT_EQ(piped.output, "file:out.ndjson");
  const absl::StatusOr<CommandLine> help = parse({"--help"});
  ASSERT_TRUE(help.ok());
  EXPECT_NE(help->print->find("nothing in them is redacted"), std::string::npos);
}

TEST(Options, HelpAndVersionArePrintedInsteadOfRunning) {
  for (const char* flag : {"--help", "-h"}) {
    absl::StatusOr<CommandLine> line = parse({flag});
    ASSERT_TRUE(line.ok());
    ASSERT_TRUE(line->print);
    for (const char* expected : {"--interface", "--read", "--ports", "--records", "Exit codes"}) {
      EXPECT_NE(line->print->find(expected), std::string::npos) << expected;
    }
    for (std::size_t at = 0; at < line->print->size();) {  // fits a terminal of 100 columns
      const std::size_t end = line->print->find('\n', at);
      EXPECT_LE(end - at, 100u) << line->print->substr(at, end - at);
      at = end == std::string::npos ? line->print->size() : end + 1;
    }
  }
  absl::StatusOr<CommandLine> version = parse({"--version"});
  ASSERT_TRUE(version.ok());
  ASSERT_TRUE(version->print);
  EXPECT_EQ(*version->print, std::string("tapline ") + TAPLINE_VERSION + "\n");
}

}  // namespace
}  // namespace tapline
