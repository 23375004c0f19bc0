#include "flows/tcp_states.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <optional>

#include "flows/connection.h"
#include "flows/decode.h"

namespace tapline {
namespace {

using S = TcpState;

constexpr std::size_t kNever = std::numeric_limits<std::size_t>::max();
// How many segments of the receiver are asked whether they acknowledge a FIN: keeps time linear.
constexpr int kPatience = 1000;

bool has(const ObservedSegment& segment, unsigned flags) { return (segment.flags & flags) != 0; }
bool is_bare_syn(const ObservedSegment& segment) { return has(segment, kSyn) && !has(segment, kAck); }
std::uint32_t end_of(const ObservedSegment& segment) {
  return segment.seq + segment.payload_bytes + (has(segment, kSyn) ? 1u : 0u) +
         (has(segment, kFin) ? 1u : 0u);
}

// What is known of one end. Numbers are raw.
struct End {
  TcpEndState state;
  std::uint32_t isn = 0;       // with `syn`
  std::uint32_t next = 0;      // behind the highest number that it sent; with `next_known`
  std::uint32_t acked = 0;     // the highest number that it acknowledged; with `ack_known`
  std::uint32_t last_ack = 0;  // the latest; with `ack_known`
  std::uint32_t fin_end = 0;   // behind its FIN; with `fin`
  bool syn = false, next_known = false, ack_known = false, fin = false;
  bool passive = false;                                    // it came from LISTEN
  bool early_data = false;                                 // its SYN carried data (RFC 7413)
  std::size_t fin_arrives = kNever, syn_arrives = kNever;  // after this segment

  bool is(S s) const { return state.state == s; }
  template <typename... States>
  bool is_any(States... states) const {
    return (is(states) || ...);
  }
  void go(S s) { state.state = s; }
  // `ack` is of this end's SYN, and of nothing that it has not sent.
  bool syn_acked_by(std::uint32_t ack) const {
    return syn && seq_distance(ack, isn) >= 1 && seq_distance(ack, next) <= 0;
  }
};

class Observer {
 public:
  explicit Observer(std::span<const ObservedSegment> segments) : segments_(segments) {
    following_.resize(segments.size() + 1, {kNever, kNever});
    for (std::size_t i = segments.size(); i-- > 0;) {
      following_[i] = following_[i + 1];
      following_[i][segments[i].sender] = i;
    }
    for (std::uint8_t end = 0; end < 2; ++end) begin(end);
  }

  TcpStates states() const { return {ends_[0].state, ends_[1].state}; }

  void take(std::size_t i) {
    send(i);
    arrive(i);
    for (std::size_t sender = 0; sender < 2; ++sender) {
      End& receiver = ends_[1 - sender];
      if (ends_[sender].syn_arrives == i && receiver.is_any(S::kSynSent)) receiver.go(S::kSynReceived);
      if (ends_[sender].fin_arrives == i) arrive_fin(receiver);
    }
    if (ends_[0].fin && ends_[1].fin) ends_[0].state.certain = ends_[1].state.certain = true;
  }

 private:
  std::size_t first_of(std::uint8_t end) const { return following_[0][end]; }
  std::size_t after(std::size_t i, std::uint8_t end) const { return following_[i + 1][end]; }
  bool acknowledges_before(std::uint8_t end, std::size_t limit) const;
  TcpEndState beginning(std::uint8_t end) const;
  void begin(std::uint8_t end);
  void send(std::size_t i);
  void send_syn(std::size_t i, End& own, End& peer);
  void arrive(std::size_t i);
  void arrive_syn(const ObservedSegment& segment, std::size_t i, End& receiver);
  void arrive_ack(const ObservedSegment& segment, End& receiver);
  static void arrive_fin(End& receiver);
  std::size_t arrival_of_fin(std::size_t i) const;

