// Which response answers which request; exchange.h has the rules.
#include <algorithm>
#include <utility>

#include "flows/exchange.h"

namespace tapline {
namespace {

// An acknowledgement further ahead than this is no TCP that works, and nothing is waited for on its account.
constexpr std::int32_t kFarthestAck = 1 << 26;

}  // namespace

bool Exchange::ready(const Origin& origin) const {
  const auto other = static_cast<std::uint8_t>(1 - endpoint_);
  const HttpConversation::Half& half = conversation_.halves_[other];
  if (forced_ || !origin.has_ack || !half.reassembler.started() || half.stream.opaque()) return true;
  const std::int32_t unread = seq_distance(origin.ack, half.reassembler.next());
  if (unread <= 0 || unread > kFarthestAck) return true;
  const Endpoint& side = connection_.sides[other];
  return side.fin && origin.ack == connection_.fin_seq[other] &&
         unread == 1;  // all that is unread is the FIN
}

BytePool::Handle Exchange::oldest_waiting() const {
  BytePool::Handle handle = conversation_.oldest_;
  while (handle != BytePool::kNull && !at(handle).waits()) handle = at(handle).next;
  return handle;
}

bool Exchange::answered_by(const Transaction& transaction, const Origin& first) const {
  if (first.has_ack && seq_distance(first.ack, transaction.request_seq) <= 0) return false;
  return !transaction.request_has_ack || seq_distance(first.seq, transaction.request_ack) >= 0;
}

BytePool::Handle Exchange::pair(const Origin& first, bool& loose) const {
  const BytePool::Handle handle = oldest_waiting();
  loose = false;
  if (handle == BytePool::kNull || !answered_by(at(handle), first)) return BytePool::kNull;
  const bool exact = at(handle).request_has_ack && first.seq == at(handle).request_ack;
  // Behind a hole, what starts exactly where the client had received everything is the first response of its
  // burst; it is the request's if that is the first of the burst.
  loose = conversation_.loose_ != BytePool::kNull || at(handle).request_hole ||
          (conversation_.response_hole_ && !exact);
  return loose ? BytePool::kNull : handle;
}

// Where the waiting requests say that a response starts, or among several of them.
bool Exchange::on_candidate(const Origin& first) {
  if (!response_) return true;
  if (!conversation_.burst_known_) return true;  // no request was seen: nothing contradicts
  const BytePool::Handle handle = oldest_waiting();
  if (handle == BytePool::kNull) return false;  // nothing that was asked waits for an answer
  const Transaction& oldest = at(handle);
  if (oldest.request_has_ack && first.seq == oldest.request_ack) return true;
  const bool several = oldest.next != BytePool::kNull || oldest.request_hole || conversation_.request_hole_;
  conversation_.candidate_ = several || conversation_.overlapping_;
  return conversation_.candidate_;
}

BytePool::Handle Exchange::add_loose() {
  const BytePool::Handle handle = context_.pool.allocate(sizeof(Transaction));
  if (handle == BytePool::kNull) {
    ++context_.counters.reassembly_refused;
    return handle;
  }
  new (context_.pool.at(handle)) Transaction();
  at(handle).loose = true;
  BytePool::Handle last = conversation_.loose_;
  while (last != BytePool::kNull && at(last).next != BytePool::kNull) last = at(last).next;
  (last == BytePool::kNull ? conversation_.loose_ : at(last).next) = handle;
  return handle;
}

// A request that acknowledges more than those before it was sent after responses to them had come.
void Exchange::begin_burst(const Origin& first) {
  if (!first.has_ack) return;
  if (conversation_.burst_known_ && seq_distance(first.ack, conversation_.burst_ack_) <= 0) return;
  const BytePool::Handle waiting = oldest_waiting();
  // The client acknowledges responses of which nothing was captured, or what is no HTTP.
  const HttpConversation::Half& other = conversation_.halves_[1 - endpoint_];
  const bool unseen = !other.reassembler.started() || other.stream.opaque();
  const bool in_doubt =
      conversation_.loose_ != BytePool::kNull ||
      (waiting != BytePool::kNull && (unseen || conversation_.response_hole_ || at(waiting).request_hole));
  if (in_doubt) {
    resolve(first.ack);
    give_up_waiting();
  } else if (waiting != BytePool::kNull && conversation_.burst_known_) {
    conversation_.overlapping_ = true;
  }
  conversation_.burst_ack_ = first.ack;
  conversation_.burst_known_ = true;
  if (seq_distance(conversation_.response_hole_end_, first.ack) <= 0) conversation_.response_hole_ = false;
}

bool Exchange::ends_at(const Transaction& response, std::uint32_t seq) const {
  return response.response.done &&
         response.response_seq + static_cast<std::uint32_t>(response.response.bytes) == seq;
}

// The burst is over. `received`: where the client had received everything, if that is known. Requests that
// still wait had a response that was not captured, if anything of the responses was not.
void Exchange::resolve(std::optional<std::uint32_t> received) {
  BytePool::Handle last = conversation_.loose_;
  while (last != BytePool::kNull && at(last).next != BytePool::kNull) last = at(last).next;
  const bool in_doubt = last != BytePool::kNull || conversation_.response_hole_;
  // Requests that are missing behind the newest may be of its burst.
  if (last != BytePool::kNull && received && !conversation_.request_hole_ && !conversation_.overlapping_ &&
      ends_at(at(last), *received)) {
    match_from_the_end();
  }
  adopt_loose();
  if (in_doubt) give_up_waiting();
}

// Pairs waiting requests and loose responses, the last of each first, up to a hole in either.
void Exchange::match_from_the_end() {
  // Of each, those behind the last hole, and all of them.
  std::size_t requests = 0, responses = 0, skip_requests = 0, skip_responses = 0;
  for (BytePool::Handle i = oldest_waiting(); i != BytePool::kNull; i = at(i).next) {
    if (!at(i).waits()) continue;
    requests = at(i).request_hole ? 1 : requests + 1;
    ++skip_requests;
  }
  for (BytePool::Handle i = conversation_.loose_; i != BytePool::kNull; i = at(i).next) {
    responses = at(i).response_hole ? 1 : responses + 1;
    ++skip_responses;
  }
  const std::size_t pairs = std::min(requests, responses);
  skip_requests -= pairs;
  skip_responses -= pairs;

  BytePool::Handle response = conversation_.loose_, before = BytePool::kNull;
  for (; skip_responses > 0; --skip_responses) {
    before = response;
    response = at(response).next;
  }
  for (BytePool::Handle i = oldest_waiting(); i != BytePool::kNull && response != BytePool::kNull;) {
    const BytePool::Handle next = at(i).next;
    const bool waits = at(i).waits();
    if (waits && skip_requests > 0) {
      --skip_requests;
    } else if (waits) {
      const BytePool::Handle from = response;
      response = at(from).next;
      (before == BytePool::kNull ? conversation_.loose_ : at(before).next) = response;
      join(at(i), at(from), from, i);
      settle(i);
    }
    i = next;
  }
}

// Moves a loose response to its request.
void Exchange::join(Transaction& request, Transaction& response, BytePool::Handle from, BytePool::Handle to) {
  request.response = std::exchange(response.response, MessageRecord());
  request.status = response.status;
  request.gap_bytes += response.gap_bytes;
  request.incomplete |=
      response.incomplete & static_cast<std::uint8_t>(kMissingResponseHead | kMissingResponseBody);
  request.end_unknown = response.end_unknown;
  request.closed_early = response.closed_early;
  if (responding() == from) responding() = to;
  free_transaction(from);
}

BytePool::Handle Exchange::take_oldest_loose() {
  const BytePool::Handle handle = conversation_.loose_;
  conversation_.loose_ = at(handle).next;
  at(handle).next = BytePool::kNull;
  return handle;
}

// Loose responses that found no request are transactions of their own; what only looked like one is none.
void Exchange::adopt_loose() {
  while (conversation_.loose_ != BytePool::kNull) {
    const BytePool::Handle handle = take_oldest_loose();
    Transaction& transaction = at(handle);
    if (transaction.unconfirmed) {
      if (responding() == handle) responding() = BytePool::kNull;
      free_transaction(handle);
      continue;
    }
    transaction.loose = false;
    append(handle);
    settle(handle);
  }
}

// Requests whose response was not captured, or can't be told from others.
void Exchange::give_up_waiting() {
  for (BytePool::Handle handle = conversation_.oldest_; handle != BytePool::kNull;) {
    Transaction& transaction = at(handle);
    const BytePool::Handle next = transaction.next;
    if (transaction.waits()) {
      transaction.end_unknown = true;
      transaction.incomplete |= kMissingResponse;
      transaction.response.done = true;
      settle(handle);
    }
    handle = next;
  }
}

}  // namespace tapline
