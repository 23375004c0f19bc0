// Rings on interfaces of a namespace of their own, and what was read from them.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>

#include <chrono>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "bpf/port_filter.h"
#include "engine/interface_table.h"
#include "engine/packet_ring.h"
#include "flows/port_set.h"
#include "tests/engine/network_stage.h"

namespace tapline::stage {

inline constexpr RingOptions kSmallRing{.ring_size = 8u << 20, .block_timeout_ms = 1};
inline constexpr std::size_t kTcpAt = 14 + 20;  // in a plain IPv4 frame

// What a frame of a test says of itself. The sequence number tells frames apart, the client port flows.
struct Seen {
  std::size_t ring;
  Packet packet;  // without data
  Bytes bytes;
  std::uint32_t sequence() const {
    return static_cast<std::uint32_t>(bytes[kTcpAt + 4] << 24 | bytes[kTcpAt + 5] << 16 |
                                      bytes[kTcpAt + 6] << 8 | bytes[kTcpAt + 7]);
  }
  int client_port() const {
    const int source = bytes[kTcpAt] << 8 | bytes[kTcpAt + 1];
    return source != 80 ? source : bytes[kTcpAt + 2] << 8 | bytes[kTcpAt + 3];
  }
};

inline Bytes to_server(std::uint16_t client_port, std::uint32_t sequence) {
  return frames::ethernet(frames::kIpv4, frames::ipv4({}, frames::tcp(client_port, 80, sequence)));
}

inline Bytes to_client(std::uint16_t client_port, std::uint32_t sequence) {
  return frames::ethernet(frames::kIpv4, frames::ipv4({.source = 0x0a000002, .destination = 0x0a000001},
                                                      frames::tcp(80, client_port, sequence)));
}

class RingStage : public ::testing::Test {
 protected:
  RingStage() {
    auto filter = PortFilter::load();
    EXPECT_TRUE(filter.ok()) << filter.status();
    filter_.emplace(*std::move(filter));
    PortSet ports;
    ports.insert(80);
    filter_->set_ports(ports.words);
  }

  // All but the opening of the filter. Rings of another interface may be there already.
  void set_up_rings(const std::string& interface, std::size_t count,
                    const RingOptions& options = kSmallRing) {
    const auto found = find_interface(interface);
    ASSERT_TRUE(found.ok()) << found.status();
    const std::size_t first = rings_.size();
    const int program = is_any(*found)                        ? filter_->any_program_fd()
                        : link_type(*found) == LinkType::kRaw ? filter_->raw_ip_program_fd()
                                                              : filter_->program_fd();
    for (std::size_t i = 0; i < count; ++i) {
      RingOptions ring_options = options;
      if (is_any(*found)) {
        ring_options.seen = found_.emplace_back(std::make_unique<SeenInterfaces>(table_)).get();
      }
      auto ring = PacketRing::open(*found, ring_options, program);
      ASSERT_TRUE(ring.ok()) << ring.status();
      rings_.push_back(*std::move(ring));
    }
    FanoutGroup group = by_hash_ ? FanoutGroup() : FanoutGroup(filter_->fanout_program_fd().value());
    for (PacketRing& ring : std::span(rings_).subspan(first)) {
      const absl::Status joined = count > 1 ? ring.join_fanout(group) : absl::OkStatus();
      ASSERT_TRUE(joined.ok()) << joined;
      const absl::Status locked = ring.lock_filter();
      ASSERT_TRUE(locked.ok()) << locked;
    }
  }

  void open_rings(const std::string& interface, std::size_t count, const RingOptions& options = kSmallRing) {
    set_up_rings(interface, count, options);
    filter_->set_open(true);
  }

  // Reads frames into seen_ until there are as many as the kernel says it accepted and kept, and at least
  // `count`.
  void read_frames(std::size_t count) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (seen_.size() < count || seen_.size() < kept_by_kernel()) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline)
          << "after " << seen_.size() << " frames of " << count;
      std::vector<pollfd> waits;
      for (const PacketRing& ring : rings_) waits.push_back({ring.fd(), POLLIN, 0});
      poll(waits.data(), waits.size(), 100);
      read_blocks();
    }
    EXPECT_EQ(seen_.size(), kept_by_kernel());
  }

  // Reads what is there. Tests that send much do so in between: a block is used up by a single frame when its
  // time is over, so that a small ring which nobody reads is full after some milliseconds of any traffic.
  void read_blocks() {
    for (std::size_t ring = 0; ring < rings_.size(); ++ring) {
      while (const std::optional<Block> block = rings_[ring].next_block()) {
        for (const Packet& packet : *block) {
          Seen seen{ring, packet, Bytes(packet.data, packet.data + packet.captured)};
          seen.packet.data = nullptr;
          seen_.push_back(std::move(seen));
        }
      }
    }
  }

  std::uint64_t kept_by_kernel() {
    std::uint64_t kept = 0;
    for (PacketRing& ring : rings_) kept += ring.read_statistics().packets - ring.read_statistics().drops;
    return kept;
  }

  std::multiset<std::uint32_t> sequences() const {
    std::multiset<std::uint32_t> all;
    for (const Seen& seen : seen_) all.insert(seen.sequence());
    return all;
  }

  bool by_hash_ = false;  // let the kernel's hash choose the ring, not the program
  NetworkNamespace network_;
  std::optional<PortFilter> filter_;
  InterfaceTable table_;  // of rings on all interfaces, as the next
  std::vector<std::unique_ptr<SeenInterfaces>> found_;
  std::vector<PacketRing> rings_;
  std::vector<Seen> seen_;
};

}  // namespace tapline::stage
