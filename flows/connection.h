// The state of one TCP connection: what every packet touches.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "flows/events.h"
#include "flows/flow_key.h"
#include "flows/slot_pool.h"

namespace tapline {

// Serial number arithmetic (RFC 1982, RFC 9293 section 3.4): how far `a` is behind `b`; negative when before.
inline std::int32_t seq_distance(std::uint32_t a, std::uint32_t b) {
  return static_cast<std::int32_t>(a - b);
}

// What was seen of a connection, as Wireshark reckons it. kSawAck: a segment that does nothing but
// acknowledge.
enum Completeness : std::uint8_t {
  kSawSyn = 1,
  kSawSynAck = 2,
  kSawAck = 4,
  kSawData = 8,
  kSawFin = 16,
  kSawRst = 32
};

// Zeek's states of one endpoint, from which conn_state follows.
enum class EndpointState : std::uint8_t { kInactive, kSynSent, kPartial, kEstablished, kClosed, kReset };

// One of Zeek's letters that repeat logarithmically.
struct CountedLetter {
  static constexpr std::uint32_t kMost = (1u << 28) - 1;
  std::uint32_t count : 28 = 0;   // what it stands for has happened so often; no further than kMost
  std::uint32_t written : 4 = 0;  // letters of it so far
};

// What one side has sent. Sequence numbers are raw.
struct Endpoint {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;     // of payload, each sequence number once
  std::uint32_t next_seq = 0;  // behind the highest sequence number seen; with `seq_known`
  std::uint32_t acked = 0;     // the highest acknowledgment number it sent; with `ack_known`
  std::uint16_t window = 0;    // as last sent, unscaled
  std::uint16_t mss = 0;       // with `has_mss`
  std::uint8_t window_scale = 0;
  EndpointState state : 3 = EndpointState::kInactive, previous_state : 3 = EndpointState::kInactive;
  // What HttpConversation knows of its payload, so that it need not be asked: all that came has been read, or
  // only counted and none is missing; and how long some takes to be acknowledged is being measured.
  bool settled : 1 = false, timed : 1 = false;
  bool syn : 1 = false, fin : 1 = false, rst : 1 = false, seq_known : 1 = false, ack_known : 1 = false;
  bool has_mss : 1 = false, has_window_scale : 1 = false, sack_permitted : 1 = false;
  bool timestamps : 1 = false;
  bool fin_acked : 1 = false;                            // by the other side
  bool kept_alive : 1 = false;                           // its latest segment was a keep-alive
  bool ack_letter : 1 = false, data_letter : 1 = false;  // the history has its a or A, d or D
};
static_assert(sizeof(Endpoint) == 32);

// The first letters of Zeek's history. Six bits each, the first lowest: all letters, and ^, are 0x40 to 0x7f
// in ASCII, and none is 0x40.
class History {
 public:
  static constexpr int kRoom = 10;

  bool full() const { return letters_ >> (kBits * (kRoom - 1)) != 0; }
  // REQUIRES: !full().
  void add(char letter) { letters_ |= (static_cast<std::uint64_t>(letter) & kMask) << (kBits * size()); }
  // The first frame came from the responder: the other case for all letters, and ^ before them. REQUIRES:
  // !full().
  void turn() {
    for (int i = 0, letters = size(); i < letters; ++i) letters_ ^= std::uint64_t{'a' ^ 'A'} << (kBits * i);
    letters_ = letters_ << kBits | (std::uint64_t{'^'} & kMask);
  }
  int size() const { return (64 - std::countl_zero(letters_) + kBits - 1) / kBits; }
  char operator[](int i) const { return static_cast<char>(0x40 | (letters_ >> (kBits * i) & kMask)); }

 private:
  static constexpr int kBits = 6;
  static constexpr std::uint64_t kMask = (1u << kBits) - 1;
  std::uint64_t letters_ = 0;
};

// When the handshake's segments came.
enum class HandshakeStep : std::uint8_t {
  kSyn,     // the last before the SYN+ACK
  kSynAck,  // the first
  kAck      // of the SYN+ACK
};
inline constexpr std::size_t kHandshakeSteps = 3;

// What few connections ask: something goes wrong on them, or is odd.
struct RareDetails {
  struct Side {
    std::uint32_t isn_shift = 0;  // from Connection::isn to the number of its latest SYN or SYN+ACK
    std::uint32_t fin_shift = 0;  // from Connection::fin_seq to what is behind its latest FIN
    std::uint32_t rst_seq = 0;    // with Endpoint::rst
    std::uint32_t duplicate_acks = 0, zero_windows = 0, keep_alives = 0;
    CountedLetter window_letter, gap_letter, retransmit_letter;
  };
  std::array<Side, 2> sides;  // by endpoint of the key
  std::int64_t end_time = 0;  // with `end_apart`
  // By HandshakeStep; with `handshake_apart`: Connection::handshake has no room for one of them.
  std::array<std::int64_t, kHandshakeSteps> handshake_times{};
  std::uint32_t encapsulation = SlotPool<Encapsulation>::kNone;  // index of what is around its first frame,
                                                                 // where the key does not tell; none: it does
  std::array<char, 13> letters{};  // of the history, behind Connection::history; there is no room for more
  std::uint8_t letters_size = 0;
  bool end_apart : 1 = false, handshake_apart : 1 = false;
};
static_assert(sizeof(RareDetails) <= 128);

// What is evicted first when room is needed.
enum class EvictionClass : std::uint8_t { kAttempt, kHalfOpen, kEnded, kLast };

// Two lines of cache are all that a packet of an open connection needs; the third is for its beginning and
// its end.
struct Connection {
  static constexpr std::uint8_t kUndecided = 2;

