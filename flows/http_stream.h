// Cuts one direction of a connection into HTTP/1.x messages (RFC 9112 sections 2 and 6 to 7).
#pragma once

#include <cstdint>
#include <string_view>

#include "flows/byte_pool.h"
#include "flows/counters.h"
#include "flows/http_head.h"
#include "flows/plain_head.h"
#include "flows/reassembler.h"

namespace tapline {

// How the body goes on after a head, as the one who knows both directions says.
struct Body {
  enum class Kind : std::uint8_t {
    kNone,
    kLength,  // `length` bytes
    kChunked,
    kUntilClose,
    kOpaque,  // what follows is no HTTP (tunnel, upgrade)
  };
  Kind kind = Kind::kNone;
  std::uint64_t length = 0;
};

// What to make of bytes that are no start of a message.
enum class Foreign : std::uint8_t {
  kSearch,      // something was missed: look for the next head
  kNotHttp,     // this direction speaks something else
  kReadOn,      // so it does, and the next bytes are asked about as well, as they come
  kMoreNeeded,  // these are too few to say: ask again when there are more
  kBareBody,    // an HTTP/0.9 response, which has no head: they are its body, until close
};

// Is told of each message as it is read. Between on_head() and on_end(), on_cut() or on_lost() there is a
// current message. Views are valid during the call only.
class MessageHandler {
 public:
  virtual ~MessageHandler() = default;
  // A whole head, or with `cut` its first part, the rest being over the limit. `plain`: what was read of it;
  // null: it is still to be read, and may be no head.
  virtual Body on_head(std::string_view head, const PlainHead* plain, const Origin& first,
                       std::int64_t last_time, bool cut) = 0;
  // The first part of a head whose rest was lost, or with `closed` never came.
  virtual void on_partial_head(std::string_view head, const Origin& first, std::int64_t last_time,
                               bool closed) = 0;
  // Bytes of the current message behind its head; `body` of them belong to the body.
  virtual void on_bytes(std::uint64_t wire, std::uint64_t body, std::int64_t time) = 0;
  // Bytes of the current message that were not captured; `body`: they are body bytes.
  virtual void on_gap(std::uint64_t bytes, bool body) = 0;
  virtual void on_trailers(std::string_view lines) = 0;
  virtual void on_end() = 0;   // the current message is whole
  virtual void on_cut() = 0;   // the stream ended in it
  virtual void on_lost() = 0;  // its framing was lost: where it ends is not known
  // A hole between messages, or after framing was lost: messages may be missing.
  virtual void on_hole() = 0;
  // While the next head is searched for, one seems to start at `first`. False: it can't be one.
  virtual bool on_candidate(const Origin& first) = 0;
  // The bytes where a message should start are none: all that came since then, or after kReadOn the next
  // ones. `searching`: they are a segment that was looked at for a head; not with kMoreNeeded as the answer.
  virtual Foreign on_foreign(std::string_view bytes, const Origin& first, bool searching) = 0;
};

// The rest of the world that a stream needs.
struct StreamContext {
  BytePool& pool;
  FlowCounters& counters;
  std::uint32_t max_head;
};

// REQUIRES of all calls: the same handler, which may call skip_rest() on either direction from inside.
class HttpStream {
 public:
  // `searching`: the stream is met in the middle, so that the first bytes may be anything.
  void start(bool response, bool searching) {
    response_ = response;
    state_ = searching ? State::kSearch : State::kStart;
  }

