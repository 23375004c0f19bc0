// What a connection's payload says: both directions, and which response answers which request.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "flows/connection.h"
#include "flows/decode.h"
#include "flows/flow_context.h"
#include "flows/http_stream.h"
#include "flows/prefetch.h"
#include "flows/reassembler.h"
#include "flows/round_trip_meter.h"
#include "flows/sequence_account.h"

namespace tapline {

// Attached to a connection when its first payload comes. Transactions whose end is not known yet stand in the
// pool, oldest first.
//
// The first line of cache is the conversation's, three more are each direction's: what goes on with a body
// asks the first of these, a head the second and the conversation's, and the round trips stand in the last.
// What is only asked for when something is missing comes behind them. A segment without payload asks none of
// it, where nothing is missing, but for the round trips that it ends: what it needs stands in the connection.
class alignas(64) HttpConversation {
 public:
  // Starts to load what the next segment asks.
  void prefetch(const Connection& connection, const TcpSegment& segment) const {
    if (connection.sides[1 - segment.sender].timed) {
      prefetch_line(&halves_[1 - segment.sender].round_trips);
    }
    if (is_plain_ack(connection, segment)) return;
    prefetch_line(&halves_[segment.sender]);
    prefetch_line(&halves_[segment.sender].round_trips);
    if (segment.payload_bytes == 0) prefetch_line(&halves_[1 - segment.sender]);
  }

  // And what its payload asks, once that has come. False: a head is to come.
  bool prefetch_message(const BytePool& pool, const TcpSegment& segment) const;

  // REQUIRES: the connection's roles are known.
  void begin(Connection& connection);

  // Takes a segment's payload, which may be empty, then its FIN and its acknowledgement.
  void segment(FlowContext& context, Connection& connection, const TcpSegment& segment) {
    if (!is_plain_ack(connection, segment)) return other_segment(context, connection, segment);
    measure_acknowledged(connection, segment);
  }

  // With Connection::holds_bytes, bytes are kept back for what they acknowledge, until held_until() at the
  // latest: pass_time() hands them out when that has come. What comes of them does not depend on when within
  // the silence it is called.
  std::int64_t held_until(const BytePool& pool) const;  // packet time, ns. REQUIRES: some are
  void pass_time(FlowContext& context, Connection& connection, std::int64_t time_ns);

  // Body elision (elided_bodies.cc), where FlowContext::elision is set. Something of this connection may be
  // left out of the frames.
  bool elides() const { return place_.has_value(); }
  // Counts what was left out, as far as it comes before `next`, which is the connection's next segment; null:
  // none came. REQUIRES: elides(), and that `next` was not accounted for by anyone yet.
  void take_elided(FlowContext& context, Connection& connection, const TcpSegment* next);
  // Says what may be left out from now on. For after each segment.
  void elide(FlowContext& context, Connection& connection, const TcpSegment& segment);
  // Counts what was left out to the end; from here on everything comes. REQUIRES: elides().
  void stop_eliding(FlowContext& context, Connection& connection);

  // The connection is over: what waits is written.
  void finish(FlowContext& context, Connection& connection, CloseReason reason);

  // The server name of the client's TLS hello; empty: none came yet, or there is none.
  std::string_view server_name(const BytePool& pool) const {
    if (server_name_ == BytePool::kNull) return {};
    return {reinterpret_cast<const char*>(pool.at(server_name_)), server_name_size_};
  }

  // Gives back what outlived finish(). Nothing else may be called after it.
  void release(BytePool& pool);

  const StreamAccount& account(int endpoint) const {
    return rare_[static_cast<std::size_t>(endpoint)].account;
  }
  std::uint32_t transactions() const { return transactions_; }
  Volume elided(int endpoint) const { return rare_[static_cast<std::size_t>(endpoint)].elided; }
  std::optional<RoundTrips> round_trips(int endpoint) const {
    return halves_[static_cast<std::size_t>(endpoint)].round_trips.result();
  }

 private:
  friend class Exchange;
  // Sequence numbers further away than this are no TCP that works.
  static constexpr std::int32_t kFarthest = 1 << 26;

  // What one endpoint sends. In front what each segment asks.
  struct Half {
    Reassembler reassembler;
    bool begun : 1 = false;       // first_seq is set
    bool early_over : 1 = false;  // nothing will be counted before first_seq
    bool ended : 1 = false;       // its FIN has come out in order
    bool armed : 1 = false;       // body bytes may be left out: Rare::range
    bool let_go : 1 = false;  // its stream is opaque, and keeps nothing but numbers, of which none is missing
    bool left_out : 1 = false;   // so were its latest bytes; the last of them were sent at elided_until
    bool acks_read : 1 = false;  // read_ack is set
    // The latest acknowledgment number of which it is known that all before it was read, too.
    std::uint32_t read_ack = 0;
    BytePool::Handle current = BytePool::kNull;  // the transaction whose message is being read
    HttpStream stream;
    std::uint32_t first_seq = 0;    // of the earliest byte that was counted; with `begun`
    SequenceAccount sequence;       // once the stream is opaque
    std::int64_t elided_until = 0;  // with `left_out`
    alignas(64) RoundTripMeter round_trips;

    bool knows_read(std::uint32_t ack, bool has_ack) const { return acks_read && has_ack && ack == read_ack; }
  };
  static_assert(sizeof(Half) == 192);

