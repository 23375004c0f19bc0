#include "flows/exchange.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace tapline {
namespace {

// RFC 9112 section 6.3.
Body request_body(const HeadFacts& head) {
  if (head.method == "CONNECT") return {};  // RFC 9110 section 9.3.6
  if (head.framing.chunked) return {Body::Kind::kChunked, 0};
  if (head.framing.other_coding) return {Body::Kind::kUntilClose, 0};
  return {Body::Kind::kLength, head.framing.content_length.value_or(0)};
}

}  // namespace

Transaction& Exchange::at(BytePool::Handle handle) const {
  return *reinterpret_cast<Transaction*>(context_.pool.at(handle));
}

MessageRecord* Exchange::message() const {
  if (current() == BytePool::kNull) return nullptr;
  Transaction& transaction = at(current());
  return response_ ? &transaction.response : &transaction.request;
}

void Exchange::data(std::string_view bytes, const Origin& origin, bool segment_start) {
  if (half_.left_out) end_left_out(origin);
  if (response_ && origin.has_ack && !half_.knows_read(origin.ack, true) &&
      (!conversation_.served_known_ || seq_distance(origin.ack, conversation_.served_) > 0)) {
    conversation_.served_ = origin.ack;
    conversation_.served_known_ = true;
  }
  if (segment_start && (response_ ? answers_unseen_head(bytes, origin) : withholds_body(bytes, origin))) {
    stream().end_here(*this);
  }
  if (stream().take_body(bytes.size())) return on_bytes(bytes.size(), bytes.size(), origin.time_ns);
  StreamContext streams = stream_context();
  stream().data(streams, *this, bytes, origin, segment_start);
}

// The bytes from `origin` on follow some that were left out, and mostly were sent after them: then only the
// time of these matters, as that of the others is by another clock, which may be ahead of frames that waited
// in the host's queues. But where what was lost is sent again and left out, it is later than what stands
// behind it.
void Exchange::end_left_out(const Origin& origin) {
  constexpr std::int64_t kClocksApart = 10'000'000;  // ns
  half_.left_out = false;
  MessageRecord* const record = message();
  if (record == nullptr || half_.elided_until - origin.time_ns < kClocksApart) return;
  record->last_time = std::max(record->last_time, half_.elided_until);
}

// Where the requests are not captured, one of them may be a HEAD, whose answer announces a body and has none
// (RFC 9110 section 9.3.2). Then the next response stands in its place, and acknowledges another request; a
// body that begins like a response does not.
bool Exchange::answers_unseen_head(std::string_view bytes, const Origin& origin) const {
  const MessageRecord* record = message();
  if (record == nullptr || record->bytes != record->head_size || !stream().at_body()) return false;
  const Transaction& transaction = at(current());
  return (transaction.incomplete & kMissingRequest) != 0 && transaction.response_has_ack && origin.has_ack &&
         seq_distance(origin.ack, transaction.response_ack) > 0 && looks_like_response(bytes) == Look::kYes;
}

// A client whose Expect: 100-continue was refused goes on with its next request. A body that begins like one
// is sent before the final response, or after a 100.
bool Exchange::withholds_body(std::string_view bytes, const Origin& origin) const {
  if (message() == nullptr || !stream().at_body()) return false;
  const Transaction& transaction = at(current());
  return transaction.body_withheld() && origin.has_ack &&
         seq_distance(origin.ack, transaction.response_seq) > 0 && looks_like_request(bytes) == Look::kYes;
}

void Exchange::gap(std::uint64_t length, const Origin&) {
  GapCounters& gaps = response_ ? context_.counters.server_gaps : context_.counters.client_gaps;
  ++gaps.count;
  gaps.bytes += length;
  StreamContext streams = stream_context();
  stream().gap(streams, *this, length);
}

void Exchange::elided(std::uint64_t length, std::int64_t last_time) {
  half_.left_out = true;
  half_.elided_until = last_time;
  // What waits behind them was sent before: they are the latest of their message so far. Else what follows
  // is, and these may have a time that frames have not come to yet.
  const std::int64_t time = reassembler().waiting() ? last_time : 0;
  StreamContext streams = stream_context();
  stream().elided(streams, *this, length, time);
}

// Until a byte of a body has come there may be a head in its place: see answers_unseen_head() and
// withholds_body().
std::uint64_t Exchange::unread_ahead() const {
  const std::uint64_t ahead = stream().body_ahead();
  if (ahead == 0 || stream().opaque()) return ahead;
  const MessageRecord* record = message();
  return record != nullptr && record->bytes > record->head_size ? ahead : 0;
}

