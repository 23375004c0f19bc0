// The record `tapline.packet`: one TCP segment, with all headers of its frame.
#include <array>
#include <span>

#include "exporters/address_text.h"
#include "exporters/ecs_encoder.h"
#include "exporters/event_names.h"
#include "exporters/packet_text.h"
#include "exporters/utf8.h"

namespace tapline {
namespace {

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

}  // namespace

// Source and destination are the frame's own, as in a packet list: a record need not wait until client and
// server are known.
void EcsEncoder::on_packet(const PacketEvent& event) {
  if (!options_.records.has(RecordKind::kPacket)) return;
  const PacketDetails& details = event.details;
  bool utf8 = is_utf8(interface_name(event.connection));
  for_each_start_line_piece(details.start_line, options_.redaction,
                            [&utf8](std::string_view piece) { utf8 = utf8 && is_utf8(piece); });
  json_.set_latin1(!utf8);

  json_.begin_object();
  json_.key("@timestamp");
  write_time(details.time_ns);
  json_.key("event");
  json_.begin_object();
  json_.field("dataset", "tapline.packet");
  json_.field("action", "packet");
  json_.end_object();
  json_.key("source");
  write_frame_end(details.source_ip, details.tcp.source_port, details.source_mac);
  json_.key("destination");
  write_frame_end(details.destination_ip, details.tcp.destination_port, details.destination_mac);
  begin_network(event.connection, protocol_of(event));
  json_.end_object();
  begin_connection(event.connection);
  json_.end_object();
  write_path(event.connection);
  write_frame(event);
  write_ip(details.ip);
  write_segment(event);
  write_info(event);
  end_record();
}

void EcsEncoder::write_frame_end(const IpAddress& ip, std::uint16_t port,
                                 const std::optional<MacAddress>& mac) {
  json_.begin_object();
  json_.key("ip");
  json_.string_of(kMaxIpText, [&](char* p) { return append_ip(p, ip); });
  json_.field("port", port);
  if (mac) {
    json_.key("mac");
    json_.string_of(3 * mac->size(), [&mac](char* p) {
      for (const std::uint8_t byte : *mac) {
        p = append_hex(p, byte, 2, kUpper);  // ECS: RFC 7042 section 2.1
        *p++ = '-';
      }
      return p - 1;
    });
  }
  json_.end_object();
}

void EcsEncoder::write_frame(const PacketEvent& event) {
  const PacketDetails& details = event.details;
  json_.key("packet");
  json_.begin_object();
  if (details.ordinal != 0) json_.field("number", details.ordinal);
  json_.field("bytes", details.bytes);
  json_.field("captured", details.captured);
  if (event.time_delta) write_duration("delta", *event.time_delta);
  if (event.numbers.time_delta) write_duration("connection_delta", *event.numbers.time_delta);
  json_.key("protocols");
  json_.begin_string();
  std::string_view separator;
  for (const std::string_view name : details.protocols.view()) {
    json_.text(separator);
    json_.text(name);
    separator = ":";
  }
  const std::string_view application = tapline::name_of(protocol_of(event));
  if (details.tcp.payload_bytes > 0 && !application.empty()) {
    json_.text(separator);
    json_.text(application);
  }
  json_.end_string();
  json_.end_object();
}

void EcsEncoder::write_hex(std::uint32_t value, int digits) {
  json_.string_of(10, [=](char* p) {
    *p++ = '0';
    *p++ = 'x';
    return append_hex(p, value, digits);
  });
}

void EcsEncoder::write_ip(const IpDetails& ip) {
  json_.key("ip");
  json_.begin_object();
  json_.field("version", static_cast<std::uint64_t>(ip.version));
  json_.field("header_bytes", ip.header_bytes);
  json_.field("dscp", ip.dscp);
  json_.field("ecn", ip.ecn);
  json_.field("total_bytes", ip.total_bytes);
  if (ip.id) json_.field("id", *ip.id);
  if (ip.flags) {
    json_.key("flags");
    write_words(*ip.flags, kIpFlagNames);
  }
  if (ip.fragment_offset) json_.field("fragment_offset", *ip.fragment_offset);
  json_.field("ttl", ip.ttl);
  json_.field("protocol", ip.protocol);
  if (ip.checksum) {
    json_.key("checksum");
    write_hex(*ip.checksum, 4);
    json_.field("checksum_status", name_of(ip.checksum_status));
  }
  json_.end_object();
}

void EcsEncoder::write_segment(const PacketEvent& event) {
  const TcpDetails& tcp = event.details.tcp;
  const SegmentNumbers& numbers = event.numbers;
  json_.key("tcp");
  json_.begin_object();
  json_.field("header_bytes", tcp.header_bytes);
  json_.key("flags");
  write_words(tcp.flags, kTcpFlagNames);
  json_.key("flags_raw");
  write_hex(tcp.flags, 3);
  json_.field("sequence", numbers.sequence);
  json_.field("sequence_raw", tcp.sequence);
  json_.field("next_sequence", numbers.next_sequence);
  if (numbers.acknowledgment) json_.field("acknowledgment", *numbers.acknowledgment);
  json_.field("acknowledgment_raw", tcp.acknowledgment);
  json_.field("window", tcp.window);
  if (numbers.scaled_window) json_.field("window_scaled", *numbers.scaled_window);
  json_.key("checksum");
  write_hex(tcp.checksum, 4);
  json_.field("checksum_status", name_of(tcp.checksum_status));
  json_.field("urgent_pointer", tcp.urgent_pointer);
  json_.field("payload_bytes", tcp.payload_bytes);
  if (tcp.option_count != 0) write_options(event);
  if (numbers.analysis != 0) {
    json_.key("analysis");
    write_words(numbers.analysis, kAnalysisNames);
  }
  json_.end_object();
}

void EcsEncoder::write_options(const PacketEvent& event) {
  const TcpDetails& tcp = event.details.tcp;
  std::uint32_t written = 0;  // an object has each key once: of an option that comes again the first counts
  json_.key("options");
  json_.begin_object();
  for (const TcpOption& option : std::span(tcp.options).first(tcp.option_count)) {
    if (!is_known(option) || (written >> option.kind & 1) != 0) continue;
    written |= 1u << option.kind;
    switch (static_cast<TcpOptionKind>(option.kind)) {
      case TcpOptionKind::kMss:
        json_.field("mss", option_16(option, 0));
        break;
      case TcpOptionKind::kWindowScale:
        json_.field("window_scale", option.data[0]);
        break;
      case TcpOptionKind::kSackPermitted:
        json_.key("sack_permitted");
        json_.boolean(true);
        break;
      case TcpOptionKind::kSack:
        json_.key("sack");
        json_.begin_array();
        for (std::size_t i = 0; i < option.data.size(); i += 8) {
          json_.begin_array();
          json_.number(option_32(option, i) - sack_base(event));
          json_.number(option_32(option, i + 4) - sack_base(event));
          json_.end_array();
        }
        json_.end_array();
        break;
      case TcpOptionKind::kTimestamp:
        json_.key("timestamp");
        json_.begin_object();
        json_.field("value", option_32(option, 0));
        json_.field("echo", option_32(option, 4));
        json_.end_object();
        break;
    }
  }
  write_unknown_options(tcp);
  json_.end_object();
}

void EcsEncoder::write_unknown_options(const TcpDetails& tcp) {
  bool any = false;
  for (const TcpOption& option : std::span(tcp.options).first(tcp.option_count)) {
    if (is_known(option)) continue;
    if (!any) {
      json_.key("unknown");
      json_.begin_array();
    }
    any = true;
    json_.begin_object();
    json_.field("kind", option.kind);
    json_.key("data");
    json_.string_of(2 * option.data.size(), [&option](char* p) {
      for (const std::uint8_t byte : option.data) p = append_hex(p, byte, 2);
      return p;
    });
    json_.end_object();
  }
  if (any) json_.end_array();
}

void EcsEncoder::write_info(const PacketEvent& event) {
  lower_.clear();
  append_packet_info(event, lower_);
  json_.key("info");
  json_.begin_string();
  json_.text(lower_);
  for_each_start_line_piece(event.details.start_line, options_.redaction,
                            [this](std::string_view piece) { json_.text(piece); });
  json_.end_string();
}

}  // namespace tapline
