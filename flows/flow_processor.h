// The entrance to flows/: packets in, events out.
#pragma once

#include <cstdint>
#include <memory>
#include <memory_resource>
#include <span>

#include "flows/body_elision.h"
#include "flows/counters.h"
#include "flows/events.h"
#include "flows/packet.h"
#include "flows/port_set.h"

namespace tapline {

inline constexpr std::int64_t kSecond = 1'000'000'000;

// Bounds are for one worker.
struct FlowOptions {
  PortSet ports;
  std::uint32_t max_flows = 1u << 18;         // connections in the table at once
  std::size_t reassembly_memory = 64u << 20;  // bytes: out-of-order data, unfinished heads, waiting requests
  std::uint32_t max_head = 64u << 10;         // bytes: the longest message head that is read
  // Bytes: of a body more than so many must be left to be elided; of one whose end is not known, have come.
  std::uint32_t elide_above = 64u << 10;
  std::uint64_t hash_seed = 0;  // a secret, live; decides no order
  // When several workers read the same frames, each takes in all of them, for their times and ordinals, and
  // handles its own share of the connections. 0 of 1 handles all.
  std::uint32_t worker = 0, workers = 1;
  // Tell connections apart by addresses and ports alone, whatever VLAN or tunnel they are seen in.
  bool ignore_encapsulation = false;
  // Take a segment once that comes in on two interfaces within this time, ns; 0: take it twice.
  std::int64_t dedup_window = 0;
  bool tell_steps = true;           // call EventSink::on_connection() before a connection's end, too
  bool tell_requests = false;       // call EventSink::on_request()
  bool tell_packets = false;        // call EventSink::on_packet(), and keep what it takes to tell
  bool number_connections = false;  // give ConnectionInfo::number (one worker reading a file)
  // Write each attempt that nobody answered. Else, of those that are evicted, kAttemptsWritten in a second of
  // packet time: a SYN flood must not fill a disk. The others are counted (FlowCounters::attempts_unwritten).
  bool all_attempts = false;
  static constexpr std::uint32_t kAttemptsWritten = 1000;
  // Time-outs, in nanoseconds of packet time since the connection's last frame.
  std::int64_t attempt_timeout = 30 * kSecond;  // a handshake that nobody answered, or nobody completed
  std::int64_t established_timeout = 3600 * kSecond;
  std::int64_t half_closed_timeout = 600 * kSecond;
  std::int64_t close_linger = 1 * kSecond;  // after both FINs, or an RST
  // Where the large tables stand. Must outlive the processor.
  std::pmr::memory_resource* memory = std::pmr::new_delete_resource();
};

// Not thread-safe: each worker has its own.
class FlowProcessor {
 public:
  // All memory is reserved here. `sink` must outlive the processor, and so must `elision`, which is asked to
  // leave bodies out of the frames; null: all frames come.
  FlowProcessor(const FlowOptions& options, EventSink& sink, BodyElision* elision = nullptr);
  ~FlowProcessor();
  FlowProcessor(const FlowProcessor&) = delete;
  FlowProcessor& operator=(const FlowProcessor&) = delete;

  // Takes frames in the order of capture. Their data may go away after the call.
  void process(std::span<const Packet> packets);

  // Says that no frame before `time_ns` will come: what has expired by then is closed. For live capture, when
  // an interface is silent; packets drive expiry themselves.
  void advance(std::int64_t time_ns);

  // Counts what was left out of bodies so far. They may go on for long without a frame: for figures that are
  // fresh.
  void take_elided();

  // Writes all open connections and transactions, in the order of their first frames; nothing may follow.
  void finish(CloseReason reason);

  // Brought up to date by each of the calls above.
  const FlowCounters& counters() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tapline
