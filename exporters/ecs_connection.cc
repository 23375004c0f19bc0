// The record `tapline.connection`: a step in the life of a TCP connection.
#include "exporters/address_text.h"
#include "exporters/append.h"
#include "exporters/ecs_encoder.h"
#include "exporters/event_names.h"

namespace tapline {
namespace {

// What a record has in front of its tunnels: about 850 bytes where all numbers are as large as they can be.
constexpr std::size_t kBeginRoom = 1280;

// What it has behind them, the history, which has no limit, apart: about 1,600 bytes.
constexpr std::size_t kTcpRoom = 2048;

bool any(const Volume& volume) { return volume.packets != 0 || volume.bytes != 0; }

bool has_figures(const SideReport& side) {
  return side.syn || any(side.retransmits) || any(side.out_of_order) || side.missed_bytes != 0 ||
         side.conflicts != 0 || side.duplicate_acks != 0 || side.zero_windows != 0 || side.keep_alives != 0 ||
         side.round_trips || any(side.elided);
}

char* append_quoted(char* p, std::string_view plain) {
  *p++ = '"';
  p = append(p, plain);
  *p++ = '"';
  return p;
}

char* append_truth(char* p, bool value) { return value ? append(p, "true") : append(p, "false"); }

// Members of an object, each with a comma in front. Objects whose first member may be any of several are
// written so from the brace on, which then replaces the first comma.
template <std::size_t N>
char* append_member(char* p, const char (&key)[N], std::uint64_t value) {
  return append_number(append(p, key), value);
}

template <std::size_t N>
char* append_count(char* p, const char (&key)[N], std::uint64_t value) {
  return value != 0 ? append_member(p, key, value) : p;
}

template <std::size_t N>
char* append_volume(char* p, const char (&key)[N], const Volume& volume) {
  if (!any(volume)) return p;
  p = append_member(append(p, key), R"({"packets":)", volume.packets);
  p = append_member(p, R"(,"bytes":)", volume.bytes);
  *p++ = '}';
  return p;
}

// Time stamps can run backwards (several capturing cores, a file put together from others); then a time
// between two frames is not known.
template <std::size_t N>
char* append_duration(char* p, const char (&key)[N], std::int64_t duration) {
  return duration >= 0 ? append_member(p, key, static_cast<std::uint64_t>(duration)) : p;
}

// Ends the object whose members, each with its comma, stand from `begin` on.
char* end_object(char* begin, char* p) {
  *begin = '{';
  if (p == begin) ++p;
  *p++ = '}';
  return p;
}

char* append_handshake(char* p, const Handshake& handshake) {
  const bool known = handshake.syn_ack >= 0 && handshake.ack >= 0;
  p = append(p, R"(,"handshake":)");
  char* const begin = p;
  if (known) p = append_duration(p, R"(,"round_trip":)", handshake.syn_ack + handshake.ack);
  p = append_duration(p, R"(,"syn_ack":)", handshake.syn_ack);
  p = append_duration(p, R"(,"ack":)", handshake.ack);
  return end_object(begin, p);
}

char* append_syn(char* p, const SynParameters& syn) {
  p = append_member(p, R"(,"isn":)", syn.isn);
  if (syn.mss) p = append_member(p, R"(,"mss":)", *syn.mss);
  p = append_member(p, R"(,"window":)", syn.window);
  if (syn.window_scale) p = append_member(p, R"(,"window_scale":)", *syn.window_scale);
  p = append_truth(append(p, R"(,"sack_permitted":)"), syn.sack_permitted);
  return append_truth(append(p, R"(,"timestamps":)"), syn.timestamps);
}

char* append_side(char* p, const SideReport& side) {
  char* const begin = p;
  if (side.syn) p = append_syn(p, *side.syn);
  p = append_volume(p, R"(,"retransmits":)", side.retransmits);
  p = append_volume(p, R"(,"out_of_order":)", side.out_of_order);
  if (side.missed_bytes != 0) {
    p = append_member(p, R"(,"missed":{"bytes":)", side.missed_bytes);
    *p++ = '}';
  }
  p = append_count(p, R"(,"duplicate_acks":)", side.duplicate_acks);
  p = append_count(p, R"(,"zero_windows":)", side.zero_windows);
  p = append_count(p, R"(,"keep_alives":)", side.keep_alives);
  p = append_count(p, R"(,"conflicts":)", side.conflicts);
  if (side.round_trips) {
    p = append(p, R"(,"rtt":)");
    char* const round_trips = p;
    p = append_duration(p, R"(,"min":)", side.round_trips->min);
    p = end_object(round_trips, append_duration(p, R"(,"max":)", side.round_trips->max));
  }
  p = append_volume(p, R"(,"elided":)", side.elided);
  return end_object(begin, p);
}

// Without the brace that ends it. `report`: null but for `closed`.
char* append_endpoint(char* p, const IpAddress& ip, std::uint16_t port, const SideReport* report) {
  p = append_ip(append(p, R"({"ip":")"), ip);
  p = append_member(p, R"(","port":)", port);
  if (report == nullptr) return p;
  p = append_member(p, R"(,"packets":)", report->packets);
  return append_member(p, R"(,"bytes":)", report->bytes);
}

}  // namespace

void EcsEncoder::on_connection(const ConnectionEvent& event) {
  if (!options_.records.has(event.action)) return;
  community_ids_.prefetch(event.connection);
  write_line(kBeginRoom, [&](char* p) { return write_record(p, event); });
}

char* EcsEncoder::write_record(char* p, const ConnectionEvent& event) {
  const ConnectionInfo& connection = event.connection;
  const bool closed = event.action == ConnectionAction::kClosed;
  p = write_connection_event(p, event);
  p = append_endpoint(append(p, R"(,"source":)"), connection.client_ip, connection.client_port,
                      closed ? &event.client : nullptr);
  p = append_endpoint(append(p, R"(},"destination":)"), connection.server_ip, connection.server_port,
                      closed ? &event.server : nullptr);
  *p++ = '}';
  p = write_network(p, connection, connection.protocol);
  *p++ = '}';
  p = write_connection(p, connection);
  if (closed) p = append_member(p, R"(,"transactions":)", event.transactions);
  *p++ = '}';
  p = write_path(p, connection);
  p = write_tcp(p, event);
  if (event.server_name.empty()) return p;
  p = append(line_.room(p, 64), R"(,"tls":{"client":{"server_name":")");
  return append(line_.text(p, event.server_name), R"("}})");
}

