#include "engine/ladder_options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "exporters/address_text.h"

namespace tapline {
namespace {

constexpr std::string_view kHelp =
    "Draws one TCP connection of a capture file as a time-sequence diagram: both ends, the arrows\n"
    "between them with flags, sequence and acknowledgment numbers, HTTP start lines, and the states\n"
    "of RFC 9293 at the margins.\n"
    "\n"
    "Usage: tapline ladder -r FILE [options]\n"
    "\n"
    "Without --connection the connections are listed; a single one is drawn.\n"
    "\n"
    "  -r, --read FILE             the capture file, pcap or pcapng ('-': standard input)\n"
    "      --connection N|ID       draw this one, by its number in the list or its connection.id\n"
    "      --svg                   as a picture: SVG\n"
    "      --all                   an arrow for each segment; else data segments in a row are one\n"
    "  -p, --ports LIST            server ports: 80,8080,8000-8100 (default: 80)\n"
    "  -o, --output SINK           - (standard output), or file:PATH (default: -)\n"
    "      --no-redact, --redact-key FILE, --redact-query NAME,...\n"
    "      --max-flows N, --reassembly-memory SIZE, --max-head SIZE, -q, -v\n"
    "                              as in tapline --help\n"
    "  -h, --help                  print this\n"
    "\n"
    "Text is as wide as the terminal, or COLUMNS, or 80. A state with a question mark is one that\n"
    "the capture does not prove.\n"
    "Exit codes: 0 done; 1 failed while running; 2 the command line or a file is wrong, or there is\n"
    "no such connection; 4 the capture file is damaged (what came before is drawn).\n";

// Of the main command line, what means something here too.
constexpr std::array<std::string_view, 11> kShared = {
    "--read",       "--ports",        "--output",    "--no-redact",
    "--redact-key", "--redact-query", "--max-flows", "--reassembly-memory",
    "--max-head",   "--quiet",        "--verbose"};
constexpr std::string_view kSharedLetters = "rpoqv";

bool is_shared(std::string_view word) {
  if (word.size() < 2 || word[0] != '-') return true;  // a value, or "-"
  if (word[1] != '-') return kSharedLetters.find(word[1]) != std::string_view::npos;
  const std::string_view name = word.substr(0, word.find('='));
  return std::find(kShared.begin(), kShared.end(), name) != kShared.end();
}

bool is_number(std::string_view text) {
  constexpr std::size_t kMostDigits = 19;
  return !text.empty() && text.size() <= kMostDigits && text[0] != '0' &&
         text.find_first_not_of("0123456789") == std::string_view::npos;
}

bool is_id(std::string_view text) {
  return text.size() == kConnectionIdText &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyz234567") == std::string_view::npos;
}

absl::Status wrong(std::string message) { return absl::InvalidArgumentError(message); }

}  // namespace

absl::StatusOr<LadderCommandLine> parse_ladder_command_line(int argc, const char* const* argv) {
  CLI::App app;
  app.set_help_flag();
  app.allow_extras();
  std::vector<std::string> connection;
  LadderCommandLine line;
  LadderOptions& options = line.options;
  bool help = false;
  app.add_option("--connection", connection)->expected(1)->allow_extra_args(false)->take_all();
  app.add_flag("--svg", options.svg);
  app.add_flag("--all", options.all);
  app.add_flag("-h,--help", help);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return wrong(std::string(error.what()) + "; see tapline ladder --help");
  }
  if (help) {
    line.print = kHelp;
    return line;
  }
  const std::vector<std::string> rest = app.remaining();
  std::vector<const char*> shared = {"tapline"};
  for (const std::string& word : rest) {
    if (!is_shared(word)) {
      return wrong("ladder has no option " + word.substr(0, word.find('=')) + "; see tapline ladder --help");
    }
    shared.push_back(word.c_str());
  }
  absl::StatusOr<CommandLine> run = parse_command_line(static_cast<int>(shared.size()), shared.data());
  if (!run.ok()) return run.status();
  options.run = std::move(run->options);
  if (!options.run.read) return wrong("ladder needs a capture file: tapline ladder -r FILE");
  if (connection.size() > 1) return wrong("--connection: given more than once");
  if (!connection.empty()) {
    options.connection = connection.front();
    if (!is_number(*options.connection) && !is_id(*options.connection)) {
      return wrong("--connection: '" + *options.connection +
                   "' is neither a number (1, 2, 3 ...) nor a connection.id of 26 characters");
    }
  }
  return line;
}

}  // namespace tapline
