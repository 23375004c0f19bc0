// What stands where in a frame.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace tapline {

// What stands around a segment, in the words of Wireshark's frame.protocols, from the outermost.
class ProtocolNames {
 public:
  void add(std::string_view name) {
    if (size_ < names_.size()) names_[size_++] = name;
  }
  std::span<const std::string_view> view() const { return {names_.data(), size_}; }

 private:
  std::array<std::string_view, 48> names_{};
  std::size_t size_ = 0;
};

// Pointers into the frame (or, where the innermost IP packet is inside a datagram that came in fragments,
// into that). Null: there is none.
struct Landmarks {
  ProtocolNames protocols;                   // up to and without TCP
  const std::uint8_t* source_mac = nullptr;  // six bytes each, of the innermost link header
  const std::uint8_t* destination_mac = nullptr;
  const std::uint8_t* ip = nullptr;               // the innermost IP header
  const std::uint8_t* fragment_header = nullptr;  // of IPv6, behind `ip`
};

}  // namespace tapline
