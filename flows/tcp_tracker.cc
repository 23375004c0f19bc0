#include "flows/tcp_tracker.h"

#include <algorithm>

#include "flows/conn_state.h"
#include "flows/http_head.h"
#include "flows/tcp_options.h"

namespace tapline {
namespace {

enum Completeness : std::uint8_t {
  kSawSyn = 1,
  kSawSynAck = 2,
  kSawAck = 4,
  kSawData = 8,
  kSawFin = 16,
  kSawRst = 32
};

std::string_view text_of(std::span<const std::uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// As Wireshark reckons it: ACK means a segment that does nothing but acknowledge, and the frame that starts a
// conversation in the middle counts once another has followed.
void note_completeness(Connection& connection, const TcpSegment& segment) {
  std::uint8_t bits = 0;
  if (segment.has(kSyn)) bits |= segment.has(kAck) ? kSawSynAck : kSawSyn;
  if (segment.has(kAck) && !segment.has(kSyn) && segment.payload_bytes == 0) bits |= kSawAck;
  if (segment.payload_bytes > 0) bits |= kSawData;
  if (segment.has(kFin)) bits |= kSawFin;
  if (segment.has(kRst)) bits |= kSawRst;
  if (connection.first_deferred) connection.completeness |= connection.first_completeness;
  const bool first = connection.sides[0].packets + connection.sides[1].packets == 1;
  connection.first_deferred = first && !(segment.has(kSyn) && !segment.has(kAck));
  (connection.first_deferred ? connection.first_completeness : connection.completeness) |= bits;
}

void track_syn(Connection& connection, const TcpSegment& segment) {
  Endpoint& own = connection.sides[segment.sender];
  EndpointDetails& details = connection.details[segment.sender];
  const bool peer_syn = connection.sides[1 - segment.sender].syn;
  const bool with_ack = segment.has(kAck);
  if (!own.syn) {
    SynParameters parameters;
    read_syn_options(segment.options, parameters);
    own.syn = true;
    details.isn = segment.seq;
    details.syn_window = segment.window;
    own.has_mss = parameters.mss.has_value();
    details.mss = parameters.mss.value_or(0);
    own.has_window_scale = parameters.window_scale.has_value();
    own.window_scale = parameters.window_scale.value_or(0);
    own.sack_permitted = parameters.sack_permitted;
    own.timestamps = parameters.timestamps;
  }
  details.latest_isn = segment.seq;
  if (!with_ack) {
    connection.syn_seen = true;
    if (!connection.syn_ack_seen) connection.syn_time = segment.time_ns;
    return;
  }
  const bool answers = peer_syn && segment.ack == connection.details[1 - segment.sender].isn + 1;
  if (!connection.syn_ack_seen && (answers || !peer_syn)) {
    connection.syn_ack_seen = true;
    connection.syn_ack_time = segment.time_ns;
    connection.handshake_timed = connection.syn_seen && connection.syn_time <= segment.time_ns;
  }
}

// The third segment of the handshake: the SYN's sender acknowledges the SYN+ACK.
void track_handshake_ack(Connection& connection, const TcpSegment& segment) {
  const Endpoint& own = connection.sides[segment.sender];
  const Endpoint& peer = connection.sides[1 - segment.sender];
  if (connection.established || !connection.syn_ack_seen || !peer.syn) return;
  if (connection.syn_seen && !own.syn) return;
  if (!connection.is_client(segment.sender)) return;
  EndpointDetails& details = connection.details[1 - segment.sender];
  if (peer.bytes == 0 && segment.ack == details.latest_isn + 1)
    details.isn = details.latest_isn;  // the one that was taken
  if (seq_distance(segment.ack, details.isn) < 1) return;
  connection.established = true;
  connection.ack_time = segment.time_ns;
}

void track_fin(Connection& connection, const TcpSegment& segment) {
  Endpoint& own = connection.sides[segment.sender];
  Endpoint& peer = connection.sides[1 - segment.sender];
  EndpointDetails& details = connection.details[segment.sender];
  const std::uint32_t fin_seq = segment.seq + segment.sequence_length();
  details.latest_fin_seq = fin_seq;
  if (own.fin) return;
  own.fin = true;
  details.fin_seq = fin_seq;
  if (connection.ended) return;
  if (!peer.fin) {
    connection.closed_by = segment.sender;
    connection.teardown = Teardown::kHalf;
    return;
  }
  const bool acknowledges_first =
      segment.has(kAck) && seq_distance(segment.ack, connection.details[1 - segment.sender].fin_seq) >= 0;
  connection.teardown = !acknowledges_first ? Teardown::kSimultaneous
                        : peer.fin_acked    ? Teardown::kFourWay
                                            : Teardown::kThreeWay;
  connection.ended = true;
  connection.end_reason = CloseReason::kFin;
  connection.end_time = segment.time_ns;
}

// In the window, as far as a capture can tell (RFC 9293 section 3.10.7.4): not before what the other side has
// acknowledged, nor far ahead of what was sent. What has never been seen can't contradict.
bool plausible_reset(const Connection& connection, const TcpSegment& segment) {
  const Endpoint& own = connection.sides[segment.sender];
  const Endpoint& peer = connection.sides[1 - segment.sender];
  if (peer.state == EndpointState::kSynSent && segment.has(kAck)) {
    return seq_distance(segment.ack, connection.details[1 - segment.sender].isn) >= 1;
  }
  if (!own.seq_known) return true;
  constexpr std::int32_t kLargestWindow = 1 << 30;
  const std::uint32_t low = peer.ack_known ? peer.acked : own.next_seq;
  return seq_distance(segment.seq, low) >= -1 && seq_distance(segment.seq, own.next_seq) < kLargestWindow;
}

void track_rst(Connection& connection, const TcpSegment& segment, bool believed) {
  Endpoint& own = connection.sides[segment.sender];
  own.rst = true;
  connection.details[segment.sender].rst_seq = segment.seq;
  if (!believed || connection.ended) return;
  connection.ended = true;
  connection.end_reason = CloseReason::kRst;
  connection.end_time = segment.time_ns;
  connection.teardown = Teardown::kReset;
  if (connection.closed_by == Connection::kUndecided) connection.closed_by = segment.sender;
}

// A segment that only asks whether the other end is there: it stands one before the next number, with no byte
// or one that was sent before (RFC 9293 section 3.8.4; Wireshark's rule).
bool is_keep_alive(const Endpoint& sender, const TcpSegment& segment) {
  return segment.payload_bytes <= 1 && is_plain(segment) && sender.seq_known &&
         segment.seq == sender.next_seq - 1;
}

// Nothing but an acknowledgement that was sent before, with the same window; not as the answer to a
// keep-alive (Wireshark's rule).
bool is_duplicate_ack(const Endpoint& own, const Endpoint& peer, const TcpSegment& segment) {
  return segment.payload_bytes == 0 && is_plain(segment) && own.ack_known && own.seq_known &&
         segment.ack == own.acked && segment.seq == own.next_seq && segment.window != 0 &&
         segment.window == own.window && !peer.kept_alive;
}

void track_ack(Connection& connection, const TcpSegment& segment) {
  Endpoint& own = connection.sides[segment.sender];
  Endpoint& peer = connection.sides[1 - segment.sender];
  if (!own.kept_alive && is_duplicate_ack(own, peer, segment))
    ++connection.details[segment.sender].duplicate_acks;
  if (!own.ack_known || seq_distance(segment.ack, own.acked) > 0) own.acked = segment.ack;
  own.ack_known = true;
  if (peer.fin && !peer.fin_acked &&
      seq_distance(segment.ack, connection.details[1 - segment.sender].fin_seq) >= 0) {
    peer.fin_acked = true;
    // The close is complete when the last FIN is acknowledged.
    if (connection.ended && connection.end_reason == CloseReason::kFin && own.fin) {
      connection.end_time = segment.time_ns;
    }
  }
}

void set_client(Connection& connection, std::uint8_t endpoint) {
  connection.client = endpoint;
  note_roles(connection);
}

}  // namespace

void begin_connection(Connection& connection, const TcpSegment& segment) {
  connection.first_time = connection.last_time = segment.time_ns;
  connection.first_seq = segment.seq;
  connection.first_sender = segment.sender;
  connection.interface = segment.interface;
  connection.midstream = !segment.has(kSyn);
}

void decide_roles(Connection& connection, const TcpSegment& segment, const PortSet& ports) {
  const std::uint8_t sender = segment.sender;
  const auto other = static_cast<std::uint8_t>(1 - sender);
  if (segment.has(kSyn)) return set_client(connection, segment.has(kAck) ? other : sender);
  const bool first_is_server = ports.contains(connection.key.port(0));
  if (first_is_server != ports.contains(connection.key.port(1))) {
    return set_client(connection, first_is_server ? 1 : 0);
  }
  if (looks_like_response(text_of(segment.payload)) == Look::kYes) return set_client(connection, other);
  if (looks_like_request(text_of(segment.payload)) == Look::kYes) return set_client(connection, sender);
  if (connection.sides[0].packets + connection.sides[1].packets >= 3) force_roles(connection);
}

void force_roles(Connection& connection) {
  if (connection.roles_known()) return;
  const std::uint16_t port0 = connection.key.port(0), port1 = connection.key.port(1);
  set_client(connection, port0 == port1 ? connection.first_sender : port0 < port1 ? 1 : 0);
}

bool starts_anew(const Connection& connection, const TcpSegment& segment) {
  if (!segment.has(kSyn) || segment.has(kRst)) return false;
  const Endpoint& own = connection.sides[segment.sender];
  // A SYN+ACK belongs to the SYN before it, also when it comes twice with different numbers (load balancers,
  // SYN proxies): only the SYN starts anew, where it was captured.
  if (segment.has(kAck)) return connection.ended || (connection.midstream && !own.syn);
  if (own.syn) return connection.details[segment.sender].isn != segment.seq;
  // A SYN from the other side is a simultaneous open as long as nothing else came.
  return !(connection.unanswered() && connection.sides[1 - segment.sender].syn);
}

void track(Connection& connection, const TcpSegment& segment) {
  Endpoint& own = connection.sides[segment.sender];
  ++own.packets;
  connection.last_time = std::max(connection.last_time, segment.time_ns);
  // An ACK from the side that sent the SYN proves an answer, even where the other side is not captured.
  const bool acknowledges = segment.has(kAck) && !segment.has(kSyn);
  if (!connection.answered) {
    connection.answered = segment.sender != connection.first_sender || (acknowledges && !segment.has(kRst));
  }
  note_completeness(connection, segment);
  const bool believed = segment.has(kRst) && plausible_reset(connection, segment);
  note_conn_state(connection, segment, believed);
  own.kept_alive = is_keep_alive(own, segment);
  if (own.kept_alive) ++connection.details[segment.sender].keep_alives;
  if (segment.has(kSyn)) track_syn(connection, segment);
  if (segment.payload_bytes > 0) connection.data_seen = true;
  if (segment.has(kAck) && !segment.has(kSyn) && !segment.has(kRst)) track_handshake_ack(connection, segment);
  if (segment.has(kFin)) track_fin(connection, segment);
  if (segment.has(kRst)) track_rst(connection, segment, believed);
  if (segment.has(kAck) && !segment.has(kRst)) track_ack(connection, segment);
  if (segment.window == 0 && is_plain(segment)) ++connection.details[segment.sender].zero_windows;
  own.window = segment.window;
  if (segment.payload_bytes == 0) track_sequence(own, segment);
}

void track_sequence(Endpoint& own, const TcpSegment& segment) {
  const std::uint32_t end = segment.seq + segment.sequence_length();
  if (segment.has(kRst) && own.seq_known) return;  // its number may be anything
  if (!own.seq_known || seq_distance(end, own.next_seq) > 0) own.next_seq = end;
  own.seq_known = true;
}

void count_payload(Endpoint& sender, const TcpSegment& segment) {
  const std::uint32_t end = segment.payload_seq() + segment.payload_bytes;
  const std::uint32_t fresh = sender.seq_known
                                  ? static_cast<std::uint32_t>(std::clamp<std::int64_t>(
                                        seq_distance(end, sender.next_seq), 0, segment.payload_bytes))
                                  : segment.payload_bytes;
  sender.bytes += fresh;
  track_sequence(sender, segment);
}

}  // namespace tapline
