// The record `tapline.connection`: a step in the life of a TCP connection.
#include "exporters/ecs_encoder.h"
#include "exporters/event_names.h"
#include "exporters/utf8.h"

namespace tapline {
namespace {

std::string_view side_name(Side side) { return side == Side::kClient ? "source" : "destination"; }

bool any(const Volume& volume) { return volume.packets != 0 || volume.bytes != 0; }

bool has_figures(const SideReport& side) {
  return side.syn || any(side.retransmits) || any(side.out_of_order) || side.missed_bytes != 0 ||
         side.conflicts != 0 || side.duplicate_acks != 0 || side.zero_windows != 0 || side.keep_alives != 0 ||
         side.round_trips || any(side.elided);
}

}  // namespace

void EcsEncoder::on_connection(const ConnectionEvent& event) {
  if (!options_.records.has(event.action)) return;
  const bool closed = event.action == ConnectionAction::kClosed;
  json_.set_latin1(!is_utf8(interface_name(event.connection)) || !is_utf8(event.server_name));

  json_.begin_object();
  write_connection_event(event);
  write_endpoints(event.connection, closed ? &event.client : nullptr, closed ? &event.server : nullptr);
  begin_network(event.connection, event.connection.protocol);
  json_.end_object();
  begin_connection(event.connection);
  if (closed) json_.field("transactions", event.transactions);
  json_.end_object();
  write_path(event.connection);
  write_tcp(event);
  write_tls(event);
  end_record();
}

void EcsEncoder::write_connection_event(const ConnectionEvent& event) {
  json_.key("@timestamp");
  write_time(event.time);
  json_.key("event");
  json_.begin_object();
  json_.field("dataset", "tapline.connection");
  json_.field("action", name_of(event.action));
  if (event.action == ConnectionAction::kClosed) {
    json_.field("reason", name_of(event.reason));
    json_.key("start");
    write_time(event.start);
    json_.key("end");
    write_time(event.end);
    write_duration("duration", event.end - event.start);
  }
  json_.end_object();
}

// Each action carries what it is about; `closed` all of it.
void EcsEncoder::write_tcp(const ConnectionEvent& event) {
  const bool closed = event.action == ConnectionAction::kClosed;
  const bool midstream = event.midstream && (closed || event.action == ConnectionAction::kOpened);
  const bool handshake = event.handshake && (closed || event.action == ConnectionAction::kEstablished);
  const bool closed_by = event.closed_by && (closed || event.action == ConnectionAction::kHalfClosed);
  if (!closed && !midstream && !handshake && !closed_by) return;

  json_.key("tcp");
  json_.begin_object();
  if (midstream) {
    json_.key("midstream");
    json_.boolean(true);
  }
  if (closed) {
    json_.field("completeness", event.completeness);
    if (!event.state.empty()) json_.field("state", event.state);
    if (!event.history.empty()) json_.field("history", event.history);
    json_.field("teardown", name_of(event.teardown));
  }
  if (closed_by) json_.field("closed_by", side_name(*event.closed_by));
  if (handshake) write_handshake(*event.handshake);
  if (closed) {
    if (has_figures(event.client)) {
      json_.key("source");
      write_side(event.client);
    }
    if (has_figures(event.server)) {
      json_.key("destination");
      write_side(event.server);
    }
  }
  json_.end_object();
}

void EcsEncoder::write_tls(const ConnectionEvent& event) {
  if (event.server_name.empty()) return;
  json_.key("tls");
  json_.begin_object();
  json_.key("client");
  json_.begin_object();
  json_.key("server_name");
  json_.string(event.server_name);
  json_.end_object();
  json_.end_object();
}

// Time stamps can run backwards (several capturing cores, a file put together from others); then a time
// between two frames is not known.
void EcsEncoder::write_handshake(const Handshake& handshake) {
  const bool known = handshake.syn_ack >= 0 && handshake.ack >= 0;
  json_.key("handshake");
  json_.begin_object();
  if (known) write_duration("round_trip", handshake.syn_ack + handshake.ack);
  write_duration("syn_ack", handshake.syn_ack);
  write_duration("ack", handshake.ack);
  json_.end_object();
}

void EcsEncoder::write_side(const SideReport& side) {
  json_.begin_object();
  if (side.syn) {
    json_.field("isn", side.syn->isn);
    if (side.syn->mss) json_.field("mss", *side.syn->mss);
    json_.field("window", side.syn->window);
    if (side.syn->window_scale) json_.field("window_scale", *side.syn->window_scale);
    json_.key("sack_permitted");
    json_.boolean(side.syn->sack_permitted);
    json_.key("timestamps");
    json_.boolean(side.syn->timestamps);
  }
  if (any(side.retransmits)) {
    json_.key("retransmits");
    write_volume(side.retransmits);
  }
  if (any(side.out_of_order)) {
    json_.key("out_of_order");
    write_volume(side.out_of_order);
  }
  if (side.missed_bytes != 0) {
    json_.key("missed");
    json_.begin_object();
    json_.field("bytes", side.missed_bytes);
    json_.end_object();
  }
  if (side.duplicate_acks != 0) json_.field("duplicate_acks", side.duplicate_acks);
  if (side.zero_windows != 0) json_.field("zero_windows", side.zero_windows);
  if (side.keep_alives != 0) json_.field("keep_alives", side.keep_alives);
  if (side.conflicts != 0) json_.field("conflicts", side.conflicts);
  if (side.round_trips) {
    json_.key("rtt");
    json_.begin_object();
    write_duration("min", side.round_trips->min);
    write_duration("max", side.round_trips->max);
    json_.end_object();
  }
  if (any(side.elided)) {
    json_.key("elided");
    write_volume(side.elided);
  }
  json_.end_object();
}

void EcsEncoder::write_volume(const Volume& volume) {
  json_.begin_object();
  json_.field("packets", volume.packets);
  json_.field("bytes", volume.bytes);
  json_.end_object();
}

}  // namespace tapline
