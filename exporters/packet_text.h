// A segment as a packet list shows it: one line for a person.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "exporters/redaction.h"
#include "exporters/url.h"
#include "flows/events.h"

namespace tapline {

// By the bits of TcpDetails::flags, and of SegmentNumbers::analysis.
inline constexpr std::array<std::string_view, 9> kTcpFlagNames = {"FIN", "SYN", "RST", "PSH", "ACK",
                                                                  "URG", "ECE", "CWR", "AE"};
inline constexpr std::array<std::string_view, 14> kAnalysisNames = {
    "retransmission", "fast_retransmission", "spurious_retransmission", "out_of_order",
    "lost_segment",   "ack_lost_segment",    "duplicate_ack",           "keep_alive",
    "keep_alive_ack", "zero_window",         "zero_window_probe",       "window_update",
    "window_full",    "reused_ports"};

// TCP options that records name (RFC 9293 section 3.2, RFC 7323, RFC 2018).
enum class TcpOptionKind : std::uint8_t {
  kMss = 2,
  kWindowScale = 3,
  kSackPermitted = 4,
  kSack = 5,
  kTimestamp = 8
};
// Whether the option is one of these, and as long as it must be.
bool is_known(const TcpOption& option);
// A number of an option's data. REQUIRES: it is there.
std::uint16_t option_16(const TcpOption& option, std::size_t at);
std::uint32_t option_32(const TcpOption& option, std::size_t at);
// What to take from the raw numbers of a SACK option, to have them as `acknowledgment` has them.
std::uint32_t sack_base(const PacketEvent& event);

// Appends the line in Wireshark's words, ASCII but for the arrow: `[TCP Retransmission] 41086 → 80 [PSH, ACK]
// Seq=1 Ack=1 Win=65536 Len=77 …`. Where an HTTP message begins, all behind the brackets is left out, for its
// start line follows: for_each_start_line_piece().
void append_packet_info(const PacketEvent& event, std::string& out);

// Calls `emit(view)` for the pieces of the start line, with what is secret in its target replaced. None where
// it is empty.
template <typename Emit>
void for_each_start_line_piece(const StartLine& line, const Redaction& redaction, Emit emit) {
  if (line.empty()) return;
  if (!line.method.empty()) {
    emit(line.method);
    emit(std::string_view(" "));
    const TargetForm form = request_url(line.method, line.target, {}).form;
    redaction.for_each_piece(redaction_rule(form), line.target, emit, [&](std::string_view secret) {
      emit(redaction.mark(secret, /*folded=*/false).view());
    });
  }
  emit(line.rest);
}

}  // namespace tapline
