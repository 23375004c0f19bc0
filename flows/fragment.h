// IP fragments, and the datagrams that are put together of them (RFC 791 section 3.2, RFC 8200 section 4.5).
#pragma once

#include <cstdint>
#include <span>

#include "flows/address.h"
#include "flows/encapsulation.h"

namespace tapline {

// A view into the frame that it came in.
struct Fragment {
  IpAddress source, destination;
  std::uint32_t id = 0;       // IPv4: 16 bits
  std::uint8_t protocol = 0;  // of the datagram's payload; in IPv6 only the first fragment's is certain
  std::uint32_t offset = 0;   // bytes, of `data` in the datagram's payload; a multiple of 8
  bool more = false;          // another one follows this
  std::uint32_t length = 0;   // bytes on the wire
  std::span<const std::uint8_t> data;  // as far as it was captured
  Encapsulation around;
};

// The payload of a datagram whose fragments have all come.
struct Datagram {
  IpAddress source, destination;
  std::uint8_t protocol = 0;
  std::uint32_t length = 0;            // bytes on the wire
  std::span<const std::uint8_t> data;  // up to the first byte that was not captured
  Encapsulation around;
};

}  // namespace tapline
