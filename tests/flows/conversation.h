// A TCP connection between two ends, as the frames that a capture of it would hold.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "flows/flow_processor.h"
#include "tests/flows/packet_builder.h"
#include "tests/flows/recording_sink.h"

namespace tapline::test {

inline constexpr std::int64_t kStart = 1'700'000'000 * kSecond;
inline constexpr std::int64_t kMillisecond = 1'000'000;

// Keeps the sequence numbers of both ends. Every frame comes `step` after the one before.
class Conversation {
 public:
  struct Setup {
    Envelope envelope{};
    Host client = host(1, 40000), server = host(2, 80);
    std::uint32_t client_isn = 1000, server_isn = 5000;
    std::size_t segment_size = 1460;
    std::int64_t start = kStart, step = kMillisecond;
    bool acks = true;  // every send() is acknowledged by a segment of the other end
  };

  Conversation() : Conversation(Setup{}) {}
  explicit Conversation(const Setup& setup);

  // The three segments, with MSS 1460 and 1400, window scale 7 and 8.
  Conversation& handshake();
  Conversation& syn();
  Conversation& syn_ack();
  // One end's bytes, cut into segments: at segment_size, and where cut_at() said.
  Conversation& send(Side from, std::string_view bytes);
  Conversation& client(std::string_view bytes) { return send(Side::kClient, bytes); }
  Conversation& server(std::string_view bytes) { return send(Side::kServer, bytes); }
  Conversation& ack(Side from) { return segment(from, kAck); }
  // FIN+ACK, with the last bytes if there are any.
  Conversation& fin(Side from, std::string_view bytes = {}) { return segment(from, kFin | kAck, bytes); }
  Conversation& rst(Side from) { return segment(from, kRst | kAck); }
  // FIN, ACK, FIN, ACK.
  Conversation& close(Side first);
  // Any segment; it moves the numbers on by what it takes up.
  Conversation& segment(Side from, unsigned flags, std::string_view bytes = {});

  // A boundary between two segments at this offset of the end's stream.
  void cut_at(Side from, std::size_t offset) { cut_[index(from)] = offset; }
  Conversation& wait(std::int64_t ns) {
    now_ += ns - setup_.step;
    return *this;
  }
  // Takes the latest frames out again, as a capture that missed them.
  Conversation& lose(std::size_t frames = 1) {
    frames_.resize(frames_.size() - frames);
    return *this;
  }

  std::uint32_t& next(Side side) { return ends_[index(side)].next; }
  std::int64_t now() const { return now_; }  // of the next frame
  Setup& setup() { return setup_; }
  std::vector<Frame>& frames() { return frames_; }
  // One with any numbers.
  Frame frame(Side from, const TcpFields& tcp);

 private:
  struct End {
    std::uint32_t next = 0;   // the sequence number it sends next
    std::uint32_t acked = 0;  // what it says it has received
    std::size_t sent = 0;     // bytes of its stream
  };
  static std::size_t index(Side side) { return static_cast<std::size_t>(side); }

  Setup setup_;
  std::array<End, 2> ends_;
  std::array<std::size_t, 2> cut_{};
  std::int64_t now_;
  std::vector<Frame> frames_;
};

// One end's bytes, and then the other's.
struct Turn {
  Side from;
  std::string bytes;
};

// Port 80, and connections numbered.
FlowOptions default_options();

// What came of a run.
struct Outcomes {
  RecordingSink sink;
  FlowCounters counters;
};

// Gives all frames ordinals from 1, in order, and processes them; then finishes, and checks that nothing is
// left and that each connection's records are in the order of the contract.
Outcomes run(std::vector<Frame> frames, const FlowOptions& options = default_options(),
             CloseReason reason = CloseReason::kEnd);
inline Outcomes run(Conversation& conversation, const FlowOptions& options = default_options(),
                    CloseReason reason = CloseReason::kEnd) {
  return run(conversation.frames(), options, reason);
}

// Processes frames one call each, so that a test can look in between.
void feed(FlowProcessor& processor, std::span<const Frame> frames);
// Finishes, and checks as run() does.
void finish(FlowProcessor& processor, const RecordingSink& sink, CloseReason reason = CloseReason::kEnd);

// A text of many lines, as HTTP wants it: '\n' becomes CRLF.
std::string crlf(std::string_view text);
// The frames of both by time.
std::vector<Frame> merge(const std::vector<Frame>& a, const std::vector<Frame>& b);

}  // namespace tapline::test