  std::span<const ObservedSegment> segments_;
  // By segment: the first of each end from there on.
  std::vector<std::array<std::size_t, 2>> following_;
  std::array<End, 2> ends_;
};

// The end sends something, in front of `limit`, that proves that it was answered.
bool Observer::acknowledges_before(std::uint8_t end, std::size_t limit) const {
  for (std::size_t i = first_of(end); i < limit; i = after(i, end)) {
    if (has(segments_[i], kAck) && !has(segments_[i], kSyn | kRst)) return true;
  }
  return false;
}

// The state of an end before the first segment, by what it sends first.
TcpEndState Observer::beginning(std::uint8_t end) const {
  const auto other = static_cast<std::uint8_t>(1 - end);
  const std::size_t own_first = first_of(end), other_first = first_of(other);
  const bool is_called = other_first < own_first && is_bare_syn(segments_[other_first]);
  const bool is_answered =
      other_first < own_first && !is_called && has(segments_[other_first], kSyn);  // by a SYN+ACK
  if (own_first == kNever) {
    if (is_called) return {S::kListen, acknowledges_before(other, kNever)};
    return {is_answered ? S::kSynSent : S::kEstablished, false};
  }
  const ObservedSegment& first = segments_[own_first];
  if (has(first, kSyn)) return {has(first, kAck) ? S::kListen : S::kClosed, true};
  if (is_called) {
    if (has(first, kRst)) return {acknowledges_before(other, own_first) ? S::kListen : S::kClosed, true};
    // Either the capture lost the SYN+ACK, or an older connection is still open at this end.
    const bool answers = has(first, kAck) && seq_distance(first.ack, segments_[other_first].seq) >= 1 &&
                         seq_distance(first.ack, end_of(segments_[other_first])) <= 0;
    const bool was_answered = acknowledges_before(other, own_first);
    return answers || was_answered ? TcpEndState{S::kListen, true} : TcpEndState{S::kEstablished, false};
  }
  if (is_answered) return has(first, kRst) ? TcpEndState{S::kClosed, true} : TcpEndState{S::kSynSent, true};
  return {S::kEstablished, false};
}

void Observer::begin(std::uint8_t end) {
  ends_[end].state = beginning(end);
  ends_[end].passive = ends_[end].is(S::kListen);
}

void Observer::send(std::size_t i) {
  const ObservedSegment& segment = segments_[i];
  End& own = ends_[segment.sender];
  End& peer = ends_[1 - segment.sender];
  if (has(segment, kRst)) {
    // In SYN_SENT a stray acknowledgment is answered by a reset, and the attempt goes on (section 3.10.7.3).
    const bool goes_on = own.is(S::kSynSent) && peer.ack_known && !own.syn_acked_by(peer.last_ack);
    if (!goes_on) own.state = {S::kClosed, true};
    return;  // its number may be anything
  }
  if (has(segment, kSyn)) {
    send_syn(i, own, peer);
  } else if (own.is(S::kSynSent) && has(segment, kAck)) {
    own.state = {S::kEstablished, true};
  } else if (own.is(S::kSynReceived) && segment.payload_bytes > 0 && !peer.early_data) {
    own.go(S::kEstablished);  // the capture lost the third segment
  }
  if (has(segment, kFin) && !own.fin) {
    own.fin = true;
    own.fin_end = end_of(segment);
    own.fin_arrives = arrival_of_fin(i);
    if (own.is_any(S::kSynReceived, S::kEstablished)) own.go(S::kFinWait1);
    if (own.is(S::kCloseWait)) own.go(S::kLastAck);
  }
  if (!own.next_known || seq_distance(end_of(segment), own.next) > 0) own.next = end_of(segment);
  own.next_known = true;
  if (!has(segment, kAck)) return;
  if (!own.ack_known || seq_distance(segment.ack, own.acked) > 0) own.acked = segment.ack;
  own.last_ack = segment.ack;
  own.ack_known = true;
}

void Observer::send_syn(std::size_t i, End& own, End& peer) {
  const ObservedSegment& segment = segments_[i];
  const bool repeated = own.syn && own.isn == segment.seq;
  if (!has(segment, kAck)) {
    if (repeated) return;
    // The beginning, or one more connection: what this end knew of an older one is gone.
    own = {};
    own.state = {S::kSynSent, true};
    const std::size_t answer = after(i, static_cast<std::uint8_t>(1 - segment.sender));
    const bool crossing = answer != kNever && is_bare_syn(segments_[answer]) && !peer.syn;
    if (crossing) own.syn_arrives = answer;
  } else if (own.is_any(S::kClosed, S::kListen, S::kSynSent, S::kSynReceived)) {
    own.state = {S::kSynReceived, true};
  }
  if (repeated) return;
  own.syn = true;
  own.isn = segment.seq;
  own.next_known = false;
  own.early_data = !has(segment, kAck) && segment.payload_bytes > 0;
}

void Observer::arrive(std::size_t i) {
  const ObservedSegment& segment = segments_[i];
  const End& sender = ends_[segment.sender];
  End& receiver = ends_[1 - segment.sender];
  if (has(segment, kRst)) {
    bool counts = true;
    if (receiver.is(S::kSynSent) && receiver.syn) {
      counts = has(segment, kAck) && receiver.syn_acked_by(segment.ack);
    } else if (sender.next_known) {
      const std::uint32_t low = receiver.ack_known ? receiver.acked : sender.next;
      const std::uint32_t high = seq_distance(low, sender.next) > 0 ? low : sender.next;
      counts = seq_distance(segment.seq, low) >= 0 && seq_distance(segment.seq, high) <= 0;
    }
    if (!counts || receiver.is(S::kListen)) return;
    const bool listens_on = receiver.is(S::kSynReceived) && receiver.passive;
    receiver.state = {listens_on ? S::kListen : S::kClosed, true};
    return;
  }
  if (is_bare_syn(segment)) arrive_syn(segment, i, receiver);
  if (has(segment, kAck)) arrive_ack(segment, receiver);
}

void Observer::arrive_syn(const ObservedSegment& segment, std::size_t i, End& receiver) {
  const End& sender = ends_[segment.sender];
  if (sender.syn_arrives != kNever && sender.syn_arrives > i) return;
  if (receiver.is(S::kSynSent)) return receiver.go(S::kSynReceived);
  if (!receiver.is_any(S::kClosed, S::kListen, S::kTimeWait)) return;
  const std::size_t answer = after(i, static_cast<std::uint8_t>(1 - segment.sender));
  const bool refused = !receiver.is(S::kListen) && answer != kNever && has(segments_[answer], kRst);
  if (refused) return;
  const bool certain = receiver.state.certain;
  receiver = {};
  receiver.state = {S::kSynReceived, certain};
  receiver.passive = true;
}

void Observer::arrive_ack(const ObservedSegment& segment, End& receiver) {
  const bool after_syn = !receiver.syn || seq_distance(segment.ack, receiver.isn) >= 1;
  if (receiver.is(S::kSynReceived) && after_syn) receiver.go(S::kEstablished);
  if (receiver.is(S::kSynSent) && (!receiver.syn || receiver.syn_acked_by(segment.ack))) {
    receiver.go(S::kEstablished);
  }
  if (!receiver.fin || seq_distance(segment.ack, receiver.fin_end) < 0) return;
  if (receiver.is(S::kFinWait1)) receiver.go(S::kFinWait2);
  if (receiver.is(S::kClosing)) receiver.go(S::kTimeWait);
  if (receiver.is(S::kLastAck)) receiver.go(S::kClosed);
}

void Observer::arrive_fin(End& receiver) {
  if (receiver.is_any(S::kSynReceived, S::kEstablished)) return receiver.go(S::kCloseWait);
  if (receiver.is(S::kFinWait1)) return receiver.go(S::kClosing);
  if (receiver.is(S::kFinWait2)) return receiver.go(S::kTimeWait);
}

// After the segments of the receiver that do not acknowledge it.
std::size_t Observer::arrival_of_fin(std::size_t i) const {
  const auto receiver = static_cast<std::uint8_t>(1 - segments_[i].sender);
  const std::uint32_t end = end_of(segments_[i]);
  std::size_t arrival = i;
  int patience = kPatience;
  for (std::size_t k = after(i, receiver); k != kNever && patience-- > 0; k = after(k, receiver)) {
    if (has(segments_[k], kSyn | kRst)) break;
    if (has(segments_[k], kAck) && seq_distance(segments_[k].ack, end) >= 0) break;
    arrival = k;
  }
  return arrival;
}

}  // namespace

TcpStateHistory tcp_states(std::span<const ObservedSegment> segments) {
  TcpStateHistory history;
  Observer observer(segments);
  history.before = observer.states();
  history.after.reserve(segments.size());
  for (std::size_t i = 0; i < segments.size(); ++i) {
    observer.take(i);
    history.after.push_back(observer.states());
  }
  // What is certain of a state is certain from its beginning on.
  for (std::size_t i = segments.size(); i-- > 1;) {
    for (std::size_t end : {0u, 1u}) {
      const TcpEndState& later = history.after[i][end];
      TcpEndState& state = history.after[i - 1][end];
      if (later.certain && later.state == state.state) state.certain = true;
    }
  }
  return history;
}

}  // namespace tapline
