// Reads pcapng files; see pcapng_reader.h.
#include "engine/pcapng_reader.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace tapline {
namespace {

constexpr std::uint32_t kSectionHeader = 0x0A0D0D0A;  // the same in both byte orders
constexpr std::uint32_t kInterfaceDescription = 1;
constexpr std::uint32_t kObsoletePacket = 2;
constexpr std::uint32_t kSimplePacket = 3;
constexpr std::uint32_t kEnhancedPacket = 6;

constexpr std::uint32_t kByteOrderMagic = 0x1A2B3C4D;

// Every block: type, size, body, size once more. Sizes of the fixed parts of blocks, with all these.
constexpr std::uint32_t kLeastBlock = 12;
constexpr std::uint32_t kLeastSectionHeader = 28;
constexpr std::uint32_t kLeastInterface = 20;
constexpr std::uint32_t kLeastPacket = 32;
constexpr std::uint32_t kLeastSimplePacket = 16;
constexpr std::uint32_t kTrailer = 4;

constexpr std::uint16_t kOptionEnd = 0;
constexpr std::uint16_t kOptionName = 2;
constexpr std::uint16_t kOptionResolution = 9;
constexpr std::uint16_t kOptionOffset = 14;

constexpr std::size_t kMaxInterfaces = 65536;  // what Packet::interface can count
constexpr std::size_t kMaxName = 255;          // bytes of an interface's name that are kept

template <typename T>
T load(const std::uint8_t* at) {
  T value = 0;
  std::memcpy(&value, at, sizeof value);
  return value;
}

}  // namespace

bool PcapngReader::knows(std::uint32_t magic) { return magic == kSectionHeader; }

absl::StatusOr<std::unique_ptr<CaptureFile>> PcapngReader::open(ByteWindow window) {
  std::unique_ptr<PcapngReader> reader(new PcapngReader(std::move(window)));
  if (reader->take_section_header(0) == Step::kStop) return reader->status_;
  return reader;
}

std::size_t PcapngReader::next(std::span<Packet> out) {
  assert(!out.empty());
  std::size_t taken = 0;
  while (!done_ && taken < out.size()) {
    const Step step = take_block(out[taken], taken);
    if (step == Step::kStop) break;
    if (step == Step::kFrame) ++taken;
  }
  return taken;
}

PcapngReader::Step PcapngReader::take_block(Packet& packet, std::size_t taken) {
  if (!reach(8, taken)) return Step::kStop;
  const std::uint32_t type = load32(window_.data());
  if (type == kSectionHeader) return take_section_header(taken);  // its size is in its own byte order
  const std::uint32_t size = load32(window_.data() + 4);
  if (size < kLeastBlock || size % 4 != 0) return stop(absl::StrCat("gives its size as ", size));
  switch (type) {
    case kInterfaceDescription:
      return take_interface(size, taken);
    case kObsoletePacket:
    case kEnhancedPacket:
      return take_packet(type, size, packet, taken);
    case kSimplePacket:
      return take_simple_packet(size, packet, taken);
    default:
      return skip_block(size, taken);
  }
}

PcapngReader::Step PcapngReader::take_section_header(std::size_t taken) {
  if (!reach(kLeastSectionHeader, taken)) return Step::kStop;
  const std::uint8_t* const block = window_.data();
  const auto order = load<std::uint32_t>(block + 8);
  if (order != kByteOrderMagic && order != __builtin_bswap32(kByteOrderMagic)) {
    return stop("is a section header without a byte-order magic");
  }
  swapped_ = order != kByteOrderMagic;
  const std::uint32_t size = load32(block + 4);
  if (size < kLeastSectionHeader || size % 4 != 0) return stop(absl::StrCat("gives its size as ", size));
  if (const std::uint16_t major = load16(block + 12); major != 1) {
    return stop(absl::StrCat("is of pcapng version ", major, ", which is not known"));
  }
  // The section's length is of no use: it may be missing, and a file that is being written has the wrong one.
  interfaces_.clear();
  return skip_block(size, taken);
}

PcapngReader::Step PcapngReader::take_interface(std::uint32_t size, std::size_t taken) {
  if (!reach_block(size, kLeastInterface, taken)) return Step::kStop;
  if (interface_names_.size() == kMaxInterfaces)
    return stop("is one interface too many: 65536 are the limit");
  const std::uint8_t* const block = window_.data();
  Interface interface;
  interface.link = link_type_of(load16(block + 8));
  interface.snaplen = load32(block + 12);
  interface.index = static_cast<std::uint16_t>(interface_names_.size());
  std::string name;
  if (!read_options({block + 16, size - kLeastInterface}, interface, name)) {
    return stop("has an option that is longer than the block");
  }
  interfaces_.push_back(interface);
  interface_names_.push_back(std::move(name));
  interface_links_.push_back(interface.link);
  window_.consume(size);
  return Step::kOther;
}

