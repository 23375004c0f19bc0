// Reads classic pcap files (draft-ietf-opsawg-pcap), of either byte order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "engine/capture_file.h"
#include "flows/packet.h"

namespace tapline {

class PcapReader final : public CaptureFile {
 public:
  // Whether a file whose first four bytes, as this machine loads them, are `magic` is one: of micro- or
  // nanoseconds, or with the longer frame headers of Kuznetzov's patched libpcap.
  static bool knows(std::uint32_t magic);

  // REQUIRES: `window` stands at the file's first byte, and knows() its magic.
  static absl::StatusOr<std::unique_ptr<CaptureFile>> open(ByteWindow window);

  std::size_t next(std::span<Packet> out) override;

 private:
  explicit PcapReader(ByteWindow window) : CaptureFile(std::move(window)) { interface_names_.emplace_back(); }

  absl::Status read_file_header();
  struct FrameHeader;
  FrameHeader frame_header(const std::uint8_t* at) const;
  FrameHeader set_right(FrameHeader header) const;
  std::size_t take_in_sight(std::span<Packet> out);
  std::uint32_t load32(const std::uint8_t* at) const;
  std::string item() const override;

  bool swapped_ = false;          // the file's byte order is not this machine's
  std::size_t header_size_ = 0;   // of a frame's header
  std::int64_t ns_per_tick_ = 0;  // of the part of a second in a time stamp
  LinkType link_ = LinkType::kEthernet;
  bool lengths_exchanged_ = false;          // the two lengths in a frame's header stand in the other order
  bool lengths_perhaps_exchanged_ = false;  // they do in some files
  bool usual_ = true;                       // none of these
};

}  // namespace tapline
