// How large a ring is where the user did not say.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace tapline {

struct RingDemand {
  unsigned workers = 1;                     // that share the interface
  std::size_t interfaces = 1;               // for each of which each worker has a ring
  std::optional<std::uint64_t> link_speed;  // bits a second, where it is known
  std::uint64_t memory = 0;                 // bytes, of the machine
  std::size_t block_size = 0;               // bytes
};

// Bytes, a multiple of the block size. What the link delivers in 100 ms is shared by the workers' rings, for
// that is how long a busy machine may keep a worker from its core. At least 64 MiB each: with little traffic
// a ring lasts for as many block time-outs as it has blocks. At most 512 MiB each, and an eighth of the
// memory for all of them together; but never less than 8 blocks.
std::size_t default_ring_size(const RingDemand& demand);

// Bits a second, as the interface's driver says; nothing where it does not know (virtual interfaces, no
// carrier).
std::optional<std::uint64_t> link_speed(const std::string& interface);

// Bytes that the machine has. Not what a container may use: the kernel does not count rings against that.
std::uint64_t machine_memory();

}  // namespace tapline
