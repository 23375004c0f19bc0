// Pairs responses with requests and writes transactions: the message handler of one direction of one
// connection.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "flows/flow_context.h"
#include "flows/http_conversation.h"

namespace tapline {

// What is kept of one message. The head is kept as it was on the wire, with its lines where its block has
// room for them.
struct MessageRecord {
  std::int64_t first_time = 0, last_time = 0;
  std::uint64_t packet = 0;
  std::uint64_t bytes = 0, body_bytes = 0;
  BytePool::Handle head = BytePool::kNull, trailers = BytePool::kNull;
  std::uint32_t head_size = 0, trailers_size = 0;
  std::uint8_t head_lines = 0;  // those of a plain head, which stand before it in its block; 0: read it again
  bool seen = false;
  bool done = false;  // nothing more of it will come
};

// A request and its response. Lives in one pool block.
struct Transaction {
  static constexpr std::size_t kMaxInterim = 8;  // more 1xx responses than that are not listed

  MessageRecord request, response;
  std::uint64_t gap_bytes = 0;
  BytePool::Handle next = BytePool::kNull;
  std::uint32_t number = 0;
  std::uint32_t request_seq = 0, request_ack = 0;  // of the request's first byte, and of the segment with it
  std::uint32_t response_seq = 0, response_ack = 0;  // the same of the response
  std::uint16_t status = 0;
  std::array<std::uint16_t, kMaxInterim> interim{};
  std::uint8_t interim_count = 0;
  std::uint8_t incomplete = 0;  // bits of Incomplete
  bool request_has_ack = false, response_has_ack = false;
  bool request_hole = false, response_hole = false;  // messages may be missing right before it
  bool loose = false;        // a response whose request is decided when the burst is over
  bool unconfirmed = false;  // found by searching, at a place where nothing else says that a head starts
  bool is_head = false, is_connect = false, is_http09 = false;  // of the request
  bool expects_continue = false;  // of the request: it waits for a 100 before it sends its body
  bool end_unknown = false;       // the capture does not tell how the response went on
  bool closed_early = false;      // the connection ended before the response did

  // The final response came instead of the 100 that the request waited for, and no byte of its body was sent
  // (RFC 9110 section 10.1.1).
  bool body_withheld() const {
    return expects_continue && response.seen && interim_count == 0 && request.bytes == request.head_size;
  }
  // Nothing of the response has come, and some may.
  bool waits() const { return !response.seen && !response.done; }
};
static_assert(sizeof(MessageRecord) == 64 && sizeof(Transaction) <= BytePool::kUnit);

// Lives on the stack while one segment is handled.
//
// Responses come in the order of their requests (RFC 9112 section 9.3.2). Under loss the TCP numbers decide,
// and what they leave open stays open:
// - Bytes are read only after all that they acknowledge has been read or given up (ready()), so that what is
//   known of the other direction is known in time.
// - A response acknowledges its request's first byte, and its own first byte was not yet acknowledged by it.
// - Requests that acknowledge the same number form a burst; the next burst starts when the client has
// received
//   more. While nothing is missing, a response takes the oldest request that waits. Behind a hole it is
//   loose: when the burst is over, and the last response ends where the next burst says that the client had
//   received all, loose responses and waiting requests are matched from the end backwards, up to the last
//   hole.
// - A head that is found by searching must stand where the waiting request says that its response starts, or
// be
//   confirmed by such a match; a body that quotes a head is none.
class Exchange final : public StreamConsumer, public MessageHandler {
 public:
  Exchange(FlowContext& context, Connection& connection, HttpConversation& conversation,
           std::uint8_t endpoint, bool forced = false)
      : context_(context),
        connection_(connection),
        conversation_(conversation),
        half_(conversation.halves_[endpoint]),
        endpoint_(endpoint),
        response_(!connection.is_client(endpoint)),
        forced_(forced) {}

  bool ready(const Origin& origin) const override;
  // All that it acknowledges has come out, and so it is for good.
  bool has_read(const Origin& origin) const {
    const Reassembler& other = conversation_.halves_[1 - endpoint_].reassembler;
    return origin.has_ack && other.started() && seq_distance(origin.ack, other.next()) <= 0;
  }

