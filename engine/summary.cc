#include "engine/summary.h"

#include <cstdio>
#include <string_view>

#include "engine/size_and_time.h"

namespace tapline {
namespace {

std::string count_of(std::uint64_t count, const char* one, const char* many) {
  return format_count(count) + " " + (count == 1 ? one : many);
}

std::string percent(std::uint64_t part, std::uint64_t whole) {
  const double share = 100.0 * static_cast<double>(part) / static_cast<double>(whole);
  if (share < 0.01) return "under 0.01 %";
  char text[32];
  std::snprintf(text, sizeof text, share < 1 ? "%.2f %%" : "%.1f %%", share);
  return text;
}

std::string undecoded_reasons(const FlowCounters& flows) {
  std::string text;
  std::uint64_t total = 0;
  for (std::size_t i = 1; i < flows.undecoded.size(); ++i) {
    // Frames of other ports are not what the user asked for; nothing was missed.
    if (flows.undecoded[i] == 0 || i == static_cast<std::size_t>(Undecoded::kPort)) continue;
    text +=
        (text.empty() ? "" : ", ") + std::string(kUndecodedNames[i]) + " " + format_count(flows.undecoded[i]);
    total += flows.undecoded[i];
  }
  return total == 0 ? "" : count_of(total, "frame was", "frames were") + " not decoded: " + text;
}

std::uint64_t packets_of(const std::optional<Amount>& amount) {
  return amount ? amount->packets.value_or(0) : 0;
}

}  // namespace

std::vector<std::string> lines_of_loss(const RunTotals& totals, std::string_view span) {
  std::vector<std::string> lines;
  const StatsCounts& counts = totals.counts;
  const std::string in(span);
  if (const std::uint64_t dropped = packets_of(counts.dropped); dropped > 0) {
    lines.push_back("the kernel dropped " + count_of(dropped, "frame", "frames") + " (" +
                    percent(dropped, packets_of(counts.received)) + ")" + in +
                    " because a ring was full; more workers (-j)" + (totals.could_elide ? ", " : " or ") +
                    "a larger --ring-size" + (totals.could_elide ? " or --elide-bodies on" : "") + " help");
  }
  if (const std::uint64_t dropped = packets_of(counts.softnet_dropped); dropped > 0) {
    lines.push_back(count_of(dropped, "frame was", "frames were") + " lost on this host" + in +
                    " before any capture because a processor's queue was full; a larger "
                    "net.core.netdev_max_backlog or more processors for the interface (RPS) help");
  }
  if (const std::uint64_t dropped = packets_of(counts.interface_dropped); dropped > 0) {
    lines.push_back(count_of(dropped, "frame was", "frames were") + " lost by the interface" + in +
                    ", which had no room; a larger ring of the card (ethtool -G) or less delay of its "
                    "interrupts (ethtool -C) help");
  }
  if (totals.records.lost > 0) {
    lines.push_back(count_of(totals.records.lost, "record was", "records were") + " lost" + in +
                    " because the output did not keep up; write to a file, or ask for fewer --records");
  }
  if (totals.saved && totals.saved->counts.lost > 0) {
    lines.push_back(count_of(totals.saved->counts.lost, "frame was", "frames were") + " not saved" + in +
                    " because " + totals.saved->file + " did not take them" +
                    (totals.saved->too_slow ? " in time; write to a faster disk" : ""));
  }
  return lines;
}

std::string closing_summary(const RunTotals& totals) {
  const FlowCounters flows = totals.counts.flows.value_or(FlowCounters{});
  std::string text = count_of(flows.packets, "frame", "frames") + " (" + format_size(flows.bytes) + ")" +
                     (totals.live ? " in " : " spanning ") + format_duration(totals.duration);
  if (totals.live) {
    const std::uint64_t dropped = packets_of(totals.counts.dropped) +
                                  packets_of(totals.counts.softnet_dropped) +
                                  packets_of(totals.counts.interface_dropped);
    text += dropped == 0 ? ", none dropped" : ", " + format_count(dropped) + " more dropped";
  }
  text += "\n" + count_of(flows.opened, "connection", "connections") + ", " +
          count_of(flows.transactions, "transaction", "transactions") + ", " +
          count_of(totals.records.lines, "record", "records");
  if (totals.saved) {
    text +=
        "\n" + count_of(totals.saved->counts.lines, "frame", "frames") + " saved to " + totals.saved->file;
  }
  const auto add = [&text](const std::string& line) {
    if (!line.empty()) text += "\n" + line;
  };
  for (const std::string& line : lines_of_loss(totals, "")) add(line);
  if (flows.cut > 0) {
    add(count_of(flows.cut, "frame was", "frames were") + " cut short when captured (" +
        format_size(flows.cut_bytes) + " missing)");
  }
  if (flows.duplicates > 0) {
    add(count_of(flows.duplicates, "frame was a copy", "frames were copies") +
        " of what another interface had shown");
  }
  if (const std::uint64_t count = packets_of(totals.counts.software_time); count > 0) {
    add(count_of(count, "frame has", "frames have") +
        " the kernel's time, for the interface gave none: times of two clocks stand side by side");
  }
  if (flows.elided > 0) {
    add(count_of(flows.elided, "frame", "frames") + " of message bodies (" + format_size(flows.elided_bytes) +
        ") left in the kernel");
  }
  add(undecoded_reasons(flows));
  if (const GapCounters gaps = flows.gaps(); gaps.count > 0) {
    add(count_of(gaps.count, "hole", "holes") + " in what connections sent (" + format_size(gaps.bytes) +
        " never seen)");
  }
  if (flows.evicted > 0) {
    add(count_of(flows.evicted, "connection", "connections") +
        " made room for newer ones before the end; a larger --max-flows helps");
  }
  if (flows.attempts_unwritten > 0) {
    add(count_of(flows.attempts_unwritten, "attempt", "attempts") +
        " to connect that nobody answered made room without a record; --attempts all writes each");
  }
  if (flows.reassembly_refused > 0) {
    add("data was let go " + count_of(flows.reassembly_refused, "time", "times") +
        " for want of room; a larger --reassembly-memory helps");
  }
  if (flows.heads_too_long > 0) {
    add(count_of(flows.heads_too_long, "message head was", "message heads were") +
        " too long to read; a larger --max-head helps");
  }
  return text;
}

}  // namespace tapline
