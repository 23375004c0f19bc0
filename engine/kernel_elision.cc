#include "engine/kernel_elision.h"

#include "engine/clocks.h"

namespace tapline {

ElisionTable::Connection connection_of(const FlowKey& key) {
  ElisionTable::Connection connection;
  connection.ipv6 = key.version() == IpVersion::kV6;
  for (int end = 0; end < 2; ++end) {
    const auto i = static_cast<std::size_t>(end);
    connection.address[i] = key.ip(end).bytes;
    connection.port[i] = key.port(end);
    connection.vlan[i] = key.vlan(end);
  }
  return connection;
}

void KernelElision::look_at_clocks() { wall_minus_monotonic_ = wall_now() - monotonic_now(); }

std::optional<BodyElision::Place> KernelElision::claim(const FlowKey& key) {
  if (key.tunnelled() || key.vlan(1)) return std::nullopt;
  return table_.claim(connection_of(key));
}

void KernelElision::arm(Place place, std::uint8_t sender, const ElisionRange& range) {
  table_.arm(
      place, sender,
      {.begin = range.begin, .end = range.end, .acks = range.acks, .ack_sequence = range.ack_sequence});
}

ElidedRun KernelElision::run_of(const ElisionTable::Run& run) const {
  return {.over = run.over,
          .packets = run.packets,
          .first = run.first,
          .next = run.next,
          .acks = run.acks,
          .ack = run.ack,
          .ack_window = run.ack_window,
          .time = run.time + wall_minus_monotonic_,
          .ack_time = run.ack_time + wall_minus_monotonic_};
}

}  // namespace tapline
