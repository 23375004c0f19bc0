#include "exporters/ladder_rows.h"

#include <algorithm>
#include <string_view>

#include "exporters/address_text.h"
#include "exporters/event_names.h"
#include "exporters/human_units.h"
#include "exporters/packet_text.h"
#include "exporters/time_text.h"

namespace tapline {
namespace {

constexpr unsigned kFin = 1, kSyn = 2, kRst = 4, kAck = 16;
constexpr std::uint32_t kFewSegments = 2;  // are not worth folding
constexpr std::int64_t kStall = 200'000'000;
constexpr std::size_t kMostMessages = 4;  // named at one arrow

std::string flags_text(unsigned flags) {
  std::string text;
  for (std::size_t bit = 0; bit < kTcpFlagNames.size(); ++bit) {
    if ((flags >> bit & 1) != 0) text.append(text.empty() ? "" : "+").append(kTcpFlagNames[bit]);
  }
  return text.empty() ? "no flags" : text;
}

std::string label_of(const LadderSegment& segment) {
  std::string text = flags_text(segment.flags) + " seq " + std::to_string(segment.sequence);
  if (segment.has(kSyn)) text += " (" + std::to_string(segment.raw_sequence) + ")";
  if (segment.has(kAck)) text += " ack " + std::to_string(segment.acknowledgment);
  if (segment.payload_bytes > 0) text += " len " + std::to_string(segment.payload_bytes);
  return text;
}

// Words that many segments of any transfer have.
constexpr unsigned kUnremarkable = kWindowUpdate | kDuplicateAck;
// Words that say that something was lost, or that one end had to wait.
constexpr unsigned kAlarming = kRetransmission | kFastRetransmission | kSpuriousRetransmission | kOutOfOrder |
                               kLostSegment | kAckLostSegment | kZeroWindow | kZeroWindowProbe | kWindowFull;

// "fast retransmission, window full".
std::string notes_of(unsigned analysis) {
  // These are retransmissions too, and say so.
  if ((analysis & (kFastRetransmission | kSpuriousRetransmission)) != 0)
    analysis &= ~unsigned{kRetransmission};
  std::string text;
  for (std::size_t bit = 0; bit < kAnalysisNames.size(); ++bit) {
    if ((analysis >> bit & 1) != 0) text.append(text.empty() ? "" : ", ").append(kAnalysisNames[bit]);
  }
  std::replace(text.begin(), text.end(), '_', ' ');
  return text;
}

std::string duration_text(std::int64_t ns) {
  return ns < 0 ? "-" : std::string(human_duration(static_cast<std::uint64_t>(ns)).view());
}

class RowMaker {
 public:
  RowMaker(const Ladder& ladder, bool all)
      : ladder_(ladder), all_(all), shown_(ladder.before), message_(ladder.messages.begin()) {}

  std::vector<LadderRow> make() {
    const std::vector<LadderSegment>& segments = ladder_.segments;
    for (std::size_t i = 0; i < segments.size();) {
      note_close(segments[i]);
      const std::size_t end = all_ ? i + 1 : end_of_run(i);
      add(i, end);
      if (segments[i].has(kFin) && !fin_time_) {
        fin_time_ = segments[i].time;
        fin_side_ = segments[i].from;
        rows_.back().half_closed = true;
      }
      i = end;
    }
    if (half_closed())
      band("half-closed for " + duration_text(segments.back().time - *fin_time_) + " so far");
    return std::move(rows_);
  }

 private:
  bool half_closed() const { return fin_time_ && !whole_; }

  // Before the segment that ends the half-closed time, that time is told.
  void note_close(const LadderSegment& segment) {
    if (!half_closed()) return;
    const bool second_fin = segment.has(kFin) && segment.from != fin_side_;
    if (!second_fin && !segment.has(kRst)) return;
    band("half-closed for " + duration_text(segment.time - *fin_time_));
    whole_ = true;
  }

  void band(std::string words) {
    LadderRow row;
    row.kind = LadderRow::Kind::kBand;
    row.label = std::move(words);
    row.half_closed = true;
    rows_.push_back(std::move(row));
  }

  // A segment that can be one of many.
  bool is_plain(std::size_t i) const {
    const LadderSegment& segment = ladder_.segments[i];
    const bool same_states =
        i > 0 ? segment.states == ladder_.segments[i - 1].states : segment.states == ladder_.before;
    return !segment.has(kFin | kSyn | kRst) && (segment.analysis & ~kUnremarkable) == 0 && same_states &&
           !begins_message(segment);
  }
  bool begins_message(const LadderSegment& segment) const {
    const auto found = std::lower_bound(
        ladder_.messages.begin(), ladder_.messages.end(), segment.frame,
        [](const LadderMessage& message, std::uint64_t frame) { return message.frame < frame; });
    return found != ladder_.messages.end() && found->frame == segment.frame;
  }

  // Behind the segments that are one row with that at `begin`.
  std::size_t end_of_run(std::size_t begin) const {
    const std::vector<LadderSegment>& segments = ladder_.segments;
    const LadderSegment& first = segments[begin];
    if (first.payload_bytes == 0 || !is_plain(begin)) return begin + 1;
    std::uint32_t data = 1;
    std::size_t end = begin + 1;  // behind the last data segment
    for (std::size_t i = begin + 1; i < segments.size() && is_plain(i); ++i) {
      const LadderSegment& segment = segments[i];
      if ((segment.payload_bytes > 0) != (segment.from == first.from)) break;
      if (segment.time - segments[i - 1].time >= kStall) break;
      if (segment.payload_bytes == 0) continue;
      ++data;
      end = i + 1;
    }
    return data > kFewSegments ? end : begin + 1;
  }