  void data(std::string_view bytes, const Origin& origin, bool segment_start) override;
  void gap(std::uint64_t length, const Origin& next) override;
  void elided(std::uint64_t length, std::int64_t last_time) override;

  Body on_head(std::string_view head, const PlainHead* plain, const Origin& first, std::int64_t last_time,
               bool cut) override;
  void on_partial_head(std::string_view head, const Origin& first, std::int64_t last_time,
                       bool closed) override;
  void on_bytes(std::uint64_t wire, std::uint64_t body, std::int64_t time) override;
  void on_gap(std::uint64_t bytes, bool body) override;
  void on_trailers(std::string_view lines) override;
  void on_end() override;
  void on_cut() override;
  void on_lost() override;
  void on_hole() override;
  bool on_candidate(const Origin& first) override;
  Foreign on_foreign(std::string_view bytes, const Origin& first, bool searching) override;

  // How many of the bytes that come next nobody will read, whatever they are: the largest number where that
  // goes on to the end.
  std::uint64_t unread_ahead() const;

  // The stream has come to its FIN.
  void end_of_stream();
  // Writes all that waits, and frees it.
  void flush(CloseReason reason);

 private:
  HttpStream& stream() const { return half_.stream; }
  void end_left_out(const Origin& origin);
  Reassembler& reassembler() const { return half_.reassembler; }
  StreamContext stream_context() const {
    return {context_.pool, context_.counters, context_.options.max_head};
  }
  Transaction& at(BytePool::Handle handle) const;
  BytePool::Handle& current() const { return half_.current; }
  BytePool::Handle& responding() const { return conversation_.halves_[1 - connection_.client].current; }
  MessageRecord* message() const;  // the current one, or null

  BytePool::Handle add_transaction();
  void append(BytePool::Handle handle);
  static void begin_record(MessageRecord& message, const Origin& first, std::int64_t last_time);
  bool keep_head(MessageRecord& message, std::string_view head, const PlainHead* plain, const Origin& first,
                 std::int64_t last_time);
  Body take_request(const HeadFacts& head, std::string_view bytes, const PlainHead* plain,
                    const Origin& first, std::int64_t last_time, bool partial);
  Body take_response(const HeadFacts& head, std::string_view bytes, const PlainHead* plain,
                     const Origin& first, std::int64_t last_time, bool partial);
  Body response_body(const Transaction* transaction, const HeadFacts& head) const;
  bool answers_unseen_head(std::string_view bytes, const Origin& origin) const;
  bool withholds_body(std::string_view bytes, const Origin& origin) const;
  // Whose response starts at `first`: a waiting request, or none, or (`loose`) it is too early to say.
  BytePool::Handle pair(const Origin& first, bool& loose) const;
  bool answered_by(const Transaction& transaction, const Origin& first) const;
  BytePool::Handle oldest_waiting() const;
  BytePool::Handle add_loose();
  void begin_burst(const Origin& first);
  void resolve(std::optional<std::uint32_t> received);
  bool ends_at(const Transaction& response, std::uint32_t seq) const;
  void match_from_the_end();
  void join(Transaction& request, Transaction& response, BytePool::Handle from, BytePool::Handle to);
  void give_up_waiting();
  void adopt_loose();
  BytePool::Handle take_oldest_loose();
  void free_transaction(BytePool::Handle handle);
  void leave_http();
  void name_protocol(std::string_view bytes);
  Foreign other_protocol(std::string_view bytes, bool searching);
  Foreign read_hello(std::string_view bytes);
  void keep_server_name(std::string_view name);
  void message_over(bool whole);
  void settle(BytePool::Handle handle);
  void remove(BytePool::Handle handle);
  bool view_text(const MessageRecord& record, bool response, HttpHead& scratch,
                 std::vector<HeaderField>& trailers, MessageView& view);
  void write(Transaction& transaction);
  void tell_request(const Transaction& transaction, std::string_view bytes, const PlainHead* plain,
                    bool whole);
  Outcome outcome_of(const Transaction& transaction) const;

  FlowContext& context_;
  Connection& connection_;
  HttpConversation& conversation_;
  HttpConversation::Half& half_;  // its direction
  std::uint8_t endpoint_;
  bool response_;
  bool forced_;  // nothing more will come of the other direction
};

}  // namespace tapline
