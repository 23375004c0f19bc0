#include "flows/tcp_options.h"

#include "flows/byte_order.h"

namespace tapline {

void read_syn_options(std::span<const std::uint8_t> options, SynParameters& parameters) {
  enum Kind : std::uint8_t {
    kEnd = 0,
    kNop = 1,
    kMss = 2,
    kWindowScale = 3,
    kSackPermitted = 4,
    kTimestamps = 8
  };
  while (!options.empty()) {
    const std::uint8_t kind = options[0];
    if (kind == kEnd) return;
    if (kind == kNop) {
      options = options.subspan(1);
      continue;
    }
    if (options.size() < 2 || options[1] < 2 || options[1] > options.size()) return;
    const std::size_t length = options[1];
    if (kind == kMss && length == 4) parameters.mss = load16(&options[2]);
    if (kind == kWindowScale && length == 3) parameters.window_scale = options[2];
    if (kind == kSackPermitted && length == 2) parameters.sack_permitted = true;
    if (kind == kTimestamps && length == 10) parameters.timestamps = true;
    options = options.subspan(length);
  }
}

}  // namespace tapline
