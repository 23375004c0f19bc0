#include "exporters/ladder_text.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "exporters/address_text.h"
#include "exporters/event_names.h"
#include "exporters/human_units.h"
#include "exporters/ladder_rows.h"
#include "exporters/terminal_line.h"
#include "exporters/time_text.h"

namespace tapline {
namespace {

constexpr std::string_view kRail = "│", kShaft = "─", kRightHead = "►", kLeftHead = "◄", kDots = "┄";
constexpr std::size_t kShortestArrow = 4;  // "─ " and " ►" around a label
constexpr unsigned kFin = 1, kSyn = 2, kRst = 4;

std::string repeated(std::string_view what, std::size_t times) {
  std::string text;
  for (; times > 0; --times) text += what;
  return text;
}

// Seconds and microseconds: times under one another can be compared.
std::string seconds_text(std::int64_t ns) {
  const std::int64_t us = ns / 1000;
  std::string digits = std::to_string(us < 0 ? -us : us);
  if (digits.size() < 7) digits.insert(0, 7 - digits.size(), '0');
  return (us < 0 ? "-" : "") + digits.insert(digits.size() - 6, ".");
}

std::string delta_text(const LadderRow& row) {
  if (!row.since_before || *row.since_before < 0) return {};
  return "+" + std::string(human_duration(static_cast<std::uint64_t>(*row.since_before)).view());
}

Tint tint_of(const LadderRow& row) {
  if ((row.flags & kRst) != 0) return Tint::kRed;
  if ((row.flags & kFin) != 0) return Tint::kYellow;
  if ((row.flags & kSyn) != 0) return Tint::kGreen;
  return Tint::kNone;
}

// Where the parts of a line stand: time, delta, state │ arrow │ state.
struct Columns {
  std::size_t time = 0, delta = 0, state = 0;  // widths
  std::size_t left = 0, right = 0;             // columns of the rails
  std::size_t width = 0;

  std::size_t between() const { return right - left - 1; }
};

Columns columns_of(const Ladder& ladder, const std::vector<LadderRow>& rows, std::size_t width) {
  Columns columns;
  columns.width = std::clamp(width, kNarrowest, kWidest);
  const auto widen = [&columns](const TcpEndState& state) {
    columns.state = std::max(columns.state, state_text(state).size());
  };
  for (const TcpEndState& state : ladder.before) widen(state);
  for (const LadderRow& row : rows) {
    columns.time = std::max(columns.time, seconds_text(row.since_start).size());
    columns.delta = std::max(columns.delta, columns_of_own(delta_text(row)));
    for (const auto& change : row.changes) {
      if (change) widen(*change);
    }
  }
  columns.left = columns.time + 1 + columns.delta + 1 + columns.state + 1;
  columns.right = columns.width - columns.state - 2;
  // In a narrow window the deltas make room: they can be worked out.
  constexpr std::size_t kLeastBetween = 26;
  if (columns.left + kLeastBetween > columns.right) {
    columns.left -= columns.delta + 1;
    columns.delta = 0;
  }
  return columns;
}

class LadderText {
 public:
  LadderText(const Ladder& ladder, const LadderTextOptions& options, LineOutput& out)
      : ladder_(ladder),
        rows_(ladder_rows(ladder, options.all)),
        columns_(columns_of(ladder, rows_, options.width)),
        line_(out, options.colour) {}

  void draw() {
    line_.tint(Tint::kBold);
    put(ladder_title(ladder_.summary), columns_.width);
    line_.end();
    for (const LadderFact& fact : ladder_facts(ladder_)) {
      line_.tint(Tint::kDim);
      line_.put(fact.name);
      line_.pad_to(kFactColumn);
      line_.tint(Tint::kNone);
      put(fact.text, columns_.width - kFactColumn);
      line_.end();
    }
    line_.end();
    draw_ends();
    margin({}, {}, {ladder_.before[0], ladder_.before[1]});
    for (const LadderRow& row : rows_) draw_row(row);
  }

 private:
  static constexpr std::size_t kFactColumn = 11;

  void put(std::string_view text, std::size_t columns) { line_.put(cut_to_columns(text, columns)); }
  void go_to(std::size_t column) {
    if (line_.column() < column) line_.pad_to(column);
  }

  // Who is at which rail: centred above it, as far as the line reaches; on two lines where there is no room.
  void draw_ends() {
    const ConnectionInfo& info = ladder_.summary.connection;
    const std::string client = "client " + endpoint_text(info.client_ip, info.client_port);
    const std::string server = "server " + endpoint_text(info.server_ip, info.server_port);
    const auto begin_at = [this](const std::string& text, std::size_t rail) {
      const std::size_t centred = rail - std::min(rail, text.size() / 2);
      return std::min(centred, columns_.width - std::min(columns_.width, text.size()));
    };
    const std::size_t client_begin = begin_at(client, columns_.left);
    const std::size_t server_begin = begin_at(server, columns_.right);
    line_.tint(Tint::kBold);
    go_to(client_begin);
    put(client, columns_.width);
    if (line_.column() + 2 > server_begin) {
      line_.end();
      line_.tint(Tint::kBold);
    }
    go_to(server_begin);
    put(server, columns_.width);
    line_.end();
  }

  // Everything left of the client's rail, with it.
  void left_margin(std::string_view time, std::string_view delta, const std::optional<TcpEndState>& state) {
    if (!time.empty()) {
      line_.tint(Tint::kDim);
      go_to(columns_.time - time.size());
      line_.put(time);
      if (columns_.delta > 0 && !delta.empty()) {
        go_to(columns_.time + 1 + columns_.delta - columns_of_own(delta));
        line_.put(delta);
      }
    }
    if (state) {
      const std::string text = state_text(*state);
      line_.tint(Tint::kCyan);
      go_to(columns_.left - 1 - text.size());
      line_.put(text);
    }
    line_.tint(Tint::kNone);
    go_to(columns_.left);
    line_.put(kRail);
  }

