#include "engine/kernel_elision.h"

#include <algorithm>

#include "engine/clocks.h"

namespace tapline {

void KernelElision::look_at_clocks() { wall_minus_monotonic_ = wall_now() - monotonic_now(); }

std::optional<BodyElision::Place> KernelElision::claim(const FlowKey& key) {
  if (key.tunnelled() || key.vlan(1)) return std::nullopt;
  ElisionTable::Connection connection;
  connection.ipv6 = key.version() == IpVersion::kV6;
  for (int end = 0; end < 2; ++end) {
    const auto i = static_cast<std::size_t>(end);
    const IpAddress address = key.ip(end);
    std::copy(address.bytes.begin(), address.bytes.end(), connection.address[i].begin());
    connection.port[i] = key.port(end);
  }
  connection.vlan[0] = key.vlan(0);
  return table_.claim(connection);
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
