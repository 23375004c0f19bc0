// The state of one TCP connection: what every packet touches.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "flows/events.h"
#include "flows/flow_key.h"

namespace tapline {

// Serial number arithmetic (RFC 1982, RFC 9293 section 3.4): how far `a` is behind `b`; negative when before.
inline std::int32_t seq_distance(std::uint32_t a, std::uint32_t b) {
  return static_cast<std::int32_t>(a - b);
}

// Zeek's states of one endpoint, from which conn_state follows.
enum class EndpointState : std::uint8_t { kInactive, kSynSent, kPartial, kEstablished, kClosed, kReset };

// One of Zeek's letters that repeat logarithmically.
struct CountedLetter {
  static constexpr std::uint32_t kMost = (1u << 28) - 1;
  std::uint32_t count : 28 = 0;   // what it stands for has happened so often; no further than kMost
  std::uint32_t written : 4 = 0;  // letters of it so far
};

// What one side has sent, as far as most packets ask. Sequence numbers are raw.
struct Endpoint {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;     // of payload, each sequence number once
  std::uint32_t next_seq = 0;  // behind the highest sequence number seen; with `seq_known`
  std::uint32_t acked = 0;     // the highest acknowledgment number it sent; with `ack_known`
  std::uint16_t window = 0;    // as last sent, unscaled
  std::uint8_t window_scale = 0;
  EndpointState state = EndpointState::kInactive, previous_state = EndpointState::kInactive;
  bool syn : 1 = false, fin : 1 = false, rst : 1 = false, seq_known : 1 = false, ack_known : 1 = false;
  bool has_mss : 1 = false, has_window_scale : 1 = false, sack_permitted : 1 = false, timestamps : 1 = false;
  bool fin_acked : 1 = false;                            // by the other side
  bool kept_alive : 1 = false;                           // its latest segment was a keep-alive
  bool ack_letter : 1 = false, data_letter : 1 = false;  // the history has its a or A, d or D
  // What HttpConversation knows of its payload, so that it need not be asked: all that came has been read, or
  // only counted and none is missing; and how long some takes to be acknowledged is being measured.
  bool settled : 1 = false, timed : 1 = false;
};

// What few packets of a side ask.
struct EndpointDetails {
  std::uint32_t isn = 0;             // with Endpoint::syn
  std::uint32_t latest_isn = 0;      // of its latest SYN or SYN+ACK; with Endpoint::syn
  std::uint32_t fin_seq = 0;         // the sequence number behind its FIN; with Endpoint::fin
  std::uint32_t latest_fin_seq = 0;  // behind its latest FIN; with Endpoint::fin
  std::uint32_t rst_seq = 0;         // with Endpoint::rst
  std::uint32_t duplicate_acks = 0, zero_windows = 0, keep_alives = 0;
  CountedLetter window_letter, gap_letter, retransmit_letter;
  std::uint16_t syn_window = 0, mss = 0;
};

// Zeek's history; letters past the room are left out, as no conversation of sense has so many.
class History {
 public:
  void add(char letter) {
    if (size_ < letters_.size()) letters_[size_++] = letter;
  }
  bool has(char letter) const { return view().find(letter) != std::string_view::npos; }
  // The first frame came from the responder: the other case for all letters, and ^ before them.
  void turn() {
    for (char& letter : std::span(letters_).first(size_)) letter = static_cast<char>(letter ^ ('a' ^ 'A'));
    if (size_ < letters_.size()) ++size_;
    std::copy_backward(letters_.begin(), letters_.begin() + size_ - 1, letters_.begin() + size_);
    letters_[0] = '^';
  }
  std::string_view view() const { return {letters_.data(), size_}; }

 private:
  std::array<char, 23> letters_{};
  std::uint8_t size_ = 0;
};

// What is evicted first when room is needed.
enum class EvictionClass : std::uint8_t { kAttempt, kHalfOpen, kEnded, kLast };

// Two lines of cache are all that a packet of an open connection needs; what stands behind them is for its
// beginning and its end, and for what goes wrong.
struct Connection {
  static constexpr std::uint8_t kUndecided = 2;