  FlowKey key;
  std::int64_t last_time = 0;
  std::uint32_t conversation = 0xffffffffu;  // index of its payload state; none before payload came
  std::uint8_t client : 2 = kUndecided;      // which endpoint is the client
  std::uint8_t first_sender : 1 = 0;
  std::uint8_t closer : 1 = 0;  // the endpoint with the first FIN, or with the RST; with `teardown`
  AppProtocol protocol : 4 = AppProtocol::kUnknown;
  std::uint8_t completeness : 6 = 0;  // ConnectionEvent::completeness, the first frame's part at once
  bool first_only : 1 = false;        // that is all, and counts for nothing until another frame comes
  // Roles and handshake are settled, both sides have sent numbers and acknowledgements, and no FIN waits for
  // its own: the usual segment changes nothing but numbers.
  bool steady : 1 = false;
  bool midstream : 1 = false;  // its first frame was no SYN
  bool syn_ack_seen : 1 = false, established : 1 = false;
  bool handshake_timed : 1 = false;  // the SYN came before the SYN+ACK
  // The side that did not send the first frame sent one, or must have.
  bool answered : 1 = false;
  bool opened_told : 1 = false, established_told : 1 = false, half_closed_told : 1 = false;
  bool ended : 1 = false;        // both FINs, or an RST: only the linger is left, and the last ACK
  bool holds_bytes : 1 = false;  // HttpConversation: bytes wait for others, or for held_until()
  bool elides : 1 = false;       // HttpConversation::elides()
  EvictionClass listed : 2 = EvictionClass::kLast;
  Teardown teardown : 3 = Teardown::kNone;
  std::array<Endpoint, 2> sides;  // by endpoint of the key

  std::array<std::uint32_t, 2> isn{};         // by endpoint; with Endpoint::syn
  std::array<std::uint32_t, 2> fin_seq{};     // the sequence number behind its FIN; with Endpoint::fin
  std::array<std::uint16_t, 2> syn_window{};  // with Endpoint::syn
  std::uint32_t rare =
      SlotPool<RareDetails>::kNone;  // index of its RareDetails; none: it has nothing to tell
  std::int64_t first_time = 0;
  std::uint64_t number : 48 = 0;  // in the order of first frames, of this worker
  std::uint64_t interface : 16 = 0;
  History history;
  std::array<std::uint32_t, kHandshakeSteps> handshake{};  // ns from first_time, by HandshakeStep
  std::uint32_t first_seq = 0;

  bool roles_known() const { return client != kUndecided; }
  bool syn_seen() const { return (completeness & kSawSyn) != 0; }
  bool data_seen() const { return (completeness & kSawData) != 0; }
  bool fin_seen() const { return (completeness & kSawFin) != 0; }
  bool settled() const { return sides[0].settled && sides[1].settled; }
  bool is_client(std::uint8_t endpoint) const { return endpoint == client; }
  Side side_of(std::uint8_t endpoint) const { return endpoint == client ? Side::kClient : Side::kServer; }
  // Both FINs were sent, and one of them is not known to have arrived: it may be sent again, and data with
  // it. REQUIRES: ended.
  bool awaits_last_ack() const {
    return teardown != Teardown::kReset && !(sides[0].fin_acked && sides[1].fin_acked);
  }
  // REQUIRES: ended.
  CloseReason end_reason() const {
    return teardown == Teardown::kReset ? CloseReason::kRst : CloseReason::kFin;
  }
  // An attempt that nobody answered (yet).
  bool unanswered() const { return !midstream && !answered; }
  // A SYN+ACK, and nothing that would show that it has arrived: as in a flood of SYNs that the server
  // answers.
  bool half_open() const { return syn_ack_seen && !established && !data_seen() && !fin_seen(); }
  EvictionClass eviction_class() const {
    return ended          ? EvictionClass::kEnded
           : unanswered() ? EvictionClass::kAttempt
           : half_open()  ? EvictionClass::kHalfOpen
                          : EvictionClass::kLast;
  }
};
inline constexpr std::size_t kHotConnectionBytes = 128;  // from its start
static_assert(offsetof(Connection, isn) == kHotConnectionBytes && sizeof(Connection) == 192);
static_assert(static_cast<unsigned>(AppProtocol::kRdp) < 16 && static_cast<unsigned>(Teardown::kReset) < 8 &&
              static_cast<unsigned>(EndpointState::kReset) < 8);  // their bit fields

// The RareDetails of one worker's connections.
class RarePool {
 public:
  // For so many connections.
  explicit RarePool(std::uint32_t capacity) : pool_(capacity) {}

  // What a connection that has none is told to have: nothing.
  const RareDetails& of(const Connection& connection) const {
    static constexpr RareDetails kNothing;
    return connection.rare == kNone ? kNothing : pool_[connection.rare];
  }
  RareDetails& make(Connection& connection) {
    if (connection.rare == kNone) connection.rare = pool_.allocate();
    return pool_[connection.rare];
  }
  void release(const Connection& connection) {
    if (connection.rare != kNone) pool_.release(connection.rare);
  }

 private:
  static constexpr std::uint32_t kNone = SlotPool<RareDetails>::kNone;
  SlotPool<RareDetails> pool_;
};

}  // namespace tapline
