// Any capture that ends early, starts late or lacks a packet: each connection is closed once, and what was
// counted and what was missed add up to what the sequence numbers tell.
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "flows/connection.h"
#include "flows/decode.h"
#include "tests/flows/generated_conversation.h"

namespace tapline::test {
namespace {

#ifdef TAPLINE_SANITIZED
constexpr std::uint64_t kConversations = 20;
#else
constexpr std::uint64_t kConversations = 200;
#endif
constexpr std::size_t kPlaces = 20;    // of a conversation, where it is cut or lacks a packet
constexpr std::size_t kLargest = 500;  // frames

// What one side sent, as far as its frames and the other's acknowledgements tell; numbers are relative to
// `base`.
struct Sent {
  bool any = false, syn = false, fin = false;
  std::uint32_t base = 0;              // of the first frame
  std::set<std::int32_t> bytes;        // those that were captured
  std::int32_t first = 0, end = 0;     // with `syn`: the first byte's number; behind the last one
  std::optional<std::uint32_t> acked;  // by the other side, the highest
};

std::array<Sent, 2> read(const std::vector<Frame>& frames) {
  std::array<Sent, 2> sides;
  for (const Frame& frame : frames) {
    TcpSegment segment;
    EXPECT_EQ(decode(frame.view(), segment), Undecoded::kNone);
    Sent& own = sides[segment.sender];
    Sent& other = sides[1 - segment.sender];
    if (!own.any) own.base = segment.seq;
    own.any = true;
    const std::int32_t at = seq_distance(segment.payload_seq(), own.base);
    if (segment.has(kSyn)) {
      own.syn = true;
      own.first = at;
      own.end = std::max(own.end, at);
    }
    for (std::uint32_t i = 0; i < segment.payload_bytes; ++i)
      own.bytes.insert(at + static_cast<std::int32_t>(i));
    const std::int32_t end = at + static_cast<std::int32_t>(segment.payload_bytes);
    if (segment.payload_bytes > 0 || segment.has(kFin)) own.end = std::max(own.end, end);
    own.fin = own.fin || segment.has(kFin);
    if (segment.has(kAck) && (!other.acked || seq_distance(segment.ack, *other.acked) > 0))
      other.acked = segment.ack;
  }
  for (Sent& side : sides) {
    // What was acknowledged was sent; where the FIN was not captured, it counts as the byte whose place it
    // takes.
    if (side.any && side.acked && !side.fin)
      side.end = std::max(side.end, seq_distance(*side.acked, side.base));
  }
  return sides;
}

void check(const std::vector<Frame>& frames, const std::string& what) {
  SCOPED_TRACE(what);
  FlowOptions options = default_options();
  options.max_flows = 4;
  const Outcomes out = run(frames, options);  // which looks at the order of the records, too
  if (frames.empty()) return;
  ASSERT_EQ(out.counters.opened, 1u);
  ASSERT_EQ(out.counters.closed, 1u);
  const RecordedConnection& closed = out.sink.closed();
  const std::array<Sent, 2> sides = read(frames);
  const std::size_t client =
      out.sink.who.back().client == "10.0.0.1:20000" || out.sink.who.back().client == "[1]:20000" ? 0 : 1;
  const std::array<const SideReport*, 2> reports = {client == 0 ? &closed.client : &closed.server,
                                                    client == 0 ? &closed.server : &closed.client};
  for (std::size_t i = 0; i < 2; ++i) {
    const Sent& sent = sides[i];
    const SideReport& report = *reports[i];
    if (!sent.syn) {  // nobody knows where it began, and few holes from before the first byte are remembered
      EXPECT_LE(report.bytes, sent.bytes.size()) << "side " << i;
      EXPECT_EQ(report.bytes == 0, sent.bytes.empty()) << "side " << i;
      continue;
    }
    EXPECT_EQ(report.bytes, sent.bytes.size()) << "side " << i;
    EXPECT_EQ(report.bytes + report.missed_bytes, static_cast<std::uint64_t>(sent.end - sent.first))
        << "side " << i << ", " << report.missed_bytes << " missed";
  }
}

void check_all(const std::vector<Frame>& frames, const std::string& name) {
  check(frames, name);
  const std::size_t step = std::max<std::size_t>(1, frames.size() / kPlaces);
  for (std::size_t i = 0; i < frames.size() && !testing::Test::HasFailure(); i += step) {
    const std::string place = name + ", packet " + std::to_string(i) + " of " + std::to_string(frames.size());
    const auto at = frames.begin() + static_cast<std::ptrdiff_t>(i);
    std::vector<Frame> without = frames;
    without.erase(without.begin() + static_cast<std::ptrdiff_t>(i));
    check(without, "without " + place);
    check({frames.begin(), at}, "until " + place);
    check({at, frames.end()}, "from " + place);
  }
}

TEST(LostPacketPropertyTest, GeneratedConversations) {
  for (std::uint64_t seed = 0; seed < kConversations && !HasFailure(); ++seed) {
    Random random(seed);
    const GeneratedConversation conversation = generate(random);
    const std::vector<Frame> frames = deliver(conversation, 20000, kStart, random);
    if (frames.size() <= kLargest) check_all(frames, "seed " + std::to_string(seed));
  }
}

}  // namespace
}  // namespace tapline::test
