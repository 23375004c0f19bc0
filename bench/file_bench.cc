#include "bench/file_bench.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <memory>
#include <utility>

#include "engine/byte_source.h"
#include "engine/capture_file.h"
#include "engine/fd.h"

namespace tapline::bench {
namespace {

// In the process that generates: what write_pcap() says goes through the pipe, the figures or a message.
[[noreturn]] void generate_into(const CaptureShape& shape, const std::string& path, int pipe) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) std::signal(signal, SIG_DFL);
  const absl::StatusOr<CaptureFigures> figures = write_pcap(shape, path);
  if (figures.ok()) {
    _exit(write(pipe, &*figures, sizeof *figures) == sizeof *figures ? 0 : 1);
  }
  const std::string message(figures.status().message());
  _exit(write(pipe, message.data(), message.size()) < 0 ? 1 : 2);
}

// The unsigned number behind `name` (`"closed":`) in a line of JSON that our own encoder wrote, looked for
// from `within` on.
std::optional<std::uint64_t> number_in(std::string_view line, std::string_view within,
                                       std::string_view name) {
  const std::size_t part = line.find(within);
  const std::size_t at = part == std::string_view::npos ? part : line.find(name, part);
  if (at == std::string_view::npos) return std::nullopt;
  std::uint64_t number = 0;
  const char* const digits = line.data() + at + name.size();
  const auto [end, error] = std::from_chars(digits, line.data() + line.size(), number);
  return error == std::errc() ? std::optional(number) : std::nullopt;
}

// Records as they come, and the last statistics.
struct Answer {
  std::uint64_t transactions = 0, connections = 0;
  std::string stats;

  void take(std::string_view line) {
    if (line.find(R"("dataset":"tapline.http")") != std::string_view::npos) ++transactions;
    if (line.find(R"("dataset":"tapline.connection")") != std::string_view::npos) ++connections;
    if (line.find(R"("dataset":"tapline.stats")") != std::string_view::npos) stats = line;
  }
};

absl::Status compare(std::string_view what, std::uint64_t got, std::uint64_t expected) {
  if (got == expected) return absl::OkStatus();
  return absl::InternalError("tapline's answer is wrong: " + std::to_string(got) + " " + std::string(what) +
                             " instead of " + std::to_string(expected));
}

}  // namespace

absl::StatusOr<CaptureFigures> generate_apart(const CaptureShape& shape, const std::string& path) {
  std::array<int, 2> pipe = {-1, -1};
  if (pipe2(pipe.data(), O_CLOEXEC) != 0) return absl::ErrnoToStatus(errno, "cannot open a pipe");
  const Fd from(pipe[0]);
  Fd to(pipe[1]);
  const pid_t child = fork();
  if (child < 0) return absl::ErrnoToStatus(errno, "cannot fork");
  if (child == 0) generate_into(shape, path, to.get());
  to = Fd();
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    if (told_to_end()) kill(child, SIGKILL);
  }
  if (told_to_end()) return absl::CancelledError("interrupted");
  CaptureFigures figures;
  std::array<char, 512> said{};
  const ssize_t got = read(from.get(), said.data(), said.size());
  if (!WIFEXITED(status) || got <= 0) return absl::UnknownError("generating " + path + " failed");
  if (WEXITSTATUS(status) != 0) {
    return absl::UnknownError(std::string(said.data(), static_cast<std::size_t>(got)));
  }
  std::copy_n(said.data(), sizeof figures, reinterpret_cast<char*>(&figures));
  return figures;
}

absl::StatusOr<CaptureFigures> walk(const std::string& path) {
  absl::StatusOr<InputFile> input = InputFile::open(path, /*stop_fd=*/-1);
  if (!input.ok()) return input.status();
  auto file = CaptureFile::open(std::make_unique<FileSource>(*std::move(input)));
  if (!file.ok()) return file.status();
  CaptureFigures figures;
  std::array<Packet, 64> batch;
  while (const std::size_t got = (*file)->next(batch)) {
    if (told_to_end()) return absl::CancelledError("interrupted");
    figures.frames += got;
    for (std::size_t i = 0; i < got; ++i) figures.bytes += batch[i].length;
  }
  if (!(*file)->status().ok()) return (*file)->status();
  if (figures.frames == 0) return absl::InvalidArgumentError(path + " holds no frames");
  return figures;
}

absl::StatusOr<CaptureFigures> check_answer(const std::string& tapline, const std::string& file,
                                            const std::string& directory, const CaptureFigures& expected,
                                            bool generated) {
  const Command command{{tapline, "-q", "-r", file, "-f", "ecs", "-o", "-", "--records", "http,closed,stats"},
                        directory};
  Answer answer;
  const absl::StatusOr<Usage> usage = run(command, [&](std::string_view line) { answer.take(line); });
  if (!usage.ok()) return usage.status();
  CaptureFigures found;
  const std::array<std::pair<std::uint64_t*, std::array<std::string_view, 2>>, 4> wanted = {{
      {&found.frames, {R"("delivered":{)", R"("packets":)"}},
      {&found.bytes, {R"("delivered":{)", R"("bytes":)"}},
      {&found.connections, {R"("connections":{)", R"("closed":)"}},
      {&found.transactions, {R"("connections":{)", R"("transactions":)"}},
  }};
  for (const auto& [number, names] : wanted) {
    const std::optional<std::uint64_t> value = number_in(answer.stats, names[0], names[1]);
    if (!value)
      return absl::InternalError("tapline wrote no " + std::string(names[1]) + " in its statistics");
    *number = *value;
  }
  absl::Status status = compare("frames", found.frames, expected.frames);
  status.Update(compare("transactions by its statistics", found.transactions, answer.transactions));
  if (generated) {
    status.Update(compare("connections by its statistics", found.connections, answer.connections));
    status.Update(compare("bytes", found.bytes, expected.bytes));
    status.Update(compare("connections", found.connections, expected.connections));
    status.Update(compare("transactions", found.transactions, expected.transactions));
  }
  if (!status.ok()) return status;
  return found;
}

absl::StatusOr<std::vector<Measured>> measure(const std::vector<FileTool>& tools, unsigned rounds,
                                              const std::string& directory, const Progress& progress) {
  std::vector<Measured> all;
  for (const FileTool& tool : tools) all.push_back({tool, {}});
  for (unsigned round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i < all.size(); ++i) {
      Measured& one = all[(i + round) % all.size()];
      progress("round " + std::to_string(round + 1) + " of " + std::to_string(rounds) + ": " + one.tool.name);
      const absl::StatusOr<Usage> usage = run({one.tool.arguments, directory});
      if (!usage.ok()) return usage.status();
      one.rounds.push_back(*usage);
    }
  }
  return all;
}

}  // namespace tapline::bench