Body Exchange::on_head(std::string_view head, const PlainHead* plain, const Origin& first,
                       std::int64_t last_time, bool cut) {
  if (!response_) begin_burst(first);  // may write transactions, which uses the scratch heads
  if (plain == nullptr && !(response_ ? read_response_head(head, context_.response_head)
                                      : read_request_head(head, context_.request_head))) {
    return {Body::Kind::kNone, 0};
  }
  const HeadFacts& facts = plain != nullptr ? plain->facts()
                           : response_      ? context_.response_head
                                            : context_.request_head;
  if (!response_ && facts.method == "PRI" && facts.version.major == 2) {  // RFC 9113 section 3.4
    connection_.protocol = AppProtocol::kHttp2;
    leave_http();
    return {Body::Kind::kOpaque, 0};
  }
  conversation_.http_seen_ = true;
  if (connection_.protocol == AppProtocol::kUnknown) connection_.protocol = AppProtocol::kHttp;
  return response_ ? take_response(facts, head, plain, first, last_time, cut)
                   : take_request(facts, head, plain, first, last_time, cut);
}

void Exchange::on_partial_head(std::string_view head, const Origin& first, std::int64_t last_time,
                               bool closed) {
  const bool good = response_ ? read_response_head(head, context_.response_head)
                              : read_request_head(head, context_.request_head);
  if (!good) return name_protocol(head);  // what was lost, or never came, would have told more
  on_head(head, nullptr, first, last_time, true);
  closed ? on_cut() : on_lost();
}

Body Exchange::take_request(const HeadFacts& head, std::string_view bytes, const PlainHead* plain,
                            const Origin& first, std::int64_t last_time, bool partial) {
  const BytePool::Handle handle = add_transaction();
  current() = handle;
  const bool hole = std::exchange(conversation_.request_hole_, false);
  if (handle != BytePool::kNull) {
    Transaction& transaction = at(handle);
    // What the server had received before it sent bytes that the client had received before this request is
    // of an earlier burst.
    const bool earlier = conversation_.served_known_ && seq_distance(conversation_.served_, first.seq) >= 0;
    transaction.request_hole = hole && !earlier;
    transaction.request_seq = first.seq;
    transaction.request_ack = first.ack;
    transaction.request_has_ack = first.has_ack;
    transaction.is_head = head.method == "HEAD";
    transaction.is_connect = head.method == "CONNECT";
    transaction.is_http09 = head.version.major == 0;
    transaction.expects_continue = head.expect_continue;
    if (!keep_head(transaction.request, bytes, plain, first, last_time) || partial) {
      transaction.incomplete |= kMissingRequestHead;
    }
  }
  const Body body = request_body(head);
  if (context_.options.tell_requests && handle != BytePool::kNull) {
    const bool whole =
        body.kind == Body::Kind::kNone || (body.kind == Body::Kind::kLength && body.length == 0);
    tell_request(at(handle), bytes, plain, whole && !partial);
  }
  return body;
}

Body Exchange::take_response(const HeadFacts& head, std::string_view bytes, const PlainHead* plain,
                             const Origin& first, std::int64_t last_time, bool partial) {
  bool loose = false;
  BytePool::Handle handle = pair(first, loose);
  const bool found = std::exchange(conversation_.candidate_, false);
  if (head.status >= 100 && head.status < 200 && head.status != 101) {
    current() = BytePool::kNull;
    if (handle == BytePool::kNull) return {};
    Transaction& transaction = at(handle);
    if (transaction.interim_count < Transaction::kMaxInterim) {
      transaction.interim[transaction.interim_count++] = head.status;
    }
    return {};
  }
  const bool orphan = handle == BytePool::kNull;
  if (orphan) handle = loose ? add_loose() : add_transaction();
  current() = handle;
  const bool hole = std::exchange(conversation_.response_gap_, false);
  if (handle == BytePool::kNull) return response_body(nullptr, head);
  Transaction& transaction = at(handle);
  if (orphan) {
    transaction.incomplete |= kMissingRequest;
    transaction.request.done = true;
  }
  transaction.response_hole = hole;
  transaction.unconfirmed = found && loose;
  transaction.response_seq = first.seq;
  transaction.response_ack = first.ack;
  transaction.response_has_ack = first.has_ack;
  transaction.status = head.status;
  if (!keep_head(transaction.response, bytes, plain, first, last_time) || partial) {
    transaction.incomplete |= kMissingResponseHead;
  }
  const Body body = response_body(orphan ? nullptr : &transaction, head);
  if (body.kind == Body::Kind::kOpaque) {
    message_over(true);
    leave_http();
  }
  return body;
}

