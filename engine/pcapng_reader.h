// Reads pcapng files (draft-ietf-opsawg-pcapng): any number of sections and interfaces, of either byte order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/capture_file.h"
#include "engine/tick_clock.h"
#include "flows/packet.h"

namespace tapline {

// Frames come from Enhanced, Simple and (obsolete) Packet Blocks; Section Header and Interface Description
// Blocks are obeyed, all others are stepped over, however long.
class PcapngReader final : public CaptureFile {
 public:
  // Whether a file whose first four bytes, as this machine loads them, are `magic` may be one.
  static bool knows(std::uint32_t magic);

  // REQUIRES: `window` stands at the file's first byte, and knows() its magic.
  static absl::StatusOr<std::unique_ptr<CaptureFile>> open(ByteWindow window);

  std::size_t next(std::span<Packet> out) override;

 private:
  struct Interface {
    LinkType link = LinkType::kEthernet;
    std::uint16_t index = 0;    // in interface_names_
    std::uint32_t snaplen = 0;  // 0: no limit
    TickClock clock;
  };
  enum class Step { kFrame, kOther, kStop };

  explicit PcapngReader(ByteWindow window) : CaptureFile(std::move(window)) {}

  // Each takes the block at the current position: kStop when it can't, for the reasons of reach().
  Step take_block(Packet& packet, std::size_t taken);
  Step take_section_header(std::size_t taken);
  Step take_interface(std::uint32_t size, std::size_t taken);
  Step take_packet(std::uint32_t type, std::uint32_t size, Packet& packet, std::size_t taken);
  Step take_simple_packet(std::uint32_t size, Packet& packet, std::size_t taken);
  Step skip_block(std::uint32_t size, std::size_t taken);

  // Whether the whole block, of at least `least` bytes, is in sight and ends with its size once more.
  bool reach_block(std::uint32_t size, std::uint32_t least, std::size_t taken);
  // Reads name, resolution and offset. False when an option reaches out of the block.
  bool read_options(std::span<const std::uint8_t> options, Interface& interface, std::string& name) const;
  Step stop(std::string_view damage);

  std::uint16_t load16(const std::uint8_t* at) const;
  std::uint32_t load32(const std::uint8_t* at) const;
  std::uint64_t load64(const std::uint8_t* at) const;
  std::string item() const override;

  bool swapped_ = false;               // this section's byte order is not this machine's
  std::vector<Interface> interfaces_;  // of this section
  std::int64_t last_time_ = 0;
};

}  // namespace tapline
