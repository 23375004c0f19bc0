// One captured frame as the rest of tapline sees it, whether it came from a ring or from a file.
#pragma once

#include <cstdint>

namespace tapline {

// What the frame's first byte is. Values are the LINKTYPE_ numbers of the pcap and pcapng formats
// (https://www.tcpdump.org/linktypes.html), so that a file's number can be cast; others mean "not decoded".
enum class LinkType : std::uint16_t {
  kNull = 0,  // BSD loopback: a 4-byte address family in the byte order of the machine that captured
  kEthernet = 1,
  kRaw = 101,       // starts with an IPv4 or IPv6 header
  kLoop = 108,      // OpenBSD loopback: a 4-byte address family in network byte order
  kLinuxSll = 113,  // Linux cooked capture v1
  kIpv4 = 228,
  kIpv6 = 229,
  kLinuxSll2 = 276,  // Linux cooked capture v2
};

// A view: `data` belongs to the ring block or the file buffer that the packet came from, and is valid only as
// long as that is held (DESIGN.md, invariant 3).
struct Packet {
  const std::uint8_t* data = nullptr;
  std::uint32_t captured = 0;  // bytes at `data`
  std::uint32_t length = 0;    // bytes the frame had on the wire, >= captured
  std::int64_t time_ns = 0;    // since 1970-01-01T00:00:00Z
  std::uint64_t ordinal = 0;  // 1, 2, 3 … among all frames of the file, or among those accepted; 0: not known
  LinkType link = LinkType::kEthernet;
  std::uint16_t interface = 0;  // index into the source's table of interface names
  // The VLAN tag that the kernel or the NIC took out of the frame (tp_vlan_tci, tp_vlan_tpid); it was
  // outermost.
  bool vlan_valid = false;
  std::uint16_t vlan_tci = 0;   // host byte order
  std::uint16_t vlan_tpid = 0;  // host byte order
};

}  // namespace tapline
