// Tells a finished transaction, and a request whose transaction has just begun.
#include <optional>

#include "flows/connection_events.h"
#include "flows/exchange.h"

namespace tapline {
namespace {

std::string_view text_at(const BytePool& pool, BytePool::Handle block, std::uint32_t size) {
  if (block == BytePool::kNull) return {};
  return {reinterpret_cast<const char*>(pool.at(block)), size};
}

MessageView view_of(const MessageRecord& record, const HttpHead& head) {
  return {.first_time = record.first_time,
          .last_time = record.last_time,
          .packet = record.packet,
          .bytes = record.bytes,
          .body_bytes = record.body_bytes,
          .version = head.version,
          .method = {},
          .target = {},
          .status = 0,
          .reason = {},
          .headers = head.headers,
          .trailers = {}};
}

}  // namespace

Outcome Exchange::outcome_of(const Transaction& transaction) const {
  if (transaction.status >= 400 || transaction.closed_early) return Outcome::kFailure;
  const bool bare = transaction.is_http09 && transaction.response.seen;  // HTTP/0.9 has no status
  if (transaction.end_unknown || (transaction.status == 0 && !bare)) return Outcome::kUnknown;
  return Outcome::kSuccess;
}

void Exchange::write(Transaction& transaction) {
  ++context_.counters.transactions;
  const ConnectionInfo info = describe(context_, connection_);
  TransactionEvent event{.connection = info};
  std::optional<MessageView> request, response;
  const auto view = [this](const MessageRecord& record, std::optional<MessageView>& out, const HttpHead& head,
                           std::vector<HeaderField>& trailers) {
    out = view_of(record, head);
    if (record.trailers == BytePool::kNull) return;
    trailers.clear();
    read_header_lines(text_at(context_.pool, record.trailers, record.trailers_size), trailers);
    out->trailers = trailers;
  };
  HttpHead& request_head = context_.request_head;
  HttpHead& response_head = context_.response_head;
  const bool request_read =
      transaction.request.seen &&
      read_request_head(text_at(context_.pool, transaction.request.head, transaction.request.head_size),
                        request_head);
  if (request_read) {
    view(transaction.request, request, request_head, context_.request_trailers);
    request->method = request_head.method;
    request->target = request_head.target;
    event.request = &*request;
  }
  if (transaction.response.seen) {
    if (!read_response_head(text_at(context_.pool, transaction.response.head, transaction.response.head_size),
                            response_head)) {
      response_head = {};  // its head found no room, or it is HTTP/0.9, which has none
      if (transaction.is_http09) response_head.version = {0, 9};
    }
    view(transaction.response, response, response_head, context_.response_trailers);
    response->status = transaction.status;
    response->reason = response_head.reason;
    event.response = &*response;
  }
  event.number = transaction.number;
  event.interim = {transaction.interim.data(), transaction.interim_count};
  event.incomplete = transaction.incomplete;
  event.gap_bytes = transaction.gap_bytes;
  if (transaction.status == 101) {
    event.upgrade = response_head.upgrade;
    if (event.upgrade.empty() && request_read) event.upgrade = request_head.upgrade;
  } else if (transaction.is_connect && transaction.status >= 200 && transaction.status < 300) {
    event.upgrade = "tunnel";
  }
  event.outcome = outcome_of(transaction);
  context_.sink.on_transaction(event);
}

// `head` may be context_.request_head: nothing is read here.
void Exchange::tell_request(const Transaction& transaction, const HttpHead& head, bool whole) {
  const ConnectionInfo info = describe(context_, connection_);
  MessageView request = view_of(transaction.request, head);
  request.method = head.method;
  request.target = head.target;
  context_.sink.on_request({.connection = info,
                            .number = transaction.number,
                            .request = request,
                            .whole = whole,
                            .incomplete = transaction.incomplete});
}

}  // namespace tapline
