// The table of body bytes that stay in the kernel, as user space uses it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "bpf/elision.h"

namespace tapline {

// Tells an eliding PortFilter which segments it need not deliver: data inside a range of sequence numbers, as
// long as each segment continues the one before, and pure acknowledgements of it. What ends such a run, and
// what is delivered in any case, is told in elision.bpf.h. No call here is a system call.
//
// Thread-safe, where each slot is used by one thread.
class ElisionTable {
 public:
  using Slot = std::uint32_t;

  // IPv4 in the first four bytes of an address; ports in host byte order; of VLAN tags the ids, outer first.
  struct Connection {
    bool ipv6 = false;
    std::array<std::array<std::uint8_t, 16>, 2> address{};
    std::array<std::uint16_t, 2> port{};
    std::array<std::optional<std::uint16_t>, 2> vlan{};
  };

  // Sequence numbers in host byte order. At most 2^30 apart.
  struct Range {
    std::uint32_t begin = 0, end = 0;  // the last byte before `end` is delivered
    bool acks = false;                 // pure acknowledgements by the other end may stay as well ...
    std::uint32_t ack_sequence = 0;    // ... if they have this sequence number
  };

  // What was not delivered since arm().
  struct Run {
    bool over = true;           // and nothing more will be
    std::uint32_t packets = 0;  // of data: [first, next), each byte once
    std::uint32_t first = 0, next = 0;
    std::uint32_t acks = 0;  // pure acknowledgements, the highest of `ack`, which is in (first, next]
    std::uint32_t ack = 0;
    std::uint16_t ack_window = 0;         // of the latest, as sent
    std::int64_t time = 0, ack_time = 0;  // of the latest of either: CLOCK_MONOTONIC, ns
  };

  // `map` is the programs' map, `armed` their count of slots in use: both must outlive the table.
  static absl::StatusOr<ElisionTable> open(int map, std::uint32_t* armed);

  // A slot with nothing armed; none where the connection's place is taken. An end of the connection is known
  // by its place in `connection` from here on.
  std::optional<Slot> claim(const Connection& connection);
  void release(Slot slot);

  // REQUIRES: the range of `end` is not armed.
  void arm(Slot slot, unsigned end, const Range& range);
  // How far the run is by now.
  Run read(Slot slot, unsigned end) const;
  // Nothing of the range stays in the kernel from here on. Returns what did.
  Run stop(Slot slot, unsigned end);
  // For an armed range: `Range::ack_sequence` has moved on.
  void set_ack_sequence(Slot slot, unsigned end, std::uint32_t sequence);

 private:
  static constexpr std::size_t kSize = sizeof(elision_bucket) * ELISION_BUCKETS;
  struct Unmap {
    void operator()(elision_bucket* memory) const;
  };

  ElisionTable(elision_bucket* memory, std::uint32_t* armed) : memory_(memory), armed_(armed) {}
  elision_slot& at(Slot slot) const;
  elision_range& at(Slot slot, unsigned end) const { return at(slot).ranges[end]; }

  std::unique_ptr<elision_bucket[], Unmap> memory_;
  std::uint32_t* armed_;
};

}  // namespace tapline