  void data(StreamContext& context, MessageHandler& handler, std::string_view bytes, Origin origin,
            bool segment_start);
  void gap(StreamContext& context, MessageHandler& handler, std::uint64_t length);
  // Takes the next `n` bytes where nothing but body is to be had of them and the body goes on behind them;
  // false: data() must see them. The caller tells the handler's on_bytes() itself.
  bool take_body(std::size_t n) {
    if (state_ == State::kUntilClose) return true;
    if ((state_ != State::kBody && state_ != State::kChunkData) || n >= remaining_) return false;
    remaining_ -= n;
    return true;
  }
  // What comes next is body, or the size of a chunk of it.
  bool at_body() const {
    return state_ == State::kBody || state_ == State::kUntilClose || state_ == State::kChunkSize;
  }
  // REQUIRES: at_body(). The message ends here, whatever its head says: the next bytes start another.
  void end_here(MessageHandler& handler) { finish_message(handler); }
  // Bytes from here on that are body, whatever they are; the largest number where it ends with the stream.
  std::uint64_t body_ahead() const;
  // The next `length` bytes came, and are not to be had. REQUIRES: they are not more than body_ahead(), else
  // framing is lost.
  // `time` is of the latest of them, or 0.
  void elided(StreamContext& context, MessageHandler& handler, std::uint64_t length, std::int64_t time);
  // The stream is over, by FIN. Nothing may follow.
  void end(StreamContext& context, MessageHandler& handler);
  // Nothing more will be known of the stream: what was read of a message is handed over. `closed`: because
  // the connection ended, not because the capture did.
  void abandon(StreamContext& context, MessageHandler& handler, bool closed);

  bool response() const { return response_; }
  // Reads no further: what comes is no HTTP.
  void skip_rest() { state_ = State::kOpaque; }
  bool opaque() const { return state_ == State::kOpaque; }
  void release(StreamContext& context);

 private:
  enum class State : std::uint8_t {
    kStart,
    kSearch,
    kHead,
    kSkipHead,
    kBody,
    kChunkSize,
    kChunkData,
    kChunkEnd,
    kTrailers,
    kUntilClose,
    kForeign,
    kOpaque
  };
  struct Input {
    std::string_view bytes;
    Origin origin;
    bool segment_start;
    void consume(std::size_t n) {
      bytes.remove_prefix(n);
      origin.seq += static_cast<std::uint32_t>(n);
      segment_start = segment_start && n == 0;
    }
  };

  void step(StreamContext& context, MessageHandler& handler, Input& in);
  void read_start(Input& in);
  void search(MessageHandler& handler, Input& in);
  void read_head(StreamContext& context, MessageHandler& handler, Input& in);
  bool take_piece(StreamContext& context, std::string_view bytes, std::int64_t time);
  void turn(Foreign foreign);
  void take_head(MessageHandler& handler, std::string_view head, const PlainHead* plain, bool cut);
  std::size_t to_empty_line(std::string_view bytes, bool& done);
  void skip_head(MessageHandler& handler, Input& in);
  void read_body(MessageHandler& handler, Input& in);
  void read_chunk_size(MessageHandler& handler, Input& in);
  void tell_chunk_size(MessageHandler& handler);
  void start_chunk();
  void read_chunk_end(MessageHandler& handler, Input& in);
  void read_trailers(StreamContext& context, MessageHandler& handler, Input& in);
  void follow(MessageHandler& handler, const Body& body);
  void finish_message(MessageHandler& handler);
  void lose(MessageHandler& handler);

  std::string_view buffered(const StreamContext& context) const;
  bool append(StreamContext& context, std::string_view bytes);

  // What each segment needs comes first.
  std::uint64_t remaining_ = 0;  // of the body or chunk; in kChunkSize the size as far as read
  BytePool::Handle buffer_ = BytePool::kNull;
  std::uint32_t buffered_ = 0;  // bytes of an unfinished head or of trailers
  std::uint32_t untold_ = 0;    // bytes of a chunk size line of which on_bytes() has not been told yet
  State state_ = State::kStart;
  Look look_ = Look::kMoreNeeded;              // of the start line of the head being read
  Body::Kind after_head_ = Body::Kind::kNone;  // in kSkipHead; its length is in remaining_
  bool response_ : 1 = false;
  bool tentative_ : 1 = false;  // the head being read was met by searching
  // So far it is a head, and until a line ends nothing more can be said.
  bool line_awaited_ : 1 = false;
  bool in_extension_ : 1 = false;   // of a chunk size line
  bool digit_seen_ : 1 = false;     // of the chunk size
  bool trailers_cut_ : 1 = false;   // the rest of the trailers is over the limit, or found no room
  bool in_empty_line_ : 1 = false;  // nothing of the line came yet, of a head being skipped or of trailers
  Origin first_;                    // of the head being read
  std::int64_t head_time_ = 0;      // the latest frame of it, or of a chunk size line
};
static_assert(sizeof(HttpStream) == 64);

}  // namespace tapline
