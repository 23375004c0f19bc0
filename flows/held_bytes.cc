// What a conversation keeps back until the other direction has come as far, and what it gives up: at last,
// all that is missing.
#include <algorithm>
#include <limits>

#include "flows/exchange.h"
#include "flows/http_conversation.h"

namespace tapline {
namespace {

// How long bytes are kept back for those of the other direction that they acknowledge.
constexpr std::uint8_t kPatience = 8;                // segments of the connection
constexpr std::int64_t kPatienceTime = 100'000'000;  // ns

}  // namespace

bool HttpConversation::holds(const BytePool& pool) const {
  return halves_[0].reassembler.held(pool) || halves_[1].reassembler.held(pool);
}

std::int64_t HttpConversation::held_until(const BytePool& pool) const {
  std::int64_t since = std::numeric_limits<std::int64_t>::max();
  for (const Half& half : halves_) {
    if (half.reassembler.held(pool)) since = std::min(since, half.reassembler.first_origin(pool).time_ns);
  }
  return since + kPatienceTime;
}

void HttpConversation::pass_time(FlowContext& context, Connection& connection, std::int64_t time_ns) {
  if (!holds(context.pool) || time_ns < held_until(context.pool)) return;
  const std::array before = troubles();
  release_held(context, connection, time_ns);
  settle(context, connection, before);
  tell_connection(context.pool, connection);
}

// Hands out what each direction kept back until the other had come as far as it acknowledges.
bool HttpConversation::release_ready(FlowContext& context, Connection& connection) {
  bool any = false;
  for (bool more = true; more;) {
    more = false;
    for (std::uint8_t endpoint = 0; endpoint < 2; ++endpoint) {
      Half& half = halves_[endpoint];
      if (!half.reassembler.held(context.pool)) continue;
      Exchange exchange(context, connection, *this, endpoint);
      more = half.reassembler.release(context.pool, rare_[endpoint].account, exchange) || more;
    }
    any = any || more;
  }
  return any;
}

// Bytes that acknowledge what was never captured are held back only for a while: either what they acknowledge
// comes late (two queues of a NIC, two directions of a tap), or it was lost.
void HttpConversation::release_held(FlowContext& context, Connection& connection, std::int64_t time_ns) {
  release_ready(context, connection);
  const auto held = [&](std::uint8_t endpoint) { return halves_[endpoint].reassembler.held(context.pool); };
  const auto since = [&](std::uint8_t endpoint) -> const Origin& {
    return halves_[endpoint].reassembler.first_origin(context.pool);
  };
  if (!held(0) && !held(1)) {
    held_for_ = 0;
    return;
  }
  ++held_for_;
  while (held(0) || held(1)) {
    const std::uint8_t first = !held(1) || (held(0) && since(0).time_ns <= since(1).time_ns) ? 0 : 1;
    const Origin origin = since(first);
    if (held_for_ < kPatience && time_ns < origin.time_ns + kPatienceTime) return;
    const auto other = static_cast<std::uint8_t>(1 - first);
    Exchange exchange(context, connection, *this, other);
    halves_[other].reassembler.skip_to(context.pool, origin.ack, rare_[other].account, exchange);
    if (!release_ready(context, connection)) {  // both wait for each other: the older goes first
      Exchange forced(context, connection, *this, first, true);
      halves_[first].reassembler.release(context.pool, rare_[first].account, forced);
    }
  }
  held_for_ = 0;
}

// Gives up every hole, in the order of what waits behind them.
void HttpConversation::read_rest(FlowContext& context, Connection& connection) {
  for (;;) {
    release_held(context, connection, std::numeric_limits<std::int64_t>::max());
    const auto waits = [this](std::uint8_t endpoint) { return halves_[endpoint].reassembler.waiting(); };
    const auto origin = [&](std::uint8_t endpoint) {
      return halves_[endpoint].reassembler.first_origin(context.pool);
    };
    if (!waits(0) && !waits(1)) return;
    const std::uint8_t first = !waits(1) || (waits(0) && origin(0).time_ns <= origin(1).time_ns) ? 0 : 1;
    Half& half = halves_[first];
    Exchange exchange(context, connection, *this, first);
    half.reassembler.skip_to(context.pool, origin(first).seq, rare_[first].account, exchange);
  }
}

// Gives up what was sent behind the last bytes that came: up to the FIN, or to what the other side has
// received. Nothing came after it that would have told.
void HttpConversation::give_up_tail(FlowContext& context, Connection& connection, std::uint8_t endpoint) {
  Half& half = halves_[endpoint];
  const Endpoint& side = connection.sides[endpoint];
  const Endpoint& peer = connection.sides[1 - endpoint];
  if (!half.reassembler.started()) return;
  StreamAccount& account = rare_[endpoint].account;
  const StreamAccount before = account;
  if (half.stream.opaque()) {
    if (!half.sequence.started()) half.sequence.start(half.reassembler.next());
    std::uint32_t end = half.sequence.next();
    if ((side.fin || peer.ack_known) && !half.ended)
      end = side.fin ? connection.fin_seq[endpoint] - 1 : peer.acked;
    half.sequence.finish(context.pool,
                         seq_distance(end, half.sequence.next()) > kFarthest ? half.sequence.next() : end,
                         account);
    GapCounters& gaps =
        connection.is_client(endpoint) ? context.counters.client_gaps : context.counters.server_gaps;
    gaps.count += account.holes - before.holes;
    // Those of holes that were given up before are counted.
    const std::uint64_t missed = account.missed_bytes - before.missed_bytes;
    gaps.bytes += missed - std::min(missed, rare_[endpoint].unsettled);
    return note_gaps(context.rares, connection, endpoint, before.holes);
  }
  if (half.ended || (!side.fin && !peer.ack_known)) return;
  const std::uint32_t end = side.fin ? connection.fin_seq[endpoint] - 1 : peer.acked;
  if (seq_distance(end, half.reassembler.next()) > kFarthest) return;
  Exchange exchange(context, connection, *this, endpoint);
  half.reassembler.skip_to(context.pool, end, account, exchange);
  note_gaps(context.rares, connection, endpoint, before.holes);
}

}  // namespace tapline