  void add(std::size_t begin, std::size_t end) {
    const LadderSegment& segment = ladder_.segments[begin];
    LadderRow row;
    row.from = segment.from;
    row.since_start = segment.time - ladder_.segments.front().time;
    if (begin > 0) row.since_before = segment.time - ladder_.segments[begin - 1].time;
    row.frame = segment.frame;
    if (end == begin + 1) {
      row.flags = segment.flags;
      row.label = label_of(segment);
      row.notes = notes_of(segment.analysis);
      row.alarming = (segment.analysis & kAlarming) != 0;
      take_messages(segment, row);
    } else {
      describe_run(begin, end, row);
    }
    const std::array<TcpEndState, 2>& states = ladder_.segments[end - 1].states;
    for (std::size_t side : {0u, 1u}) {
      if (states[side] != shown_[side]) row.changes[side] = states[side];
    }
    shown_ = states;
    row.half_closed = half_closed();
    rows_.push_back(std::move(row));
  }

  void describe_run(std::size_t begin, std::size_t end, LadderRow& row) const {
    std::uint64_t segments = 0, bytes = 0;
    for (std::size_t i = begin; i < end; ++i) {
      segments += ladder_.segments[i].payload_bytes > 0 ? 1 : 0;
      bytes += ladder_.segments[i].payload_bytes;
    }
    const std::uint64_t acks = end - begin - segments;
    row.label = grouped(segments) + " segments, " + grouped(bytes) + " bytes";
    row.notes = "sent over " + duration_text(ladder_.segments[end - 1].time - ladder_.segments[begin].time);
    if (acks > 0) row.notes += ", " + grouped(acks) + (acks == 1 ? " ACK" : " ACKs") + " between them";
  }

  void take_messages(const LadderSegment& segment, LadderRow& row) {
    while (message_ != ladder_.messages.end() && message_->frame < segment.frame) ++message_;
    std::size_t more = 0;
    for (; message_ != ladder_.messages.end() && message_->frame == segment.frame; ++message_) {
      if (row.messages.size() < kMostMessages) {
        row.messages.push_back(message_->start_line);
      } else {
        ++more;
      }
    }
    if (more > 0) row.messages.push_back("and " + std::to_string(more) + " more");
  }

  const Ladder& ladder_;
  const bool all_;
  std::array<TcpEndState, 2> shown_;
  std::vector<LadderMessage>::const_iterator message_;
  std::vector<LadderRow> rows_;
  std::optional<std::int64_t> fin_time_;  // of the first FIN
  Side fin_side_ = Side::kClient;
  bool whole_ = false;  // closed by the other side as well, or reset
};

std::string close_steps(const LadderSummary& summary) {
  switch (summary.teardown) {
    case Teardown::kFourWay:
      return " (FIN, ACK, FIN, ACK)";
    case Teardown::kThreeWay:
      return " (FIN, FIN+ACK, ACK)";
    case Teardown::kSimultaneous:
      return " (the FINs cross)";
    default:
      return {};
  }
}

}  // namespace

std::vector<LadderRow> ladder_rows(const Ladder& ladder, bool all) { return RowMaker(ladder, all).make(); }

std::string ladder_title(const LadderSummary& summary) {
  std::array<char, kConnectionIdText> id;
  append_connection_id(id.data(), summary.connection.id);
  return "connection " + std::to_string(summary.connection.number) + "  " + std::string(id.data(), id.size());
}

std::vector<LadderFact> ladder_facts(const Ladder& ladder) {
  const LadderSummary& summary = ladder.summary;
  std::vector<LadderFact> facts;
  std::array<char, TimeText::kSize> start;
  TimeText().append(start.data(), summary.start);
  facts.push_back({"start", std::string(start.data(), start.size())});
  std::string size = grouped(summary.segments) + (summary.segments == 1 ? " segment" : " segments") + " in " +
                     duration_text(summary.end - summary.start) + ", " +
                     std::to_string(summary.transactions) +
                     (summary.transactions == 1 ? " transaction" : " transactions");
  if (const std::string_view protocol = name_of(summary.connection.protocol); !protocol.empty()) {
    size.append(" (").append(protocol).append(")");
  }
  facts.push_back({"size", std::move(size)});
  if (ladder.segments.size() < summary.segments) {
    facts.push_back({"drawn", "the first " + grouped(ladder.segments.size()) + " segments"});
  }
  if (summary.handshake) {
    const Handshake& handshake = *summary.handshake;
    facts.push_back({"handshake", duration_text(handshake.syn_ack + handshake.ack) + ": SYN+ACK after " +
                                      duration_text(handshake.syn_ack) + ", ACK after " +
                                      duration_text(handshake.ack)});
  }
  for (std::size_t side : {0u, 1u}) {
    if (summary.missed_bytes[side] == 0) continue;
    facts.push_back({"missed", grouped(summary.missed_bytes[side]) + " bytes of the " +
                                   (side == 0 ? "client" : "server") + " were not captured"});
  }
  facts.push_back({"close", close_text(summary) + close_steps(summary)});
  return facts;
}

}  // namespace tapline
