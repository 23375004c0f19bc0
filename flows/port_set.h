// The set of server ports that tapline looks at.
#pragma once

#include <array>
#include <cstdint>

namespace tapline {

// One bit a port. The layout (64-bit words, port p is bit p % 64 of word p / 64) is also that of the BPF
// program's global data, so that the loader can copy `words` as they are.
struct PortSet {
  std::array<std::uint64_t, 1024> words{};

  void insert(std::uint16_t port) { words[port / 64] |= std::uint64_t{1} << (port % 64); }
  bool contains(std::uint16_t port) const { return (words[port / 64] >> (port % 64) & 1) != 0; }
  // True for the two ports of a connection that is asked for.
  bool contains_either(std::uint16_t one, std::uint16_t other) const {
    return contains(one) || contains(other);
  }
  friend bool operator==(const PortSet&, const PortSet&) = default;
};

}  // namespace tapline