// RFC 9112 section 6.3, in its order.
Body Exchange::response_body(const Transaction* transaction, const HeadFacts& head) const {
  if (head.status == 101) return {Body::Kind::kOpaque, 0};
  if ((transaction != nullptr && transaction->is_head) || head.status < 200 || head.status == 204 ||
      head.status == 304) {
    return {};
  }
  if (transaction != nullptr && transaction->is_connect && head.status < 300) return {Body::Kind::kOpaque, 0};
  if (head.framing.chunked) return {Body::Kind::kChunked, 0};
  if (head.framing.other_coding || head.framing.bad_content_length || !head.framing.content_length) {
    return {Body::Kind::kUntilClose, 0};
  }
  return {Body::Kind::kLength, *head.framing.content_length};
}

void Exchange::on_bytes(std::uint64_t wire, std::uint64_t body, std::int64_t time) {
  MessageRecord* record = message();
  if (record == nullptr) return;
  record->bytes += wire;
  record->body_bytes += body;
  record->last_time = std::max(record->last_time, time);
}

void Exchange::on_gap(std::uint64_t bytes, bool body) {
  MessageRecord* record = message();
  if (record == nullptr) return;
  Transaction& transaction = at(current());
  transaction.gap_bytes += bytes;
  record->bytes += bytes;
  if (body) record->body_bytes += bytes;
  transaction.incomplete |= response_ ? kMissingResponseBody : kMissingRequestBody;
}

void Exchange::on_trailers(std::string_view lines) {
  MessageRecord* record = message();
  if (record == nullptr) return;
  record->trailers = context_.pool.allocate(lines.size());
  if (record->trailers == BytePool::kNull) {
    ++context_.counters.reassembly_refused;
    return;
  }
  record->trailers_size = static_cast<std::uint32_t>(lines.size());
  std::memcpy(context_.pool.at(record->trailers), lines.data(), lines.size());
}

void Exchange::on_end() { message_over(true); }

void Exchange::on_cut() {
  if (response_ && current() != BytePool::kNull) at(current()).closed_early = true;
  message_over(false);
}

void Exchange::on_lost() {
  if (response_ && current() != BytePool::kNull) at(current()).end_unknown = true;
  message_over(false);
}

void Exchange::on_hole() {
  if (!response_) {
    conversation_.request_hole_ = true;
    return;
  }
  conversation_.response_hole_ = conversation_.response_gap_ = true;
  conversation_.response_hole_end_ = reassembler().next();
}

Foreign Exchange::on_foreign(std::string_view bytes, const Origin& first, bool searching) {
  if (!response_ && conversation_.hello_ != BytePool::kNull) return read_hello(bytes);
  if (!conversation_.http_seen_) return other_protocol(bytes, searching);
  if (searching) return Foreign::kSearch;
  if (!response_) {
    on_hole();
    return Foreign::kSearch;
  }
  bool loose = false;
  const BytePool::Handle handle = pair(first, loose);
  if (handle == BytePool::kNull || !at(handle).is_http09) {
    on_hole();
    return Foreign::kSearch;
  }
  current() = handle;
  begin_record(at(handle).response, first, first.time_ns);
  return Foreign::kBareBody;
}

// The current message takes no more bytes.
void Exchange::message_over(bool whole) {
  const BytePool::Handle handle = current();
  if (handle == BytePool::kNull) return;
  current() = BytePool::kNull;
  Transaction& transaction = at(handle);
  MessageRecord& record = response_ ? transaction.response : transaction.request;
  if (half_.left_out) record.last_time = std::max(record.last_time, half_.elided_until);
  record.done = true;
  if (!whole && response_) transaction.incomplete |= kMissingResponseBody;
  if (!whole && !response_ && !transaction.body_withheld()) transaction.incomplete |= kMissingRequestBody;
  settle(handle);
}

// A transaction is written when its response is over, and its request too, which may take longer.
void Exchange::settle(BytePool::Handle handle) {
  Transaction& transaction = at(handle);
  if (transaction.loose || !transaction.response.done || !transaction.request.done) return;
  write(transaction);
  remove(handle);
}

void Exchange::leave_http() {
  for (HttpConversation::Half& half : conversation_.halves_) {
    StreamContext streams = stream_context();
    if (&half.stream != &stream()) half.stream.release(streams);
    half.stream.skip_rest();
  }
}

