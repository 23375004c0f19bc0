#include "tests/fuzz/frame_script.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

namespace tapline::fuzz {
namespace {

using test::Frame;
using test::TcpFields;

constexpr std::uint8_t kEscape = 0xfe;
constexpr std::int64_t kMaxFrames = 200;
constexpr std::int64_t kMicrosecond = 1000;
constexpr std::int64_t kStart = 1'700'000'000 * kSecond;
constexpr std::uint8_t kPshAck = kPsh | kAck, kSynAck = kSyn | kAck;

// x: the argument, 0 to 15; +: a byte follows.
enum Command : std::uint8_t {
  kByte,        // says the byte 0xfe
  kClientSays,  // the text, in segments of the size that x chooses
  kServerSays,  // the same
  kLose,        // takes the x + 1 latest frames out of the capture
  kSwap,        // changes places with the frame x + 1 before
  kAgain,       // the frame x before the latest comes once more
  kPure,        // + flags: a segment without payload, of the server if x is odd
  kConnection,  // goes on with connection x & 3; x & 4: its handshake; x & 8: a SYN with other numbers
  kWait,        // x chooses how long; from 12 on backwards
  kCut,         // + bytes left of the latest frame, by a snaplen
  kJump,        // + how far the side's numbers move on, by x & 1 and x & 8 in other units
  kOverlap,     // x + 1 of the side's latest bytes once more, followed by the text; they differ if x is odd
  kProbe,       // a keep-alive probe, of the server if x is odd
  kFlip,        // + place of a byte of the latest frame, which takes the value of the text's first
  kRaw,         // the text is a frame; x chooses the link type
  kEnvelope,    // + bits of what the next frames are wrapped in
};

struct End {
  std::uint32_t next = 0;
  std::string said;  // the end of it, for kOverlap
};

struct Talk {
  std::array<test::Host, 2> hosts;
  std::array<End, 2> ends;
};

class Reader {
 public:
  explicit Reader(std::span<const std::uint8_t> input) : rest_(input) {
    for (std::uint8_t i = 0; i < talks_.size(); ++i) {
      Talk& talk = talks_[i];
      talk.hosts = {test::host(1, static_cast<std::uint16_t>(40000 + i)), test::host(2, i == 3 ? 8080 : 80)};
      talk.ends[0].next = 1000;
      talk.ends[1].next = i == 1 ? 0xffffff00u : 5000;  // one wraps
    }
  }

  std::vector<Frame> frames() {
    while (!rest_.empty() && made_ < kMaxFrames) {
      const std::uint8_t byte = take();
      if (byte != kEscape) {
        text_ += static_cast<char>(byte);
        continue;
      }
      const std::uint8_t command = take();
      obey(static_cast<Command>(command & 15), static_cast<std::uint8_t>(command >> 4));
    }
    std::uint64_t ordinal = 0;
    for (Frame& frame : frames_) frame.ordinal = ++ordinal;
    return std::move(frames_);
  }

 private:
  std::uint8_t take() {
    if (rest_.empty()) return 0;
    const std::uint8_t byte = rest_.front();
    rest_ = rest_.subspan(1);
    return byte;
  }

  Talk& talk() { return talks_[current_]; }

  void obey(Command command, std::uint8_t x) {
    switch (command) {
      case kByte:
        text_ += static_cast<char>(kEscape);
        return;
      case kClientSays:
      case kServerSays:
        return say(command == kServerSays, x);
      case kLose:
        return frames_.resize(frames_.size() - std::min<std::size_t>(frames_.size(), x + 1u));
      case kSwap:
        if (frames_.size() > x + 1u) swap_frames(frames_.end()[-1], frames_.end()[-2 - x]);
        return;
      case kAgain:
        if (frames_.size() > x) add(frames_.end()[-1 - x]);
        return;
      case kPure:
        return segment(x & 1, take(), {});
      case kConnection:
        return begin(x);
      case kWait: {
        constexpr std::array<std::int64_t, 16> kTimes = {
            kMicrosecond,    100 * kMicrosecond, kSecond / 1000, kSecond / 100, kSecond / 10, kSecond / 2,
            kSecond,         2 * kSecond,        4 * kSecond,    6 * kSecond,   25 * kSecond, 70 * kSecond,
            -kSecond / 1000, -kSecond,           -20 * kSecond,  -80 * kSecond};
        now_ += kTimes[x];
        return;
      }
      case kCut: {
        const std::uint8_t left = take();
        if (!frames_.empty()) frames_.back() = frames_.back().cut_to(left);
        return;
      }
      case kJump:
        talk().ends[side_].next += std::uint32_t{take()} << ((x & 8) != 0 ? 24 : (x & 1) != 0 ? 8 : 0);
        return;
      case kOverlap:
        return overlap(x);
      case kProbe: {
        End& end = talk().ends[x & 1];
        --end.next;
        segment(x & 1, kAck, (x & 2) != 0 ? "x" : "");
        if ((x & 2) == 0) ++end.next;
        return;
      }
      case kFlip: {
        const std::uint8_t place = take();
        if (frames_.empty() || frames_.back().bytes.empty() || text_.empty()) return;
        test::Bytes& bytes = frames_.back().bytes;
        bytes[place % bytes.size()] = static_cast<std::uint8_t>(text_.front());
        text_.erase(0, 1);
        return;
      }
      case kRaw:
        return raw(x);
      case kEnvelope:
        return wrap(take());
    }
  }

