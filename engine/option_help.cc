#include "engine/option_help.h"

#include <algorithm>
#include <vector>

namespace tapline {
namespace {

constexpr std::size_t kTextColumn = 30;

constexpr std::string_view kAbout =
    "tapline turns the HTTP/1.x traffic of a network interface, or of a capture file, into\n"
    "records: one a transaction, one for each step in the life of a TCP connection.\n"
    "\n"
    "Usage: tapline [-i IFACE]... [options]     capture live (CAP_NET_RAW and CAP_BPF, or root)\n"
    "       tapline -r FILE [options]           read pcap or pcapng; needs no privilege\n"
    "       tapline ladder -r FILE [options]    draw one connection as a time-sequence diagram\n"
    "       tapline bench [options]             measure packet rates on a private link\n";

constexpr std::string_view kEpilogue =
    "\n"
    "Records go to standard output, everything else to standard error.\n"
    "\n"
    "Signals: ^C and SIGTERM end the run once everything open is written, a second one at once;\n"
    "SIGUSR1 writes a stats record (and with -v says how far it is).\n"
    "Exit codes: 0 done; 1 failed while running; 2 the command line, a file or an interface is\n"
    "wrong; 3 not permitted; 4 the capture file is damaged (what came before is written).\n"
    "\n"
    "Examples:\n"
    "  sudo tapline -i eth0                              watch port 80 on a terminal\n"
    "  sudo tapline -i eth0 -p 80,8080 | jq .url.full    URLs, as they are answered\n"
    "  tapline -r web.pcapng -o file:web.ndjson          records of a capture, into a file\n"
    "  sudo tapline -w web.pcapng -o file:web.ndjson     records, and the frames they came from\n";

void append_option(const OptionHelp& option, std::string& out) {
  std::string left = "  ";
  // Long names stand under one another, whether or not there is a short one.
  if (option.names.starts_with("--")) left += "    ";
  for (const char c : option.names) {
    left += c;
    if (c == ',') left += ' ';
  }
  if (!option.value.empty()) left.append(" ").append(option.value);
  if (left.size() + 1 > kTextColumn)
    left += '\n' + std::string(kTextColumn, ' ');
  else
    left.resize(kTextColumn, ' ');
  out += left;
  for (const char c : option.text) {
    out += c;
    if (c == '\n') out.append(kTextColumn, ' ');
  }
  out += '\n';
}

}  // namespace

std::string help_text(std::span<const OptionHelp> options) {
  std::vector<std::string_view> groups;
  for (const OptionHelp& option : options) {
    if (std::find(groups.begin(), groups.end(), option.group) == groups.end()) groups.push_back(option.group);
  }
  std::string out(kAbout);
  for (const std::string_view group : groups) {
    out.append("\n").append(group).append(":\n");
    for (const OptionHelp& option : options) {
      if (option.group == group) append_option(option, out);
    }
  }
  return out.append(kEpilogue);
}

}  // namespace tapline
