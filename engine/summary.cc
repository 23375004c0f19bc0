#include "engine/summary.h"

#include <cstdio>

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

}  // namespace

std::string closing_summary(const RunTotals& totals) {
  const FlowCounters& flows = totals.flows;
  std::string text = count_of(flows.packets, "frame", "frames") + " (" + format_size(flows.bytes) + ")" +
                     (totals.rings ? " in " : " spanning ") + format_duration(totals.duration);
  if (totals.rings) {
    text += totals.rings->drops == 0 ? ", none dropped"
                                     : ", " + format_count(totals.rings->drops) + " more dropped";
  }
  text += "\n" + count_of(flows.opened, "connection", "connections") + ", " +
          count_of(flows.transactions, "transaction", "transactions") + ", " +
          count_of(totals.records, "record", "records");
  if (totals.saved) {
    text += "\n" + count_of(totals.saved->frames, "frame", "frames") + " saved to " + totals.saved->file;
  }
  const auto add = [&text](const std::string& line) {
    if (!line.empty()) text += "\n" + line;
  };
  if (totals.rings && totals.rings->drops > 0) {
    add("the kernel dropped " + count_of(totals.rings->drops, "frame", "frames") + " (" +
        percent(totals.rings->drops, totals.rings->packets) +
        ") because a ring was full; more workers (-j) or a larger --ring-size help");
  }
  if (totals.lost > 0) {
    add(count_of(totals.lost, "record was", "records were") +
        " lost because the output did not keep up; write to a file, or ask for fewer --records");
  }
  if (totals.saved && totals.saved->lost > 0) {
    add(count_of(totals.saved->lost, "frame was", "frames were") + " not saved because " +
        totals.saved->file + " did not take them" +
        (totals.saved->too_slow ? " in time; write to a faster disk" : ""));
  }
  if (flows.cut > 0) {
    add(count_of(flows.cut, "frame was", "frames were") + " cut short when captured (" +
        format_size(flows.cut_bytes) + " missing)");
  }
  add(undecoded_reasons(flows));
  if (flows.gaps > 0) {
    add(count_of(flows.gaps, "hole", "holes") + " in what connections sent (" + format_size(flows.gap_bytes) +
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
