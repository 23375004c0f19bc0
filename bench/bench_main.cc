// tapline-bench: how fast tapline and its peers are on this machine.
#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "bench/file_bench.h"
#include "bench/file_report.h"
#include "bench/live_command.h"
#include "engine/exit_code.h"

namespace tapline::bench {
namespace {

namespace fs = std::filesystem;

struct BenchOptions {
  std::string read, write, tools, tapline, against;
  bool generated = false, json = false, list = false;
  CaptureShape shape;
  unsigned rounds = 5;
  LiveCommand live;
};

void add_options(CLI::App& app, BenchOptions& options) {
  app.add_option("-r,--read", options.read, "measure over this pcap or pcapng file")->option_text("FILE");
  app.add_flag("--generated", options.generated,
               "measure over a capture that is generated, and removed after");
  app.add_option("--write", options.write, "only write the generated capture to this file")
      ->option_text("FILE");
  app.add_flag("--list", options.list, "only list the tools that can be measured");
  app.add_option("--tools", options.tools,
                 "measure these, separated by commas, the first beside all others (default: all)")
      ->option_text("LIST");
  app.add_option("--tapline", options.tapline, "the program (default: the one that was built with this)")
      ->option_text("PATH");
  app.add_option("--against", options.against, "another build of tapline, to be measured in the same rounds")
      ->option_text("PATH");
  app.add_option("--rounds", options.rounds, "how often each tool runs (default: 5)")
      ->check(CLI::Range(1u, 1000u))
      ->capture_default_str()
      ->option_text("N");
  app.add_flag("--json", options.json, "write one line of JSON with every round instead of a table");

  CaptureShape& shape = options.shape;
  const char* const group = "The generated capture";
  app.add_option("--connections", shape.connections, "how many (default: 100,000)")
      ->check(CLI::Range(1u, 1u << 30))
      ->group(group)
      ->option_text("N");
  app.add_option_function<std::uint32_t>(
         "--at-once",
         [&options](const std::uint32_t& given) { options.shape.at_once = options.live.at_once = given; },
         "of them open at a time (default: 2000; of packet rates: http 64, full 4)")
      ->option_text("N")
      ->check(CLI::Range(1u, 1u << 20))
      ->group(group);
  app.add_option("--transactions", shape.transactions, "of each (default: 1 to 4, 1.7 on average)")
      ->check(CLI::Range(0u, 1u << 20))
      ->group(group)
      ->option_text("N");
  app.add_option("--head-bytes", shape.head_bytes,
                 "of each head, at least (default: about 460 of requests, 310 of responses)")
      ->check(CLI::Range(0u, 60u << 10))
      ->group(group)
      ->option_text("N");
  app.add_option("--body-bytes", shape.body_bytes, "of each response (default: 0 to 20,000)")
      ->check(CLI::Range(0u, 1u << 20))
      ->group(group)
      ->option_text("N");
  app.add_option("--seed", shape.seed, "another seed makes another capture of this shape (default: 1)")
      ->group(group)
      ->option_text("N");
  add_live_options(app, options.live);
  app.footer(
      "Examples:\n"
      "  sudo tapline-bench                                      all of it, some minutes\n"
      "  sudo tapline-bench --mixes http --rates max --peers     one kind of traffic, with other programs\n"
      "  sudo tapline-bench --plot rates.svg --json > rates.json\n"
      "  sudo tapline-bench --mixes http --at-once 1000000       a million connections at once\n"
      "  sudo tapline-bench --interface eth1 --no-generate --seconds 10\n"
      "  tapline-bench -r traffic.pcap\n\n"
      "Exit status: 0 measured; 1 interrupted, a tool failed, or tapline's answer was wrong; 2 the command "
      "line\n"
      "or a file is wrong; 3 not permitted; 4 the file is damaged. How to read the tables: bench/README.md.");
}

// A folder for captures and what tools leave behind, gone at the end.
class WorkFolder {
 public:
  static absl::StatusOr<WorkFolder> make() {
    std::string path = (fs::temp_directory_path() / "tapline-bench-XXXXXX").string();
    if (mkdtemp(path.data()) == nullptr) return absl::ErrnoToStatus(errno, "cannot make " + path);
    return WorkFolder(std::move(path));
  }
  WorkFolder(WorkFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  WorkFolder& operator=(WorkFolder&&) = delete;
  ~WorkFolder() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  explicit WorkFolder(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

// In the build tree this program is in bench/ and tapline in engine/; once installed they are in
// libexec/tapline/ and sbin/, or in one folder.
absl::StatusOr<std::string> find_tapline(const BenchOptions& options) {
  if (!options.tapline.empty()) return fs::absolute(options.tapline).string();
  std::error_code error;
  const fs::path here = fs::read_symlink("/proc/self/exe", error).parent_path();
  for (const fs::path& path : {here / "tapline", here.parent_path() / "engine" / "tapline",
                               here.parent_path().parent_path() / "sbin" / "tapline"}) {
    if (access(path.c_str(), X_OK) == 0 && !fs::is_directory(path)) return path.string();
  }
  return absl::NotFoundError("there is no tapline beside " + here.string() + "; say --tapline PATH");
}

absl::Status print(const std::string& text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0) {
    return absl::OkStatus();
  }
  return absl::UnknownError("cannot write to standard output");
}

void say(const std::string& text) { std::fprintf(stderr, "tapline-bench: %s\n", text.c_str()); }

absl::Status list_tools(const std::string& tapline, const std::string& against) {
  std::string text;
  for (const FileTool& tool : file_tools(tapline, against, "FILE")) {
    text += tool.name + ":";
    for (const std::string& word : tool.arguments) text += " " + word;
    text += "\n";
  }
  return print(text);
}

absl::Status measure_file(const BenchOptions& options, const std::string& tapline) {
  absl::StatusOr<WorkFolder> folder = WorkFolder::make();
  if (!folder.ok()) return folder.status();
  const std::string file =
      options.generated ? folder->path() + "/generated.pcap" : fs::absolute(options.read).string();
  const std::string against = options.against.empty() ? "" : fs::absolute(options.against).string();
  std::vector<FileTool> tools = file_tools(tapline, against, file);
  if (!options.tools.empty()) {
    absl::StatusOr<std::vector<FileTool>> chosen = choose(std::move(tools), options.tools);
    if (!chosen.ok()) return chosen.status();
    tools = *std::move(chosen);
  }

  FileReport report;
  report.generated = options.generated;
  if (options.generated) {
    say("generating a capture of " + std::to_string(options.shape.connections) + " connections");
    absl::StatusOr<CaptureFigures> made = generate_apart(options.shape, file);
    if (!made.ok()) return made.status();
    report.capture = *made;
  }
  const absl::StatusOr<CaptureFigures> walked = walk(file);
  if (!walked.ok()) return walked.status();
  if (!options.generated) report.capture = *walked;
  say("checking tapline's answer over " + std::to_string(walked->frames) + " frames");
  const absl::StatusOr<CaptureFigures> found =
      check_answer(tapline, file, folder->path(), report.capture, options.generated);
  if (!found.ok()) return found.status();
  report.capture = *found;
  if (!against.empty()) {
    const auto same = check_answer(against, file, folder->path(), *found, /*generated=*/true);
    if (!same.ok()) return same.status();
  }

  report.before = this_machine();
  absl::StatusOr<std::vector<Measured>> measured = measure(tools, options.rounds, folder->path(), say);
  if (!measured.ok()) return measured.status();
  report.measured = *std::move(measured);
  report.load_after = this_machine().load;
  return print(options.json ? json_of(report) : table_of(report));
}

absl::Status measure_packets(const BenchOptions& options, const std::string& tapline) {
  absl::StatusOr<WorkFolder> folder = WorkFolder::make();
  if (!folder.ok()) return folder.status();
  LiveCommand live = options.live;
  live.rounds = options.rounds;
  live.json = options.json;
  const std::string against = options.against.empty() ? "" : fs::absolute(options.against).string();
  const absl::StatusOr<std::string> report = run_live(live, {tapline, against}, folder->path());
  return report.ok() ? print(*report) : report.status();
}

absl::Status run(const BenchOptions& options) {
  const int asked = (options.read.empty() ? 0 : 1) + (options.generated ? 1 : 0) +
                    (options.write.empty() ? 0 : 1) + (options.list ? 1 : 0);
  if (asked > 1) {
    return absl::InvalidArgumentError(
        "say one of -r FILE, --generated, --write FILE, --list, or none of them (--help says more)");
  }
  if (asked == 0 && !options.tools.empty()) {
    return absl::InvalidArgumentError("--tools goes with -r and --generated; of packet rates see --peers");
  }
  if (!options.write.empty()) {
    const absl::StatusOr<CaptureFigures> made = write_pcap(options.shape, options.write);
    if (!made.ok()) return made.status();
    return print("{\"frames\":" + std::to_string(made->frames) + ",\"bytes\":" + std::to_string(made->bytes) +
                 ",\"connections\":" + std::to_string(made->connections) +
                 ",\"transactions\":" + std::to_string(made->transactions) + "}\n");
  }
  const absl::StatusOr<std::string> tapline = find_tapline(options);
  if (!tapline.ok()) return tapline.status();
  if (options.list) return list_tools(*tapline, options.against);
  end_runs_on_signals();
  return asked == 0 ? measure_packets(options, *tapline) : measure_file(options, *tapline);
}

int bench_main(int argc, char** argv) {
  BenchOptions options;
  CLI::App app(
      "Measures on this machine how fast tapline and other programs are, each in turn.\n\n"
      "Without options: packet rates. Traffic of three kinds is sent over a private link (a veth pair "
      "between\n"
      "network namespaces that are gone afterwards) at rising rates, and captured: by tapline, and by a "
      "null\n"
      "consumer, which shows what the kernel can deliver. Needs root, and takes some minutes.\n"
      "With -r FILE or --generated: reading a capture file. Needs no privilege.",
      "tapline-bench");
  add_options(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(ExitCode::kUsage);
  }
  const absl::Status status = run(options);
  if (!status.ok()) say(std::string(status.message()));
  return static_cast<int>(exit_code_of(status));
}

}  // namespace
}  // namespace tapline::bench

int main(int argc, char** argv) { return tapline::bench::bench_main(argc, argv); }
