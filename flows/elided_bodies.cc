// What the source of frames leaves out of bodies: when it is asked to, and how what it left out counts.
//
// A run is ahead of the frames: when its bytes are counted, frames from before it may not have been handled
// yet, and would look late. So its bytes wait until the direction has come to where the run starts, or until
// a segment shows that nothing before it will come any more.
#include <algorithm>
#include <limits>

#include "flows/conn_state.h"
#include "flows/exchange.h"
#include "flows/tcp_tracker.h"

namespace tapline {
namespace {

constexpr std::uint64_t kLargestRange = 1u << 30;  // bytes

// The segment was sent when the run had begun, or acknowledges what was.
bool is_behind(const TcpSegment& segment, std::uint8_t sender, const ElidedRun& run) {
  if (!is_plain(segment)) return true;
  if (segment.sender != sender) return segment.has(kAck) && seq_distance(segment.ack, run.first) > 0;
  return segment.payload_bytes > 0 && seq_distance(segment.seq + segment.payload_bytes, run.first) > 0;
}

// The run is over, and the segment is what ended it, or one behind that. Until it has come, another run would
// be told of before it.
bool ends_run(const TcpSegment& segment, const Endpoint& own, std::uint8_t sender, const ElidedRun& run,
              std::uint32_t range_end) {
  if (!run.over) return false;
  if (!is_plain(segment)) return true;
  const std::uint32_t limit = run.packets > 0 ? run.next + 1 : range_end;
  if (seq_distance(own.next_seq, limit) >= 0) return true;
  if (segment.sender != sender) return false;
  const std::uint32_t end = segment.seq + segment.payload_bytes;
  const bool keep_alive = segment.payload_bytes <= 1 && segment.seq == run.next - 1;
  return seq_distance(end, limit) >= 0 || (run.packets > 0 && keep_alive) || !segment.has(kAck) ||
         segment.has(kUrg);
}

}  // namespace

// Where the direction has come to, holes or not.
std::uint32_t HttpConversation::position(const Half& half) {
  return half.sequence.started() ? half.sequence.next() : half.reassembler.next();
}

void HttpConversation::take_elided(FlowContext& context, Connection& connection, const TcpSegment* next) {
  const std::array before = troubles();
  for (std::uint8_t sender = 0; sender < 2; ++sender) {
    if (!halves_[sender].armed) continue;
    ElidedRun run = context.elision->read(*place_, sender);
    const bool behind = next != nullptr && is_behind(*next, sender, run);
    const Ring ring = behind ? Ring::kBehind : Ring::kBefore;
    // The source's clock may be ahead of the one that stamps frames.
    if (behind && ends_run(*next, connection.sides[sender], sender, run, rare_[sender].range.end)) {
      run.time = std::min(run.time, next->time_ns);
      run.ack_time = std::min(run.ack_time, next->time_ns);
    }
    count_elided(context, connection, sender, run, ring);
  }
  settle(context, connection, before);
  tell_connection(context.pool, connection);
}

void HttpConversation::count_elided(FlowContext& context, Connection& connection, std::uint8_t sender,
                                    const ElidedRun& run, Ring ring) {
  if (run.packets == 0) return;
  Half& half = halves_[sender];
  Half& other = halves_[1 - sender];
  ArmedRange& armed = rare_[sender].range;
  Endpoint& own = connection.sides[sender];
  Endpoint& peer = connection.sides[1 - sender];
  const std::uint32_t packets = run.packets - armed.packets, acks = run.acks - armed.acks;
  armed.packets = run.packets;
  armed.acks = run.acks;
  own.packets += packets;
  peer.packets += acks;
  rare_[sender].elided.packets += packets;
  rare_[1 - sender].elided.packets += acks;
  context.counters.elided += packets + acks;
  if (packets > 0) {
    own.kept_alive = false;
    move_last_time(connection, run.time, context.rares);
  }
  if (acks > 0) {
    peer.kept_alive = false;
    peer.window = run.ack_window;
    move_last_time(connection, run.ack_time, context.rares);
  }
  if (packets + acks > 0) {  // when what waits was acknowledged is not known any more
    half.round_trips.sent_again();
    other.round_trips.sent_again();
  }
  if (!armed.all_taken(run) &&
      (ring == Ring::kBehind || position(half) == (armed.bytes_taken ? armed.next : run.first))) {
    take_bytes(context, connection, sender, run);
  }
  // What an acknowledgement is of must have been counted; then it gives up no hole that a frame still fills.
  if (run.acks > 0 && seq_distance(position(half), run.ack) >= 0 && seq_distance(run.ack, peer.acked) > 0)
    peer.acked = run.ack;
}

void HttpConversation::take_bytes(FlowContext& context, Connection& connection, std::uint8_t sender,
                                  const ElidedRun& run) {
  Half& half = halves_[sender];
  ArmedRange& armed = rare_[sender].range;
  Endpoint& own = connection.sides[sender];
  Piece piece;
  piece.origin.time_ns = run.time;
  piece.origin.seq = armed.bytes_taken ? armed.next : run.first;
  piece.length = run.next - piece.origin.seq;
  piece.bytes = "";  // no null: none of them is copied from there
  piece.segment_start = false;
  piece.elided = true;
  armed.bytes_taken = true;
  armed.next = run.next;
  rare_[sender].elided.bytes += piece.length;
  context.counters.elided_bytes += piece.length;
  if (half.stream.opaque()) {
    own.bytes += half.sequence.add(context.pool, piece.origin.seq, piece.length, rare_[sender].account);
  } else {
    Exchange exchange(context, connection, *this, sender);
    const bool acks_seen = connection.sides[1 - sender].ack_known;
    own.bytes += half.reassembler.accept(context.pool, piece, acks_seen, rare_[sender].account, exchange);
  }
  if (seq_distance(run.next, own.next_seq) > 0) own.next_seq = run.next;
}

// Nothing may be left out that would be the first of its kind: a letter of the history, a bit of the
// completeness, a state.
bool HttpConversation::may_elide(FlowContext& context, Connection& connection, std::uint8_t sender) {
  const Half& half = halves_[sender];
  const std::uint64_t ahead = half.stream.body_ahead();
  if (ahead <= context.options.elide_above || half.reassembler.waiting()) return false;
  // Places are few: what has no end that is known, and is mostly short, must have shown that it is long.
  const bool endless = ahead == std::numeric_limits<std::uint64_t>::max();
  if (endless && connection.sides[sender].bytes <= context.options.elide_above) return false;
  if (connection.fin_seen() || connection.ended || connection.sides[0].rst || connection.sides[1].rst)
    return false;
  if (!half.begun || connection.sides[sender].kept_alive || !connection.sides[sender].data_letter)
    return false;
  if (half.stream.opaque() && !half.sequence.started()) return false;
  return Exchange(context, connection, *this, sender).unread_ahead() > context.options.elide_above;
}

void HttpConversation::elide(FlowContext& context, Connection& connection, const TcpSegment& segment) {
  for (std::uint8_t sender = 0; sender < 2; ++sender) {
    Half& half = halves_[sender];
    if (half.armed) keep_armed(context, connection, sender, segment);
    if (half.armed || !may_elide(context, connection, sender)) continue;
    if (!place_) place_ = context.elision->claim(connection.key);
    if (!place_) continue;
    const Endpoint& peer = connection.sides[1 - sender];
    ElisionRange range;
    range.begin = position(half);
    range.end = range.begin + static_cast<std::uint32_t>(std::min(half.stream.body_ahead(), kLargestRange));
    range.acks = peer.seq_known && peer.ack_letter && (connection.established || !connection.syn_ack_seen);
    range.ack_sequence = peer.next_seq;
    half.armed = true;
    rare_[sender].range = ArmedRange();
    rare_[sender].range.end = range.end;
    context.elision->arm(*place_, sender, range);
  }
  if (place_ && !halves_[0].armed && !halves_[1].armed) {
    context.elision->release(*place_);
    place_.reset();
  }
  tell_connection(context.pool, connection);
}

// Disarms a direction whose run has come to its end, or whose body has.
void HttpConversation::keep_armed(FlowContext& context, Connection& connection, std::uint8_t sender,
                                  const TcpSegment& segment) {
  const Half& half = halves_[sender];
  const ArmedRange& range = rare_[sender].range;
  const ElidedRun run = context.elision->read(*place_, sender);
  const bool closing =
      connection.fin_seen() || connection.ended;  // the filter may not have seen it: fragments
  const bool body_over = half.stream.body_ahead() == 0 || seq_distance(position(half), range.end) >= 0;
  const bool run_over =
      run.over && range.all_taken(run) && ends_run(segment, connection.sides[sender], sender, run, range.end);
  if (body_over || run_over || closing) return disarm(context, connection, sender);
  context.elision->set_ack_sequence(*place_, sender, connection.sides[1 - sender].next_seq);
}

void HttpConversation::disarm(FlowContext& context, Connection& connection, std::uint8_t sender) {
  count_elided(context, connection, sender, context.elision->stop(*place_, sender), Ring::kBehind);
  halves_[sender].armed = false;
}

void HttpConversation::stop_eliding(FlowContext& context, Connection& connection) {
  const std::array before = troubles();
  for (std::uint8_t sender = 0; sender < 2; ++sender) {
    if (halves_[sender].armed) disarm(context, connection, sender);
  }
  context.elision->release(*place_);
  place_.reset();
  settle(context, connection, before);
  tell_connection(context.pool, connection);
}

}  // namespace tapline
