// What a packet list says of a segment beside its own bytes: relative numbers, the true window, and
// Wireshark's words for loss and flow control.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "flows/decode.h"
#include "flows/events.h"

namespace tapline {

// Stretches of sequence numbers that one end has sent and the other has not acknowledged. What joins is one
// stretch; when there are more holes than it has room for, the newest data is not kept.
class UnackedRanges {
 public:
  void add(std::uint32_t begin, std::uint32_t end);
  void acknowledge(std::uint32_t ack);
  // The end of the stretch that holds `seq`; `seq` where none does.
  std::uint32_t end_of_run(std::uint32_t seq) const;

 private:
  struct Range {
    std::uint32_t begin, end;
  };
  std::array<Range, 16> ranges_;  // in no order
  std::size_t size_ = 0;
};

// The state of one connection, kept only while packets are told. Sequence numbers are raw. The rules for the
// words are those that Wireshark's User's Guide gives under "TCP Analysis", and, where it is silent, what
// tshark 4.0 does: tests/e2e/packets_test.py holds the two side by side.
class TcpAnalysis {
 public:
  // Takes the connection's segments in the order of capture.
  SegmentNumbers take(const TcpSegment& segment);

  // For a connection whose tuple had `previous`. A SYN with another number than that had uses the ports
  // again; anything else goes on counting where the previous one ended, for it is most often late for it.
  void follow(const TcpAnalysis& previous, const TcpSegment& first);

 private:
  // What one end has sent.
  struct End {
    std::uint32_t base = 0;  // with `base_known`
    bool base_known = false;
    bool syn = false, syn_ack = false;  // its SYN was seen; it had an ACK
    bool offers_scale = false;          // its SYN had the window scale option
    std::uint8_t shift = 0;             // with `offers_scale`

    bool next_known = false, reach_known = false, acked_known = false, window_known = false;
    std::uint16_t window = 0;      // as last sent
    bool window_unscaled = false;  // a SYN sent it
    bool unseen_told = false;      // that what it sent since was acknowledged unseen
    std::uint16_t words = 0;       // of its latest segment
    std::uint32_t next = 0;        // behind the highest number it sent
    std::uint32_t reach = 0;       // how far what it sent was captured without a hole
    std::uint32_t acked = 0;       // its latest acknowledgment
    std::uint32_t duplicate_acks = 0;
    std::uint64_t first_ack = 0;  // ordinal of the segment that the next duplicate will repeat
    std::int64_t next_time = 0;   // when `next` was reached
    std::int64_t ack_time = 0;    // when it last acknowledged
    UnackedRanges unacked;
  };

  void find_bases(const TcpSegment& segment);
  void read_syn(const TcpSegment& segment);
  void time_handshake(const TcpSegment& segment);
  std::optional<std::uint8_t> shift_of(const End& own, const End& peer) const;

  std::uint16_t flow_control(const TcpSegment& segment, SegmentNumbers& numbers);
  std::uint16_t unseen_acked(const TcpSegment& segment);
  std::uint16_t sent_again(const TcpSegment& segment, std::uint16_t words) const;
  void remember(const TcpSegment& segment, std::uint16_t words);

  std::array<End, 2> ends_;    // by endpoint of the key
  bool reuses_ports_ = false;  // the next segment does
  std::optional<std::int64_t> previous_time_;
  std::optional<std::int64_t> syn_time_;   // of the latest SYN
  std::optional<std::int64_t> first_rtt_;  // from it to the handshake's last segment
};

// The latest connections that have ended, by tuple; of those that share a place the last.
class EndedConnections {
 public:
  void add(const FlowKey& key, const TcpAnalysis& analysis);
  const TcpAnalysis* find(const FlowKey& key) const;

 private:
  struct Entry {
    FlowKey key;
    TcpAnalysis analysis;
    bool used = false;
  };
  static std::size_t place_of(const FlowKey& key) { return key.hash(0) % kPlaces; }

  static constexpr std::size_t kPlaces = 4096;
  std::vector<Entry> entries_;  // none before the first add()
};

}  // namespace tapline