BytePool::Handle Exchange::add_transaction() {
  const BytePool::Handle handle = context_.pool.allocate(sizeof(Transaction));
  if (handle == BytePool::kNull) {
    ++conversation_.transactions_;
    ++context_.counters.reassembly_refused;
    return handle;
  }
  new (context_.pool.at(handle)) Transaction();
  append(handle);
  return handle;
}

// Gives it its number, and its place in the queue.
void Exchange::append(BytePool::Handle handle) {
  at(handle).number = ++conversation_.transactions_;
  BytePool::Handle& newest = conversation_.newest_;
  (newest == BytePool::kNull ? conversation_.oldest_ : at(newest).next) = handle;
  newest = handle;
}

void Exchange::begin_record(MessageRecord& record, const Origin& first, std::int64_t last_time) {
  record.seen = true;
  record.first_time = first.time_ns;
  record.last_time = std::max(first.time_ns, last_time);
  record.packet = first.ordinal;
}

bool Exchange::keep_head(MessageRecord& record, std::string_view head, const PlainHead* plain,
                         const Origin& first, std::int64_t last_time) {
  begin_record(record, first, last_time);
  record.bytes = head.size();
  record.head = context_.pool.allocate(head.size());
  if (record.head == BytePool::kNull) {
    ++context_.counters.reassembly_refused;
    return false;
  }
  record.head_size = static_cast<std::uint32_t>(head.size());
  std::byte* block = context_.pool.at(record.head);
  if (plain != nullptr && head.size() + plain->lines().size_bytes() <= BytePool::capacity(head.size())) {
    record.head_lines = static_cast<std::uint8_t>(plain->lines().size());
    std::memcpy(block, plain->lines().data(), plain->lines().size_bytes());
    block += plain->lines().size_bytes();
  }
  std::memcpy(block, head.data(), head.size());
  return true;
}

void Exchange::end_of_stream() {
  StreamContext streams = stream_context();
  stream().end(streams, *this);
  if (!response_) return;
  // No response will come any more; where some may have been missed, that says nothing about the others.
  const bool in_doubt = conversation_.response_hole_ || conversation_.loose_ != BytePool::kNull;
  resolve(reassembler().started() ? std::optional(reassembler().next()) : std::nullopt);
  for (BytePool::Handle handle = conversation_.oldest_; handle != BytePool::kNull;) {
    Transaction& transaction = at(handle);
    const BytePool::Handle next = transaction.next;
    if (!transaction.response.done) {
      transaction.incomplete |= kMissingResponse;
      (in_doubt ? transaction.end_unknown : transaction.closed_early) = true;
      transaction.response.done = true;
      settle(handle);
    }
    handle = next;
  }
}

void Exchange::flush(CloseReason reason) {
  // Where nothing of the server was captured, or responses may have been missed, the close says nothing about
  // a response.
  const bool in_doubt = conversation_.response_hole_ || conversation_.loose_ != BytePool::kNull ||
                        connection_.sides[1 - connection_.client].packets == 0;
  const bool closed = !in_doubt && (reason == CloseReason::kFin || reason == CloseReason::kRst);
  resolve(std::nullopt);
  while (conversation_.oldest_ != BytePool::kNull) {
    const BytePool::Handle handle = conversation_.oldest_;
    Transaction& transaction = at(handle);
    if (!transaction.request.done && !transaction.body_withheld())
      transaction.incomplete |= kMissingRequestBody;
    if (!transaction.response.done) {
      transaction.incomplete |= transaction.response.seen ? kMissingResponseBody : kMissingResponse;
      (closed ? transaction.closed_early : transaction.end_unknown) = true;
    }
    write(transaction);
    remove(handle);
  }
  for (HttpConversation::Half& half : conversation_.halves_) half.current = BytePool::kNull;
}

void Exchange::remove(BytePool::Handle handle) {
  BytePool::Handle previous = BytePool::kNull;
  for (BytePool::Handle i = conversation_.oldest_; i != handle; i = at(i).next) previous = i;
  Transaction& transaction = at(handle);
  (previous == BytePool::kNull ? conversation_.oldest_ : at(previous).next) = transaction.next;
  if (conversation_.newest_ == handle) conversation_.newest_ = previous;
  free_transaction(handle);
}

void Exchange::free_transaction(BytePool::Handle handle) {
  const Transaction& transaction = at(handle);
  for (const MessageRecord* record : {&transaction.request, &transaction.response}) {
    context_.pool.release(record->head, record->head_size);
    context_.pool.release(record->trailers, record->trailers_size);
  }
  context_.pool.release(handle, sizeof(Transaction));
}

}  // namespace tapline
