// Traffic to measure with: frames of whole TCP connections, made once and sent in rounds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace tapline::bench {

enum class Mix {
  kSyn,   // a flood: 60-byte SYNs, each of a client of its own, that nobody answers
  kHttp,  // keep-alive conversations of small transactions, about 400 bytes a frame
  kFull,  // large downloads: mostly frames of 1,514 bytes
};

// "syn", "http", "full".
std::optional<Mix> parse_mix(std::string_view name);
std::string_view name_of(Mix mix);

// An untagged Ethernet frame, IPv4 with a 20-byte header, TCP between a client 10.0.0.0/24 and the
// server 10.255.0.1 port 80. Its checksums are right.
struct Frame {
  std::vector<std::uint8_t> bytes;
  bool from_client = false;
  bool begins_connection = false;
  bool ends_transaction = false;  // the last of a response
};

// The same at each call: one round of a mix, in the order of sending. All connections of a round begin and
// end in it (those of kSyn only begin).
struct Traffic {
  std::vector<Frame> frames;
  std::uint64_t connections = 0, transactions = 0;  // in one round
  std::uint32_t at_once = 1;                        // connections that are open at a time
};

Traffic make_traffic(Mix mix);

constexpr std::size_t kMaxFrame = 1514;

// Writes `frame` as it is sent in round `round`, with the clients' addresses moved to 10.x.y.0/24, x and y
// from the round: connections of 2^16 rounds are distinct. `out` has room for kMaxFrame bytes. Returns the
// frame's length.
std::size_t write_frame(const Frame& frame, std::uint32_t round, std::uint8_t* out);

}  // namespace tapline::bench
