// Frames in memory as a TPACKET_V3 ring has them, to be walked again and again by what walks a ring.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/block.h"

namespace tapline::bench {

class MemoryBlocks {
 public:
  static constexpr std::size_t kBlock = 1u << 20;  // bytes, as the engine's blocks

  void add(std::span<const std::uint8_t> frame, std::int64_t time_ns);

  std::uint64_t frames() const { return frames_; }
  std::uint64_t bytes() const { return bytes_; }

  // Calls visit(Block&) for each block where it lies. What comes from memory and not from a cache costs a
  // miss a frame at least: so it is with a file's pages, but not with a ring's.
  template <class Visit>
  void for_each(Visit visit) {
    for (const Memory& memory : blocks_) lend(memory, visit);
  }

  // Calls visit(Block&) for each block once it was copied into a ring of kRing blocks, as the kernel does it
  // on the core that reads: its frames are in that core's caches, as far as these are large enough. Returns
  // the processor time, in seconds, that this thread spent in visit.
  template <class Visit>
  double for_each_fresh(Visit visit) {
    std::int64_t spent = 0;
    for (std::size_t i = 0; i < blocks_.size(); ++i) {
      if (ring_.size() < kRing) ring_.push_back(allocate());
      const Memory& fresh = ring_[i % kRing];
      copy(blocks_[i], fresh);
      const std::int64_t start = thread_time();
      lend(fresh, visit);
      spent += thread_time() - start;
    }
    return static_cast<double>(spent) / 1e9;
  }

 private:
  struct Free {
    void operator()(std::uint8_t* bytes) const { ::operator delete(bytes, std::align_val_t(4096)); }
  };
  using Memory = std::unique_ptr<std::uint8_t, Free>;
  static constexpr std::size_t kRing = 4;

  static Memory allocate();
  static void copy(const Memory& from, const Memory& to);
  static std::int64_t thread_time();  // ns
  template <class Visit>
  static void lend(const Memory& memory, Visit& visit) {
    head(memory).block_status = TP_STATUS_USER;
    Block block(*reinterpret_cast<tpacket_block_desc*>(memory.get()), {});
    visit(block);
  }

  static tpacket_hdr_v1& head(const Memory& memory) {
    return reinterpret_cast<tpacket_block_desc*>(memory.get())->hdr.bh1;
  }

  std::vector<Memory> blocks_, ring_;
  std::size_t used_ = kBlock;     // bytes of the last block
  std::uint8_t* last_ = nullptr;  // frame of it
  std::uint64_t frames_ = 0, bytes_ = 0;
};

}  // namespace tapline::bench
