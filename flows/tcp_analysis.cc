#include "flows/tcp_analysis.h"

#include <algorithm>

#include "flows/connection.h"
#include "flows/tcp_options.h"
#include "flows/tcp_tracker.h"

namespace tapline {
namespace {

bool is_before(std::uint32_t a, std::uint32_t b) { return seq_distance(a, b) < 0; }

}  // namespace

void UnackedRanges::add(std::uint32_t begin, std::uint32_t end) {
  // Takes in all that it touches; what is left moves up.
  std::size_t kept = 0;
  for (std::size_t i = 0; i < size_; ++i) {
    const Range range = ranges_[i];
    if (is_before(range.end, begin) || is_before(end, range.begin)) {
      ranges_[kept++] = range;
      continue;
    }
    if (is_before(range.begin, begin)) begin = range.begin;
    if (is_before(end, range.end)) end = range.end;
  }
  size_ = kept;
  if (size_ < ranges_.size()) ranges_[size_++] = {begin, end};
}

void UnackedRanges::acknowledge(std::uint32_t ack) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < size_; ++i) {
    Range range = ranges_[i];
    if (!is_before(ack, range.end)) continue;
    if (is_before(range.begin, ack)) range.begin = ack;
    ranges_[kept++] = range;
  }
  size_ = kept;
}

std::uint32_t UnackedRanges::end_of_run(std::uint32_t seq) const {
  for (std::size_t i = 0; i < size_; ++i) {
    if (!is_before(seq, ranges_[i].begin) && is_before(seq, ranges_[i].end)) return ranges_[i].end;
  }
  return seq;
}

void TcpAnalysis::find_bases(const TcpSegment& segment) {
  End& own = ends_[segment.sender];
  End& peer = ends_[1 - segment.sender];
  if (!own.base_known) {
    own.base = segment.has(kSyn) ? segment.seq : segment.seq - 1;
    own.base_known = true;
  }
  if (!peer.base_known && segment.has(kAck)) {
    peer.base = segment.ack - 1;
    peer.base_known = true;
  }
}

void TcpAnalysis::read_syn(const TcpSegment& segment) {
  constexpr std::uint8_t kLargestShift = 14;  // RFC 7323 section 2.3
  SynParameters parameters;
  read_syn_options(segment.options, parameters);
  End& own = ends_[segment.sender];
  own.syn = true;
  own.syn_ack = segment.has(kAck);
  own.offers_scale = parameters.window_scale.has_value();
  own.shift = std::min(parameters.window_scale.value_or(0), kLargestShift);
}

// The first round trip is how much later than its successors a segment may come and still count as reordered
// rather than sent again.
void TcpAnalysis::time_handshake(const TcpSegment& segment) {
  if (segment.has(kSyn)) {
    if (!segment.has(kAck)) syn_time_ = segment.time_ns;
    return;
  }
  const End& own = ends_[segment.sender];
  const End& peer = ends_[1 - segment.sender];
  if (syn_time_ && !first_rtt_ && segment.has(kAck) && own.syn && !own.syn_ack && peer.base_known &&
      segment.seq == own.base + 1 && segment.ack == peer.base + 1) {
    first_rtt_ = segment.time_ns - *syn_time_;
  }
}

// By how much `own`'s windows are to be shifted: by nothing unless both SYNs offer it (RFC 7323 section 2.2).
// A SYN+ACK offers it only where the SYN did.
std::optional<std::uint8_t> TcpAnalysis::shift_of(const End& own, const End& peer) const {
  const bool refused = (own.syn && !own.offers_scale) || (peer.syn && !peer.offers_scale);
  if (refused) return std::uint8_t{0};
  if (own.syn && (own.syn_ack || peer.syn)) return own.shift;
  return std::nullopt;
}

std::uint16_t TcpAnalysis::flow_control(const TcpSegment& segment, SegmentNumbers& numbers) {
  End& own = ends_[segment.sender];
  const End& peer = ends_[1 - segment.sender];
  const std::uint32_t bytes = segment.payload_bytes;
  const bool at_next = own.next_known && segment.seq == own.next;
  if (bytes == 1 && at_next && peer.window_known && peer.window == 0) return kZeroWindowProbe;

  std::uint16_t words = 0;
  if (segment.window == 0 && is_plain(segment)) words |= kZeroWindow;
  if (own.next_known && is_before(own.next, segment.seq) && !segment.has(kRst)) words |= kLostSegment;
  if (bytes <= 1 && own.next_known && segment.seq == own.next - 1 && is_plain(segment)) words |= kKeepAlive;
  const bool same_ack = own.acked_known && segment.ack == own.acked;
  const bool repeats = bytes == 0 && segment.window != 0 && at_next && same_ack && is_plain(segment);
  const bool same_window = own.window_known && segment.window == own.window;
  if (repeats && !same_window) words |= kWindowUpdate;
  if (bytes > 0 && is_plain(segment) && peer.acked_known) {
    const std::optional<std::uint8_t> shift = shift_of(peer, own);
    const std::uint32_t window = std::uint32_t{peer.window} << (peer.window_unscaled ? 0 : shift.value_or(0));
    if (shift && segment.seq + bytes == peer.acked + window) words |= kWindowFull;
  }
  if (!repeats || !same_window) return words;
  if ((peer.words & kKeepAlive) != 0) return words | kKeepAliveAck;
  numbers.duplicate_acks = ++own.duplicate_acks;
  numbers.duplicate_of = own.first_ack;
  return words | kDuplicateAck;
}

