// A capture of HTTP traffic that nobody had to capture: the same frames for the same shape, and what is in
// them is known.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bench/http_text.h"

namespace tapline::bench {

struct CaptureShape {
  std::uint32_t connections = 100'000;
  std::uint32_t at_once = 2'000;              // connections that are open at a time
  std::optional<std::uint32_t> transactions;  // of each connection; none: 1 to 4, 1.7 on average
  std::optional<std::uint32_t> head_bytes;    // of each head, at least; none: as browsers and servers do
  std::optional<std::uint32_t> body_bytes;    // of each response; none: 0 to 20,000
  std::uint64_t seed = 1;
};

// What was generated, counted as it was made.
struct CaptureFigures {
  std::uint64_t frames = 0, bytes = 0;  // bytes of frames
  std::uint64_t connections = 0, transactions = 0;
};

// Frame by frame, so that a capture may be larger than memory: what is kept is one transaction of each
// connection that is open. Frames are IPv4 with TCP time stamps, segments of 1,448 bytes, an acknowledgement
// for every second one, no loss. All connections begin with a handshake and end with FINs, the server's
// first.
class CaptureGenerator {
 public:
  explicit CaptureGenerator(const CaptureShape& shape);

  // The next frame's bytes, valid until the next call; empty: the end.
  std::span<const std::uint8_t> next();
  // Of the frame that next() gave: 10 µs after the one before it.
  std::int64_t time_ns() const { return time_ns_; }
  // Of the frames given so far; connections and transactions count from when they are made.
  const CaptureFigures& figures() const { return figures_; }

 private:
  struct Talk {
    std::uint32_t client = 0, server = 0;
    std::uint16_t port = 0;
    std::uint32_t client_next = 0, server_next = 0;
    std::uint32_t transactions_left = 0;
    bool closed = false;
    std::deque<std::vector<std::uint8_t>> frames;
  };

  Talk open_talk();
  // Makes the frames that come next. False: there are none.
  bool refill(Talk& talk);
  void say(Talk& talk, bool from_client, const std::string& text);
  static void send(Talk& talk, bool from_client, std::uint8_t flags, std::string_view payload);

  const CaptureShape shape_;
  Random random_;
  std::vector<Talk> open_;
  std::size_t speaker_ = 0;  // of open_
  std::uint32_t burst_ = 0;  // frames that it may send before another does
  std::vector<std::uint8_t> frame_;
  std::int64_t time_ns_;
  CaptureFigures figures_;
};

// Writes all of it as a pcap file (microseconds, LINKTYPE_ETHERNET).
absl::StatusOr<CaptureFigures> write_pcap(const CaptureShape& shape, const std::string& path);

}  // namespace tapline::bench
