// A block of a TPACKET_V3 ring as a loan: the kernel has filled it, this process may read it, and the end of
// the loan gives it back.
//
// This is the one file in which block_status is read and written.
#pragma once

#include <linux/if_packet.h>

#include <atomic>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <utility>

#include "engine/interface_table.h"
#include "flows/packet.h"

namespace tapline {

// Iterating gives the block's frames in the order of their arrival, with Packet::ordinal left 0. Their data
// is readable until the Block is destroyed, and the Block must not outlive its ring. Move-only.
class Block {
 public:
  // What the packets of one ring have in common.
  struct Source {
    LinkType link = LinkType::kEthernet;
    std::uint16_t interface = 0;
    // Of a ring on all interfaces: what link and interface of each frame are. Else null.
    SeenInterfaces* seen = nullptr;
  };

  // Whether the kernel has handed `block` over. When it has, all that the kernel wrote into it is visible.
  static bool retired(tpacket_block_desc& block) {
    return (std::atomic_ref(block.hdr.bh1.block_status).load(std::memory_order_acquire) & TP_STATUS_USER) !=
           0;
  }

  // REQUIRES: retired(block), and no other loan of it.
  Block(tpacket_block_desc& block, Source source) : block_(&block), source_(source) {
    assert(retired(block));
  }
  Block(Block&& other) noexcept : block_(std::exchange(other.block_, nullptr)), source_(other.source_) {}
  Block& operator=(Block&& other) noexcept {
    std::swap(block_, other.block_);
    std::swap(source_, other.source_);
    return *this;
  }
  ~Block() {
    if (block_ == nullptr) return;
    // Our reads of the block are done before the kernel may write into it again.
    std::atomic_ref(block_->hdr.bh1.block_status).store(TP_STATUS_KERNEL, std::memory_order_release);
  }

  // Number of frames; may be 0.
  std::uint32_t size() const { return block_->hdr.bh1.num_pkts; }

  class Iterator {
   public:
    using value_type = Packet;
    using difference_type = std::ptrdiff_t;

    Packet operator*() const { return packet_at(frame_, source_); }
    // Whether the frame's time is that of the interface's clock (RingOptions::hardware_time), and not the
    // kernel's.
    bool hardware_time() const { return (header(frame_).tp_status & TP_STATUS_TS_RAW_HARDWARE) != 0; }
    Iterator& operator++() {
      // The last frame's tp_next_offset is 0: the count ends the walk, not the address.
      frame_ += header(frame_).tp_next_offset;
      --left_;
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t) const { return left_ == 0; }

   private:
    friend class Block;
    Iterator(const std::uint8_t* frame, std::uint32_t left, Source source)
        : frame_(frame), left_(left), source_(source) {}

    const std::uint8_t* frame_;
    std::uint32_t left_;
    Source source_;
  };

  Iterator begin() const {
    const tpacket_hdr_v1& head = block_->hdr.bh1;
    return Iterator(reinterpret_cast<const std::uint8_t*>(block_) + head.offset_to_first_pkt, head.num_pkts,
                    source_);
  }
  std::default_sentinel_t end() const { return {}; }

 private:
  static const tpacket3_hdr& header(const std::uint8_t* frame) {
    return *reinterpret_cast<const tpacket3_hdr*>(frame);
  }

  static Packet packet_at(const std::uint8_t* frame, Source source) {
    const tpacket3_hdr& h = header(frame);
    Packet packet;
    packet.data = frame + h.tp_mac;
    packet.captured = h.tp_snaplen;
    packet.length = h.tp_len;
    packet.time_ns = std::int64_t{h.tp_sec} * 1'000'000'000 + h.tp_nsec;  // the product needs 64 bits
    packet.link = source.link;
    packet.interface = source.interface;
    if (source.seen != nullptr) {
      // The kernel puts this behind the header.
      const auto& from = *reinterpret_cast<const sockaddr_ll*>(frame + TPACKET_ALIGN(sizeof(tpacket3_hdr)));
      const SeenInterfaces::Place place = source.seen->find(from.sll_ifindex, from.sll_hatype);
      packet.link = place.link;
      packet.interface = place.number;
    }
    if ((h.tp_status & TP_STATUS_VLAN_VALID) != 0) {
      packet.vlan_valid = true;
      packet.vlan_tci = static_cast<std::uint16_t>(h.hv1.tp_vlan_tci);
      packet.vlan_tpid =
          (h.tp_status & TP_STATUS_VLAN_TPID_VALID) != 0 ? h.hv1.tp_vlan_tpid : std::uint16_t{0x8100};
    }
    return packet;
  }

  tpacket_block_desc* block_;
  Source source_;
};

}  // namespace tapline
