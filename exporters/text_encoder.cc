#include "exporters/text_encoder.h"

#include <algorithm>
#include <array>
#include <utility>

#include "exporters/address_text.h"
#include "exporters/event_names.h"
#include "exporters/human_units.h"
#include "exporters/message_scan.h"
#include "exporters/packet_text.h"
#include "exporters/url.h"

namespace tapline {
namespace {

// Widths in columns, with the white space behind. A field that needs more (an IPv6 address, a long method)
// moves the rest of its line, which stays aligned with other lines of that kind.
constexpr std::size_t kTimeWidth = 14;
constexpr std::size_t kClientWidth = 23;  // 255.255.255.255:65535 and two spaces
constexpr std::size_t kMethodWidth = 8;
constexpr std::size_t kStatusWidth = 3;
constexpr std::size_t kSizeWidth = 9;
constexpr std::size_t kWaitWidth = 9;
constexpr std::string_view kUnknown = "-";
constexpr std::string_view kToCome = "...";
constexpr std::string_view kEllipsis = "…";

Tint tint_of_status(std::uint16_t status) {
  switch (status / 100) {
    case 1:
      return Tint::kMagenta;
    case 2:
      return Tint::kGreen;
    case 3:
      return Tint::kCyan;
    case 4:
      return Tint::kYellow;
    default:
      return Tint::kRed;
  }
}

void put_endpoint(TerminalLine& line, const IpAddress& ip, std::uint16_t port) {
  std::array<char, kMaxIpText> text;
  const char* end = append_ip(text.data(), ip);
  const bool brackets = ip.version == IpVersion::kV6;
  if (brackets) line.put("[");
  line.put({text.data(), static_cast<std::size_t>(end - text.data())});
  line.put(brackets ? "]:" : ":");
  line.put_number(port);
}

void put_count(TerminalLine& line, std::uint64_t n, std::string_view what) {
  line.put_number(n);
  line.put(" ");
  line.put(what);
  if (n != 1) line.put("s");
}

// Calls `emit(view)` for the pieces of what stands for the URL in a line: all of it where the host is known,
// else the target.
template <typename Emit>
void for_each_url_piece(const MessageView& request, const Redaction& redaction, Emit emit) {
  const auto pieces = [&](RedactionRule rule, std::string_view text) {
    redaction.for_each_piece(rule, text, emit, [&](std::string_view secret) {
      emit(redaction.mark(secret, /*folded=*/false).view());
    });
  };
  const RequestUrl url =
      request_url(request.method, request.target, value_of(find_header(request, KnownHeader::kHost)));
  if (!url.has_full()) return pieces(redaction_rule(url.form), request.target);
  emit(url.scheme);
  emit(std::string_view("://"));
  pieces(RedactionRule::kAuthority, url.authority);
  pieces(RedactionRule::kUrl, url.rest);
}

}  // namespace

TextEncoder::TextEncoder(TextOptions options, LineOutput& out)
    : options_(std::move(options)), line_(out, options_.colour) {}

void TextEncoder::begin_line(std::int64_t time) {
  constexpr std::size_t kMilliseconds = 12;  // characters of 13:46:42.145
  std::array<char, TimeText::kSize> text;
  times_.append(text.data(), time);
  line_.tint(Tint::kDim);
  line_.put({text.data() + TimeText::kClockOffset, kMilliseconds});
  line_.pad_to(kTimeWidth);
}

void TextEncoder::write_client(const ConnectionInfo& connection) {
  const std::size_t begin = line_.column();
  put_endpoint(line_, connection.client_ip, connection.client_port);
  line_.pad_to(begin + kClientWidth);
}

void TextEncoder::on_transaction(const TransactionEvent& event) {
  if (!options_.records.has(RecordKind::kHttp)) return;
  const MessageView* request = event.request;
  const MessageView* response = event.response;
  const MessageView* first = request != nullptr ? request : response;
  if (first == nullptr) return;

  begin_line(first->first_time);
  line_.tint(Tint::kNone);
  write_client(event.connection);
  write_method(request);
  if (response != nullptr && response->status != 0) {
    line_.tint(tint_of_status(response->status));
    line_.put_number(response->status);
  } else {
    line_.tint(Tint::kAlarm);
    line_.put("-  ");
  }
  line_.tint(Tint::kNone);
  line_.put_right(response != nullptr ? human_bytes(response->body_bytes).view() : kUnknown,
                  line_.column() + kSizeWidth);
  const bool waited = request != nullptr && response != nullptr && response->first_time >= request->last_time;
  const auto wait = waited ? static_cast<std::uint64_t>(response->first_time - request->last_time) : 0;
  line_.put_right(waited ? human_duration(wait).view() : kUnknown, line_.column() + kWaitWidth);
  line_.put("  ");
  write_marks(event);
  write_url(request);
  line_.end();
}

// The columns of what is still to come stay empty, so that the URLs stand under one another.
void TextEncoder::on_request(const RequestEvent& event) {
  if (!options_.records.has(RecordKind::kRequest)) return;
  begin_line(event.request.first_time);
  line_.tint(Tint::kNone);
  write_client(event.connection);
  write_method(&event.request);
  line_.tint(Tint::kDim);
  const std::size_t status = line_.column();
  line_.put(kToCome);
  line_.pad_to(status + kStatusWidth + kSizeWidth + kWaitWidth + 2);
  line_.tint(Tint::kNone);
  write_incomplete(event.incomplete);
  line_.tint(Tint::kNone);
  write_url(&event.request);
  line_.end();
}

void TextEncoder::write_method(const MessageView* request) {
  line_.tint(Tint::kBold);
  const std::size_t begin = line_.column();
  if (request != nullptr && !request->method.empty()) {
    line_.put_wire(request->method);
  } else {
    line_.put(kUnknown);
  }
  line_.pad_to(begin + kMethodWidth);
}

void TextEncoder::write_incomplete(std::uint8_t incomplete) {
  if (incomplete == 0) return;
  line_.tint(Tint::kAlarm);
  std::string_view before = "[incomplete: ";
  for_each_incomplete(incomplete, [&](std::string_view word) {
    line_.put(before);
    line_.put(word);
    before = ", ";
  });
  line_.put("] ");
}

// What makes a transaction other than whole and plain stands in front of the URL, which may be long.
void TextEncoder::write_marks(const TransactionEvent& event) {
  write_incomplete(event.incomplete);
  if (event.gap_bytes != 0) {
    line_.tint(Tint::kAlarm);
    line_.put("[gap ");
    line_.put(human_bytes(event.gap_bytes).view());
    line_.put("] ");
  }
  if (!event.upgrade.empty()) {
    line_.tint(Tint::kMagenta);
    line_.put("[");
    line_.put_wire(event.upgrade);
    line_.put("] ");
  }
  line_.tint(Tint::kNone);
}

void TextEncoder::write_url(const MessageView* request) {
  if (request == nullptr || request->target.empty()) return line_.put(kUnknown);
  bool cut = false;
  if (options_.width != 0) {
    std::size_t columns = 0;
    for_each_url_piece(*request, options_.redaction,
                       [&](std::string_view piece) { columns += columns_of_wire(piece); });
    cut = line_.column() + columns > options_.width;
    if (cut) line_.set_limit(options_.width - 1);
  }
  for_each_url_piece(*request, options_.redaction, [&](std::string_view piece) { line_.put_wire(piece); });
  if (cut) line_.put(kEllipsis);
}

void TextEncoder::on_connection(const ConnectionEvent& event) {
  if (!options_.records.has(event.action)) return;
  begin_line(event.time);
  write_client(event.connection);
  line_.put(name_of(event.action));
  switch (event.action) {
    case ConnectionAction::kOpened:
      line_.put(" → ");
      put_endpoint(line_, event.connection.server_ip, event.connection.server_port);
      if (event.midstream) line_.put("  midstream");
      break;
    case ConnectionAction::kEstablished:
      if (event.handshake && event.handshake->syn_ack >= 0 && event.handshake->ack >= 0) {
        line_.put("  rtt ");
        line_.put(human_duration(static_cast<std::uint64_t>(event.handshake->syn_ack + event.handshake->ack))
                      .view());
      }
      break;
    case ConnectionAction::kHalfClosed:
      if (event.closed_by) line_.put(*event.closed_by == Side::kClient ? " by client" : " by server");
      break;
    case ConnectionAction::kClosed:
      write_closed(event);
      break;
  }
  line_.end();
}

void TextEncoder::on_packet(const PacketEvent& event) {
  if (!options_.records.has(RecordKind::kPacket)) return;
  const PacketDetails& details = event.details;
  begin_line(details.time_ns);
  line_.tint(event.numbers.analysis != 0 ? Tint::kYellow : Tint::kNone);
  const std::size_t begin = line_.column();
  put_endpoint(line_, details.source_ip, details.tcp.source_port);
  line_.pad_to(begin + kClientWidth);
  info_.clear();
  append_packet_info(event, info_);
  line_.put(info_);
  for_each_start_line_piece(details.start_line, options_.redaction,
                            [this](std::string_view piece) { line_.put_wire(piece); });
  line_.end();
}

void TextEncoder::write_closed(const ConnectionEvent& event) {
  line_.put(" ");
  line_.put(name_of(event.reason));
  if (event.teardown != Teardown::kNone && event.reason == CloseReason::kFin) {
    line_.put(" ");
    line_.put(name_of(event.teardown));
  }
  const AppProtocol protocol = event.connection.protocol;
  if (protocol != AppProtocol::kUnknown && protocol != AppProtocol::kHttp) {
    line_.put("  ");
    line_.put(name_of(protocol));
  }
  if (!event.server_name.empty()) {
    line_.put(" ");
    line_.put_wire(event.server_name);
  }
  line_.put("  ");
  put_count(line_, event.transactions, "transaction");
  line_.put("  ");
  line_.put(human_bytes(event.client.bytes).view());
  line_.put("/");
  line_.put(human_bytes(event.server.bytes).view());
  if (event.end >= event.start) {
    line_.put("  ");
    line_.put(human_duration(static_cast<std::uint64_t>(event.end - event.start)).view());
  }
  if (const std::uint64_t missed = event.client.missed_bytes + event.server.missed_bytes; missed != 0) {
    line_.put("  ");
    line_.tint(Tint::kAlarm);
    line_.put("[gap ");
    line_.put(human_bytes(missed).view());
    line_.put("]");
  }
}

void TextEncoder::on_stats(const StatsRecord& stats) {
  begin_line(stats.time);
  line_.put("stats");
  line_.pad_to(kTimeWidth + kClientWidth);
  const StatsCounts& total = stats.total;
  if (total.delivered && total.delivered->packets) {
    put_count(line_, *total.delivered->packets, "frame");
    line_.put("  ");
  }
  if (total.flows) {
    put_count(line_, total.flows->transactions, "transaction");
    line_.put("  ");
    put_count(line_, total.flows->opened, "connection");
    line_.put(" (");
    line_.put_number(total.flows->open);
    line_.put(" open)");
  }
  std::uint64_t lost_lines = 0;
  for (const SinkCounts& sink : stats.sinks) lost_lines += sink.lost;
  std::uint64_t dropped = 0;
  for (const std::optional<Amount>& place : {total.dropped, total.softnet_dropped, total.interface_dropped}) {
    if (place) dropped += place->packets.value_or(0);
  }
  if (dropped != 0 || lost_lines != 0) line_.tint(Tint::kAlarm);
  if (dropped != 0) {
    line_.put("  ");
    put_count(line_, dropped, "frame");
    line_.put(" dropped");
  }
  if (lost_lines != 0) {
    line_.put("  ");
    put_count(line_, lost_lines, "record");
    line_.put(" lost");
  }
  line_.end();
}

}  // namespace tapline
