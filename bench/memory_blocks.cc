#include "bench/memory_blocks.h"

#include <time.h>

#include <cassert>
#include <cstring>
#include <new>

namespace tapline::bench {
namespace {

// Where Linux 6.18 puts things for an Ethernet interface.
constexpr std::size_t kFirstFrame = 48, kMacAt = 82;

}  // namespace

void MemoryBlocks::add(std::span<const std::uint8_t> frame, std::int64_t time_ns) {
  const std::size_t size = TPACKET_ALIGN(kMacAt + frame.size());
  assert(kFirstFrame + size <= kBlock);
  if (used_ + size > kBlock) {
    blocks_.push_back(allocate());
    new (blocks_.back().get()) tpacket_block_desc{};
    head(blocks_.back()).offset_to_first_pkt = kFirstFrame;
    used_ = kFirstFrame;
    last_ = nullptr;
  }
  std::uint8_t* const at = blocks_.back().get() + used_;
  auto& header = *new (at) tpacket3_hdr{};
  header.tp_sec = static_cast<std::uint32_t>(time_ns / 1'000'000'000);
  header.tp_nsec = static_cast<std::uint32_t>(time_ns % 1'000'000'000);
  header.tp_snaplen = header.tp_len = static_cast<std::uint32_t>(frame.size());
  header.tp_mac = kMacAt;
  header.tp_status = TP_STATUS_USER;
  std::memcpy(at + kMacAt, frame.data(), frame.size());
  if (last_ != nullptr) {
    reinterpret_cast<tpacket3_hdr*>(last_)->tp_next_offset = static_cast<std::uint32_t>(at - last_);
  }
  last_ = at;
  used_ += size;
  ++head(blocks_.back()).num_pkts;
  ++frames_;
  bytes_ += frame.size();
}

MemoryBlocks::Memory MemoryBlocks::allocate() {
  return Memory(static_cast<std::uint8_t*>(::operator new(kBlock, std::align_val_t(4096))));
}

void MemoryBlocks::copy(const Memory& from, const Memory& to) { std::memcpy(to.get(), from.get(), kBlock); }

std::int64_t MemoryBlocks::thread_time() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace tapline::bench
