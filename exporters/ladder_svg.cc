#include "exporters/ladder_svg.h"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "exporters/human_units.h"
#include "exporters/ladder_rows.h"
#include "exporters/terminal_line.h"

namespace tapline {
namespace {

// Lengths in user units, which are pixels where nobody scales. Whatever monospaced font a reader has, its
// characters are no wider than this at 13 units; texts are cut by it.
constexpr int kCharacter = 8;
constexpr int kWidth = 1040, kMargin = 24;
constexpr int kTimeEnd = 106, kDeltaEnd = 178;
constexpr int kLeftRail = 310, kRightRail = 820;
constexpr int kLine = 18;        // of text to text
constexpr int kSlope = 10;       // an arrow arrives that much lower than it leaves
constexpr int kAfterArrow = 16;  // to whatever comes next
constexpr int kHead = 10;        // of an arrow, its length
constexpr std::size_t kBetween = (kRightRail - kLeftRail - 40) / kCharacter;  // characters

constexpr std::string_view kStyle = R"(
text{font:13px ui-monospace,"DejaVu Sans Mono",Menlo,Consolas,"Liberation Mono",monospace;fill:#1f2328}
.paper{fill:#ffffff}
.title{font-size:16px;font-weight:bold}
.end,.http{font-weight:bold}
.dim{fill:#656d76}
.state{fill:#0a5db0}
.alarm{fill:#c4161c}
.band{fill:#8a5a00}
.half{fill:#fff3d6}
.rail{stroke:#8c959f;stroke-width:2}
.shaft{stroke:#1f2328;stroke-width:1.5}.head{fill:#1f2328}
.syn .shaft{stroke:#1a7f37}.syn .head,.syn .label{fill:#1a7f37}
.fin .shaft{stroke:#8a5a00}.fin .head,.fin .label{fill:#8a5a00}
.rst .shaft{stroke:#c4161c}.rst .head,.rst .label{fill:#c4161c}
.run .shaft{stroke-width:4}
@media (prefers-color-scheme:dark){
text{fill:#e6edf3}
.paper{fill:#0d1117}
.dim{fill:#9198a1}
.state{fill:#79c0ff}
.alarm{fill:#ff7b72}
.band{fill:#e3b341}
.half{fill:#33290f}
.rail{stroke:#6e7681}
.shaft{stroke:#e6edf3}.head{fill:#e6edf3}
.syn .shaft{stroke:#56d364}.syn .head,.syn .label{fill:#56d364}
.fin .shaft{stroke:#e3b341}.fin .head,.fin .label{fill:#e3b341}
.rst .shaft{stroke:#ff7b72}.rst .head,.rst .label{fill:#ff7b72}
}
)";

constexpr std::int64_t kLong = 100'000'000'000;  // ns: longer times are given in seconds

enum class Anchor { kStart, kMiddle, kEnd };

// With three digits behind the point: milliseconds, or seconds.
std::string time_text(std::int64_t ns, bool in_seconds) {
  const std::int64_t thousandths = ns / (in_seconds ? 1'000'000 : 1000);
  std::string digits = std::to_string(thousandths < 0 ? -thousandths : thousandths);
  if (digits.size() < 4) digits.insert(0, 4 - digits.size(), '0');
  return (thousandths < 0 ? "-" : "") + digits.insert(digits.size() - 3, ".") + (in_seconds ? " s" : " ms");
}

std::string_view class_of(const LadderRow& row) {
  if ((row.flags & 4) != 0) return "arrow rst";
  if ((row.flags & 1) != 0) return "arrow fin";
  if ((row.flags & 2) != 0) return "arrow syn";
  return row.flags == 0 ? "arrow run" : "arrow";
}

class LadderSvg {
 public:
  LadderSvg(const Ladder& ladder, bool all)
      : ladder_(ladder),
        rows_(ladder_rows(ladder, all)),
        in_seconds_(ladder.summary.end - ladder.summary.start >= kLong) {}

  std::string make() {
    draw_heading();
    const int top = y_;
    draw_states({ladder_.before[0], ladder_.before[1]}, top + 6, top + 6);
    y_ += kLine;
    constexpr int kNowhere = -1;
    int half_top = kNowhere;  // where the half-closed time begins
    for (const LadderRow& row : rows_) {
      if (!row.half_closed && half_top != kNowhere) {
        shade(half_top, y_);
        half_top = kNowhere;
      }
      const bool begins = row.half_closed && half_top == kNowhere;
      draw_row(row);
      if (begins) half_top = y_ - kAfterArrow / 2;
    }
    if (half_top != kNowhere) shade(half_top, y_);
    const int bottom = y_ + 8;
    rail(kLeftRail, top, bottom);
    rail(kRightRail, top, bottom);
    return document(bottom + kMargin);
  }

 private:
  std::string document(int height) const {
    const std::string title = xml_escaped(ladder_title(ladder_.summary));
    const std::string width = std::to_string(kWidth), tall = std::to_string(height);
    std::string out =
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" +
        width + "\" height=\"" + tall + "\" viewBox=\"0 0 " + width + " " + tall +
        "\" role=\"img\">\n<title>" + title + "</title>\n<style>";
    out.append(kStyle).append("</style>\n<rect class=\"paper\" width=\"" + width + "\" height=\"" + tall +
                              "\"/>\n");
    return out + under_ + body_ + "</svg>\n";
  }

  void text(int x, int y, Anchor anchor, std::string_view kind, std::string_view words, std::size_t most,
            std::string_view whole = {}) {
    constexpr std::array<std::string_view, 3> kAnchors = {"start", "middle", "end"};
    body_.append("<text x=\"" + std::to_string(x) + "\" y=\"" + std::to_string(y) + "\"");
    if (anchor != Anchor::kStart) {
      body_.append(" text-anchor=\"").append(kAnchors[static_cast<std::size_t>(anchor)]).append("\"");
    }
    if (!kind.empty()) body_.append(" class=\"").append(kind).append("\"");
    body_.append(">");
    if (!whole.empty()) body_.append("<title>").append(xml_escaped(whole)).append("</title>");
    body_.append(xml_escaped(cut_to_columns(words, most))).append("</text>\n");
  }

  void draw_heading() {
    constexpr std::size_t kWhole = (kWidth - 2 * kMargin) / kCharacter;
    y_ = kMargin + 16;
    text(kMargin, y_, Anchor::kStart, "title", ladder_title(ladder_.summary), kWhole * 3 / 4);
    for (const LadderFact& fact : ladder_facts(ladder_)) {
      y_ += kLine;
      text(kMargin, y_, Anchor::kStart, "dim", fact.name, 11);
      text(kMargin + 12 * kCharacter, y_, Anchor::kStart, {}, fact.text, kWhole - 12);
    }
    y_ += 2 * kLine;
    const ConnectionInfo& info = ladder_.summary.connection;
    draw_end("client", endpoint_text(info.client_ip, info.client_port), kLeftRail);
    draw_end("server", endpoint_text(info.server_ip, info.server_port), kRightRail);
    y_ += kLine + 8;
  }

  void draw_end(std::string_view role, std::string_view endpoint, int rail) {
    text(rail, y_, Anchor::kMiddle, "dim", role, kBetween);
    text(rail, y_ + kLine, Anchor::kMiddle, "end", endpoint, kBetween);
  }

  void draw_states(const std::array<std::optional<TcpEndState>, 2>& states, int left_y, int right_y) {
    constexpr std::size_t kLongest = 12;
    if (states[0]) text(kLeftRail - 12, left_y + 5, Anchor::kEnd, "state", state_text(*states[0]), kLongest);
    if (states[1])
      text(kRightRail + 12, right_y + 5, Anchor::kStart, "state", state_text(*states[1]), kLongest);
  }

  void draw_row(const LadderRow& row) {
    if (row.kind == LadderRow::Kind::kBand) {
      y_ += kLine + 4;
      text((kLeftRail + kRightRail) / 2, y_, Anchor::kMiddle, "band", row.label, kBetween);
      y_ += 12;
      return;
    }
    for (const std::string& message : row.messages) words(message, "http");
    if (!row.notes.empty()) words(row.notes, row.alarming ? "alarm" : "dim");
    y_ += kLine;
    body_.append("<g class=\"").append(class_of(row)).append("\">\n");
    text((kLeftRail + kRightRail) / 2, y_, Anchor::kMiddle, "label", row.label, kBetween);
    y_ += 4;
    const int leaves = y_, arrives = y_ + kSlope;
    const bool from_client = row.from == Side::kClient;
    arrow(from_client, leaves, arrives);
    body_.append("</g>\n");
    const int left = from_client ? leaves : arrives, right = from_client ? arrives : leaves;
    text(kTimeEnd, left + 4, Anchor::kEnd, "dim", time_text(row.since_start, in_seconds_), 14);
    if (row.since_before && *row.since_before >= 0) {
      const ShortText delta = human_duration(static_cast<std::uint64_t>(*row.since_before));
      text(kDeltaEnd, left + 4, Anchor::kEnd, "dim", "+" + std::string(delta.view()), 8);
    }
    draw_states(row.changes, left - 1, right - 1);
    y_ = arrives + kAfterArrow;
  }

  // A line between the rails, above the arrow's own.
  void words(std::string_view line, std::string_view kind) {
    y_ += kLine;
    const bool cut = columns_of_own(line) > kBetween;
    text((kLeftRail + kRightRail) / 2, y_, Anchor::kMiddle, kind, line, kBetween,
         cut ? line : std::string_view());
  }

  void arrow(bool from_client, int leaves, int arrives) {
    const int from = from_client ? kLeftRail + 3 : kRightRail - 3;
    const int to = from_client ? kRightRail - 3 : kLeftRail + 3;
    const int back = from_client ? to - kHead : to + kHead;
    const auto n = [](int number) { return std::to_string(number); };
    body_.append("<line class=\"shaft\" x1=\"" + n(from) + "\" y1=\"" + n(leaves) + "\" x2=\"" + n(back) +
                 "\" y2=\"" + n(arrives) + "\"/>\n<path class=\"head\" d=\"M" + n(to) + " " + n(arrives) +
                 "L" + n(back) + " " + n(arrives - 5) + "V" + n(arrives + 5) + "Z\"/>\n");
  }

  void rail(int x, int top, int bottom) {
    const std::string at = std::to_string(x);
    under_.append("<line class=\"rail\" x1=\"" + at + "\" y1=\"" + std::to_string(top) + "\" x2=\"" + at +
                  "\" y2=\"" + std::to_string(bottom) + "\"/>\n");
  }

  void shade(int top, int bottom) {
    under_.append("<rect class=\"half\" x=\"" + std::to_string(kLeftRail) + "\" y=\"" + std::to_string(top) +
                  "\" width=\"" + std::to_string(kRightRail - kLeftRail) + "\" height=\"" +
                  std::to_string(bottom - top) + "\"/>\n");
  }

  const Ladder& ladder_;
  const std::vector<LadderRow> rows_;
  const bool in_seconds_;
  std::string under_, body_;  // what is painted first, and over it
  int y_ = 0;
};

}  // namespace

std::string ladder_svg(const Ladder& ladder, bool all) { return LadderSvg(ladder, all).make(); }

std::string xml_escaped(std::string_view text) {
  constexpr std::string_view kNoCharacter = "\xef\xbf";  // begins U+FFFE and U+FFFF, and U+FFFD too
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    switch (text[i]) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        if (text.substr(i, 2) == kNoCharacter && i + 2 < text.size() &&
            (text[i + 2] == '\xbe' || text[i + 2] == '\xbf')) {
          out += "\xef\xbf\xbd";
          i += 2;
        } else {
          out += text[i];
        }
    }
  }
  return out;
}

}  // namespace tapline
