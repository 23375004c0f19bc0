// Reads classic pcap files; see pcap_reader.h.
#include "engine/pcap_reader.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace tapline {
namespace {

constexpr std::size_t kFileHeaderSize = 24;
constexpr std::size_t kFrameHeaderSize = 16;

struct Format {
  std::uint32_t magic;
  std::int64_t ns_per_tick;
  std::size_t header_size;
};
constexpr std::array<Format, 3> kFormats = {{
    {0xA1B2C3D4, 1000, kFrameHeaderSize},
    {0xA1B23C4D, 1, kFrameHeaderSize},
    {0xA1B2CD34, 1000, kFrameHeaderSize + 8},  // then the interface's index, protocol and packet type
}};

const Format* find_format(std::uint32_t magic) {
  const auto* found = std::find_if(kFormats.begin(), kFormats.end(), [magic](const Format& format) {
    return format.magic == magic || format.magic == __builtin_bswap32(magic);
  });
  return found != kFormats.end() ? found : nullptr;
}

}  // namespace

bool PcapReader::knows(std::uint32_t magic) { return find_format(magic) != nullptr; }

absl::StatusOr<std::unique_ptr<CaptureFile>> PcapReader::open(ByteWindow window) {
  std::unique_ptr<PcapReader> reader(new PcapReader(std::move(window)));
  if (absl::Status status = reader->read_file_header(); !status.ok()) return status;
  return reader;
}

absl::Status PcapReader::read_file_header() {
  if (!reach(kFileHeaderSize, 0)) return status_;
  const std::uint8_t* const header = window_.data();
  std::uint32_t magic = 0;
  std::memcpy(&magic, header, sizeof magic);
  const Format* const format = find_format(magic);
  assert(format != nullptr);
  swapped_ = magic != format->magic;
  header_size_ = format->header_size;
  ns_per_tick_ = format->ns_per_tick;

  std::uint16_t major = 0, minor = 0;
  std::memcpy(&major, header + 4, sizeof major);
  std::memcpy(&minor, header + 6, sizeof minor);
  if (swapped_) {
    major = __builtin_bswap16(major);
    minor = __builtin_bswap16(minor);
  }
  if (major != 2) {
    return absl::InvalidArgumentError(absl::StrCat(window_.name(), " is a pcap file of version ", major, ".",
                                                   minor, ", which is not known; version 2.4 is"));
  }
  // The order of the two lengths changed from version 2.2 to 2.3, and not all who wrote 2.3 knew.
  lengths_exchanged_ = minor < 3;
  lengths_perhaps_exchanged_ = minor == 3;
  link_ = link_type_of(load32(header + 20));
  interface_links_.push_back(link_);
  window_.consume(kFileHeaderSize);
  return absl::OkStatus();
}

std::size_t PcapReader::next(std::span<Packet> out) {
  assert(!out.empty());
  std::size_t taken = 0;
  while (!done_ && taken < out.size()) {
    if (!reach(header_size_, taken)) break;
    const std::uint8_t* header = window_.data();
    std::uint32_t captured = load32(header + 8);
    std::uint32_t length = load32(header + 12);
    if (lengths_exchanged_ || (lengths_perhaps_exchanged_ && captured > length)) std::swap(captured, length);
    if (captured > kMaxFrame) {
      damaged(window_.offset(), absl::StrCat("claims to be ", captured, " bytes long"));
      break;
    }
    if (!reach(header_size_ + captured, taken)) break;

    header = window_.data();
    Packet& packet = out[taken++];
    packet = Packet{};
    packet.data = header + header_size_;
    packet.captured = captured;
    packet.length = std::max(length, captured);
    packet.time_ns =
        std::int64_t{load32(header)} * 1'000'000'000 + std::int64_t{load32(header + 4)} * ns_per_tick_;
    packet.ordinal = ++frames_;
    packet.link = link_;
    window_.consume(header_size_ + captured);
  }
  return taken;
}

std::uint32_t PcapReader::load32(const std::uint8_t* at) const {
  std::uint32_t value = 0;
  std::memcpy(&value, at, sizeof value);
  return swapped_ ? __builtin_bswap32(value) : value;
}

// Before the link type is read, that is the file header.
std::string PcapReader::item() const {
  return window_.offset() == 0 ? "the file header" : absl::StrCat("frame ", frames_ + 1);
}

}  // namespace tapline
