// Programs as functions of a frame (BPF_PROG_TEST_RUN).
//
// What the skb carries beside the bytes (a tag taken out of the frame, the direction) cannot be given to a
// test run; tests/engine/packet_ring_test.cc covers that with real sockets.
#pragma once

#include <bpf/bpf.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <initializer_list>
#include <utility>

#include "bpf/port_filter.h"
#include "tests/bpf/frame.h"

namespace tapline::test {

using frames::Bytes;

// A test run of a socket filter takes an Ethernet header off `input` before the program sees the packet, and
// tells the program its EtherType as the skb's protocol.
inline std::uint32_t run_with_header_taken(int program, const Bytes& input) {
  bpf_test_run_opts options{};
  options.sz = sizeof options;
  options.data_in = input.data();
  options.data_size_in = static_cast<std::uint32_t>(input.size());
  options.repeat = 1;
  EXPECT_EQ(bpf_prog_test_run_opts(program, &options), 0) << "with a frame of " << input.size() << " bytes";
  return options.retval;
}

// As the filter of a packet socket sees it: from the frame's first byte on.
inline bool accepts(int filter_program, const Bytes& frame) {
  const std::uint32_t kept = run_with_header_taken(filter_program, frames::join(Bytes(14, 0xee), frame));
  EXPECT_TRUE(kept == 0 || kept >= 1u << 20) << "frames must be kept whole, not cut to " << kept;
  return kept != 0;
}

using PortWords = std::array<std::uint64_t, PortFilter::kPortWords>;

inline PortWords port_words(std::initializer_list<std::uint16_t> ports) {
  PortWords words{};
  for (const std::uint16_t port : ports) words[port / 64] |= std::uint64_t{1} << (port % 64);
  return words;
}

inline PortFilter open_filter(std::initializer_list<std::uint16_t> ports) {
  auto filter = PortFilter::load();
  EXPECT_TRUE(filter.ok()) << filter.status();
  filter->set_ports(port_words(ports));
  filter->set_open(true);
  return *std::move(filter);
}

}  // namespace tapline::test
