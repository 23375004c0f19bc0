#include "flows/connection_events.h"

#include "flows/conn_state.h"

namespace tapline {
namespace {

ConnectionId id_of(const Connection& connection) {
  const std::uint64_t tuple = connection.key.hash(0x7461706c696e6531u);
  const auto time = static_cast<std::uint64_t>(connection.first_time);
  ConnectionId id;
  id.words[0] = FlowKey::mix(FlowKey::mix(tuple, time), connection.first_seq);
  id.words[1] =
      FlowKey::mix(FlowKey::mix(connection.key.hash(0x6c6966652d6f6631u), connection.first_seq), time);
  return id;
}

std::optional<SynParameters> syn_of(const Endpoint& side, const EndpointDetails& details) {
  if (!side.syn) return std::nullopt;
  SynParameters syn;
  syn.isn = details.isn;
  syn.window = details.syn_window;
  if (side.has_mss) syn.mss = details.mss;
  if (side.has_window_scale) syn.window_scale = side.window_scale;
  syn.sack_permitted = side.sack_permitted;
  syn.timestamps = side.timestamps;
  return syn;
}

SideReport report(const Endpoint& side, const EndpointDetails& details, const StreamAccount* account) {
  SideReport out;
  out.packets = side.packets;
  out.bytes = side.bytes;
  out.syn = syn_of(side, details);
  out.duplicate_acks = details.duplicate_acks;
  out.zero_windows = details.zero_windows;
  out.keep_alives = details.keep_alives;
  if (account != nullptr) {
    out.retransmits = {account->retransmits, account->retransmitted_bytes};
    out.out_of_order = {account->out_of_order, account->out_of_order_bytes};
    out.missed_bytes = account->missed_bytes;
    out.conflicts = account->conflicts;
  }
  return out;
}

}  // namespace

ConnectionInfo describe(FlowContext& context, const Connection& connection) {
  const int client = connection.client == 1 ? 1 : 0;
  ConnectionInfo info;
  info.client_ip = connection.key.ip(client);
  info.server_ip = connection.key.ip(1 - client);
  info.client_port = connection.key.port(client);
  info.server_port = connection.key.port(1 - client);
  if (connection.encapsulation != SlotPool<Encapsulation>::kNone) {
    const Encapsulation& around = context.encapsulations[connection.encapsulation];
    info.vlan = around.vlan(0);
    info.inner_vlan = around.vlan(1);
    info.tunnels = around.tunnels();
  }
  info.interface = connection.interface;
  info.protocol = connection.protocol;
  info.id = id_of(connection);
  info.number = context.options.number_connections ? connection.number : 0;
  return info;
}

ConnectionEvent make_event(const Connection& connection, const ConnectionInfo& info, ConnectionAction action,
                           const HttpConversation* conversation, const BytePool& pool, CloseReason reason) {
  ConnectionEvent event{.connection = info, .action = action};
  event.midstream = connection.midstream;
  if (connection.established && connection.handshake_timed &&
      connection.ack_time >= connection.syn_ack_time) {
    event.handshake = {connection.syn_ack_time - connection.syn_time,
                       connection.ack_time - connection.syn_ack_time};
  }
  if (connection.closed_by != Connection::kUndecided)
    event.closed_by = connection.side_of(connection.closed_by);
  if (conversation != nullptr) event.server_name = conversation->server_name(pool);
  event.time = action == ConnectionAction::kOpened        ? connection.first_time
               : action == ConnectionAction::kEstablished ? connection.ack_time
                                                          : connection.last_time;
  if (action != ConnectionAction::kClosed) return event;

  if (reason == CloseReason::kFin || reason == CloseReason::kRst) event.time = connection.end_time;
  event.reason = reason;
  event.start = connection.first_time;
  event.end = connection.last_time;
  const std::uint8_t client = connection.client;
  const auto report_of = [&](std::uint8_t endpoint) {
    return report(connection.sides[endpoint], connection.details[endpoint],
                  conversation == nullptr ? nullptr : &conversation->account(endpoint));
  };
  event.client = report_of(client);
  event.server = report_of(static_cast<std::uint8_t>(1 - client));
  if (conversation != nullptr) {
    event.client.elided = conversation->elided(client);
    event.server.elided = conversation->elided(1 - client);
    event.client.round_trips = conversation->round_trips(client);
    event.server.round_trips = conversation->round_trips(1 - client);
  }
  event.transactions = connection.transactions;
  event.completeness = connection.completeness;
  event.state = conn_state(connection);
  event.history = connection.history.view();
  event.teardown = connection.teardown;
  return event;
}

}  // namespace tapline
