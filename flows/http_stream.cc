#include "flows/http_stream.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "flows/http_head.h"

namespace tapline {
namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// HTTP/0.9's request has no version, and its head is that one line.
bool is_http09(std::string_view start_line) {
  const std::size_t end = start_line.find('\n');
  std::string_view line = start_line.substr(0, end);
  if (line.ends_with('\r')) line.remove_suffix(1);
  // Nearly all end with their version.
  constexpr std::size_t kVersion = std::string_view(" HTTP/1.1").size();
  if (line.size() > kVersion && line.substr(line.size() - kVersion).starts_with(" HTTP/")) return false;
  return end != std::string_view::npos && line.find(" HTTP/") == std::string_view::npos &&
         line.find("\tHTTP/") == std::string_view::npos;
}

// Behind its method.
bool ends_token(std::string_view request) {
  return token_size(request.substr(0, kLongestMethod + 1)) < request.size();
}

// A request line that a search does not trust: one of HTTP/0.9, or without a target. REQUIRES: it is whole.
bool is_weak_request(std::string_view bytes) {
  HttpHead head;
  return is_http09(bytes) ||
         (read_request_head(bytes.substr(0, bytes.find('\n') + 1), head) && head.target.empty());
}

}  // namespace

void HttpStream::data(StreamContext& context, MessageHandler& handler, std::string_view bytes, Origin origin,
                      bool segment_start) {
  if (line_awaited_ && take_piece(context, bytes, origin.time_ns)) return;
  Input in{bytes, origin, segment_start};
  while (!in.bytes.empty() && state_ != State::kOpaque) step(context, handler, in);
}

void HttpStream::step(StreamContext& context, MessageHandler& handler, Input& in) {
  switch (state_) {
    case State::kStart:
      return read_start(in);
    case State::kSearch:
      return search(handler, in);
    case State::kHead:
      return read_head(context, handler, in);
    case State::kSkipHead:
      return skip_head(handler, in);
    case State::kBody:
    case State::kChunkData:
    case State::kUntilClose:
      return read_body(handler, in);
    case State::kChunkSize:
      return read_chunk_size(handler, in);
    case State::kChunkEnd:
      return read_chunk_end(handler, in);
    case State::kTrailers:
      return read_trailers(context, handler, in);
    case State::kForeign:
      turn(handler.on_foreign(in.bytes, in.origin, false));
      return in.consume(in.bytes.size());
    case State::kOpaque:
      return in.consume(in.bytes.size());
  }
}

void HttpStream::read_start(Input& in) {
  // Empty lines before a message are let pass (RFC 9112 section 2.2).
  std::size_t first = 0;
  while (first < in.bytes.size() && (in.bytes[first] == '\r' || in.bytes[first] == '\n')) ++first;
  const bool at_segment_start = in.segment_start;
  in.consume(first);
  if (in.bytes.empty()) return;
  first_ = in.origin;
  head_time_ = in.origin.time_ns;
  look_ = Look::kMoreNeeded;
  tentative_ = false;
  line_awaited_ = false;
  in.segment_start = at_segment_start && first == 0;
  state_ = State::kHead;
}

// Only a segment's start is looked at: a body that quotes a head somewhere is none.
void HttpStream::search(MessageHandler& handler, Input& in) {
  Look look = Look::kNo;
  if (in.segment_start) look = response_ ? looks_like_response(in.bytes) : looks_like_request(in.bytes);
  const bool weak = !response_ && look == Look::kYes && is_weak_request(in.bytes);
  if (look == Look::kNo || weak || !handler.on_candidate(in.origin)) {
    if (look == Look::kNo && in.segment_start) turn(handler.on_foreign(in.bytes, in.origin, true));
    in.consume(in.bytes.size());
    if (state_ == State::kSearch) handler.on_hole();  // what is passed over may have been messages
    return;
  }
  read_start(in);
  tentative_ = true;
}

