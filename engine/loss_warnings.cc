#include "engine/loss_warnings.h"

#include "engine/size_and_time.h"

namespace tapline {
namespace {

// In so far as losses are concerned.
RunTotals difference(const RunTotals& now, const RunTotals& before) {
  RunTotals since = now;
  since.counts = difference(now.counts, before.counts);
  since.records.lost -= before.records.lost;
  if (since.saved && before.saved) since.saved->counts.lost -= before.saved->counts.lost;
  return since;
}

}  // namespace

std::optional<std::string> LossWarnings::look(const RunTotals& totals, std::int64_t now) {
  const std::string span = " in " + format_duration(now - looked_);
  std::string text;
  for (const std::string& line : lines_of_loss(before_ ? difference(totals, *before_) : totals, span)) {
    text += (text.empty() ? "warning: " : "\nwarning: ") + line;
  }
  before_ = totals;
  looked_ = now;
  if (text.empty()) return std::nullopt;
  return text;
}

}  // namespace tapline
