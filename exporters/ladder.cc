#include "exporters/ladder.h"

#include <algorithm>

#include "exporters/address_text.h"
#include "exporters/event_names.h"
#include "exporters/message_scan.h"
#include "exporters/string_output.h"
#include "exporters/terminal_line.h"
#include "exporters/url.h"

namespace tapline {
namespace {

constexpr std::uint8_t kSawSyn = 1, kSawSynAck = 2, kSawAck = 4, kSawData = 8;

std::string_view name_of(TcpState state) {
  switch (state) {
    case TcpState::kClosed:
      return "CLOSED";
    case TcpState::kListen:
      return "LISTEN";
    case TcpState::kSynSent:
      return "SYN_SENT";
    case TcpState::kSynReceived:
      return "SYN_RCVD";
    case TcpState::kEstablished:
      return "ESTABLISHED";
    case TcpState::kFinWait1:
      return "FIN_WAIT_1";
    case TcpState::kFinWait2:
      return "FIN_WAIT_2";
    case TcpState::kCloseWait:
      return "CLOSE_WAIT";
    case TcpState::kClosing:
      return "CLOSING";
    case TcpState::kLastAck:
      return "LAST_ACK";
    case TcpState::kTimeWait:
      return "TIME_WAIT";
  }
  return {};
}

void put_version(TerminalLine& line, const HttpVersion& version) {
  line.put("HTTP/");
  line.put_number(version.major);
  line.put(".");
  line.put_number(version.minor);
}

void put_request_line(TerminalLine& line, const MessageView& request, const Redaction& redaction) {
  line.put_wire(request.method);
  line.put_wire(" ");
  const RequestUrl url =
      request_url(request.method, request.target, value_of(find_header(request, KnownHeader::kHost)));
  redaction.for_each_piece(
      redaction_rule(url.form), request.target, [&](std::string_view piece) { line.put_wire(piece); },
      [&](std::string_view secret) { line.put_wire(redaction.mark(secret, /*folded=*/false).view()); });
  constexpr std::size_t kLongestEscape = 10;  // of a character, which is left out as a whole
  if (line.column() + kLongestEscape > kMaxStartLine) return line.put("…");
  // 0.0 is not known; HTTP/0.9 has no version in its line.
  if (request.version.major > 0) {
    line.put(" ");
    put_version(line, request.version);
  }
}

void put_status_line(TerminalLine& line, const MessageView& response) {
  put_version(line, response.version);
  line.put(" ");
  line.put_number(response.status);
  if (response.reason.empty()) return;
  line.put_wire(" ");
  line.put_wire(response.reason);
}

}  // namespace

LadderSummary LadderSummary::of(const ConnectionEvent& closed) {
  return {.connection = closed.connection,
          .start = closed.start,
          .end = closed.end,
          .segments = closed.client.packets + closed.server.packets,
          .transactions = closed.transactions,
          .completeness = closed.completeness,
          .midstream = closed.midstream,
          .reason = closed.reason,
          .teardown = closed.teardown,
          .closed_by = closed.closed_by,
          .handshake = closed.handshake,
          .missed_bytes = {closed.client.missed_bytes, closed.server.missed_bytes}};
}

std::string state_text(const TcpEndState& state) {
  return std::string(name_of(state.state)) + (state.certain ? "" : "?");
}

std::string endpoint_text(const IpAddress& ip, std::uint16_t port) {
  std::array<char, kMaxIpText> text;
  const std::string address(text.data(), append_ip(text.data(), ip));
  return (ip.version == IpVersion::kV6 ? "[" + address + "]" : address) + ":" + std::to_string(port);
}

std::string close_text(const LadderSummary& summary) {
  const std::string by = !summary.closed_by                    ? ""
                         : *summary.closed_by == Side::kClient ? ", by client"
                                                               : ", by server";
  const bool answered = summary.midstream || (summary.completeness & (kSawSynAck | kSawAck | kSawData)) != 0;
  switch (summary.reason) {
    case CloseReason::kFin:
      return "fin, " + std::string(tapline::name_of(summary.teardown)) + by;
    case CloseReason::kRst:
      return (answered ? "rst" : "refused, rst") + by;
    default:
      break;
  }
  if (!answered && (summary.completeness & kSawSyn) != 0) return "no answer";
  const std::string state =
      summary.teardown == Teardown::kHalf ? "half-closed" + by.substr(by.empty() ? 0 : 1) : "open";
  const bool at_end = summary.reason == CloseReason::kEnd || summary.reason == CloseReason::kShutdown;
  return state +
         (at_end ? " at the end of the capture" : ", " + std::string(tapline::name_of(summary.reason)));
}

std::string start_line_text(const MessageView& message, Side from, const Redaction& redaction) {
  StringOutput out;
  TerminalLine line(out, /*colour=*/false);
  line.set_limit(kMaxStartLine);
  if (from == Side::kClient) {
    put_request_line(line, message, redaction);
  } else {
    put_status_line(line, message);
  }
  return out.take();
}

std::string grouped(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, ",");
  return text;
}

std::string cut_to_columns(std::string_view text, std::size_t columns) {
  if (columns_of_own(text) <= columns) return std::string(text);
  if (columns == 0) return {};
  // A character begins at every byte that continues none.
  std::size_t end = 0, shown = 0;
  while (shown < columns) {
    ++shown;
    if (shown == columns) break;
    do ++end;
    while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80);
  }
  return std::string(text.substr(0, end)) + "…";
}

}  // namespace tapline
