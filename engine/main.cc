// The program: the command line, one run, the exit code.
#include <cstdio>
#include <exception>
#include <string>
#include <string_view>

#include "engine/bench_command.h"
#include "engine/console.h"
#include "engine/exit_code.h"
#include "engine/file_run.h"
#include "engine/ladder_run.h"
#include "engine/live_capture.h"
#include "engine/options.h"
#include "engine/signals.h"

namespace tapline {
namespace {

absl::Status print(const std::string& text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0) {
    return absl::OkStatus();
  }
  return absl::UnknownError("cannot write to standard output");
}

absl::Status run_ladder_command(int argc, const char* const* argv) {
  absl::StatusOr<LadderCommandLine> line = parse_ladder_command_line(argc, argv);
  if (!line.ok()) return line.status();
  return line->print ? print(*line->print) : run_ladder(line->options);
}

absl::Status run(int argc, const char* const* argv) {
  if (argc > 1 && std::string_view(argv[1]) == "ladder") return run_ladder_command(argc - 1, argv + 1);
  if (argc > 1 && std::string_view(argv[1]) == "bench") return become_bench(argc - 1, argv + 1);
  absl::StatusOr<CommandLine> line = parse_command_line(argc, argv);
  if (!line.ok()) return line.status();
  if (line->print) return print(*line->print);
  absl::StatusOr<Signals> signals = Signals::open();
  if (!signals.ok()) return signals.status();
  const Console console(line->options.quiet, line->options.verbose);
  return line->options.read ? run_file(line->options, *signals, console)
                            : run_live(line->options, *signals, console);
}

}  // namespace
}  // namespace tapline

int main(int argc, char** argv) {
  try {
    const absl::Status status = tapline::run(argc, argv);
    if (!status.ok()) tapline::Console::print(std::string(status.message()));
    return static_cast<int>(tapline::exit_code_of(status));
  } catch (const std::exception& error) {  // we throw nothing; memory or threads may be refused
    tapline::Console::print(std::string("cannot go on: ") + error.what());
    return static_cast<int>(tapline::ExitCode::kFailed);
  }
}
