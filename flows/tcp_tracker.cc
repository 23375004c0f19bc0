#include "flows/tcp_tracker.h"

#include <algorithm>
#include <limits>

#include "flows/conn_state.h"
#include "flows/http_head.h"
#include "flows/tcp_options.h"

namespace tapline {
namespace {

std::string_view text_of(std::span<const std::uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::int64_t handshake_time(const Connection& connection, HandshakeStep step, const RarePool& rares) {
  const auto i = static_cast<std::size_t>(step);
  const RareDetails& rare = rares.of(connection);
  return rare.handshake_apart ? rare.handshake_times[i] : connection.first_time + connection.handshake[i];
}

void set_handshake_time(Connection& connection, HandshakeStep step, std::int64_t time_ns, RarePool& rares) {
  const auto i = static_cast<std::size_t>(step);
  const std::int64_t since = time_ns - connection.first_time;
  if (since >= 0 && since <= std::numeric_limits<std::uint32_t>::max() &&
      !rares.of(connection).handshake_apart) {
    connection.handshake[i] = static_cast<std::uint32_t>(since);
    return;
  }
  RareDetails& rare = rares.make(connection);
  for (std::size_t k = 0; k < kHandshakeSteps && !rare.handshake_apart; ++k)
    rare.handshake_times[k] = connection.first_time + connection.handshake[k];
  rare.handshake_apart = true;
  rare.handshake_times[i] = time_ns;
}

// The latest frame ended it, or one before that.
void set_end_time(Connection& connection, std::int64_t time_ns, RarePool& rares) {
  const bool apart = time_ns != connection.last_time;
  if (!apart && !rares.of(connection).end_apart) return;
  RareDetails& rare = rares.make(connection);
  rare.end_apart = apart;
  rare.end_time = time_ns;
}

void add_completeness(Connection& connection, unsigned bits) {
  connection.completeness = (connection.completeness | bits) & 0x3fu;
}

// As Wireshark reckons it: the frame that starts a conversation in the middle counts once another has
// followed.
void note_completeness(Connection& connection, const TcpSegment& segment) {
  const bool syn = segment.has(kSyn), ack = segment.has(kAck), data = segment.payload_bytes > 0;
  unsigned bits = 0;
  if (syn) bits |= ack ? kSawSynAck : kSawSyn;
  if (ack && !syn && !data) bits |= kSawAck;
  if (data) bits |= kSawData;
  if (segment.has(kFin)) bits |= kSawFin;
  if (segment.has(kRst)) bits |= kSawRst;
  add_completeness(connection, bits);
  const bool first = connection.sides[0].packets + connection.sides[1].packets == 1;
  connection.first_only = first && (!syn || ack);
}

void track_syn(Connection& connection, const TcpSegment& segment, RarePool& rares) {
  const std::uint8_t sender = segment.sender;
  Endpoint& own = connection.sides[sender];
  const bool peer_syn = connection.sides[1 - sender].syn;
  const bool with_ack = segment.has(kAck);
  if (!own.syn) {
    SynParameters parameters;
    read_syn_options(segment.options, parameters);
    own.syn = true;
    connection.isn[sender] = segment.seq;
    connection.syn_window[sender] = segment.window;
    own.has_mss = parameters.mss.has_value();
    own.mss = parameters.mss.value_or(0);
    own.has_window_scale = parameters.window_scale.has_value();
    own.window_scale = parameters.window_scale.value_or(0);
    own.sack_permitted = parameters.sack_permitted;
    own.timestamps = parameters.timestamps;
  } else if (const std::uint32_t shift = segment.seq - connection.isn[sender];
             shift != rares.of(connection).sides[sender].isn_shift) {
    rares.make(connection).sides[sender].isn_shift = shift;
  }
  if (!with_ack) {
    if (!connection.syn_ack_seen) set_handshake_time(connection, HandshakeStep::kSyn, segment.time_ns, rares);
    return;
  }
  const bool answers = peer_syn && segment.ack == connection.isn[1 - sender] + 1;
  if (!connection.syn_ack_seen && (answers || !peer_syn)) {
    connection.syn_ack_seen = true;
    set_handshake_time(connection, HandshakeStep::kSynAck, segment.time_ns, rares);
    connection.handshake_timed =
        connection.syn_seen() && handshake_time(connection, HandshakeStep::kSyn, rares) <= segment.time_ns;
  }
}

// The third segment of the handshake: the SYN's sender acknowledges the SYN+ACK.
void track_handshake_ack(Connection& connection, const TcpSegment& segment, RarePool& rares) {
  const Endpoint& own = connection.sides[segment.sender];
  const Endpoint& peer = connection.sides[1 - segment.sender];
  if (connection.established || !connection.syn_ack_seen || !peer.syn) return;
  if (connection.syn_seen() && !own.syn) return;
  if (!connection.is_client(segment.sender)) return;
  const auto other = static_cast<std::uint8_t>(1 - segment.sender);
  if (const std::uint32_t shift = rares.of(connection).sides[other].isn_shift;
      shift != 0 && peer.bytes == 0 && segment.ack == connection.isn[other] + shift + 1) {
    connection.isn[other] += shift;  // the one that was taken
    rares.make(connection).sides[other].isn_shift = 0;
  }
  if (seq_distance(segment.ack, connection.isn[other]) < 1) return;
  connection.established = true;
  set_handshake_time(connection, HandshakeStep::kAck, segment.time_ns, rares);
}

// True where it ends the connection; as the two below.
bool track_fin(Connection& connection, const TcpSegment& segment, RarePool& rares) {
  const std::uint8_t sender = segment.sender;
  Endpoint& own = connection.sides[sender];
  Endpoint& peer = connection.sides[1 - sender];
  const std::uint32_t fin_seq = segment.seq + segment.sequence_length();
  if (own.fin) {
    const std::uint32_t shift = fin_seq - connection.fin_seq[sender];
    if (shift != rares.of(connection).sides[sender].fin_shift)
      rares.make(connection).sides[sender].fin_shift = shift;
    return false;
  }
  own.fin = true;
  connection.fin_seq[sender] = fin_seq;
  if (connection.ended) return false;
  if (!peer.fin) {
    connection.closer = sender & 1u;
    connection.teardown = Teardown::kHalf;
    return false;
  }
  const bool acknowledges_first =
      segment.has(kAck) && seq_distance(segment.ack, connection.fin_seq[1 - sender]) >= 0;
  connection.teardown = !acknowledges_first ? Teardown::kSimultaneous
                        : peer.fin_acked    ? Teardown::kFourWay
                                            : Teardown::kThreeWay;
  connection.ended = true;
  return true;
}

// In the window, as far as a capture can tell (RFC 9293 section 3.10.7.4): not before what the other side has
// acknowledged, nor far ahead of what was sent. What has never been seen can't contradict.
bool plausible_reset(const Connection& connection, const TcpSegment& segment) {
  const Endpoint& own = connection.sides[segment.sender];
  const Endpoint& peer = connection.sides[1 - segment.sender];
  if (peer.state == EndpointState::kSynSent && segment.has(kAck)) {
    return seq_distance(segment.ack, connection.isn[1 - segment.sender]) >= 1;
  }
  if (!own.seq_known) return true;
  constexpr std::int32_t kLargestWindow = 1 << 30;
  const std::uint32_t low = peer.ack_known ? peer.acked : own.next_seq;
  return seq_distance(segment.seq, low) >= -1 && seq_distance(segment.seq, own.next_seq) < kLargestWindow;
}

bool track_rst(Connection& connection, const TcpSegment& segment, bool believed, RarePool& rares) {
  connection.sides[segment.sender].rst = true;
  rares.make(connection).sides[segment.sender].rst_seq = segment.seq;
  if (!believed || connection.ended) return false;
  if (connection.teardown == Teardown::kNone) connection.closer = segment.sender & 1u;
  connection.ended = true;
  connection.teardown = Teardown::kReset;
  return true;
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

bool track_ack(Connection& connection, const TcpSegment& segment, RarePool& rares) {
  Endpoint& own = connection.sides[segment.sender];
  Endpoint& peer = connection.sides[1 - segment.sender];
  if (!own.kept_alive && is_duplicate_ack(own, peer, segment))
    ++rares.make(connection).sides[segment.sender].duplicate_acks;
  if (!own.ack_known || seq_distance(segment.ack, own.acked) > 0) own.acked = segment.ack;
  own.ack_known = true;
  if (!peer.fin || peer.fin_acked || seq_distance(segment.ack, connection.fin_seq[1 - segment.sender]) < 0) {
    return false;
  }
  peer.fin_acked = true;
  // The close is complete when the last FIN is acknowledged.
  return connection.ended && connection.teardown != Teardown::kReset && own.fin;
}

bool is_steady(const Connection& connection) {
  const auto open = [](const Endpoint& side) {
    return side.seq_known && side.ack_known && side.state != EndpointState::kInactive &&
           side.fin == side.fin_acked;
  };
  return !connection.ended && connection.roles_known() && connection.answered && !connection.first_only &&
         (connection.established || !connection.syn_ack_seen) && open(connection.sides[0]) &&
         open(connection.sides[1]);
}

// The usual segment: the next one of its sender.
bool is_next(const Connection& connection, const Endpoint& own, const TcpSegment& segment) {
  return connection.steady && (segment.flags & (kSyn | kFin | kRst | kAck)) == kAck &&
         segment.seq == own.next_seq && segment.window != 0 &&
         (segment.payload_bytes > 0 || segment.ack != own.acked);
}

// What track_any() comes to for it.
bool track_next(Connection& connection, Endpoint& own, const TcpSegment& segment, RarePool& rares) {
  ++own.packets;
  connection.last_time = std::max(connection.last_time, segment.time_ns);
  own.kept_alive = false;
  if (seq_distance(segment.ack, own.acked) > 0) own.acked = segment.ack;
  own.window = segment.window;
  if (segment.payload_bytes > 0 ? own.data_letter : own.ack_letter) return false;
  add_completeness(connection, segment.payload_bytes > 0 ? kSawData : kSawAck);
  note_plain_letter(connection, segment, rares);
  return true;
}

bool track_any(Connection& connection, Endpoint& own, const TcpSegment& segment, RarePool& rares) {
  ++own.packets;
  std::int64_t end = connection.ended ? end_time(connection, rares) : 0;
  connection.last_time = std::max(connection.last_time, segment.time_ns);
  // An ACK from the side that sent the SYN proves an answer, even where the other side is not captured.
  const bool acknowledges = segment.has(kAck) && !segment.has(kSyn);
  if (!connection.answered) {
    connection.answered = segment.sender != connection.first_sender || (acknowledges && !segment.has(kRst));
  }
  note_completeness(connection, segment);
  const bool believed = segment.has(kRst) && plausible_reset(connection, segment);
  note_conn_state(connection, segment, believed, rares);
  own.kept_alive = is_keep_alive(own, segment);
  if (own.kept_alive) ++rares.make(connection).sides[segment.sender].keep_alives;
  if (segment.has(kSyn)) track_syn(connection, segment, rares);
  if (acknowledges && !segment.has(kRst)) track_handshake_ack(connection, segment, rares);
  bool ends = false;
  if (segment.has(kFin)) ends = track_fin(connection, segment, rares);
  if (segment.has(kRst)) ends = track_rst(connection, segment, believed, rares) || ends;
  if (segment.has(kAck) && !segment.has(kRst)) ends = track_ack(connection, segment, rares) || ends;
  if (ends) end = segment.time_ns;
  if (connection.ended) set_end_time(connection, end, rares);
  if (segment.window == 0 && is_plain(segment)) ++rares.make(connection).sides[segment.sender].zero_windows;
  own.window = segment.window;
  if (segment.payload_bytes == 0) track_sequence(own, segment);
  connection.steady = is_steady(connection);
  return true;
}

void set_client(Connection& connection, std::uint8_t endpoint) {
  connection.client = endpoint & 3u;
  note_roles(connection);
}

}  // namespace

void begin_connection(Connection& connection, const TcpSegment& segment) {
  connection.first_time = connection.last_time = segment.time_ns;
  connection.first_seq = segment.seq;
  connection.first_sender = segment.sender & 1u;
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
  if (own.syn) return connection.isn[segment.sender] != segment.seq;
  // A SYN from the other side is a simultaneous open as long as nothing else came.
  return !(connection.unanswered() && connection.sides[1 - segment.sender].syn);
}

bool track(Connection& connection, const TcpSegment& segment, RarePool& rares) {
  Endpoint& own = connection.sides[segment.sender];
  return is_next(connection, own, segment) ? track_next(connection, own, segment, rares)
                                           : track_any(connection, own, segment, rares);
}

void move_last_time(Connection& connection, std::int64_t time_ns, RarePool& rares) {
  if (time_ns <= connection.last_time) return;
  const std::int64_t end = connection.ended ? end_time(connection, rares) : 0;
  connection.last_time = time_ns;
  if (connection.ended) set_end_time(connection, end, rares);
}

std::int64_t end_time(const Connection& connection, const RarePool& rares) {
  const RareDetails& rare = rares.of(connection);
  return rare.end_apart ? rare.end_time : connection.last_time;
}

std::optional<Handshake> handshake_of(const Connection& connection, const RarePool& rares) {
  if (!connection.established || !connection.handshake_timed) return std::nullopt;
  const std::int64_t syn = handshake_time(connection, HandshakeStep::kSyn, rares);
  const std::int64_t syn_ack = handshake_time(connection, HandshakeStep::kSynAck, rares);
  const std::int64_t ack = handshake_time(connection, HandshakeStep::kAck, rares);
  if (ack < syn_ack) return std::nullopt;
  return Handshake{syn_ack - syn, ack - syn_ack};
}

std::int64_t established_at(const Connection& connection, const RarePool& rares) {
  return handshake_time(connection, HandshakeStep::kAck, rares);
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