bool PcapngReader::read_options(std::span<const std::uint8_t> options, Interface& interface,
                                std::string& name) const {
  std::uint8_t resolution = 6;
  std::int64_t offset = 0;
  while (options.size() >= 4) {
    const std::uint16_t code = load16(options.data());
    const std::size_t size = load16(options.data() + 2);
    if (code == kOptionEnd) break;
    const std::size_t padded = (size + 3) / 4 * 4;
    if (padded > options.size() - 4) return false;
    const std::uint8_t* const value = options.data() + 4;
    if (code == kOptionName) {
      name.assign(reinterpret_cast<const char*>(value), std::min(size, kMaxName));
      name.resize(std::min(name.size(), name.find('\0')));  // some writers count the end of a C string in
    } else if (code == kOptionResolution && size == 1) {
      resolution = *value;
    } else if (code == kOptionOffset && size == 8) {
      offset = static_cast<std::int64_t>(load64(value));
    }
    options = options.subspan(4 + padded);
  }
  interface.clock = TickClock(resolution, offset);
  return true;
}

PcapngReader::Step PcapngReader::take_packet(std::uint32_t type, std::uint32_t size, Packet& packet,
                                             std::size_t taken) {
  if (!reach_block(size, kLeastPacket, taken)) return Step::kStop;
  const std::uint8_t* const block = window_.data();
  // The obsolete block has a count of drops in the upper half of the interface's field.
  const std::uint32_t number = type == kEnhancedPacket ? load32(block + 8) : load16(block + 8);
  const std::uint32_t captured = load32(block + 20);
  if (number >= interfaces_.size())
    return stop(absl::StrCat("is of interface ", number, ", which is not described"));
  if (captured > size - kLeastPacket)
    return stop(absl::StrCat("claims to hold ", captured, " bytes of a frame"));

  const Interface& interface = interfaces_[number];
  const std::uint64_t ticks = std::uint64_t{load32(block + 12)} << 32 | load32(block + 16);
  last_time_ = interface.clock.to_ns(ticks);
  packet = Packet{};
  packet.data = block + 28;
  packet.captured = captured;
  packet.length = std::max(load32(block + 24), captured);
  packet.time_ns = last_time_;
  packet.ordinal = ++frames_;
  packet.link = interface.link;
  packet.interface = interface.index;
  window_.consume(size);
  return Step::kFrame;
}

PcapngReader::Step PcapngReader::take_simple_packet(std::uint32_t size, Packet& packet, std::size_t taken) {
  if (!reach_block(size, kLeastSimplePacket, taken)) return Step::kStop;
  if (interfaces_.empty()) return stop("is of interface 0, which is not described");
  const Interface& interface = interfaces_.front();
  const std::uint8_t* const block = window_.data();
  const std::uint32_t length = load32(block + 8);
  const std::uint32_t captured = interface.snaplen == 0 ? length : std::min(length, interface.snaplen);
  if (captured > size - kLeastSimplePacket) {
    return stop(absl::StrCat("claims to hold ", captured, " bytes of a frame"));
  }
  packet = Packet{};
  packet.data = block + 12;
  packet.captured = captured;
  packet.length = length;
  packet.time_ns = last_time_;
  packet.ordinal = ++frames_;
  packet.link = interface.link;
  packet.interface = interface.index;
  window_.consume(size);
  return Step::kFrame;
}

PcapngReader::Step PcapngReader::skip_block(std::uint32_t size, std::size_t taken) {
  if (window_.available() < size && taken > 0) return Step::kStop;
  const std::uint64_t start = window_.offset();
  if (!window_.skip(size - kTrailer) || (window_.available() < kTrailer && !window_.gather(kTrailer))) {
    ended(start, size);
    return Step::kStop;
  }
  if (load32(window_.data()) != size) {
    damaged(start, "does not end with its size");
    return Step::kStop;
  }
  window_.consume(kTrailer);
  return Step::kOther;
}

bool PcapngReader::reach_block(std::uint32_t size, std::uint32_t least, std::size_t taken) {
  if (size < least || size > kMaxFrame) {
    stop(absl::StrCat("gives its size as ", size));
    return false;
  }
  if (!reach(size, taken)) return false;
  if (load32(window_.data() + size - kTrailer) != size) {
    stop("does not end with its size");
    return false;
  }
  return true;
}

PcapngReader::Step PcapngReader::stop(std::string_view damage) {
  damaged(window_.offset(), damage);
  return Step::kStop;
}

std::uint16_t PcapngReader::load16(const std::uint8_t* at) const {
  const auto value = load<std::uint16_t>(at);
  return swapped_ ? __builtin_bswap16(value) : value;
}

std::uint32_t PcapngReader::load32(const std::uint8_t* at) const {
  const auto value = load<std::uint32_t>(at);
  return swapped_ ? __builtin_bswap32(value) : value;
}

std::uint64_t PcapngReader::load64(const std::uint8_t* at) const {
  const auto value = load<std::uint64_t>(at);
  return swapped_ ? __builtin_bswap64(value) : value;
}

std::string PcapngReader::item() const {
  return frames_ == 0 ? "the block" : absl::StrCat("the block after frame ", frames_);
}

}  // namespace tapline