  // Where body bytes of one direction may be left out, and how much of what was has been counted.
  struct ArmedRange {
    std::uint32_t next = 0;               // with bytes_taken
    std::uint32_t end = 0;                // of the range
    std::uint32_t packets = 0, acks = 0;  // that were counted
    bool bytes_taken = false;             // some, up to next

    bool all_taken(const ElidedRun& run) const {
      return run.packets == 0 || (bytes_taken && next == run.next);
    }
  };
  // What is asked of one endpoint's stream when something is wrong with it, and at its end.
  struct Rare {
    StreamAccount account;
    Volume elided;  // its segments that were left out, acknowledgements included
    std::uint64_t unsettled =
        0;  // bytes of holes that were given up before it was opaque, and may still come
    ArmedRange range;
  };
  // Of StreamAccount, what is followed up when it has grown.
  struct Troubles {
    std::uint32_t holes, refused;
  };

  enum class Ring : std::uint8_t { kBefore, kBehind };  // whether all frames before a run have been handled
  void count_elided(FlowContext& context, Connection& connection, std::uint8_t sender, const ElidedRun& run,
                    Ring ring);
  void take_bytes(FlowContext& context, Connection& connection, std::uint8_t sender, const ElidedRun& run);
  bool may_elide(FlowContext& context, Connection& connection, std::uint8_t sender);
  void keep_armed(FlowContext& context, Connection& connection, std::uint8_t sender,
                  const TcpSegment& segment);
  void disarm(FlowContext& context, Connection& connection, std::uint8_t sender);
  static std::uint32_t position(const Half& half);

  // All that it can do is to end round trips.
  static bool is_plain_ack(const Connection& connection, const TcpSegment& segment) {
    return segment.payload_bytes == 0 && connection.settled() && !connection.fin_seen();
  }
  void measure_acknowledged(Connection& connection, const TcpSegment& segment) {
    if (connection.sides[1 - segment.sender].timed && segment.has(kAck)) end_round_trips(connection, segment);
  }
  void end_round_trips(Connection& connection, const TcpSegment& segment);
  void measure_sent(Connection& connection, const TcpSegment& segment);
  void other_segment(FlowContext& context, Connection& connection, const TcpSegment& segment);
  std::uint32_t stream_start(const Connection& connection, const TcpSegment& segment) const;
  static void begin_half(Half& half);
  static void note_early(Half& half, const Endpoint& side);
  std::uint32_t take_early(BytePool& pool, const Endpoint& side, std::uint8_t sender, Piece& piece);
  bool goes_on(const Connection& connection, const TcpSegment& segment) const;
  void any_segment(FlowContext& context, Connection& connection, const TcpSegment& segment);
  bool read_on(FlowContext& context, Connection& connection, const TcpSegment& segment);
  void end_streams(FlowContext& context, Connection& connection);
  std::array<Troubles, 2> troubles() const;
  void payload(FlowContext& context, Connection& connection, const TcpSegment& segment);
  void note_gaps(RarePool& rares, Connection& connection, std::uint8_t endpoint,
                 std::uint32_t holes_before) const;
  void settle(FlowContext& context, Connection& connection, const std::array<Troubles, 2>& before);
  void release_held(FlowContext& context, Connection& connection, std::int64_t time_ns);
  void read_rest(FlowContext& context, Connection& connection);
  bool release_ready(FlowContext& context, Connection& connection);
  void give_up_tail(FlowContext& context, Connection& connection, std::uint8_t endpoint);
  void check_end(FlowContext& context, Connection& connection, std::uint8_t endpoint);
  void let_go(BytePool& pool, const Connection& connection, std::uint8_t endpoint);
  void hand_over(BytePool& pool, std::uint8_t endpoint);
  void release_hello(BytePool& pool);
  bool holds(const BytePool& pool) const;
  void tell_connection(const BytePool& pool, Connection& connection) const;

  // The queue of transactions; handles into the pool.
  BytePool::Handle oldest_ = BytePool::kNull, newest_ = BytePool::kNull;
  BytePool::Handle loose_ =
      BytePool::kNull;  // oldest response that may answer several of the waiting requests
  BytePool::Handle hello_ = BytePool::kNull;        // ClientHelloReader, between two segments of the hello
  BytePool::Handle server_name_ = BytePool::kNull;  // server_name_size_ bytes
  std::uint32_t burst_ack_ = 0;          // what the client had received when it sent the waiting requests
  std::uint32_t transactions_ = 0;       // numbers given so far
  std::uint32_t served_ = 0;             // how far responses have acknowledged requests
  std::uint32_t response_hole_end_ = 0;  // with response_hole_
  std::optional<BodyElision::Place> place_;
  std::uint8_t server_name_size_ = 0;
  std::uint8_t held_for_ = 0;  // segments that came while bytes were held back
  bool http_seen_ = false;
  bool served_known_ = false;
  bool burst_known_ = false;    // burst_ack_ is set
  bool request_hole_ = false;   // requests may be missing behind the newest
  bool response_gap_ = false;   // responses may be missing behind the newest
  bool candidate_ = false;      // the head being read was found by searching, and nothing confirms its place
  bool response_hole_ = false;  // responses may be missing among those of this burst
  bool overlapping_ = false;    // the client sends before it has all responses: bursts have no ends
  std::array<Half, 2> halves_;  // by endpoint of the key
  std::array<Rare, 2> rare_;    // by endpoint of the key
};
static_assert(sizeof(HttpConversation) <= 640);

}  // namespace tapline
