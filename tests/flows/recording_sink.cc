#include "tests/flows/recording_sink.h"

#include <array>
#include <stdexcept>

namespace tapline::test {
namespace {

std::string text_of(const IpAddress& ip, std::uint16_t port) {
  if (ip.version == IpVersion::kV6) return "[" + std::to_string(ip.bytes[15]) + "]:" + std::to_string(port);
  std::string out;
  for (std::size_t i = 0; i < 4; ++i) out += (i == 0 ? "" : ".") + std::to_string(ip.bytes[i]);
  return out + ":" + std::to_string(port);
}

RecordingSink::Who who_of(const ConnectionInfo& info) {
  RecordingSink::Who who;
  who.id = info.id;
  who.client = text_of(info.client_ip, info.client_port);
  who.server = text_of(info.server_ip, info.server_port);
  who.number = info.number;
  who.interface = info.interface;
  if (info.vlan) who.vlan = std::to_string(*info.vlan);
  if (info.inner_vlan) who.vlan += "/" + std::to_string(*info.inner_vlan);
  for (const Tunnel& tunnel : info.tunnels) {
    who.tunnel += who.tunnel.empty() ? "" : " ";
    who.tunnel += kTunnelNames[static_cast<std::size_t>(tunnel.type)];
    if (tunnel.id) who.tunnel += " " + std::to_string(*tunnel.id);
  }
  who.protocol = info.protocol;
  return who;
}

// Replaces line breaks in folded values as the contract says.
std::string value_of(const HeaderField& field) {
  if (!field.folded) return std::string(field.value);
  std::string out;
  for (std::size_t i = 0; i < field.value.size();) {
    const std::size_t line_break = field.value.find_first_of("\r\n", i);
    if (line_break == std::string_view::npos) return out.append(field.value.substr(i));
    out.append(field.value.substr(i, line_break - i));
    out.erase(out.find_last_not_of(" \t") + 1);
    i = field.value.find_first_not_of(" \t\r\n", line_break);
    out += ' ';
  }
  return out;
}

std::optional<RecordedMessage> copy(const MessageView* view) {
  if (view == nullptr) return std::nullopt;
  RecordedMessage out;
  out.first_time = view->first_time;
  out.last_time = view->last_time;
  out.packet = view->packet;
  out.bytes = view->bytes;
  out.body_bytes = view->body_bytes;
  out.version = std::to_string(view->version.major) + "." + std::to_string(view->version.minor);
  out.method = view->method;
  out.target = view->target;
  out.reason = view->reason;
  out.status = view->status;
  for (const HeaderField& field : view->headers) out.headers.emplace_back(field.name, value_of(field));
  for (const HeaderField& field : view->trailers) out.trailers.emplace_back(field.name, value_of(field));
  return out;
}

std::string sizes(const RecordedMessage& message) {
  return " [" + std::to_string(message.bytes - message.body_bytes) + "+" +
         std::to_string(message.body_bytes) + "]";
}

std::string trailers(const std::optional<RecordedMessage>& message) {
  std::string out;
  if (message) {
    for (const auto& [name, value] : message->trailers) out.append(" trailer " + name + "=" + value);
  }
  return out;
}

}  // namespace

std::string RecordedTransaction::text() const {
  std::string out = "#" + std::to_string(number) + " ";
  if (request) {
    out += request->method + " " + request->target + " " + request->version + sizes(*request);
  } else {
    out += "-";
  }
  out += " -> ";
  if (response) {
    out += std::to_string(response->status);
    if (!response->reason.empty()) out += " " + response->reason;
    out += sizes(*response);
  } else {
    out += "-";
  }
  constexpr std::array kOutcomes = {" success", " failure", " unknown"};
  out += kOutcomes[static_cast<std::size_t>(outcome)];
  for (const int status : interim) out += " interim=" + std::to_string(status);
  constexpr std::array kMissing = {"request",       "response",     "request_head",
                                   "response_head", "request_body", "response_body"};
  for (std::size_t i = 0; i < kMissing.size(); ++i) {
    if ((incomplete >> i & 1) != 0) out.append(std::string(" missing=") + kMissing[i]);
  }
  if (gap_bytes != 0) out += " gap=" + std::to_string(gap_bytes);
  if (!upgrade.empty()) out += " upgrade=" + upgrade;
  return out + trailers(request) + trailers(response);
}

std::string RecordedRequest::text() const {
  std::string out = "request #" + std::to_string(number) + " " + request.method + " " + request.target + " " +
                    request.version + sizes(request);
  if (whole) out += " whole";
  if (incomplete != 0) out += incomplete == kMissingRequestHead ? " missing=request_head" : " missing=?";
  return out;
}

std::string RecordedConnection::text() const {
  constexpr std::array kActions = {"opened", "established", "half-closed", "closed"};
  constexpr std::array kReasons = {" fin", " rst", " timeout", " evicted", " reused", " end", " shutdown"};
  constexpr std::array kTeardowns = {"", " half", " four-way", " three-way", " simultaneous", " reset"};
  std::string out = kActions[static_cast<std::size_t>(action)];
  if (action == ConnectionAction::kOpened && midstream) out += " midstream";
  if (action == ConnectionAction::kClosed) {
    out += kReasons[static_cast<std::size_t>(reason)];
    out += kTeardowns[static_cast<std::size_t>(teardown)];
  }
  const bool tells_who = action == ConnectionAction::kHalfClosed || action == ConnectionAction::kClosed;
  if (tells_who && closed_by) out += *closed_by == Side::kClient ? " by client" : " by server";
  return out;
}

void RecordingSink::on_transaction(const TransactionEvent& event) {
  RecordedTransaction out;
  out.number = event.number;
  out.request = copy(event.request);
  out.response = copy(event.response);
  out.interim.assign(event.interim.begin(), event.interim.end());
  out.incomplete = event.incomplete;
  out.gap_bytes = event.gap_bytes;
  out.upgrade = event.upgrade;
  out.outcome = event.outcome;
  lines.push_back(out.text());
  who.push_back(who_of(event.connection));
  transactions.push_back(std::move(out));
}

void RecordingSink::on_connection(const ConnectionEvent& event) {
  RecordedConnection out;
  out.action = event.action;
  out.time = event.time;
  out.start = event.start;
  out.end = event.end;
  out.midstream = event.midstream;
  out.handshake = event.handshake;
  out.closed_by = event.closed_by;
  out.reason = event.reason;
  out.client = event.client;
  out.server = event.server;
  out.transactions = event.transactions;
  out.completeness = event.completeness;
  out.state = event.state;
  out.history = event.history;
  out.teardown = event.teardown;
  out.server_name = event.server_name;
  lines.push_back(out.text());
  who.push_back(who_of(event.connection));
  connections.push_back(std::move(out));
}

void RecordingSink::on_request(const RequestEvent& event) {
  requests.push_back({.id = event.connection.id,
                      .number = event.number,
                      .request = *copy(&event.request),
                      .whole = event.whole,
                      .incomplete = event.incomplete,
                      .lines_before = lines.size()});
}

std::vector<std::string> RecordingSink::transaction_lines() const {
  std::vector<std::string> out;
  for (const RecordedTransaction& transaction : transactions) out.push_back(transaction.text());
  return out;
}

const RecordedConnection& RecordingSink::the(ConnectionAction action) const {
  for (const RecordedConnection& connection : connections) {
    if (connection.action == action) return connection;
  }
  throw std::logic_error("no such record");
}

}  // namespace tapline::test
