// Builds capture files byte by byte, of either byte order, and reads them back in awkward ways.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/byte_source.h"
#include "engine/capture_file.h"
#include "flows/packet.h"

namespace tapline::testing {

using Bytes = std::vector<std::uint8_t>;

enum class Order { kLittle, kBig };

class Builder {
 public:
  explicit Builder(Order order) : order_(order) {}

  Builder& number(std::uint64_t value, int size) {
    for (int i = 0; i < size; ++i) {
      const int shift = 8 * (order_ == Order::kLittle ? i : size - 1 - i);
      bytes_.push_back(static_cast<std::uint8_t>(value >> shift));
    }
    return *this;
  }
  Builder& u8(std::uint8_t value) { return number(value, 1); }
  Builder& u16(std::uint16_t value) { return number(value, 2); }
  Builder& u32(std::uint32_t value) { return number(value, 4); }
  Builder& u64(std::uint64_t value) { return number(value, 8); }
  Builder& raw(std::span<const std::uint8_t> data) {
    bytes_.insert(bytes_.end(), data.begin(), data.end());
    return *this;
  }
  Builder& pad4() {
    while (bytes_.size() % 4 != 0) bytes_.push_back(0);
    return *this;
  }
  const Bytes& bytes() const { return bytes_; }
  Order order() const { return order_; }

 private:
  Order order_;
  Bytes bytes_;
};

// `size` bytes that differ from those of another `seed`.
inline Bytes frame_bytes(std::size_t size, unsigned seed) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(seed * 37 + i);
  return bytes;
}

inline Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// pcap.
inline constexpr std::uint32_t kMicroseconds = 0xA1B2C3D4;
inline constexpr std::uint32_t kNanoseconds = 0xA1B23C4D;
inline constexpr std::uint32_t kKuznetzov = 0xA1B2CD34;

inline Bytes pcap_header(Order order, std::uint32_t magic, std::uint32_t link, std::uint16_t minor = 4,
                         std::uint16_t major = 2) {
  return Builder(order).u32(magic).u16(major).u16(minor).u32(0).u32(0).u32(262144).u32(link).bytes();
}
inline Bytes pcap_frame(Order order, std::uint32_t seconds, std::uint32_t ticks, const Bytes& data,
                        std::uint32_t length) {
  return Builder(order)
      .u32(seconds)
      .u32(ticks)
      .u32(static_cast<std::uint32_t>(data.size()))
      .u32(length)
      .raw(data)
      .bytes();
}

// pcapng.
inline Bytes block(Order order, std::uint32_t type, const Bytes& body) {
  const Bytes padded = Builder(order).raw(body).pad4().bytes();
  const auto size = static_cast<std::uint32_t>(padded.size() + 12);
  return Builder(order).u32(type).u32(size).raw(padded).u32(size).bytes();
}
inline Bytes section_header(Order order, std::uint64_t length = ~std::uint64_t{0},
                            const Bytes& options = {}) {
  return block(order, 0x0A0D0D0A,
               Builder(order).u32(0x1A2B3C4D).u16(1).u16(0).u64(length).raw(options).bytes());
}
inline Bytes option(Order order, std::uint16_t code, const Bytes& value) {
  return Builder(order).u16(code).u16(static_cast<std::uint16_t>(value.size())).raw(value).pad4().bytes();
}
inline Bytes name_option(Order order, const std::string& name) {
  return option(order, 2, Bytes(name.begin(), name.end()));
}
inline Bytes resolution_option(Order order, std::uint8_t resolution) {
  return option(order, 9, {resolution});
}
inline Bytes offset_option(Order order, std::int64_t seconds) {
  return option(order, 14, Builder(order).u64(static_cast<std::uint64_t>(seconds)).bytes());
}
inline Bytes interface_block(Order order, std::uint16_t link, const Bytes& options = {},
                             std::uint32_t snaplen = 0) {
  return block(order, 1, Builder(order).u16(link).u16(0).u32(snaplen).raw(options).bytes());
}
inline Bytes enhanced_packet(Order order, std::uint32_t interface, std::uint64_t ticks, const Bytes& data,
                             std::uint32_t length, const Bytes& options = {}) {
  return block(order, 6,
               Builder(order)
                   .u32(interface)
                   .u32(static_cast<std::uint32_t>(ticks >> 32))
                   .u32(static_cast<std::uint32_t>(ticks))
                   .u32(static_cast<std::uint32_t>(data.size()))
                   .u32(length)
                   .raw(data)
                   .pad4()
                   .raw(options)
                   .bytes());
}
inline Bytes obsolete_packet(Order order, std::uint16_t interface, std::uint16_t drops, std::uint64_t ticks,
                             const Bytes& data, std::uint32_t length) {
  return block(order, 2,
               Builder(order)
                   .u16(interface)
                   .u16(drops)
                   .u32(static_cast<std::uint32_t>(ticks >> 32))
                   .u32(static_cast<std::uint32_t>(ticks))
                   .u32(static_cast<std::uint32_t>(data.size()))
                   .u32(length)
                   .raw(data)
                   .bytes());
}
inline Bytes simple_packet(Order order, const Bytes& data, std::uint32_t length) {
  return block(order, 3, Builder(order).u32(length).raw(data).bytes());
}