  FlowKey key;
  std::int64_t last_time = 0;
  std::uint32_t conversation = 0xffffffffu;  // index of its payload state; none before payload came
  std::uint8_t client = kUndecided;          // which endpoint is the client
  std::uint8_t completeness = 0;             // ConnectionEvent::completeness
  bool midstream : 1 = false;                // its first frame was no SYN
  bool syn_seen : 1 = false, syn_ack_seen : 1 = false, established : 1 = false;
  bool handshake_timed : 1 = false;  // syn_time is before syn_ack_time
  bool data_seen : 1 = false;
  // The side that did not send the first frame sent one, or must have.
  bool answered : 1 = false;
  bool opened_told : 1 = false, established_told : 1 = false, half_closed_told : 1 = false;
  bool ended : 1 = false;           // both FINs, or an RST: only the linger is left, and the last ACK
  bool holds_bytes : 1 = false;     // HttpConversation: bytes wait for others, or for held_until()
  bool elides : 1 = false;          // HttpConversation::elides()
  bool first_deferred : 1 = false;  // first_completeness is still to be added
  EvictionClass listed : 2 = EvictionClass::kLast;
  std::array<Endpoint, 2> sides;  // by endpoint of the key

  std::array<EndpointDetails, 2> details;  // by endpoint of the key
  std::int64_t first_time = 0;
  std::int64_t syn_time = 0;      // the last SYN before the SYN+ACK
  std::int64_t syn_ack_time = 0;  // the first SYN+ACK
  std::int64_t ack_time = 0;      // the ACK of it
  std::int64_t end_time = 0;      // the frame that ended it; with `ended`
  std::uint64_t number = 0;       // in the order of first frames, of this worker
  std::uint32_t first_seq = 0;
  std::uint32_t encapsulation =
      0xffffffffu;                 // index of its first frame's VLAN tags and tunnels; none: it has none
  std::uint32_t transactions = 0;  // numbers given so far
  std::uint16_t interface = 0;
  std::uint8_t first_completeness = 0;  // the first frame's part of it, until another comes
  std::uint8_t first_sender = 0;
  AppProtocol protocol = AppProtocol::kUnknown;
  CloseReason end_reason = CloseReason::kEnd;
  Teardown teardown = Teardown::kNone;
  std::uint8_t closed_by = kUndecided;  // the endpoint with the first FIN, or with the RST
  History history;

  bool roles_known() const { return client != kUndecided; }
  bool fin_seen() const { return sides[0].fin || sides[1].fin; }
  bool settled() const { return sides[0].settled && sides[1].settled; }
  bool is_client(std::uint8_t endpoint) const { return endpoint == client; }
  Side side_of(std::uint8_t endpoint) const { return endpoint == client ? Side::kClient : Side::kServer; }
  // Both FINs were sent, and one of them is not known to have arrived: it may be sent again, and data with
  // it.
  bool awaits_last_ack() const {
    return end_reason == CloseReason::kFin && !(sides[0].fin_acked && sides[1].fin_acked);
  }
  // An attempt that nobody answered (yet).
  bool unanswered() const { return !midstream && !answered; }
  // A SYN+ACK, and nothing that would show that it has arrived: as in a flood of SYNs that the server
  // answers.
  bool half_open() const { return syn_ack_seen && !established && !data_seen && !fin_seen(); }
  EvictionClass eviction_class() const {
    return ended          ? EvictionClass::kEnded
           : unanswered() ? EvictionClass::kAttempt
           : half_open()  ? EvictionClass::kHalfOpen
                          : EvictionClass::kLast;
  }
};
inline constexpr std::size_t kHotConnectionBytes = 128;  // from its start
static_assert(offsetof(Connection, details) == kHotConnectionBytes && sizeof(Connection) <= 320);

}  // namespace tapline