void HttpStream::read_head(StreamContext& context, MessageHandler& handler, Input& in) {
  const std::size_t before = buffered_;
  std::string_view head = in.bytes.substr(0, context.max_head - before);
  if (before > 0) {
    if (!append(context, head)) {
      in.consume(in.bytes.size());
      return lose(handler);
    }
    head = buffered(context);
  }
  head_time_ = std::max(head_time_, in.origin.time_ns);
  if (before == 0) {
    // Mostly all of it is there, and then nothing else is looked at.
    PlainHead plain;
    if (plain.read(head, response_)) {
      take_head(handler, head.substr(0, plain.facts().size), &plain, false);
      return in.consume(plain.facts().size);
    }
  }
  std::size_t end = std::string_view::npos;
  if (look_ != Look::kYes) {
    const std::size_t looked_at = look_ == Look::kMoreNeeded ? before : 0;
    look_ = response_ ? looks_like_response(head, looked_at) : looks_like_request(head, looked_at);
    const bool request = look_ == Look::kYes && !response_;
    if (look_ == Look::kNo || (tentative_ && request && is_weak_request(head))) {
      turn(tentative_ ? Foreign::kSearch : handler.on_foreign(head, first_, false));
      if (state_ == State::kUntilClose) handler.on_bytes(head.size(), head.size(), head_time_);
      if (state_ != State::kHead) {
        const std::size_t used = head.size() - before;
        release(context);
        return in.consume(used);
      }
    }
    if (request && is_http09(head)) end = head.find('\n') + 1;
  }
  // The end has a line feed, which is sooner looked for where it came: the copy has just been written.
  const bool may_end = before == 0 || in.bytes.find('\n') != std::string_view::npos;
  if (look_ == Look::kYes && end == std::string_view::npos && may_end) end = find_head_end(head, before);
  if (end != std::string_view::npos) {
    head = head.substr(0, end);
    PlainHead plain;
    take_head(handler, head, before > 0 && plain.read(head, response_) ? &plain : nullptr, false);
    release(context);
    return in.consume(end - before);
  }
  if (head.size() >= context.max_head) {  // too long: what is there must do
    ++context.counters.heads_too_long;
    const std::size_t used = head.size() - before;
    if (look_ == Look::kYes) {
      take_head(handler, head, nullptr, true);
      in_empty_line_ = head.back() == '\n';
    } else {
      lose(handler);
    }
    release(context);
    return in.consume(used);
  }
  if (before == 0 && !append(context, in.bytes)) {
    lose(handler);
  } else {
    line_awaited_ = look_ == Look::kYes || (look_ == Look::kMoreNeeded && !response_ && ends_token(head));
  }
  in.consume(in.bytes.size());
}

// A piece of an unfinished head in which no line ends, where the block has room for it. Some send their heads
// byte by byte.
bool HttpStream::take_piece(StreamContext& context, std::string_view bytes, std::int64_t time) {
  constexpr std::size_t kShort = 8;  // where calling the library's functions takes longer than their work
  const std::size_t size = buffered_ + bytes.size();
  if (state_ != State::kHead || size > BytePool::capacity(buffered_) || size >= context.max_head)
    return false;
  char* const to = reinterpret_cast<char*>(context.pool.at(buffer_)) + buffered_;
  if (bytes.size() <= kShort) {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      if (bytes[i] == '\n') return false;
      to[i] = bytes[i];
    }
  } else {
    if (bytes.find('\n') != std::string_view::npos) return false;
    std::memcpy(to, bytes.data(), bytes.size());
  }
  buffered_ = static_cast<std::uint32_t>(size);
  head_time_ = std::max(head_time_, time);
  return true;
}

// Goes on as the handler says who was asked about foreign bytes.
void HttpStream::turn(Foreign foreign) {
  switch (foreign) {
    case Foreign::kSearch:
      state_ = State::kSearch;
      return;
    case Foreign::kNotHttp:
      state_ = State::kOpaque;
      return;
    case Foreign::kReadOn:
      state_ = State::kForeign;
      return;
    case Foreign::kMoreNeeded:
      return;
    case Foreign::kBareBody:
      state_ = State::kUntilClose;
      return;
  }
}

void HttpStream::take_head(MessageHandler& handler, std::string_view head, const PlainHead* plain, bool cut) {
  state_ = State::kStart;  // unless the handler says otherwise
  const Body body = handler.on_head(head, plain, first_, head_time_, cut);
  if (state_ == State::kOpaque) return;
  if (cut) {
    after_head_ = body.kind;
    remaining_ = body.length;
    state_ = State::kSkipHead;
    return;
  }
  follow(handler, body);
}

void HttpStream::follow(MessageHandler& handler, const Body& body) {
  remaining_ = body.length;
  switch (body.kind) {
    case Body::Kind::kNone:
      return finish_message(handler);
    case Body::Kind::kLength:
      if (body.length == 0) return finish_message(handler);
      state_ = State::kBody;
      return;
    case Body::Kind::kChunked:
      return start_chunk();
    case Body::Kind::kUntilClose:
      state_ = State::kUntilClose;
      return;
    case Body::Kind::kOpaque:
      state_ = State::kOpaque;
      return;
  }
}