  void right_margin(const std::optional<TcpEndState>& state) {
    line_.tint(Tint::kNone);
    go_to(columns_.right);
    line_.put(kRail);
    if (state) {
      line_.tint(Tint::kCyan);
      line_.put(" ");
      line_.put(state_text(*state));
    }
    line_.end();
  }

  // A line without anything between the rails.
  void margin(std::string_view time, std::string_view delta,
              const std::array<std::optional<TcpEndState>, 2>& states) {
    left_margin(time, delta, states[0]);
    right_margin(states[1]);
  }

  // Words between the rails, at the end from which the arrow comes.
  void words(std::string_view text, Side from, Tint tint) {
    left_margin({}, {}, {});
    const std::string shown = cut_to_columns(text, columns_.between() - 2);
    line_.tint(tint);
    if (from == Side::kServer) go_to(columns_.right - 1 - columns_of_own(shown));
    go_to(columns_.left + 2);
    line_.put(shown);
    right_margin({});
  }

  // Where a label that is too long falls into two lines: in front of its last number with a name, or of one
  // before, so that the first line fits.
  std::size_t split(std::string_view label) const {
    for (const std::string_view name : {" len ", " ack ", " seq ", " ("}) {
      const std::size_t at = label.rfind(name);
      if (at != std::string_view::npos && at + 2 < columns_.between()) return at;
    }
    return label.size();
  }

  void draw_row(const LadderRow& row) {
    if (row.kind == LadderRow::Kind::kBand) return draw_band(row);
    for (const std::string& message : row.messages) words(message, row.from, Tint::kBold);
    if (!row.notes.empty()) words(row.notes, row.from, row.alarming ? Tint::kAlarm : Tint::kDim);
    // The label stands in the arrow; what does not fit there stands above it.
    std::string label = row.label;
    while (columns_of_own(label) + kShortestArrow > columns_.between()) {
      const std::size_t cut = split(label);
      words(label.substr(0, cut), row.from, tint_of(row));
      label.erase(0, std::min(label.size(), cut + 1));
    }
    left_margin(seconds_text(row.since_start), delta_text(row), row.changes[0]);
    draw_arrow(label, row);
    right_margin(row.changes[1]);
  }

  void draw_arrow(const std::string& label, const LadderRow& row) {
    const std::size_t shafts = columns_.between() - 1 - (label.empty() ? 0 : columns_of_own(label) + 2);
    const std::size_t before = shafts / 2;
    line_.tint(tint_of(row));
    if (row.from == Side::kServer) line_.put(kLeftHead);
    line_.put(repeated(kShaft, before));
    if (!label.empty()) {
      line_.put(" ");
      line_.put(label);
      line_.put(" ");
    }
    line_.put(repeated(kShaft, shafts - before));
    if (row.from == Side::kClient) line_.put(kRightHead);
  }

  void draw_band(const LadderRow& row) {
    left_margin({}, {}, {});
    const std::string label = cut_to_columns(row.label, columns_.between() - 2);
    const std::size_t dots = columns_.between() - columns_of_own(label) - 2;
    line_.tint(Tint::kYellow);
    line_.put(repeated(kDots, dots / 2));
    line_.put(" ");
    line_.put(label);
    line_.put(" ");
    line_.put(repeated(kDots, dots - dots / 2));
    right_margin({});
  }

  const Ladder& ladder_;
  const std::vector<LadderRow> rows_;
  const Columns columns_;
  TerminalLine line_;
};

std::string protocol_text(const LadderSummary& summary) {
  const std::string_view name = name_of(summary.connection.protocol);
  return name.empty() ? "-" : std::string(name);
}

}  // namespace

void draw_ladder(const Ladder& ladder, const LadderTextOptions& options, LineOutput& out) {
  LadderText(ladder, options, out).draw();
}

void list_connections(std::span<const LadderSummary> summaries, bool colour, LineOutput& out) {
  using Row = std::array<std::string, 8>;
  std::vector<Row> table = {
      {"number", "start", "client", "server", "protocol", "transactions", "id", "closed"}};
  TimeText times;
  for (const LadderSummary& summary : summaries) {
    const ConnectionInfo& info = summary.connection;
    std::array<char, TimeText::kSize> start;
    times.append(start.data(), summary.start);
    constexpr std::size_t kMilliseconds = 12;  // characters of 13:46:42.145
    std::array<char, kConnectionIdText> id;
    append_connection_id(id.data(), info.id);
    table.push_back(
        {std::to_string(info.number), std::string(start.data() + TimeText::kClockOffset, kMilliseconds),
         endpoint_text(info.client_ip, info.client_port), endpoint_text(info.server_ip, info.server_port),
         protocol_text(summary), std::to_string(summary.transactions), std::string(id.data(), id.size()),
         (summary.midstream ? "midstream, " : "") + close_text(summary)});
  }
  std::array<std::size_t, std::tuple_size_v<Row>> widths{};
  for (const Row& row : table) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  TerminalLine line(out, colour);
  for (const Row& row : table) {
    line.tint(&row == &table.front() ? Tint::kDim : Tint::kNone);
    std::size_t column = 0;
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (column > line.column()) line.pad_to(column);
      line.put(row[i]);
      column += widths[i] + 2;
    }
    line.end();
  }
}

}  // namespace tapline
