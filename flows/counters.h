// What flows/ counts about itself: the numbers of the `stats` record and of the closing summary.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tapline {

// Why a frame did not become a TCP segment of the ports asked for.
enum class Undecoded : std::uint8_t {
  kNone,       // it did
  kLinkType,   // a link layer that is not understood
  kNetwork,    // not IPv4 or IPv6
  kTransport,  // not TCP
  kFragment,   // an IP fragment whose datagram never became whole
  kTruncated,  // cut before the end of the TCP header
  kMalformed,  // a length field contradicts another
  kTooDeep,    // more headers or tunnels in each other than are followed
  kPort,       // TCP, of no port asked for (files only: live, the kernel refuses these)
};
inline constexpr std::array<std::string_view, 9> kUndecodedNames = {
    "none", "link_type", "network", "transport", "fragment", "truncated", "malformed", "too_deep", "port"};

// Holes given up in what one side sent, and the bytes in them.
struct GapCounters {
  std::uint64_t count = 0, bytes = 0;
};

// Plain 64-bit numbers of one worker; the engine publishes copies. All only ever grow but the levels `open`
// and `reassembly_bytes`.
struct FlowCounters {
  std::uint64_t packets = 0, bytes = 0;  // frames taken in, and their length on the wire
  std::uint64_t cut = 0, cut_bytes = 0;  // frames captured shorter than they were, and the bytes cut off
  std::uint64_t duplicates = 0,
                duplicate_bytes = 0;           // of `packets`: seen on another interface before, not used
  std::uint64_t elided = 0, elided_bytes = 0;  // frames left in the kernel, and payload bytes of them
  std::array<std::uint64_t, kUndecodedNames.size()> undecoded{};    // by Undecoded; [0] is unused
  std::uint64_t opened = 0, closed = 0, evicted = 0, attempts = 0;  // connections; attempts: never answered
  std::uint64_t attempts_unwritten = 0;  // of `attempts`: evicted, and so many that they have no record
  std::uint64_t open = 0;                // in the table now
  std::uint64_t transactions = 0;
  GapCounters client_gaps, server_gaps;  // in what clients sent, and in what servers did
  std::uint64_t reassembly_bytes = 0;    // bytes held now
  std::uint64_t reassembly_refused = 0;  // times that the memory bound made us let go of data
  std::uint64_t heads_too_long = 0;      // message heads over the limit

  GapCounters gaps() const {
    return {client_gaps.count + server_gaps.count, client_gaps.bytes + server_gaps.bytes};
  }
};

// Number by number, so that a new one is never forgotten.
using FlowCounterWords = std::array<std::uint64_t, sizeof(FlowCounters) / sizeof(std::uint64_t)>;

inline FlowCounters sum(const FlowCounters& one, const FlowCounters& other) {
  auto words = std::bit_cast<FlowCounterWords>(one);
  const auto more = std::bit_cast<FlowCounterWords>(other);
  for (std::size_t i = 0; i < words.size(); ++i) words[i] += more[i];
  return std::bit_cast<FlowCounters>(words);
}

// What came between two readings; levels are those of `now`.
inline FlowCounters difference(const FlowCounters& now, const FlowCounters& before) {
  auto words = std::bit_cast<FlowCounterWords>(now);
  const auto less = std::bit_cast<FlowCounterWords>(before);
  for (std::size_t i = 0; i < words.size(); ++i) words[i] -= less[i];
  FlowCounters grown = std::bit_cast<FlowCounters>(words);
  grown.open = now.open;
  grown.reassembly_bytes = now.reassembly_bytes;
  return grown;
}

}  // namespace tapline
