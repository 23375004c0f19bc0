// The filter's rules for what stays of a body (bpf/elision.bpf.h), once more and in plain words: what tests
// of flows/ run against, and what tests/bpf holds the program to.
#pragma once

#include <array>
#include <map>
#include <optional>

#include "flows/body_elision.h"
#include "flows/connection.h"
#include "flows/decode.h"

namespace tapline::test {

class ElisionModel final : public BodyElision {
 public:
  explicit ElisionModel(std::size_t room = 1000) : room_(room) {}

  std::optional<Place> claim(const FlowKey& connection) override {
    if (connections_.size() >= room_) return std::nullopt;
    connections_[++last_] = {connection, {}};
    ++claims;
    return last_;
  }
  void release(Place place) override { connections_.erase(place); }
  void arm(Place place, std::uint8_t sender, const ElisionRange& range) override {
    at(place, sender) = {range, {.over = false}};
    ++arms;
  }
  ElidedRun read(Place place, std::uint8_t sender) override { return at(place, sender).run; }
  ElidedRun stop(Place place, std::uint8_t sender) override {
    at(place, sender).run.over = true;
    return at(place, sender).run;
  }
  void set_ack_sequence(Place place, std::uint8_t sender, std::uint32_t sequence) override {
    at(place, sender).range.ack_sequence = sequence;
  }

  // Whether the segment stays in the kernel; it counts then.
  bool takes(const TcpSegment& segment) {
    for (auto& [place, connection] : connections_) {
      if (connection.key == segment.key)
        return takes(segment, connection.directions[segment.sender],
                     connection.directions[1 - segment.sender]);
    }
    return false;
  }

  std::size_t in_use() const { return connections_.size(); }
  std::uint64_t claims = 0, arms = 0;

 private:
  static constexpr std::uint32_t kMostPackets = 0xfffff;
  struct Direction {
    ElisionRange range;
    ElidedRun run;
  };
  struct Entry {
    FlowKey key;
    std::array<Direction, 2> directions;
  };
  Direction& at(Place place, std::uint8_t sender) { return connections_.at(place).directions[sender]; }

  static bool takes(const TcpSegment& segment, Direction& own, Direction& other) {
    if ((segment.flags & (kSyn | kFin | kRst)) != 0) {
      own.run.over = other.run.over = true;
      return false;
    }
    const bool keep_alive =
        segment.payload_bytes <= 1 && own.run.packets > 0 && segment.seq == own.run.next - 1;
    if (keep_alive || !segment.has(kAck) || segment.has(kUrg)) {
      own.run.over = true;
      return false;
    }
    return segment.payload_bytes > 0 ? takes_data(segment, own) : takes_ack(segment, other);
  }

  static bool takes_data(const TcpSegment& segment, Direction& own) {
    ElidedRun& run = own.run;
    const std::uint32_t next = segment.seq + segment.payload_bytes;
    const bool reaches_end = seq_distance(next, own.range.end) >= 0;
    const bool inside = seq_distance(segment.seq, own.range.begin) >= 0 && !reaches_end;
    if (run.over) return false;
    if (run.packets == 0) {
      run.over = reaches_end;
      if (!inside) return false;
      run.first = segment.seq;
    } else {
      if (seq_distance(next, run.next) <= 0) return false;
      if (segment.seq != run.next || !inside || run.packets == kMostPackets) {
        run.over = true;
        return false;
      }
    }
    run.next = next;
    ++run.packets;
    run.time = segment.time_ns;
    return true;
  }

  static bool takes_ack(const TcpSegment& segment, Direction& other) {
    ElidedRun& run = other.run;
    if (run.over || run.packets == 0 || !other.range.acks || run.acks == kMostPackets) return false;
    if (segment.seq != other.range.ack_sequence || segment.window == 0) return false;
    if (seq_distance(segment.ack, run.first) <= 0 || seq_distance(segment.ack, run.next) > 0) return false;
    if (run.acks > 0 && seq_distance(segment.ack, run.ack) <= 0) return false;
    ++run.acks;
    run.ack = segment.ack;
    run.ack_window = segment.window;
    run.ack_time = segment.time_ns;
    return true;
  }

  std::size_t room_;
  Place last_ = 0;
  std::map<Place, Entry> connections_;
};

}  // namespace tapline::test
