// Writes pcapng: the blocks of a capture file, encoded into a worker's buffers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "exporters/line_buffers.h"
#include "flows/packet.h"

namespace tapline {

// The longest frame that is saved, in bytes: Wireshark and libpcap take a longer one for damage and read no
// further. What is longer (BIG TCP) is cut, and keeps its length.
inline constexpr std::uint32_t kMaxSavedFrame = 262'144;

// Who captured, for a person. Empty: not known, left out.
struct SectionInfo {
  std::string hardware;     // "x86_64"
  std::string os;           // "Linux 6.1.0-18-amd64"
  std::string application;  // "tapline 0.3.0"
};

// What became of one interface's frames; absent: not known, left out. Times are ns since 1970.
struct InterfaceStatistics {
  std::optional<std::int64_t> start, end;  // of the capture
  std::optional<std::uint64_t> received;   // by the interface, of any kind, while the capture ran
  std::optional<std::uint64_t> missed;     // by the interface, for want of room
  std::optional<std::uint64_t> accepted;   // by the filter, `dropped` included
  std::optional<std::uint64_t> dropped;    // of these, lost because a ring was full
  std::optional<std::uint64_t> saved;      // are in the file
};

// Each call writes one block (draft-ietf-opsawg-pcapng), in this machine's byte order, as one line of `out`
// (exporters/record_framing.h); those of frames are counted there. A section header comes first, then each
// interface before its frames: their order makes the numbers that Packet::interface refers to. Not
// thread-safe.
class PcapngWriter {
 public:
  // `out` must outlive the object, and its buffers hold a block of kMaxSavedFrame.
  explicit PcapngWriter(LineBuffers& out) : out_(out) {}

  void section(const SectionInfo& info);

  // `name` may be empty; it is cut to 255 bytes. Time stamps are in nanoseconds.
  void interface(std::string_view name, LinkType link);

  // A VLAN tag that the kernel took out of an Ethernet frame is put back, as the wire had it, and counts in
  // both lengths. False: no buffer was free, the frame is lost (and counted by `out`).
  bool frame(const Packet& packet);

  // `time_ns`: when the figures were read.
  void statistics(std::uint32_t interface, std::int64_t time_ns, const InterfaceStatistics& statistics);

 private:
  void put(std::uint32_t type, std::string_view body);

  LineBuffers& out_;
};

}  // namespace tapline
