// Body elision by the port filter: what flows/ asks for, in the filter's terms.
#pragma once

#include <cstdint>
#include <optional>

#include "bpf/elision_table.h"
#include "flows/body_elision.h"

namespace tapline {

// A connection in the terms of the table, with all of its key but tunnels.
ElisionTable::Connection connection_of(const FlowKey& key);

// One of each worker. `table` is that of the filter on the worker's rings, and outlives the object.
class KernelElision final : public BodyElision {
 public:
  explicit KernelElision(ElisionTable& table) : table_(table) { look_at_clocks(); }

  // The kernel stamps what it leaves out with another clock than frames, and the two drift apart when the
  // host's time is adjusted: to be called now and then.
  void look_at_clocks();

  // Those in tunnels or with two VLAN tags the filter does not look into.
  std::optional<Place> claim(const FlowKey& connection) override;
  void release(Place place) override { table_.release(place); }
  void arm(Place place, std::uint8_t sender, const ElisionRange& range) override;
  ElidedRun read(Place place, std::uint8_t sender) override { return run_of(table_.read(place, sender)); }
  ElidedRun stop(Place place, std::uint8_t sender) override { return run_of(table_.stop(place, sender)); }
  void set_ack_sequence(Place place, std::uint8_t sender, std::uint32_t sequence) override {
    table_.set_ack_sequence(place, sender, sequence);
  }

 private:
  ElidedRun run_of(const ElisionTable::Run& run) const;

  ElisionTable& table_;
  std::int64_t wall_minus_monotonic_ = 0;
};

}  // namespace tapline
