#include "bench/live_plot.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>
#include <vector>

#include "bench/report_text.h"

namespace tapline::bench {
namespace {

// All in pixels.
constexpr double kPanelWidth = 330, kGap = 75, kLeft = 75, kTop = 112;
constexpr double kReceivedHeight = 210, kLostHeight = 80, kBetween = 18, kRowGap = 100;
constexpr double kRowHeight = kReceivedHeight + kBetween + kLostHeight + kRowGap;

// Told apart also by those who see fewer colours (Okabe and Ito).
constexpr std::array<const char*, 8> kColours = {"#777777", "#0072b2", "#d55e00", "#009e73",
                                                 "#cc79a7", "#e69f00", "#56b4e9", "#000000"};

const char* colour_of(std::size_t tool) { return kColours[tool % kColours.size()]; }

// What a scale's marks are apart: 1, 2 or 5 times a power of ten, about five of them.
double step_of(double most) {
  const double power = std::pow(10, std::floor(std::log10(most / 5)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (power * factor * 5 >= most) return power * factor;
  }
  return power * 10;
}

std::string number(double value) {
  std::string text;
  add(text, "%.4g", value);
  return text;
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '<') {
      out += "&lt;";
    } else if (c == '&') {
      out += "&amp;";
    } else {
      out += c;
    }
  }
  return out;
}

struct Point {
  double x, y;
};

// A rectangle with scales, and lines in it.
class Panel {
 public:
  Panel(std::string& svg, double left, double top, double height, double most_x, double most_y)
      : svg_(svg),
        left_(left),
        top_(top),
        height_(height),
        step_x_(step_of(most_x)),
        step_y_(step_of(most_y)) {
    most_x_ = std::ceil(most_x / step_x_) * step_x_;
    most_y_ = std::ceil(most_y / step_y_) * step_y_;
  }

  void draw_frame(bool x_numbers, const char* y_title) {
    for (int i = 0; i * step_y_ <= most_y_ * 1.001; ++i) {
      const double value = i * step_y_;
      line({0, value}, {most_x_, value}, "#e4e4e4", "");
      add(svg_, "<text x='%.1f' y='%.1f' text-anchor='end'>%s</text>\n", left_ - 6, y(value) + 4,
          number(value).c_str());
    }
    for (int i = 0; i * step_x_ <= most_x_ * 1.001; ++i) {
      const double value = i * step_x_;
      line({value, 0}, {value, most_y_}, "#e4e4e4", "");
      if (!x_numbers) continue;
      add(svg_, "<text x='%.1f' y='%.1f' text-anchor='middle'>%s</text>\n", x(value), top_ + height_ + 16,
          number(value).c_str());
    }
    add(svg_, "<rect x='%.1f' y='%.1f' width='%.1f' height='%.1f' fill='none' stroke='#888'/>\n", left_, top_,
        kPanelWidth, height_);
    add(svg_, "<text transform='translate(%.1f %.1f) rotate(-90)' text-anchor='middle'>%s</text>\n",
        left_ - 46, top_ + height_ / 2, y_title);
  }

  // Where all that is offered is received.
  void draw_diagonal() {
    const double end = std::min(most_x_, most_y_);
    line({0, 0}, {end, end}, "#aaaaaa", " stroke-dasharray='3 4'");
  }

  void draw_line(const std::vector<Point>& points, const char* colour) {
    add(svg_, "<polyline fill='none' stroke='%s' stroke-width='2' points='", colour);
    for (const Point& point : points) add(svg_, "%.1f,%.1f ", x(point.x), y(point.y));
    svg_ += "'/>\n";
    for (const Point& point : points) {
      add(svg_, "<circle cx='%.1f' cy='%.1f' r='3.5' fill='%s' stroke='white'/>\n", x(point.x), y(point.y),
          colour);
    }
  }

 private:
  double x(double value) const { return left_ + value / most_x_ * kPanelWidth; }
  double y(double value) const { return top_ + height_ - value / most_y_ * height_; }
  void line(Point from, Point to, const char* colour, const char* more) {
    add(svg_, "<line x1='%.1f' y1='%.1f' x2='%.1f' y2='%.1f' stroke='%s'%s/>\n", x(from.x), y(from.y),
        x(to.x), y(to.y), colour, more);
  }

