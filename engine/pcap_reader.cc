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
  usual_ = !swapped_ && !lengths_exchanged_ && !lengths_perhaps_exchanged_;
  link_ = link_type_of(load32(header + 20));
  interface_links_.push_back(link_);
  window_.consume(kFileHeaderSize);
  return absl::OkStatus();
}

// A frame's header as this machine reads numbers.
struct PcapReader::FrameHeader {
  std::uint32_t seconds, fraction, captured, length;
};

inline PcapReader::FrameHeader PcapReader::frame_header(const std::uint8_t* at) const {
  FrameHeader header;
  std::memcpy(&header, at, sizeof header);
  return usual_ ? header : set_right(header);
}

[[gnu::noinline]] PcapReader::FrameHeader PcapReader::set_right(FrameHeader header) const {
  if (swapped_) {
    header = {__builtin_bswap32(header.seconds), __builtin_bswap32(header.fraction),
              __builtin_bswap32(header.captured), __builtin_bswap32(header.length)};
  }
  if (lengths_exchanged_ || (lengths_perhaps_exchanged_ && header.captured > header.length))
    std::swap(header.captured, header.length);
  return header;
}

std::size_t PcapReader::next(std::span<Packet> out) {
  assert(!out.empty());
  std::size_t taken = 0;
  while (!done_ && taken < out.size()) {
    taken += take_in_sight(out.subspan(taken));
    if (taken == out.size() || !reach(header_size_, taken)) break;
    const std::uint32_t captured = frame_header(window_.data()).captured;
    if (captured > kMaxFrame) {
      damaged(window_.offset(), absl::StrCat("claims to be ", captured, " bytes long"));
      break;
    }
    if (!reach(header_size_ + captured, taken)) break;
  }
  return taken;
}

// The next frames that are whole, and no longer than is believed: 48 instructions each (callgrind, gcc 12,
// -O2).
std::size_t PcapReader::take_in_sight(std::span<Packet> out) {
  const std::uint8_t* at = window_.data();
  const std::uint8_t* const end = at + window_.available();
  const std::size_t header_size = header_size_;
  const std::int64_t ns_per_tick = ns_per_tick_;
  const LinkType link = link_;
  std::uint64_t ordinal = frames_;
  std::size_t taken = 0;
  while (taken < out.size() && static_cast<std::size_t>(end - at) >= header_size) {
    const FrameHeader header = frame_header(at);
    const std::size_t in_sight = static_cast<std::size_t>(end - at) - header_size;
    if (header.captured > kMaxFrame || header.captured > in_sight) break;
    out[taken++] = {.data = at + header_size,
                    .captured = header.captured,
                    .length = std::max(header.length, header.captured),
                    .time_ns = std::int64_t{header.seconds} * 1'000'000'000 + header.fraction * ns_per_tick,
                    .ordinal = ++ordinal,
                    .link = link};
    at += header_size + header.captured;
  }
  if (taken > 0) window_.consume(static_cast<std::size_t>(at - window_.data()));
  frames_ = ordinal;
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
