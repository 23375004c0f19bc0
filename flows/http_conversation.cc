#include "flows/http_conversation.h"

#include <algorithm>

#include "flows/conn_state.h"
#include "flows/exchange.h"
#include "flows/tcp_tracker.h"
#include "flows/tls_client_hello.h"

namespace tapline {
namespace {

Origin origin_of(const TcpSegment& segment) {
  return {segment.time_ns, segment.ordinal, segment.payload_seq(), segment.ack, segment.has(kAck)};
}

std::string_view text_of(const TcpSegment& segment) {
  return {reinterpret_cast<const char*>(segment.payload.data()), segment.payload.size()};
}

}  // namespace

bool HttpConversation::prefetch_message(const BytePool& pool, const TcpSegment& segment) const {
  const Half& half = halves_[segment.sender];
  const bool head = half.current == BytePool::kNull;
  if (head || !half.knows_read(segment.ack, segment.has(kAck))) {
    prefetch_line(this);
    prefetch_line(&halves_[1 - segment.sender]);
  }
  if (head) {
    prefetch_line(&half.first_seq);
    return false;
  }
  const auto& transaction = *reinterpret_cast<const Transaction*>(pool.at(half.current));
  prefetch_line(half.stream.response() ? &transaction.response : &transaction.request);
  return true;
}

void HttpConversation::begin(Connection& connection) {
  for (std::uint8_t endpoint = 0; endpoint < 2; ++endpoint) {
    Endpoint& side = connection.sides[endpoint];
    side.settled = true;
    Half& half = halves_[endpoint];
    half.stream.start(!connection.is_client(endpoint), !side.syn);
    if (side.syn) half.reassembler.start(connection.isn[endpoint] + 1);
    if (side.bytes > 0) {  // counted before it was known who is the client
      half.first_seq = side.next_seq - static_cast<std::uint32_t>(side.bytes);
      half.begun = true;
    }
  }
}

void HttpConversation::other_segment(FlowContext& context, Connection& connection,
                                     const TcpSegment& segment) {
  if (segment.payload_bytes == 0 && connection.settled()) {  // behind a FIN
    measure_acknowledged(connection, segment);
    return end_streams(context, connection);
  }
  if (goes_on(connection, segment) && read_on(context, connection, segment)) return;
  any_segment(context, connection, segment);
  tell_connection(context.pool, connection);
}

void HttpConversation::any_segment(FlowContext& context, Connection& connection, const TcpSegment& segment) {
  const auto other = static_cast<std::uint8_t>(1 - segment.sender);
  const std::array before = troubles();
  // First what it acknowledges: a hole that the other side has received data for will not be filled.
  if (Half& half = halves_[other]; half.reassembler.waiting() && segment.has(kAck)) {
    Exchange exchange(context, connection, *this, other);
    half.reassembler.acknowledged(context.pool, segment.ack, rare_[other].account, exchange);
  }
  if (segment.has(kAck)) {
    halves_[other].sequence.acknowledged(context.pool, segment.ack, rare_[other].account);
  }
  measure_acknowledged(connection, segment);
  if (segment.payload_bytes > 0 && !connection.sides[segment.sender].kept_alive) {
    measure_sent(connection, segment);
    payload(context, connection, segment);
  }
  if (halves_[0].reassembler.waiting() || halves_[1].reassembler.waiting()) {
    release_held(context, connection, segment.time_ns);
  }
  settle(context, connection, before);
}

std::array<HttpConversation::Troubles, 2> HttpConversation::troubles() const {
  return {{{rare_[0].account.holes, rare_[0].account.refused},
           {rare_[1].account.holes, rare_[1].account.refused}}};
}

// Nothing waits or is missing, and what comes is read next: as nearly all payload finds it.
bool HttpConversation::goes_on(const Connection& connection, const TcpSegment& segment) const {
  const Half& half = halves_[segment.sender];
  return connection.settled() && segment.payload_bytes > 0 && half.reassembler.started() &&
         !half.stream.opaque() && segment.payload_seq() == half.reassembler.next() &&
         segment.payload.size() == segment.payload_bytes && !connection.sides[segment.sender].kept_alive;
}

// REQUIRES: goes_on(). False: what it acknowledges has not been read, and nothing was done.
bool HttpConversation::read_on(FlowContext& context, Connection& connection, const TcpSegment& segment) {
  const std::uint8_t sender = segment.sender;
  Half& half = halves_[sender];
  Endpoint& side = connection.sides[sender];
  const Origin origin = origin_of(segment);
  Exchange exchange(context, connection, *this, sender);
  const bool known = half.knows_read(origin.ack, origin.has_ack);
  if (!known && !exchange.ready(origin)) return false;
  measure_acknowledged(connection, segment);
  measure_sent(connection, segment);
  if (!half.early_over) {
    begin_half(half);
    note_early(half, side);
  }
  half.reassembler.come_to(segment.payload_seq() + segment.payload_bytes);
  exchange.data(text_of(segment), origin, true);
  if (!known) {
    half.read_ack = origin.ack;
    half.acks_read = exchange.has_read(origin);
  }
  side.bytes += segment.payload_bytes;
  track_sequence(side, segment);
  // Where both directions are read no further, this one is not either.
  if (half.stream.opaque() || connection.fin_seen()) end_streams(context, connection);
  return true;
}

// Ends what has come to its FIN, and what is no HTTP. REQUIRES: nothing waits.
void HttpConversation::end_streams(FlowContext& context, Connection& connection) {
  for (std::uint8_t endpoint = 0; endpoint < 2; ++endpoint) {
    const Half& half = halves_[endpoint];
    Endpoint& side = connection.sides[endpoint];
    if (side.fin && !half.ended) check_end(context, connection, endpoint);
    if (!half.stream.opaque() || half.let_go) continue;
    let_go(context.pool, connection, endpoint);
    side.settled = half.let_go;
  }
}

void HttpConversation::end_round_trips(Connection& connection, const TcpSegment& segment) {
  const auto peer = static_cast<std::uint8_t>(1 - segment.sender);
  RoundTripMeter& round_trips = halves_[peer].round_trips;
  round_trips.acknowledged(segment.ack, segment.time_ns);
  connection.sides[peer].timed = round_trips.waits();
}

// REQUIRES: payload that is no keep-alive; before payload(), which moves the numbers on.
void HttpConversation::measure_sent(Connection& connection, const TcpSegment& segment) {
  Endpoint& own = connection.sides[segment.sender];
  const Endpoint& peer = connection.sides[1 - segment.sender];
  RoundTripMeter& round_trips = halves_[segment.sender].round_trips;
  const std::uint32_t end = segment.payload_seq() + segment.payload_bytes;
  if (own.seq_known && seq_distance(segment.payload_seq(), own.next_seq) < 0) {
    round_trips.sent_again();
  } else if (!peer.ack_known || seq_distance(end, peer.acked) > 0) {
    round_trips.sent(end, segment.time_ns);
    own.timed = true;
  }
}

// Says what later segments need not ask.
void HttpConversation::tell_connection(const BytePool& pool, Connection& connection) const {
  for (std::uint8_t endpoint = 0; endpoint < 2; ++endpoint) {
    const Half& half = halves_[endpoint];
    connection.sides[endpoint].settled =
        !half.reassembler.waiting() && (!half.stream.opaque() || half.let_go);
  }
  connection.holds_bytes = holds(pool);
}

void HttpConversation::note_gaps(RarePool& rares, Connection& connection, std::uint8_t endpoint,
                                 std::uint32_t holes_before) const {
  for (std::uint32_t i = holes_before; i != rare_[endpoint].account.holes; ++i)
    note_gap(connection, endpoint, rares);
}

// What follows from bytes that have come out.
void HttpConversation::settle(FlowContext& context, Connection& connection,
                              const std::array<Troubles, 2>& before) {
  for (std::uint8_t endpoint = 0; endpoint < 2; ++endpoint) {
    note_gaps(context.rares, connection, endpoint, before[endpoint].holes);
    context.counters.reassembly_refused += rare_[endpoint].account.refused - before[endpoint].refused;
    check_end(context, connection, endpoint);
    let_go(context.pool, connection, endpoint);
  }
}

// What is read no further keeps no bytes, only their numbers.
void HttpConversation::let_go(BytePool& pool, const Connection& connection, std::uint8_t endpoint) {
  Half& half = halves_[endpoint];
  if (!half.stream.opaque()) return;
  if (!half.reassembler.whole()) {
    hand_over(pool, endpoint);
  } else if (half.reassembler.started() && !half.sequence.started()) {
    half.sequence.start(half.reassembler.next());
  }
  if (connection.is_client(endpoint)) release_hello(pool);
  half.let_go = half.sequence.whole();
}

// Goes on counting what is missing, and lets go of what waits.
void HttpConversation::hand_over(BytePool& pool, std::uint8_t endpoint) {
  Half& half = halves_[endpoint];
  if (!half.sequence.started()) {
    const HoleList lost = half.reassembler.hand_over_lost();
    Rare& rare = rare_[endpoint];
    rare.unsettled = lost.size(pool);  // they may still come
    rare.account.missed_bytes -= rare.unsettled;
    half.sequence.start(pool, half.reassembler.next(), lost);
    StreamAccount counted;  // when they came
    half.reassembler.for_each_kept(pool, [&](std::uint32_t seq, std::uint32_t length) {
      half.sequence.add(pool, seq, length, counted);
    });
    rare.account.missed_bytes += counted.missed_bytes;
  }
  half.reassembler.clear(pool);
}

void HttpConversation::release_hello(BytePool& pool) {
  pool.release(hello_, sizeof(ClientHelloReader));
  hello_ = BytePool::kNull;
}

void HttpConversation::release(BytePool& pool) {
  release_hello(pool);
  for (Half& half : halves_) {
    half.reassembler.clear(pool);
    half.sequence.release(pool);
  }
  pool.release(server_name_, server_name_size_);
  server_name_ = BytePool::kNull;
}

// Where a stream goes on whose SYN was not captured: the client's where the SYN+ACK says, the server's where
// the waiting request says, or else with the first payload.
std::uint32_t HttpConversation::stream_start(const Connection& connection, const TcpSegment& segment) const {
  const Endpoint& peer = connection.sides[1 - segment.sender];
  const bool client = connection.is_client(segment.sender);
  const bool told = client ? peer.syn && peer.ack_known : burst_known_;
  const std::uint32_t start = client ? peer.acked : burst_ack_;
  return told && seq_distance(segment.payload_seq(), start) > 0 ? start : segment.payload_seq();
}

// REQUIRES: reassembler.started().
void HttpConversation::begin_half(Half& half) {
  if (!half.begun) half.first_seq = half.reassembler.next();
  half.begun = true;
}

// Nothing can come before the first bytes any more. For each segment with payload, before the numbers come
// round.
void HttpConversation::note_early(Half& half, const Endpoint& side) {
  half.early_over = half.early_over || side.syn || seq_distance(side.next_seq, half.first_seq) > kFarthest;
}

// Where the SYN was not captured, what comes behind the first bytes can stand before them: sent earlier, or
// sent again from before the capture. The stream is read from its first segment on, so they only count. Takes
// them off `piece`.
std::uint32_t HttpConversation::take_early(BytePool& pool, const Endpoint& side, std::uint8_t sender,
                                           Piece& piece) {
  Half& half = halves_[sender];
  StreamAccount& account = rare_[sender].account;
  note_early(half, side);
  const std::int32_t before = seq_distance(half.first_seq, piece.origin.seq);
  if (half.early_over || before <= 0 || before > kFarthest) return 0;
  const std::uint32_t early = std::min(static_cast<std::uint32_t>(before), piece.length);
  if (const std::uint32_t end = piece.origin.seq + piece.length;
      end != half.first_seq && early == piece.length) {
    half.stream.opaque() ? half.sequence.lack_early(pool, end, half.first_seq, account)
                         : half.reassembler.lack_early(pool, end, half.first_seq, account);
  }
  half.first_seq = piece.origin.seq;
  ++account.out_of_order;
  account.out_of_order_bytes += early;
  piece.trim_front(early);
  return early;
}

void HttpConversation::payload(FlowContext& context, Connection& connection, const TcpSegment& segment) {
  Half& half = halves_[segment.sender];
  StreamAccount& account = rare_[segment.sender].account;
  Endpoint& side = connection.sides[segment.sender];
  const Endpoint& peer = connection.sides[1 - segment.sender];
  if (!half.reassembler.started()) half.reassembler.start(stream_start(connection, segment));
  begin_half(half);
  Piece piece;
  piece.origin = origin_of(segment);
  piece.length = segment.payload_bytes;
  piece.bytes = text_of(segment);
  if (half.stream.opaque() && !half.sequence.started()) half.sequence.start(half.reassembler.next());
  side.bytes += take_early(context.pool, side, segment.sender, piece);
  if (half.stream.opaque()) {
    if (piece.length > 0)
      side.bytes += half.sequence.add(context.pool, piece.origin.seq, piece.length, account);
  } else if (piece.length > 0) {
    Exchange exchange(context, connection, *this, segment.sender);
    side.bytes += half.reassembler.accept(context.pool, piece, peer.ack_known, account, exchange);
    // What it left open may have been acknowledged before it came.
    if (half.reassembler.waiting() && peer.ack_known) {
      half.reassembler.acknowledged(context.pool, peer.acked, account, exchange);
    }
  }
  track_sequence(side, segment);
}

// The FIN counts once everything before it has come out.
void HttpConversation::check_end(FlowContext& context, Connection& connection, std::uint8_t endpoint) {
  Half& half = halves_[endpoint];
  const Endpoint& side = connection.sides[endpoint];
  if (half.ended || !side.fin || half.stream.opaque()) return;
  if (half.reassembler.started() &&
      seq_distance(connection.fin_seq[endpoint] - 1, half.reassembler.next()) > 0)
    return;
  half.ended = true;
  Exchange(context, connection, *this, endpoint).end_of_stream();
}

void HttpConversation::finish(FlowContext& context, Connection& connection, CloseReason reason) {
  if (halves_[0].reassembler.waiting() || halves_[1].reassembler.waiting()) read_rest(context, connection);
  for (std::uint8_t endpoint = 0; endpoint < 2; ++endpoint) {
    if (halves_[endpoint].ended && halves_[endpoint].let_go) continue;
    give_up_tail(context, connection, endpoint);
    check_end(context, connection, endpoint);
    StreamContext streams{context.pool, context.counters, context.options.max_head};
    Exchange exchange(context, connection, *this, endpoint);
    halves_[endpoint].stream.abandon(streams, exchange,
                                     reason == CloseReason::kFin || reason == CloseReason::kRst);
  }
  Exchange(context, connection, *this, connection.client).flush(reason);
}

}  // namespace tapline
