// Blocks as the kernel lays them out, in ordinary memory, and the search for a ring size that fits.

#include "engine/block.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "engine/packet_ring.h"

namespace tapline {
namespace {

// Filled as prb_open_block and its neighbours in the kernel do it.
class FilledBlock {
 public:
  FilledBlock() : memory_(std::make_unique<Memory>()) {
    descriptor().hdr.bh1.offset_to_first_pkt = 48;
    end_ = 48;
  }

  tpacket3_hdr& add(std::uint8_t content, std::uint32_t captured) {
    if (last_ != nullptr) last_->tp_next_offset = end_ - last_offset_;
    last_offset_ = end_;
    last_ = reinterpret_cast<tpacket3_hdr*>(memory_->bytes + end_);
    last_->tp_mac = 82;
    last_->tp_snaplen = last_->tp_len = captured;
    std::memset(memory_->bytes + end_ + 82, content, captured);
    end_ += TPACKET_ALIGN(82 + captured);
    ++descriptor().hdr.bh1.num_pkts;
    return *last_;
  }

  tpacket_block_desc& retire() {
    descriptor().hdr.bh1.block_status = TP_STATUS_USER | TP_STATUS_BLK_TMO;
    return descriptor();
  }

  tpacket_block_desc& descriptor() { return *reinterpret_cast<tpacket_block_desc*>(memory_->bytes); }

