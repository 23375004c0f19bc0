#include "engine/early_loss.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <string>
#include <utility>

namespace tapline {
namespace {

// The words of a line of /proc/net/softnet_stat, in hexadecimal: the second is the drops, the thirteenth the
// processor's number (since Linux 5.10; before, offline processors have no line and the others move up).
constexpr std::size_t kDropped = 1, kProcessor = 12;

std::optional<std::uint32_t> word(std::string_view line, std::size_t index) {
  for (; index > 0; --index) {
    const std::size_t space = line.find(' ');
    if (space == std::string_view::npos) return std::nullopt;
    line.remove_prefix(space + 1);
  }
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), value, 16);
  if (error != std::errc() || end == line.data()) return std::nullopt;
  return value;
}

// From the start, as /proc makes the text anew for each reading from there.
std::string read_whole(int fd) {
  std::string text;
  char part[4096];
  for (;;) {
    const ssize_t got = pread(fd, part, sizeof part, static_cast<off_t>(text.size()));
    if (got <= 0) return text;
    text.append(part, static_cast<std::size_t>(got));
  }
}

}  // namespace

Fd open_softnet_stat() { return Fd(open("/proc/net/softnet_stat", O_RDONLY | O_CLOEXEC)); }

EarlyLoss::EarlyLoss(Fd softnet_stat, std::span<const Interface> captured)
    : softnet_stat_(std::move(softnet_stat)) {
  for (const Interface& interface : captured) captured_.push_back(interface.index);
}

void EarlyLoss::look() {
  if (softnet_stat_.valid()) take_softnet(read_whole(softnet_stat_.get()));
  if (const auto interfaces = list_interfaces(); interfaces.ok()) take_interfaces(*interfaces);
}

void EarlyLoss::take_softnet(std::string_view softnet_stat) {
  unsigned number = 0;
  for (std::string_view rest = softnet_stat; !rest.empty(); ++number) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    const std::optional<std::uint32_t> dropped = word(line, kDropped);
    if (!dropped) continue;
    const auto [known, first] = processors_.try_emplace(word(line, kProcessor).value_or(number), *dropped);
    if (!counters_.softnet) counters_.softnet = 0;
    if (!first) *counters_.softnet += *dropped - known->second;  // in 32 bits, as it wraps
    known->second = *dropped;
  }
}

void EarlyLoss::take_interfaces(std::span<const Interface> interfaces) {
  for (const Interface& interface : interfaces) {
    if (std::find(captured_.begin(), captured_.end(), interface.index) == captured_.end()) continue;
    const auto [known, first] = missed_.try_emplace(interface.index, interface.missed);
    if (!counters_.interfaces) counters_.interfaces = 0;
    if (interface.missed > known->second) *counters_.interfaces += interface.missed - known->second;
    known->second = interface.missed;
  }
}

}  // namespace tapline