char* EcsEncoder::write_connection_event(char* p, const ConnectionEvent& event) {
  p = write_time(append(p, R"({"@timestamp":)"), event.time);
  p = append(p, R"(,"event":{"dataset":"tapline.connection","action":)");
  p = append_quoted(p, name_of(event.action));
  if (event.action == ConnectionAction::kClosed) {
    p = append_quoted(append(p, R"(,"reason":)"), name_of(event.reason));
    p = write_time(append(p, R"(,"start":)"), event.start);
    p = write_time(append(p, R"(,"end":)"), event.end);
    p = append_duration(p, R"(,"duration":)", event.end - event.start);
  }
  *p++ = '}';
  return p;
}

// Each action carries what it is about; `closed` all of it.
char* EcsEncoder::write_tcp(char* p, const ConnectionEvent& event) {
  const bool closed = event.action == ConnectionAction::kClosed;
  const bool midstream = event.midstream && (closed || event.action == ConnectionAction::kOpened);
  const bool handshake = event.handshake && (closed || event.action == ConnectionAction::kEstablished);
  const bool closed_by = event.closed_by && (closed || event.action == ConnectionAction::kHalfClosed);
  p = line_.room(p, kTcpRoom + event.history.size());
  if (!closed && !midstream && !handshake && !closed_by) return p;

  p = append(p, R"(,"tcp":)");
  char* const begin = p;
  if (midstream) p = append(p, R"(,"midstream":true)");
  if (closed) {
    p = append_member(p, R"(,"completeness":)", event.completeness);
    if (!event.state.empty()) p = append_quoted(append(p, R"(,"state":)"), event.state);
    if (!event.history.empty()) p = append_quoted(append(p, R"(,"history":)"), event.history);
    p = append_quoted(append(p, R"(,"teardown":)"), name_of(event.teardown));
  }
  if (closed_by) {
    p = *event.closed_by == Side::kClient ? append(p, R"(,"closed_by":"source")")
                                          : append(p, R"(,"closed_by":"destination")");
  }
  if (handshake) p = append_handshake(p, *event.handshake);
  if (closed) {
    if (has_figures(event.client)) p = append_side(append(p, R"(,"source":)"), event.client);
    if (has_figures(event.server)) p = append_side(append(p, R"(,"destination":)"), event.server);
  }
  return end_object(begin, p);
}

}  // namespace tapline
