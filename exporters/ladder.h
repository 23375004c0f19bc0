// One connection as a ladder diagram tells it: two ends, and what went between them, in order.
//
// What is here owns its bytes, unlike events: a diagram is drawn when the connection is over. All text is
// UTF-8 without control characters, whatever the wire held (TerminalLine::put_wire), and without secrets.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "exporters/redaction.h"
#include "flows/events.h"

namespace tapline {

struct LadderSegment {
  std::int64_t time = 0;    // ns since 1970-01-01T00:00:00Z
  std::uint64_t frame = 0;  // ordinal in the file
  Side from = Side::kClient;
  std::uint16_t analysis = 0;  // bits of TcpAnalysisWord
  std::uint8_t flags = 0;      // FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32, ECE 64, CWR 128
  std::uint32_t sequence = 0;  // relative
  std::uint32_t raw_sequence = 0;
  std::uint32_t acknowledgment = 0;  // relative; meaningless without ACK
  std::uint32_t payload_bytes = 0;
  std::array<TcpEndState, 2> states;  // once it has arrived; by Side

  bool has(unsigned bits) const { return (flags & bits) != 0; }
};

// A request or response that begins in a frame.
struct LadderMessage {
  std::uint64_t frame = 0;
  Side from = Side::kClient;
  std::string start_line;
};

// A line of the list, and what is said of the connection as a whole.
struct LadderSummary {
  ConnectionInfo connection;
  std::int64_t start = 0, end = 0;  // first and last frame
  std::uint64_t segments = 0;
  std::uint32_t transactions = 0;
  std::uint8_t completeness = 0;
  bool midstream = false;
  CloseReason reason = CloseReason::kEnd;
  Teardown teardown = Teardown::kNone;
  std::optional<Side> closed_by;
  std::optional<Handshake> handshake;
  std::array<std::uint64_t, 2> missed_bytes{};  // by Side

  static LadderSummary of(const ConnectionEvent& closed);
};

struct Ladder {
  LadderSummary summary;
  std::array<TcpEndState, 2> before;    // the first segment; by Side
  std::vector<LadderSegment> segments;  // the first of them, where there were too many to keep
  std::vector<LadderMessage> messages;  // by frame
};

// SYN_SENT, and SYN_SENT? for one that is not certain.
std::string state_text(const TcpEndState& state);

// 192.0.2.2:59100, [2001:db8::1]:80.
std::string endpoint_text(const IpAddress& ip, std::uint16_t port);

// How it ended: "fin, three-way, by client"; "no answer"; "open at the end of the capture".
std::string close_text(const LadderSummary& summary);

// The start line of a message, without secrets; its target is cut at about kMaxStartLine columns.
inline constexpr std::size_t kMaxStartLine = 512;
std::string start_line_text(const MessageView& message, Side from, const Redaction& redaction);

// 17376 as 17,376.
std::string grouped(std::uint64_t number);

// The first columns of `text`, the last of them an ellipsis where it was longer.
std::string cut_to_columns(std::string_view text, std::size_t columns);

}  // namespace tapline