// How many bytes go up to and with the empty line that ends a head or trailers; all of them when it is not
// there.
std::size_t HttpStream::to_empty_line(std::string_view bytes, bool& done) {
  std::size_t n = 0;
  while (n < bytes.size() && !done) {
    const char c = bytes[n++];
    if (c == '\n') {
      done = in_empty_line_;
      in_empty_line_ = true;
    } else if (c != '\r') {
      in_empty_line_ = false;
    }
  }
  return n;
}

// Goes on to the empty line of a head that was over the limit.
void HttpStream::skip_head(MessageHandler& handler, Input& in) {
  bool done = false;
  const std::size_t n = to_empty_line(in.bytes, done);
  handler.on_bytes(n, 0, in.origin.time_ns);
  in.consume(n);
  if (done) follow(handler, {after_head_, remaining_});
}

void HttpStream::read_body(MessageHandler& handler, Input& in) {
  if (state_ == State::kUntilClose) {
    handler.on_bytes(in.bytes.size(), in.bytes.size(), in.origin.time_ns);
    return in.consume(in.bytes.size());
  }
  const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(in.bytes.size(), remaining_));
  handler.on_bytes(n, n, in.origin.time_ns);
  in.consume(n);
  remaining_ -= n;
  if (remaining_ > 0) return;
  if (state_ == State::kChunkData) {
    state_ = State::kChunkEnd;
  } else {
    finish_message(handler);
  }
}

// chunk-size [ chunk-ext ] CRLF (RFC 9112 section 7.1), split anywhere. Its bytes are the message's once they
// can be nothing else, so that how much is told of a message whose framing is lost here does not hang on
// segments.
void HttpStream::read_chunk_size(MessageHandler& handler, Input& in) {
  constexpr std::uint64_t kLargest = std::uint64_t{1} << 58;
  std::size_t n = 0;
  bool over = false;
  while (n < in.bytes.size() && !over) {
    const char c = in.bytes[n++];
    over = c == '\n';
    if (over ? digit_seen_ : in_extension_) continue;
    const int value = hex_value(c);
    if (value >= 0 && remaining_ < kLargest) {
      remaining_ = remaining_ * 16 + static_cast<std::uint64_t>(value);
      digit_seen_ = true;
    } else if (c == ';' || c == '\r' || c == ' ' || c == '\t') {  // some servers pad the number with spaces
      in_extension_ = digit_seen_;
    } else {
      return lose(handler);
    }
  }
  untold_ += static_cast<std::uint32_t>(n);
  head_time_ = in.origin.time_ns;
  in.consume(n);
  if (over || in_extension_) tell_chunk_size(handler);
  if (!over) return;
  state_ = remaining_ == 0 ? State::kTrailers : State::kChunkData;
  in_empty_line_ = true;
  trailers_cut_ = false;
}

void HttpStream::tell_chunk_size(MessageHandler& handler) {
  if (untold_ > 0) handler.on_bytes(untold_, 0, head_time_);
  untold_ = 0;
}

void HttpStream::read_chunk_end(MessageHandler& handler, Input& in) {
  const char c = in.bytes.front();
  if (c != '\r' && c != '\n') return lose(handler);
  handler.on_bytes(1, 0, in.origin.time_ns);
  in.consume(1);
  if (c == '\n') start_chunk();
}

void HttpStream::start_chunk() {
  state_ = State::kChunkSize;
  remaining_ = 0;
  in_extension_ = false;
  digit_seen_ = false;
  untold_ = 0;
}

// Trailer lines up to an empty one (RFC 9112 section 7.1.2); mostly there is none but that. What is over the
// limit is left out, from the line that reaches it on.
void HttpStream::read_trailers(StreamContext& context, MessageHandler& handler, Input& in) {
  bool done = false;
  const std::size_t n = to_empty_line(in.bytes, done);
  std::string_view lines = in.bytes.substr(0, n);
  if (buffered_ == 0) lines.remove_prefix(std::min(lines.find_first_not_of("\r\n"), n));
  if (!lines.empty() && !trailers_cut_) {
    const std::size_t room = context.max_head - buffered_;
    context.counters.heads_too_long += lines.size() > room ? 1 : 0;
    trailers_cut_ = !append(context, lines.substr(0, room)) || lines.size() > room;
  }
  handler.on_bytes(n, 0, in.origin.time_ns);
  in.consume(n);
  if (!done) return;
  lines = buffered(context);
  if (trailers_cut_) lines = lines.substr(0, lines.rfind('\n') + 1);
  if (!lines.empty()) handler.on_trailers(lines);
  release(context);
  finish_message(handler);
}