 private:
  struct Memory {
    alignas(16) std::uint8_t bytes[4096] = {};
  };
  std::unique_ptr<Memory> memory_;
  tpacket3_hdr* last_ = nullptr;
  std::uint32_t last_offset_ = 0;
  std::uint32_t end_ = 0;
};

// TP_STATUS_TS_* of the frames: the interface's own time, the kernel's, and none said.
TEST(Block, SaysWhichFramesHaveTheTimeOfTheInterface) {
  FilledBlock filled;
  filled.add(1, 60).tp_status = TP_STATUS_USER | TP_STATUS_TS_RAW_HARDWARE;
  filled.add(2, 60).tp_status = TP_STATUS_USER | TP_STATUS_TS_SOFTWARE | TP_STATUS_VLAN_VALID;
  filled.add(3, 60).tp_status = TP_STATUS_USER;
  const Block block(filled.retire(), {});
  std::vector<bool> hardware;
  for (auto frame = block.begin(); frame != block.end(); ++frame) hardware.push_back(frame.hardware_time());
  EXPECT_EQ(hardware, (std::vector<bool>{true, false, false}));
}

std::vector<Packet> packets_of(const Block& block) {
  std::vector<Packet> packets;
  for (const Packet& packet : block) packets.push_back(packet);
  return packets;
}

TEST(Block, GivesItsFramesInOrder) {
  FilledBlock filled;
  filled.add(1, 60);
  filled.add(2, 1);
  filled.add(3, 1514);
  const Block block(filled.retire(), {LinkType::kRaw, 5});
  const std::vector<Packet> packets = packets_of(block);
  ASSERT_EQ(packets.size(), 3u);
  EXPECT_EQ(block.size(), 3u);
  const std::uint32_t lengths[] = {60, 1, 1514};
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(packets[i].captured, lengths[i]);
    EXPECT_EQ(packets[i].length, lengths[i]);
    EXPECT_EQ(packets[i].data[0], i + 1);
    EXPECT_EQ(packets[i].data[lengths[i] - 1], i + 1);
    EXPECT_EQ(packets[i].link, LinkType::kRaw);
    EXPECT_EQ(packets[i].interface, 5);
    EXPECT_EQ(packets[i].ordinal, 0u);
    EXPECT_FALSE(packets[i].vlan_valid);
  }
}

TEST(Block, MayBeEmpty) {
  FilledBlock filled;
  EXPECT_TRUE(packets_of(Block(filled.retire(), {})).empty());
}

TEST(Block, ShowsThatAFrameWasCut) {
  FilledBlock filled;
  filled.add(1, 100).tp_len = 70000;
  const Packet packet = packets_of(Block(filled.retire(), {})).at(0);
  EXPECT_EQ(packet.captured, 100u);
  EXPECT_EQ(packet.length, 70000u);
}

TEST(Block, TimesDoNotOverflow) {
  FilledBlock filled;
  for (const std::uint32_t seconds : {0u, 4u, 5u, 1700000000u, 0x80000000u, 0xffffffffu}) {
    tpacket3_hdr& header = filled.add(1, 60);
    header.tp_sec = seconds;
    header.tp_nsec = 999999999;
  }
  const std::vector<Packet> packets = packets_of(Block(filled.retire(), {}));
  EXPECT_EQ(packets.at(0).time_ns, 999999999);
  EXPECT_EQ(packets.at(1).time_ns, 4999999999);
  EXPECT_EQ(packets.at(2).time_ns, 5999999999);
  EXPECT_EQ(packets.at(3).time_ns, 1700000000999999999);
  EXPECT_EQ(packets.at(4).time_ns, 2147483648999999999);
  EXPECT_EQ(packets.at(5).time_ns, 4294967295999999999);
}

TEST(Block, ShowsTheTagThatTheKernelTookOut) {
  FilledBlock filled;
  tpacket3_hdr& none = filled.add(1, 60);
  none.hv1.tp_vlan_tci = 99;  // left over: not valid
  tpacket3_hdr& whole = filled.add(2, 60);
  whole.tp_status = TP_STATUS_USER | TP_STATUS_VLAN_VALID | TP_STATUS_VLAN_TPID_VALID;
  whole.hv1.tp_vlan_tci = 0xe00a;
  whole.hv1.tp_vlan_tpid = 0x88a8;
  tpacket3_hdr& without_tpid = filled.add(3, 60);
  without_tpid.tp_status = TP_STATUS_USER | TP_STATUS_VLAN_VALID;
  without_tpid.hv1.tp_vlan_tci = 0;  // priority tag: VLAN 0 is a tag as well
  const std::vector<Packet> packets = packets_of(Block(filled.retire(), {}));
  EXPECT_FALSE(packets.at(0).vlan_valid);
  EXPECT_EQ(packets.at(0).vlan_tci, 0);
  EXPECT_TRUE(packets.at(1).vlan_valid);
  EXPECT_EQ(packets.at(1).vlan_tci, 0xe00a);
  EXPECT_EQ(packets.at(1).vlan_tpid, 0x88a8);
  EXPECT_TRUE(packets.at(2).vlan_valid);
  EXPECT_EQ(packets.at(2).vlan_tci, 0);
  EXPECT_EQ(packets.at(2).vlan_tpid, 0x8100);
}

TEST(Block, IsGivenBackOnceAtTheEndOfTheLoan) {
  FilledBlock filled;
  filled.add(1, 60);
  FilledBlock other;
  EXPECT_FALSE(Block::retired(filled.descriptor()));
  {
    Block block(filled.retire(), {});
    Block moved = std::move(block);
    EXPECT_TRUE(Block::retired(filled.descriptor()));
    EXPECT_EQ(packets_of(moved).size(), 1u);
    Block assigned(other.retire(), {});
    assigned = std::move(moved);
    EXPECT_TRUE(Block::retired(filled.descriptor()));
  }
  EXPECT_EQ(filled.descriptor().hdr.bh1.block_status, static_cast<std::uint32_t>(TP_STATUS_KERNEL));
  EXPECT_EQ(other.descriptor().hdr.bh1.block_status, static_cast<std::uint32_t>(TP_STATUS_KERNEL));
}

TEST(FitRing, AsksForWhatTheOptionsSay) {
  const RingOptions options{.ring_size = 33u << 20, .block_size = 2u << 20, .block_timeout_ms = 7};
  const auto ring = fit_ring(options, [](const tpacket_req3&) { return 0; });
  ASSERT_TRUE(ring.ok()) << ring.status();
  EXPECT_EQ(ring->tp_block_size, 2u << 20);
  EXPECT_EQ(ring->tp_block_nr, 16u);
  EXPECT_EQ(ring->tp_retire_blk_tov, 7u);
  EXPECT_EQ(ring->tp_frame_nr * std::uint64_t{ring->tp_frame_size}, 32u << 20);
}

TEST(FitRing, TakesASmallerRingWhenMemoryIsShort) {
  std::vector<unsigned> asked;
  const auto ring = fit_ring({.ring_size = 64u << 20}, [&](const tpacket_req3& request) {
    asked.push_back(request.tp_block_nr);
    return request.tp_block_nr > 20 ? ENOMEM : 0;
  });
  ASSERT_TRUE(ring.ok()) << ring.status();
  EXPECT_EQ(asked, (std::vector<unsigned>{64, 32, 16}));
  EXPECT_EQ(ring->tp_block_nr, 16u);
  EXPECT_EQ(ring->tp_frame_nr * std::uint64_t{ring->tp_frame_size}, 16u << 20);
}

TEST(FitRing, GivesUpAtFourBlocks) {
  std::vector<unsigned> asked;
  const auto ring = fit_ring({.ring_size = 16u << 20}, [&](const tpacket_req3& request) {
    asked.push_back(request.tp_block_nr);
    return ENOMEM;
  });
  EXPECT_EQ(ring.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(asked, (std::vector<unsigned>{16, 8, 4}));
}

TEST(FitRing, DoesNotTryAgainAfterOtherErrors) {
  int calls = 0;
  const auto ring = fit_ring({}, [&](const tpacket_req3&) {
    ++calls;
    return EPERM;
  });
  EXPECT_EQ(ring.status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace tapline
