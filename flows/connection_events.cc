#include "flows/connection_events.h"

#include "flows/conn_state.h"
#include "flows/tcp_tracker.h"

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

std::optional<SynParameters> syn_of(const Connection& connection, std::uint8_t endpoint) {
  const Endpoint& side = connection.sides[endpoint];
  if (!side.syn) return std::nullopt;
  SynParameters syn;
  syn.isn = connection.isn[endpoint];
  syn.window = connection.syn_window[endpoint];
  if (side.has_mss) syn.mss = side.mss;
  if (side.has_window_scale) syn.window_scale = side.window_scale;
  syn.sack_permitted = side.sack_permitted;
  syn.timestamps = side.timestamps;
  return syn;
}

void report(const Connection& connection, std::uint8_t endpoint, const RareDetails& rare,
            const HttpConversation* conversation, SideReport& out) {
  out.packets = connection.sides[endpoint].packets;
  out.bytes = connection.sides[endpoint].bytes;
  out.syn = syn_of(connection, endpoint);
  out.duplicate_acks = rare.sides[endpoint].duplicate_acks;
  out.zero_windows = rare.sides[endpoint].zero_windows;
  out.keep_alives = rare.sides[endpoint].keep_alives;
  if (conversation == nullptr) return;
  const StreamAccount& account = conversation->account(endpoint);
  out.retransmits = {account.retransmits, account.retransmitted_bytes};
  out.out_of_order = {account.out_of_order, account.out_of_order_bytes};
  out.missed_bytes = account.missed_bytes;
  out.conflicts = account.conflicts;
  out.elided = conversation->elided(endpoint);
  out.round_trips = conversation->round_trips(endpoint);
}

}  // namespace

ConnectionInfo describe(FlowContext& context, const Connection& connection) {
  const int client = connection.client == 1 ? 1 : 0;
  ConnectionInfo info;
  info.client_ip = connection.key.ip(client);
  info.server_ip = connection.key.ip(1 - client);
  info.client_port = connection.key.port(client);
  info.server_port = connection.key.port(1 - client);
  const std::uint32_t encapsulation = context.rares.of(connection).encapsulation;
  if (encapsulation != SlotPool<Encapsulation>::kNone) {
    const Encapsulation& around = context.encapsulations[encapsulation];
    info.vlan = around.vlan(0);
    info.inner_vlan = around.vlan(1);
    info.tunnels = around.tunnels();
  } else {
    info.vlan = connection.key.vlan(0);
    info.inner_vlan = connection.key.vlan(1);
  }
  info.interface = static_cast<std::uint16_t>(connection.interface);
  info.protocol = connection.protocol;
  info.id = id_of(connection);
  info.number = context.options.number_connections ? connection.number : 0;
  return info;
}

ConnectionEvent make_event(FlowContext& context, const Connection& connection, const ConnectionInfo& info,
                           ConnectionAction action, const HttpConversation* conversation) {
  ConnectionEvent event{.connection = info, .action = action};
  event.midstream = connection.midstream;
  event.handshake = handshake_of(connection, context.rares);
  if (connection.teardown != Teardown::kNone) event.closed_by = connection.side_of(connection.closer);
  if (conversation != nullptr) event.server_name = conversation->server_name(context.pool);
  return event;
}

ConnectionEvent make_closed_event(FlowContext& context, const Connection& connection,
                                  const ConnectionInfo& info, const HttpConversation* conversation,
                                  CloseReason reason) {
  ConnectionEvent event = make_event(context, connection, info, ConnectionAction::kClosed, conversation);
  const RareDetails& rare = context.rares.of(connection);
  event.time = connection.ended ? end_time(connection, context.rares) : connection.last_time;
  event.reason = reason;
  event.start = connection.first_time;
  event.end = connection.last_time;
  const std::uint8_t client = connection.client;
  report(connection, client, rare, conversation, event.client);
  report(connection, static_cast<std::uint8_t>(1 - client), rare, conversation, event.server);
  if (conversation != nullptr) event.transactions = conversation->transactions();
  event.completeness = connection.first_only ? 0 : connection.completeness;
  context.history = HistoryText(connection, rare);
  event.history = context.history.view();
  event.state = conn_state(connection, event.history);
  event.teardown = connection.teardown;
  return event;
}

}  // namespace tapline