// An acknowledgment of what the capture has not seen. Neither a zero window probe's byte counts as seen, nor
// is it told when the other end was repeating its own acknowledgments, which begin to count anew then.
std::uint16_t TcpAnalysis::unseen_acked(const TcpSegment& segment) {
  End& peer = ends_[1 - segment.sender];
  if (!segment.has(kAck) || !peer.reach_known || !is_before(peer.reach, segment.ack)) return 0;
  peer.reach = peer.unacked.end_of_run(peer.reach);
  if (!is_before(peer.reach, segment.ack)) return 0;
  peer.reach = peer.next;
  const bool told = peer.unseen_told || peer.duplicate_acks > 0;
  peer.unseen_told = true;  // once, until it sends again
  peer.duplicate_acks = 0;
  return told ? std::uint16_t{0} : std::uint16_t{kAckLostSegment};
}

// Why a segment does not advance the sequence numbers.
std::uint16_t TcpAnalysis::sent_again(const TcpSegment& segment, std::uint16_t words) const {
  constexpr std::int64_t kMillisecond = 1'000'000;
  const End& own = ends_[segment.sender];
  const End& peer = ends_[1 - segment.sender];
  const std::uint32_t bytes = segment.payload_bytes, end = segment.seq + segment.sequence_length();
  if (segment.sequence_length() == 0 || (words & kKeepAlive) != 0) return 0;
  if (bytes > 0 && peer.acked_known && !is_before(peer.acked, segment.seq + bytes)) {
    return kRetransmission | kSpuriousRetransmission;
  }
  if (!own.next_known || !is_before(segment.seq, own.next)) return 0;
  // More than one byte, at the place of a probe: the probe's byte, and new ones.
  if (bytes > 1 && segment.seq == own.next - 1) return 0;
  const std::int64_t since_ack = segment.time_ns - peer.ack_time;
  // Where time stamps run backwards, nothing is soon.
  const bool asked_for = peer.acked_known && peer.acked == segment.seq && peer.duplicate_acks >= 2;
  if (asked_for && since_ack >= 0 && since_ack < 20 * kMillisecond) {
    return kRetransmission | kFastRetransmission;
  }
  const std::int64_t patience = first_rtt_.value_or(3 * kMillisecond);
  const std::int64_t since_next = segment.time_ns - own.next_time;
  if (since_next >= 0 && since_next < patience && end != own.next) {
    return kOutOfOrder;
  }
  return kRetransmission;
}

void TcpAnalysis::remember(const TcpSegment& segment, std::uint16_t words) {
  End& own = ends_[segment.sender];
  const std::uint32_t end = segment.seq + segment.sequence_length();
  if ((words & kZeroWindowProbe) == 0) {
    if (end != segment.seq) own.unacked.add(segment.seq, end);
    if (!own.next_known || is_before(own.next, end)) {
      own.next = end;
      own.next_time = segment.time_ns;
    }
    if (!own.reach_known || own.reach == segment.seq) own.reach = end;
    own.next_known = own.reach_known = true;
  }
  own.unseen_told = false;
  own.window = segment.window;
  own.window_unscaled = segment.has(kSyn);
  own.window_known = true;
  if (!own.acked_known || own.acked != segment.ack) {
    own.duplicate_acks = 0;
    own.first_ack = segment.ordinal;
  }
  own.acked = segment.ack;
  own.acked_known = segment.ack != 0 || segment.has(kAck);
  own.ack_time = segment.time_ns;
  own.words = words;
  if (segment.has(kAck)) ends_[1 - segment.sender].unacked.acknowledge(segment.ack);
}

void TcpAnalysis::follow(const TcpAnalysis& previous, const TcpSegment& first) {
  const End& own = previous.ends_[first.sender];
  const bool anew = first.has(kSyn) && own.base_known && own.base != first.seq;
  if (!anew) *this = previous;
  reuses_ports_ = anew;
  previous_time_.reset();
}

SegmentNumbers TcpAnalysis::take(const TcpSegment& segment) {
  SegmentNumbers numbers;
  if (previous_time_) numbers.time_delta = segment.time_ns - *previous_time_;
  previous_time_ = segment.time_ns;
  find_bases(segment);
  if (segment.has(kSyn)) read_syn(segment);
  time_handshake(segment);
  End& own = ends_[segment.sender];
  const End& peer = ends_[1 - segment.sender];
  numbers.sequence = segment.seq - own.base;
  numbers.next_sequence = numbers.sequence + segment.sequence_length();
  if (segment.has(kAck)) numbers.acknowledgment = segment.ack - peer.base;
  if (segment.has(kSyn)) {
    numbers.scaled_window = segment.window;
  } else if (const std::optional<std::uint8_t> shift = shift_of(own, peer); shift) {
    numbers.scaled_window = std::uint32_t{segment.window} << *shift;
  }
  std::uint16_t words = flow_control(segment, numbers);
  words |= unseen_acked(segment);
  words |= sent_again(segment, words);
  if (reuses_ports_) words |= kReusedPorts;
  reuses_ports_ = false;
  remember(segment, words);
  numbers.analysis = words;
  return numbers;
}

void EndedConnections::add(const FlowKey& key, const TcpAnalysis& analysis) {
  if (entries_.empty()) entries_.resize(kPlaces);
  entries_[place_of(key)] = {key, analysis, true};
}

const TcpAnalysis* EndedConnections::find(const FlowKey& key) const {
  if (entries_.empty()) return nullptr;
  const Entry& entry = entries_[place_of(key)];
  return entry.used && entry.key == key ? &entry.analysis : nullptr;
}

}  // namespace tapline