  std::string& svg_;
  double left_, top_, height_;
  double step_x_, step_y_, most_x_ = 0, most_y_ = 0;
};

// One tool under one kind of traffic, from the lowest rate on.
struct Curve {
  std::size_t tool;
  std::vector<Point> received, lost;  // million frames a second; percent
};

std::vector<Curve> curves_of(const LiveReport& report, Mix mix, Placement placement) {
  std::vector<Curve> curves;
  for (std::size_t tool = 0; tool < report.tools.size(); ++tool) {
    Curve curve{tool, {}, {}};
    for (const double rate : report.settings.rates) {
      const LiveRounds rounds = rounds_of(report, tool, mix, placement, rate);
      if (rounds.empty()) continue;
      const double offered = median_of(rounds, offered_rate) / 1e6;
      curve.received.push_back(
          {offered, median_of(rounds, [](const LiveRun& run) { return run.received_rate(); }) / 1e6});
      curve.lost.push_back({offered, 100 * median_of(rounds, lost_share)});
    }
    const auto left_of = [](const Point& a, const Point& b) { return a.x < b.x; };
    std::sort(curve.received.begin(), curve.received.end(), left_of);
    std::sort(curve.lost.begin(), curve.lost.end(), left_of);
    curves.push_back(std::move(curve));
  }
  return curves;
}

void draw(std::string& svg, const LiveReport& report, Mix mix, Placement placement, double left, double top) {
  const std::vector<Curve> curves = curves_of(report, mix, placement);
  double most_x = 0.1, most_y = 0.1, most_lost = 5;
  for (const Curve& curve : curves) {
    for (const Point& point : curve.received) {
      most_x = std::max(most_x, point.x);
      most_y = std::max(most_y, point.y);
    }
    for (const Point& point : curve.lost) most_lost = std::max(most_lost, point.y);
  }
  static constexpr std::array<const char*, 3> kMixes = {
      "SYN flood, 60-byte frames", "HTTP, frames of 400 bytes on average", "downloads, full frames"};
  add(svg, "<text x='%.1f' y='%.1f' class='title'>%s</text>\n", left, top - 26,
      kMixes[static_cast<std::size_t>(mix)]);
  add(svg, "<text x='%.1f' y='%.1f'>%s</text>\n", left, top - 9,
      placement == Placement::kSplit ? "split: the tool has its processor for itself"
                                     : "onecore: the kernel's part and the tool share one");
  Panel received(svg, left, top, kReceivedHeight, most_x, most_y);
  received.draw_frame(false, "received, M frames/s");
  received.draw_diagonal();
  const double lost_top = top + kReceivedHeight + kBetween;
  Panel lost(svg, left, lost_top, kLostHeight, most_x, std::min(most_lost, 100.0));
  lost.draw_frame(true, "lost, %");
  for (const Curve& curve : curves) {
    received.draw_line(curve.received, colour_of(curve.tool));
    lost.draw_line(curve.lost, colour_of(curve.tool));
  }
  add(svg, "<text x='%.1f' y='%.1f' text-anchor='middle'>offered, M frames/s</text>\n",
      left + kPanelWidth / 2, lost_top + kLostHeight + 34);
}

void draw_legend(std::string& svg, const LiveReport& report) {
  double left = kLeft;
  for (std::size_t tool = 0; tool < report.tools.size(); ++tool) {
    const std::string& name = report.tools[tool].name;
    add(svg, "<line x1='%.1f' y1='56' x2='%.1f' y2='56' stroke='%s' stroke-width='3'/>\n", left, left + 24,
        colour_of(tool));
    add(svg, "<text x='%.1f' y='60'>%s</text>\n", left + 30, escaped(name).c_str());
    left += 60 + 7.0 * static_cast<double>(name.size());
  }
}

}  // namespace

std::string plot_of(const LiveReport& report) {
  const double columns = static_cast<double>(report.settings.mixes.size());
  const double rows = static_cast<double>(report.settings.placements.size());
  const double width = std::max(kLeft + columns * (kPanelWidth + kGap) - kGap + 25,
                                kLeft + 110.0 * static_cast<double>(report.tools.size()));
  std::string svg;
  add(svg,
      "<svg xmlns='http://www.w3.org/2000/svg' width='%.0f' height='%.0f' font-family='sans-serif' "
      "font-size='12' fill='#222'>\n<style>.title{font-size:14px;font-weight:bold}</style>\n"
      "<rect width='100%%' height='100%%' fill='white'/>\n",
      width, kTop + rows * kRowHeight - 30);
  add(svg, "<text x='%.0f' y='30' class='title'>Packet rates: %s, %u processors, Linux %s, load %s</text>\n",
      kLeft, escaped(report.before.cpu).c_str(), report.before.processors,
      escaped(report.before.kernel).c_str(), report.before.load.c_str());
  draw_legend(svg, report);
  for (std::size_t column = 0; column < report.settings.mixes.size(); ++column) {
    for (std::size_t row = 0; row < report.settings.placements.size(); ++row) {
      draw(svg, report, report.settings.mixes[column], report.settings.placements[row],
           kLeft + static_cast<double>(column) * (kPanelWidth + kGap),
           kTop + static_cast<double>(row) * kRowHeight);
    }
  }
  return svg + "</svg>\n";
}

}  // namespace tapline::bench
