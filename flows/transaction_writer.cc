// Tells a finished transaction, and a request whose transaction has just begun.
#include "flows/connection_events.h"
#include "flows/exchange.h"

namespace tapline {
namespace {

std::string_view text_at(const BytePool& pool, BytePool::Handle block, std::uint32_t size) {
  if (block == BytePool::kNull) return {};
  return {reinterpret_cast<const char*>(pool.at(block)), size};
}

MessageView view_of(const MessageRecord& record) {
  MessageView view;
  view.first_time = record.first_time;
  view.last_time = record.last_time;
  view.packet = record.packet;
  view.bytes = record.bytes;
  view.body_bytes = record.body_bytes;
  return view;
}

void view_head(const HttpHead& head, MessageView& view) {
  view.version = head.version;
  view.method = head.method;
  view.target = head.target;
  view.reason = head.reason;
  view.headers = head.headers;
}

std::string_view upgrade_of(const MessageView& view) {
  std::string_view upgrade;  // the last, as when framing is read
  for (const HeaderField& field : view.headers) {
    if (field.known == KnownHeader::kUpgrade) upgrade = field.value;
  }
  return upgrade;
}

}  // namespace

Outcome Exchange::outcome_of(const Transaction& transaction) const {
  if (transaction.status >= 400 || transaction.closed_early) return Outcome::kFailure;
  const bool bare = transaction.is_http09 && transaction.response.seen;  // HTTP/0.9 has no status
  if (transaction.end_unknown || (transaction.status == 0 && !bare)) return Outcome::kUnknown;
  return Outcome::kSuccess;
}

// Adds what head and trailers say. False: there is no head.
bool Exchange::view_text(const MessageRecord& record, bool response, HttpHead& scratch,
                         std::vector<HeaderField>& trailers, MessageView& view) {
  if (record.trailers_size > 0) {
    trailers.clear();
    read_header_lines(text_at(context_.pool, record.trailers, record.trailers_size), trailers);
    view.trailers = trailers;
  }
  if (record.head_lines > 0) {
    const auto* const lines = reinterpret_cast<const HeadLine*>(context_.pool.at(record.head));
    view_plain_head({lines, record.head_lines}, reinterpret_cast<const char*>(lines + record.head_lines),
                    response, view, scratch.headers);
    return true;
  }
  const std::string_view text = text_at(context_.pool, record.head, record.head_size);
  if (!(response ? read_response_head(text, scratch) : read_request_head(text, scratch))) return false;
  view_head(scratch, view);
  return true;
}

void Exchange::write(Transaction& transaction) {
  ++context_.counters.transactions;
  const ConnectionInfo info = describe(context_, connection_);
  TransactionEvent event{.connection = info};
  MessageView request, response;
  if (transaction.request.seen) {
    request = view_of(transaction.request);
    const bool read =
        view_text(transaction.request, false, context_.request_head, context_.request_trailers, request);
    if (read) event.request = &request;
  }
  if (transaction.response.seen) {
    response = view_of(transaction.response);
    const bool read =
        view_text(transaction.response, true, context_.response_head, context_.response_trailers, response);
    // Its head found no room, or it is HTTP/0.9, which has none.
    if (!read && transaction.is_http09) response.version = {0, 9};
    response.status = transaction.status;
    event.response = &response;
  }
  event.number = transaction.number;
  event.interim = {transaction.interim.data(), transaction.interim_count};
  event.incomplete = transaction.incomplete;
  event.gap_bytes = transaction.gap_bytes;
  if (transaction.status == 101) {
    event.upgrade = upgrade_of(response);
    if (event.upgrade.empty()) event.upgrade = upgrade_of(request);
  } else if (transaction.is_connect && transaction.status >= 200 && transaction.status < 300) {
    event.upgrade = "tunnel";
  }
  event.outcome = outcome_of(transaction);
  context_.sink.on_transaction(event);
}

// Of the head that was read just now: without `plain` into context_.request_head.
void Exchange::tell_request(const Transaction& transaction, std::string_view bytes, const PlainHead* plain,
                            bool whole) {
  const ConnectionInfo info = describe(context_, connection_);
  MessageView request = view_of(transaction.request);
  HttpHead& head = context_.request_head;
  plain != nullptr ? view_plain_head(plain->lines(), bytes.data(), false, request, head.headers)
                   : view_head(head, request);
  context_.sink.on_request({.connection = info,
                            .number = transaction.number,
                            .request = request,
                            .whole = whole,
                            .incomplete = transaction.incomplete});
}

}  // namespace tapline
