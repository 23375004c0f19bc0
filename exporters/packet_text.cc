#include "exporters/packet_text.h"

#include <span>
#include <utility>

namespace tapline {
namespace {

void add(std::string& out, std::string_view text) { out.append(text); }
void add(std::string& out, std::uint64_t number) { out.append(std::to_string(number)); }
template <typename... Parts>
void append(std::string& out, const Parts&... parts) {
  (add(out, parts), ...);
}

constexpr std::uint16_t kFlagUrg = 0x020;

// In the order in which Wireshark puts them in front of the line.
void append_words(const SegmentNumbers& numbers, std::string& out) {
  constexpr std::array<std::pair<TcpAnalysisWord, std::string_view>, 10> kWords = {{
      {kZeroWindow, "[TCP ZeroWindow] "},
      {kZeroWindowProbe, "[TCP ZeroWindowProbe] "},
      {kKeepAliveAck, "[TCP Keep-Alive ACK] "},
      {kKeepAlive, "[TCP Keep-Alive] "},
      {kWindowFull, "[TCP Window Full] "},
      {kWindowUpdate, "[TCP Window Update] "},
      {kAckLostSegment, "[TCP ACKed unseen segment] "},
      {kLostSegment, "[TCP Previous segment not captured] "},
      {kReusedPorts, "[TCP Port numbers reused] "},
      {kOutOfOrder, "[TCP Out-Of-Order] "},
  }};
  if ((numbers.analysis & kDuplicateAck) != 0) {
    append(out, "[TCP Dup ACK ");
    if (numbers.duplicate_of != 0) append(out, numbers.duplicate_of);
    append(out, "#", std::uint64_t{numbers.duplicate_acks}, "] ");
  }
  for (const auto& [bit, text] : kWords) {
    if ((numbers.analysis & bit) != 0) append(out, text);
  }
  if ((numbers.analysis & kFastRetransmission) != 0) {
    append(out, "[TCP Fast Retransmission] ");
  } else if ((numbers.analysis & kSpuriousRetransmission) != 0) {
    append(out, "[TCP Spurious Retransmission] ");
  } else if ((numbers.analysis & kRetransmission) != 0) {
    append(out, "[TCP Retransmission] ");
  }
}

void append_flags(std::uint16_t flags, std::string& out) {
  append(out, " [");
  std::string_view separator;
  for (std::size_t i = 0; i < kTcpFlagNames.size(); ++i) {
    if ((flags >> i & 1) == 0) continue;
    append(out, separator, kTcpFlagNames[i]);
    separator = ", ";
  }
  append(out, separator.empty() ? "<None>]" : "]");
}

void append_options(const PacketEvent& event, std::string& out) {
  const TcpDetails& tcp = event.details.tcp;
  for (const TcpOption& option : std::span(tcp.options).first(tcp.option_count)) {
    if (!is_known(option)) continue;
    switch (static_cast<TcpOptionKind>(option.kind)) {
      case TcpOptionKind::kMss:
        append(out, " MSS=", option_16(option, 0));
        break;
      case TcpOptionKind::kWindowScale:
        append(out, " WS=", std::uint64_t{1} << (option.data[0] & 63));
        break;
      case TcpOptionKind::kSackPermitted:
        append(out, " SACK_PERM");
        break;
      case TcpOptionKind::kSack:
        for (std::size_t i = 0; i < option.data.size(); i += 8) {
          append(out, " SLE=", option_32(option, i) - sack_base(event),
                 " SRE=", option_32(option, i + 4) - sack_base(event));
        }
        break;
      case TcpOptionKind::kTimestamp:
        append(out, " TSval=", option_32(option, 0), " TSecr=", option_32(option, 4));
        break;
    }
  }
}

}  // namespace

bool is_known(const TcpOption& option) {
  switch (static_cast<TcpOptionKind>(option.kind)) {
    case TcpOptionKind::kMss:
      return option.data.size() == 2;
    case TcpOptionKind::kWindowScale:
      return option.data.size() == 1;
    case TcpOptionKind::kSackPermitted:
      return option.data.empty();
    case TcpOptionKind::kSack:
      return !option.data.empty() && option.data.size() % 8 == 0;
    case TcpOptionKind::kTimestamp:
      return option.data.size() == 8;
  }
  return false;
}

std::uint16_t option_16(const TcpOption& option, std::size_t at) {
  return static_cast<std::uint16_t>(option.data[at] << 8 | option.data[at + 1]);
}

std::uint32_t option_32(const TcpOption& option, std::size_t at) {
  return std::uint32_t{option_16(option, at)} << 16 | option_16(option, at + 2);
}

std::uint32_t sack_base(const PacketEvent& event) {
  return event.details.tcp.acknowledgment -
         event.numbers.acknowledgment.value_or(event.details.tcp.acknowledgment);
}

void append_packet_info(const PacketEvent& event, std::string& out) {
  const TcpDetails& tcp = event.details.tcp;
  const SegmentNumbers& numbers = event.numbers;
  append_words(numbers, out);
  if (!event.details.start_line.empty()) return;
  append(out, tcp.source_port, " → ", tcp.destination_port);
  append_flags(tcp.flags, out);
  append(out, " Seq=", numbers.sequence);
  if (numbers.acknowledgment) append(out, " Ack=", *numbers.acknowledgment);
  append(out, " Win=", numbers.scaled_window.value_or(tcp.window));
  if (tcp.checksum_status == ChecksumStatus::kBad) append(out, " [TCP CHECKSUM INCORRECT]");
  if ((tcp.flags & kFlagUrg) != 0) append(out, " Urg=", tcp.urgent_pointer);
  append(out, " Len=", tcp.payload_bytes);
  append_options(event, out);
}

}  // namespace tapline
