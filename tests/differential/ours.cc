#include <algorithm>

#include "tests/differential/reading.h"
#include "tests/flows/conversation.h"

namespace tapline::test {
namespace {

Message copy(const RecordedMessage& from, bool complete) {
  Message message;
  message.method = from.method;
  message.target = from.target;
  message.status = from.status;
  message.reason = from.reason;
  message.version = from.version;
  message.headers = from.headers;
  message.trailers = from.trailers;
  message.body = from.body_bytes;
  message.complete = complete;
  return message;
}

}  // namespace

Reading read_ours(const Exchange& exchange) {
  Conversation::Setup setup;
  setup.segment_size = 60'000;
  Conversation talk(setup);
  talk.handshake().client(exchange.client).server(exchange.server).close(Side::kServer);
  Outcomes out = run(talk);
  // In the order of the requests, which is that of the responses too.
  auto& transactions = out.sink.transactions;
  std::sort(transactions.begin(), transactions.end(),
            [](const RecordedTransaction& a, const RecordedTransaction& b) { return a.number < b.number; });
  Reading reading;
  for (const RecordedTransaction& transaction : transactions) {
    const auto misses = [&transaction](int bits) { return (transaction.incomplete & bits) != 0; };
    if (transaction.request) {
      reading.requests.messages.push_back(
          copy(*transaction.request, !misses(kMissingRequestHead | kMissingRequestBody)));
    }
    if (transaction.response) {
      reading.responses.messages.push_back(
          copy(*transaction.response, !misses(kMissingResponseHead | kMissingResponseBody)));
    }
  }
  return reading;
}

}  // namespace tapline::test