void HttpStream::finish_message(MessageHandler& handler) {
  state_ = State::kStart;
  handler.on_end();
}

void HttpStream::lose(MessageHandler& handler) {
  const bool in_message = state_ != State::kStart && state_ != State::kSearch && state_ != State::kHead;
  state_ = State::kSearch;
  if (in_message) handler.on_lost();
  handler.on_hole();
}

void HttpStream::gap(StreamContext& context, MessageHandler& handler, std::uint64_t length) {
  switch (state_) {
    case State::kOpaque:
      return;
    case State::kForeign:
      state_ = State::kOpaque;
      return;
    case State::kSearch:
    case State::kStart:
      return lose(handler);
    case State::kHead:
      if ((look_ == Look::kYes || !tentative_) && buffered_ > 0)
        handler.on_partial_head(buffered(context), first_, head_time_, false);
      release(context);
      return lose(handler);
    case State::kUntilClose:
      return handler.on_gap(length, true);
    case State::kBody:
    case State::kChunkData: {
      const std::uint64_t inside = std::min(length, remaining_);
      const bool last = state_ == State::kBody;
      handler.on_gap(inside, true);
      remaining_ -= inside;
      if (remaining_ == 0 && last) finish_message(handler);
      if (remaining_ == 0 && !last) state_ = State::kChunkEnd;
      if (inside < length && state_ != State::kOpaque) lose(handler);
      return;
    }
    case State::kSkipHead:
    case State::kChunkSize:
    case State::kChunkEnd:
    case State::kTrailers:
      if (state_ == State::kChunkSize) tell_chunk_size(handler);
      handler.on_gap(length, false);
      release(context);
      return lose(handler);
  }
}

std::uint64_t HttpStream::body_ahead() const {
  switch (state_) {
    case State::kBody:
    case State::kChunkData:
      return remaining_;
    case State::kUntilClose:
    case State::kOpaque:
      return std::numeric_limits<std::uint64_t>::max();
    default:
      return 0;
  }
}

void HttpStream::elided(StreamContext& context, MessageHandler& handler, std::uint64_t length,
                        std::int64_t time) {
  const std::uint64_t inside = std::min(length, body_ahead());
  if (state_ == State::kOpaque) return;
  if (inside > 0) handler.on_bytes(inside, inside, time);
  if (state_ == State::kBody || state_ == State::kChunkData) {
    const bool last = state_ == State::kBody;
    remaining_ -= inside;
    if (remaining_ == 0 && last) finish_message(handler);
    if (remaining_ == 0 && !last) state_ = State::kChunkEnd;
  }
  if (inside < length) gap(context, handler, length - inside);
}

void HttpStream::end(StreamContext& context, MessageHandler& handler) {
  const bool whole = state_ == State::kUntilClose;
  if (whole) finish_message(handler);
  abandon(context, handler, true);
}

void HttpStream::abandon(StreamContext& context, MessageHandler& handler, bool closed) {
  if (state_ == State::kHead && (look_ == Look::kYes || !tentative_) && buffered_ > 0) {
    handler.on_partial_head(buffered(context), first_, head_time_, closed);
  } else if (state_ != State::kHead && state_ != State::kStart && state_ != State::kSearch &&
             state_ != State::kForeign && state_ != State::kOpaque) {
    if (state_ == State::kChunkSize) tell_chunk_size(handler);
    closed ? handler.on_cut() : handler.on_lost();
  }
  release(context);
  state_ = State::kOpaque;
}

std::string_view HttpStream::buffered(const StreamContext& context) const {
  return {reinterpret_cast<const char*>(context.pool.at(buffer_)), buffered_};
}

bool HttpStream::append(StreamContext& context, std::string_view bytes) {
  BytePool& pool = context.pool;
  const std::size_t size = buffered_ + bytes.size();
  if (buffer_ == BytePool::kNull || size > BytePool::capacity(buffered_)) {
    const BytePool::Handle larger = pool.allocate(size);
    if (larger == BytePool::kNull) {
      ++context.counters.reassembly_refused;
      release(context);
      return false;
    }
    if (buffered_ > 0) std::memcpy(pool.at(larger), pool.at(buffer_), buffered_);
    pool.release(buffer_, buffered_);
    buffer_ = larger;
  }
  std::memcpy(pool.at(buffer_) + buffered_, bytes.data(), bytes.size());
  buffered_ = static_cast<std::uint32_t>(size);
  return true;
}

void HttpStream::release(StreamContext& context) {
  context.pool.release(buffer_, buffered_);
  buffer_ = BytePool::kNull;
  buffered_ = 0;
}

}  // namespace tapline