  void say(std::uint8_t side, std::uint8_t x) {
    constexpr std::array<std::size_t, 16> kSizes = {1460, 1,  2,  3,   5,   8,   13,   21,
                                                    34,   55, 89, 144, 233, 512, 9000, 60000};
    side_ = side;
    const std::string text = std::exchange(text_, {});
    for (std::size_t at = 0; at < text.size() && made_ < kMaxFrames; at += kSizes[x]) {
      segment(side, kPshAck, text.substr(at, kSizes[x]));
    }
  }

  void segment(std::uint8_t side, std::uint8_t flags, const std::string& payload) {
    Talk& talk = this->talk();
    End& end = talk.ends[side];
    TcpFields tcp{.seq = end.next, .ack = talk.ends[1 - side].next, .flags = flags, .payload = payload};
    if ((flags & kSyn) != 0) tcp.options = test::syn_options(1460, 7);
    add(test::build(envelope_, talk.hosts[side], talk.hosts[1 - side], tcp));
    end.next += static_cast<std::uint32_t>(payload.size()) + ((flags & kSyn) != 0) + ((flags & kFin) != 0);
    end.said.append(payload);
    if (end.said.size() > 16) end.said.erase(0, end.said.size() - 16);
  }

  void begin(std::uint8_t x) {
    current_ = x & 3;
    if ((x & 8) != 0) {
      for (End& end : talk().ends) end.next += 100'000;
    }
    if ((x & 12) == 0) return;
    segment(0, kSyn, {});
    segment(1, kSynAck, {});
    segment(0, kAck, {});
  }

  void overlap(std::uint8_t x) {
    End& end = talk().ends[side_];
    std::string payload = end.said.substr(end.said.size() - std::min<std::size_t>(end.said.size(), x + 1u));
    end.next -= static_cast<std::uint32_t>(payload.size());
    if ((x & 1) != 0 && !payload.empty()) payload[0] = static_cast<char>(payload[0] ^ 1);
    segment(side_, kPshAck, payload + std::exchange(text_, {}));
  }

  void raw(std::uint8_t x) {
    constexpr std::array kLinks = {LinkType::kEthernet,  LinkType::kRaw,  LinkType::kLinuxSll,
                                   LinkType::kLinuxSll2, LinkType::kNull, LinkType::kLoop,
                                   LinkType::kIpv4,      LinkType::kIpv6};
    Frame frame;
    frame.bytes.assign(text_.begin(), text_.end());
    frame.length = static_cast<std::uint32_t>(text_.size());
    frame.link = kLinks[x & 7];
    text_.clear();
    add(std::move(frame));
  }

  void wrap(std::uint8_t bits) {
    envelope_ = {};
    envelope_.v6 = (bits & 1) != 0;
    if ((bits & 2) != 0) envelope_.tags.push_back({0x8100, 5});
    if ((bits & 4) != 0) envelope_.tags.push_back({0x8100, 6});
    if ((bits & 8) != 0) envelope_.taken_tag = 7;
    if ((bits & 16) != 0) envelope_.padding = 6;
    if ((bits & 32) != 0) envelope_.length_field = 0;
    if ((bits & 64) != 0) envelope_.link = LinkType::kLinuxSll2;
    if ((bits & 128) != 0 && !envelope_.v6) envelope_.ip_options = {1, 1, 1, 0};
  }

  // No two frames have the same time: connection ids are made of it. now_ is a whole number of microseconds.
  void add(Frame frame) {
    static_assert(kMaxFrames < kMicrosecond);
    if (made_ >= kMaxFrames) return;
    frame.time_ns = now_ + made_++;
    now_ += 20 * kMicrosecond;
    frames_.push_back(std::move(frame));
  }
  static void swap_frames(Frame& a, Frame& b) {
    std::swap(a, b);
    std::swap(a.time_ns, b.time_ns);
  }

  std::span<const std::uint8_t> rest_;
  std::vector<Frame> frames_;
  std::array<Talk, 4> talks_;
  std::string text_;
  test::Envelope envelope_;
  std::int64_t now_ = kStart;  // ns
  std::int64_t made_ = 0;      // frames, lost ones too
  std::uint8_t current_ = 0, side_ = 0;
};

Setup read_setup(std::uint8_t first, std::uint8_t second) {
  Setup setup;
  FlowOptions& flows = setup.flows;
  flows.ports.insert(80);
  if ((first & 1) != 0) flows.ports.insert(8080);
  flows.max_flows = (first & 2) != 0 ? 1 : (first & 4) != 0 ? 2 : 16;
  flows.reassembly_memory = (first & 8) != 0 ? 64u << 10 : 1u << 20;
  flows.max_head = (first & 16) != 0 ? 128 : 64u << 10;
  // In reach of kWait.
  flows.attempt_timeout = 5 * kSecond;
  flows.half_closed_timeout = 20 * kSecond;
  flows.established_timeout = 60 * kSecond;
  flows.number_connections = (first & 32) != 0;
  setup.all_headers = (first & 64) != 0;
  setup.redact = (first & 128) == 0;
  flows.tell_requests = (second & 4) != 0;
  flows.tell_packets = (second & 8) != 0;
  setup.query_names = (second & 16) != 0;
  setup.exact_room = (second & 2) != 0;
  setup.end = (second & 1) != 0 ? CloseReason::kShutdown : CloseReason::kEnd;
  return setup;
}

}  // namespace

Script read_script(std::span<const std::uint8_t> input) {
  Script script;
  if (input.size() < 2) return script;
  script.setup = read_setup(input[0], input[1]);
  script.frames = Reader(input.subspan(2)).frames();
  return script;
}

}  // namespace tapline::fuzz
