// Frames that the host lost before any socket could see them: a capturer that counts only what its own rings
// dropped would call a run complete that is not.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "engine/fd.h"
#include "engine/interfaces.h"

namespace tapline {

// Since the first look. Absent: not known here.
struct EarlyLossCounters {
  // Frames that found the queue of a processor full (net.core.netdev_max_backlog), on the whole host: the
  // kernel does not say of which interface they were.
  std::optional<std::uint64_t> softnet;
  // Frames that the captured interfaces had no room for (rx_missed_errors and rx_fifo_errors).
  std::optional<std::uint64_t> interfaces;
};

// Adds up what grows in counters that wrap (softnet: 32 bits), that start again (an interface whose driver is
// loaded anew), and that come and go with processors and interfaces. Not thread-safe.
class EarlyLoss {
 public:
  // `softnet_stat`: /proc/net/softnet_stat, open, so that it can be read after privileges were dropped; an
  // invalid one: it is not to be had. `captured`: where losses count.
  EarlyLoss(Fd softnet_stat, std::span<const Interface> captured);

  // Looks at the counters: a read and a list of interfaces over netlink, some 10 us and more with many
  // interfaces. Needs no privilege.
  void look();

  const EarlyLossCounters& counters() const { return counters_; }

  // What look() does with what it has read.
  void take_softnet(std::string_view softnet_stat);
  void take_interfaces(std::span<const Interface> interfaces);

 private:
  Fd softnet_stat_;
  std::vector<int> captured_;                     // indices
  std::map<unsigned, std::uint32_t> processors_;  // the latest reading of each
  std::map<int, std::uint64_t> missed_;           // the same of each interface, by index
  EarlyLossCounters counters_;
};

Fd open_softnet_stat();

}  // namespace tapline