// Hands out given pieces, each alone in its pages with its last byte against a guard page. What was handed
// out before is unmapped at the next call: who reads on, over or late, dies of it.
class PieceSource final : public ByteSource {
 public:
  explicit PieceSource(std::vector<Bytes> pieces, absl::Status end = absl::OkStatus())
      : pieces_(std::move(pieces)), end_(std::move(end)) {}
  ~PieceSource() override { unmap(); }

  absl::StatusOr<std::span<const std::uint8_t>> next() override {
    unmap();
    if (at_ == pieces_.size()) {
      if (!end_.ok()) return end_;
      return std::span<const std::uint8_t>();
    }
    const Bytes& piece = pieces_[at_++];
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    mapped_ = (piece.size() + page - 1) / page * page + page;
    memory_ = static_cast<std::uint8_t*>(
        mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (memory_ == MAP_FAILED) std::abort();
    std::uint8_t* const start = memory_ + mapped_ - page - piece.size();
    std::memcpy(start, piece.data(), piece.size());
    if (mprotect(memory_ + mapped_ - page, page, PROT_NONE) != 0) std::abort();
    return std::span<const std::uint8_t>(start, piece.size());
  }
  const std::string& name() const override { return name_; }
  std::size_t handed_out() const { return at_; }

 private:
  void unmap() {
    if (mapped_ != 0) munmap(memory_, mapped_);
    mapped_ = 0;
  }

  std::vector<Bytes> pieces_;
  absl::Status end_;
  std::string name_ = "test.pcap";
  std::size_t at_ = 0;
  std::uint8_t* memory_ = nullptr;
  std::size_t mapped_ = 0;
};

// A frame with its data copied, to be kept and compared.
struct Frame {
  Bytes data;
  std::uint32_t length = 0;
  std::int64_t time_ns = 0;
  std::uint64_t ordinal = 0;
  LinkType link = LinkType::kEthernet;
  std::uint16_t interface = 0;

  friend bool operator==(const Frame&, const Frame&) = default;
};

// Everything that comes out of a file.
struct Contents {
  std::vector<Frame> frames;
  std::vector<std::string> interface_names;
  absl::Status status;  // of open, or at the end

  friend bool operator==(const Contents&, const Contents&) = default;
};

inline Contents read_all(std::unique_ptr<ByteSource> source, std::size_t batch = 16) {
  Contents contents;
  absl::StatusOr<std::unique_ptr<CaptureFile>> file = CaptureFile::open(std::move(source));
  if (!file.ok()) {
    contents.status = file.status();
    return contents;
  }
  std::vector<Packet> packets(batch);
  while (const std::size_t count = (*file)->next(packets)) {
    for (const Packet& packet : std::span(packets).first(count)) {
      contents.frames.push_back({Bytes(packet.data, packet.data + packet.captured), packet.length,
                                 packet.time_ns, packet.ordinal, packet.link, packet.interface});
    }
  }
  contents.status = (*file)->status();
  contents.interface_names = (*file)->interface_names();
  return contents;
}

inline Contents read_all(std::vector<Bytes> pieces, std::size_t batch = 16) {
  return read_all(std::make_unique<PieceSource>(std::move(pieces)), batch);
}

inline std::vector<Bytes> byte_by_byte(const Bytes& bytes) {
  std::vector<Bytes> pieces;
  for (const std::uint8_t byte : bytes) pieces.push_back({byte});
  return pieces;
}

}  // namespace tapline::testing
