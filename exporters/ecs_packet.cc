// The record `tapline.packet`: one TCP segment, with all headers of its frame.
#include <array>
#include <span>

#include "exporters/address_text.h"
#include "exporters/append.h"
#include "exporters/ecs_encoder.h"
#include "exporters/event_names.h"
#include "exporters/packet_text.h"

namespace tapline {
namespace {

// What a record has in front of its tunnels: about 750 bytes where all numbers are as large as they can be.
constexpr std::size_t kBeginRoom = 1024;

// What `packet`, `ip` and `tcp` take, the options apart.
constexpr std::size_t kFrameRoom = 512, kIpRoom = 512, kTcpRoom = 1280;

// An option takes at most this and what kOptionBytes says for each byte of its data: two digits, or a SACK
// range, of eight bytes, in brackets.
constexpr std::size_t kOptionRoom = 64, kOptionBytes = 6;

constexpr std::array<std::string_view, 3> kIpFlagNames = {"MF", "DF", "RB"};

std::string_view name_of(ChecksumStatus status) {
  switch (status) {
    case ChecksumStatus::kUnverified:
      return "unverified";
    case ChecksumStatus::kGood:
      return "good";
    case ChecksumStatus::kBad:
      return "bad";
  }
  return {};
}

constexpr char kLower[] = "0123456789abcdef", kUpper[] = "0123456789ABCDEF";

char* append_hex(char* p, std::uint32_t value, int digits, const char* alphabet = kLower) {
  for (int i = digits - 1; i >= 0; --i) *p++ = alphabet[value >> (4 * i) & 15];
  return p;
}

AppProtocol protocol_of(const PacketEvent& event) {
  const AppProtocol known = event.connection.protocol;
  return known == AppProtocol::kUnknown && !event.details.start_line.empty() ? AppProtocol::kHttp : known;
}

// In hexadecimal, with its key in front and its quotes.
template <std::size_t N>
char* append_hex(char* p, const char (&key)[N], std::uint32_t value, int digits) {
  p = append_hex(append(append(p, key), R"("0x)"), value, digits);
  *p++ = '"';
  return p;
}

template <std::size_t N>
char* append_member(char* p, const char (&key)[N], std::uint64_t value) {
  return append_number(append(p, key), value);
}

// A negative duration (time stamps ran backwards) is not known.
template <std::size_t N>
char* append_duration(char* p, const char (&key)[N], const std::optional<std::int64_t>& duration) {
  return duration && *duration >= 0 ? append_member(p, key, static_cast<std::uint64_t>(*duration)) : p;
}

char* append_quoted(char* p, std::string_view plain) {
  *p++ = '"';
  p = append(p, plain);
  *p++ = '"';
  return p;
}

// A list of words, those of the bits that are set, from the lowest.
template <std::size_t N>
char* append_words(char* p, std::uint32_t bits, const std::array<std::string_view, N>& words) {
  char* const begin = p;
  for (std::size_t i = 0; i < N; ++i) {
    if ((bits >> i & 1) == 0) continue;
    *p++ = ',';
    p = append_quoted(p, words[i]);
  }
  *begin = '[';
  if (p == begin) ++p;
  *p++ = ']';
  return p;
}

// Without the brace that ends it.
char* append_frame_end(char* p, const IpAddress& ip, std::uint16_t port,
                       const std::optional<MacAddress>& mac) {
  p = append_ip(append(p, R"({"ip":")"), ip);
  p = append_member(p, R"(","port":)", port);
  if (!mac) return p;
  p = append(p, R"(,"mac":")");
  for (const std::uint8_t byte : *mac) {
    p = append_hex(p, byte, 2, kUpper);  // ECS: RFC 7042 section 2.1
    *p++ = '-';
  }
  p[-1] = '"';
  return p;
}

char* append_ip_header(char* p, const IpDetails& ip) {
  p = append_member(p, R"(,"ip":{"version":)", static_cast<std::uint64_t>(ip.version));
  p = append_member(p, R"(,"header_bytes":)", ip.header_bytes);
  p = append_member(p, R"(,"dscp":)", ip.dscp);
  p = append_member(p, R"(,"ecn":)", ip.ecn);
  p = append_member(p, R"(,"total_bytes":)", ip.total_bytes);
  if (ip.id) p = append_member(p, R"(,"id":)", *ip.id);
  if (ip.flags) p = append_words(append(p, R"(,"flags":)"), *ip.flags, kIpFlagNames);
  if (ip.fragment_offset) p = append_member(p, R"(,"fragment_offset":)", *ip.fragment_offset);
  p = append_member(p, R"(,"ttl":)", ip.ttl);
  p = append_member(p, R"(,"protocol":)", ip.protocol);
  if (ip.checksum) {
    p = append_hex(p, R"(,"checksum":)", *ip.checksum, 4);
    p = append_quoted(append(p, R"(,"checksum_status":)"), name_of(ip.checksum_status));
  }
  *p++ = '}';
  return p;
}

char* append_known_option(char* p, const PacketEvent& event, const TcpOption& option) {
  switch (static_cast<TcpOptionKind>(option.kind)) {
    case TcpOptionKind::kMss:
      return append_member(p, R"(,"mss":)", option_16(option, 0));
    case TcpOptionKind::kWindowScale:
      return append_member(p, R"(,"window_scale":)", option.data[0]);
    case TcpOptionKind::kSackPermitted:
      return append(p, R"(,"sack_permitted":true)");
    case TcpOptionKind::kSack:
      p = append(p, R"(,"sack":[)");
      for (std::size_t i = 0; i < option.data.size(); i += 8) {
        p = append_member(p, "[", option_32(option, i) - sack_base(event));
        p = append_member(p, ",", option_32(option, i + 4) - sack_base(event));
        p = append(p, "],");
      }
      p[-1] = ']';
      return p;
    case TcpOptionKind::kTimestamp:
      p = append_member(p, R"(,"timestamp":{"value":)", option_32(option, 0));
      p = append_member(p, R"(,"echo":)", option_32(option, 4));
      *p++ = '}';
      return p;
  }
  return p;
}

char* append_unknown_options(char* p, std::span<const TcpOption> options) {
  char* const begin = p;
  p = append(p, R"(,"unknown":[)");
  char* const first = p;
  for (const TcpOption& option : options) {
    if (is_known(option)) continue;
    p = append_member(p, R"({"kind":)", option.kind);
    p = append(p, R"(,"data":")");
    for (const std::uint8_t byte : option.data) p = append_hex(p, byte, 2);
    p = append(p, R"("},)");
  }
  if (p == first) return begin;
  p[-1] = ']';
  return p;
}

char* append_options(char* p, const PacketEvent& event, std::span<const TcpOption> options) {
  std::uint32_t written = 0;  // an object has each key once: of an option that comes again the first counts
  p = append(p, R"(,"options":)");
  char* const begin = p;
  for (const TcpOption& option : options) {
    if (!is_known(option) || (written >> option.kind & 1) != 0) continue;
    written |= 1u << option.kind;
    p = append_known_option(p, event, option);
  }
  p = append_unknown_options(p, options);
  *begin = '{';
  if (p == begin) ++p;
  *p++ = '}';
  return p;
}

std::size_t room_of(std::span<const TcpOption> options) {
  std::size_t room = kTcpRoom;
  for (const TcpOption& option : options) room += kOptionRoom + kOptionBytes * option.data.size();
  return room;
}

char* append_segment(char* p, const PacketEvent& event, std::span<const TcpOption> options) {
  const TcpDetails& tcp = event.details.tcp;
  const SegmentNumbers& numbers = event.numbers;
  p = append_member(p, R"(,"tcp":{"header_bytes":)", tcp.header_bytes);
  p = append_words(append(p, R"(,"flags":)"), tcp.flags, kTcpFlagNames);
  p = append_hex(p, R"(,"flags_raw":)", tcp.flags, 3);
  p = append_member(p, R"(,"sequence":)", numbers.sequence);
  p = append_member(p, R"(,"sequence_raw":)", tcp.sequence);
  p = append_member(p, R"(,"next_sequence":)", numbers.next_sequence);
  if (numbers.acknowledgment) p = append_member(p, R"(,"acknowledgment":)", *numbers.acknowledgment);
  p = append_member(p, R"(,"acknowledgment_raw":)", tcp.acknowledgment);
  p = append_member(p, R"(,"window":)", tcp.window);
  if (numbers.scaled_window) p = append_member(p, R"(,"window_scaled":)", *numbers.scaled_window);
  p = append_hex(p, R"(,"checksum":)", tcp.checksum, 4);
  p = append_quoted(append(p, R"(,"checksum_status":)"), name_of(tcp.checksum_status));
  p = append_member(p, R"(,"urgent_pointer":)", tcp.urgent_pointer);
  p = append_member(p, R"(,"payload_bytes":)", tcp.payload_bytes);
  if (!options.empty()) p = append_options(p, event, options);
  if (numbers.analysis != 0) p = append_words(append(p, R"(,"analysis":)"), numbers.analysis, kAnalysisNames);
  *p++ = '}';
  return p;
}

}  // namespace

// Source and destination are the frame's own, as in a packet list: a record need not wait until client and
// server are known.
void EcsEncoder::on_packet(const PacketEvent& event) {
  if (!options_.records.has(RecordKind::kPacket)) return;
  write_line(kBeginRoom, [&](char* p) { return write_record(p, event); });
}

char* EcsEncoder::write_record(char* p, const PacketEvent& event) {
  const PacketDetails& details = event.details;
  p = write_time(append(p, R"({"@timestamp":)"), details.time_ns);
  p = append(p, R"(,"event":{"dataset":"tapline.packet","action":"packet"},"source":)");
  p = append_frame_end(p, details.source_ip, details.tcp.source_port, details.source_mac);
  p = append(p, R"(},"destination":)");
  p = append_frame_end(p, details.destination_ip, details.tcp.destination_port, details.destination_mac);
  *p++ = '}';
  p = write_network(p, event.connection, protocol_of(event));
  *p++ = '}';
  p = write_connection(p, event.connection);
  *p++ = '}';
  p = write_path(p, event.connection);
  p = write_frame(line_.room(p, kFrameRoom), event);
  p = append_ip_header(line_.room(p, kIpRoom), details.ip);
  const auto options = std::span(details.tcp.options).first(details.tcp.option_count);
  p = append_segment(line_.room(p, room_of(options)), event, options);
  return write_info(line_.room(p, JsonLine::kBehind), event);
}

char* EcsEncoder::write_frame(char* p, const PacketEvent& event) {
  const PacketDetails& details = event.details;
  p = append(p, R"(,"packet":{)");
  if (details.ordinal != 0) {
    p = append_member(p, R"("number":)", details.ordinal);
    *p++ = ',';
  }
  p = append_member(p, R"("bytes":)", details.bytes);
  p = append_member(p, R"(,"captured":)", details.captured);
  p = append_duration(p, R"(,"delta":)", event.time_delta);
  p = append_duration(p, R"(,"connection_delta":)", event.numbers.time_delta);
  p = append(p, R"(,"protocols":")");
  std::string_view separator;
  for (const std::string_view name : details.protocols.view()) {
    p = line_.text(append(p, separator), name);
    separator = ":";
  }
  const std::string_view application = tapline::name_of(protocol_of(event));
  if (details.tcp.payload_bytes > 0 && !application.empty()) p = append(append(p, separator), application);
  return append(p, R"("})");
}

char* EcsEncoder::write_info(char* p, const PacketEvent& event) {
  lower_.clear();
  append_packet_info(event, lower_);
  p = line_.text(append(p, R"(,"info":")"), lower_);
  for_each_start_line_piece(event.details.start_line, options_.redaction,
                            [this, &p](std::string_view piece) { p = line_.text(p, piece); });
  *p++ = '"';
  return p;
}

}  // namespace tapline
