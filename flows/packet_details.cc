#include "flows/packet_details.h"

#include <algorithm>
#include <cstring>

#include "flows/byte_order.h"
#include "flows/decode.h"
#include "flows/http_head.h"
#include "flows/packet.h"

namespace tapline {
namespace {

using Bytes = std::span<const std::uint8_t>;

// The Internet checksum's sum (RFC 1071), not yet folded. Only the last piece may have an odd length.
std::uint64_t sum(Bytes bytes, std::uint64_t start) {
  std::size_t i = 0;
  for (; i + 1 < bytes.size(); i += 2) start += load16(&bytes[i]);
  if (i < bytes.size()) start += std::uint64_t{bytes[i]} << 8;
  return start;
}
std::uint16_t fold(std::uint64_t total) {
  while (total >> 16 != 0) total = (total & 0xffffu) + (total >> 16);
  return static_cast<std::uint16_t>(total);
}

MacAddress mac_at(const std::uint8_t* p) {
  MacAddress mac;
  std::copy_n(p, mac.size(), mac.begin());
  return mac;
}

void read_ipv4(const std::uint8_t* at, PacketDetails& details) {
  IpDetails& ip = details.ip;
  ip.version = IpVersion::kV4;
  ip.header_bytes = static_cast<std::uint16_t>((at[0] & 0x0f) * 4);
  ip.dscp = at[1] >> 2;
  ip.ecn = at[1] & 3;
  ip.total_bytes = load16(at + 2);
  ip.id = load16(at + 4);
  ip.flags = at[6] >> 5;
  ip.fragment_offset = static_cast<std::uint16_t>((load16(at + 6) & 0x1fff) * 8);
  ip.ttl = at[8];
  ip.protocol = at[9];
  ip.checksum = load16(at + 10);
  ip.checksum_status =
      fold(sum({at, ip.header_bytes}, 0)) == 0xffff ? ChecksumStatus::kGood : ChecksumStatus::kBad;
}

// `fragment`: the fragment header, or null.
void read_ipv6(const std::uint8_t* at, const std::uint8_t* fragment, PacketDetails& details) {
  IpDetails& ip = details.ip;
  ip.version = IpVersion::kV6;
  ip.header_bytes = 40;
  const auto traffic_class = static_cast<std::uint8_t>(load16(at) >> 4);
  ip.dscp = traffic_class >> 2;
  ip.ecn = traffic_class & 3;
  const std::uint16_t payload = load16(at + 4);
  if (payload != 0) ip.total_bytes = 40u + payload;
  ip.protocol = at[6];
  ip.ttl = at[7];
  if (fragment == nullptr) return;
  ip.flags = fragment[3] & 1;
  ip.fragment_offset = static_cast<std::uint16_t>(load16(fragment + 2) & 0xfff8);
  ip.id = load32(fragment + 4);
}

void read_options(Bytes options, TcpDetails& tcp) {
  constexpr std::uint8_t kEnd = 0, kNop = 1;
  while (!options.empty() && options[0] != kEnd) {
    if (options[0] == kNop) {
      options = options.subspan(1);
      continue;
    }
    if (options.size() < 2 || options[1] < 2 || options[1] > options.size()) return;
    tcp.options[tcp.option_count++] = {options[0], options.subspan(2, options[1] - 2u)};
    options = options.subspan(options[1]);
  }
}

// The pseudo header of RFC 9293 section 3.1 and RFC 8200 section 8.1.
std::uint64_t pseudo_header_sum(const PacketDetails& details, std::uint32_t tcp_bytes) {
  const std::size_t size = details.ip.version == IpVersion::kV4 ? 4 : 16;
  const std::uint64_t addresses =
      sum({details.source_ip.bytes.data(), size}, sum({details.destination_ip.bytes.data(), size}, 0));
  return addresses + (tcp_bytes >> 16) + (tcp_bytes & 0xffffu) + 6;
}

ChecksumStatus check_tcp(const std::uint8_t* header, const PacketDetails& details) {
  const TcpDetails& tcp = details.tcp;
  const bool whole =
      header + tcp.header_bytes == tcp.payload.data() && tcp.payload.size() == tcp.payload_bytes;
  if (!whole) return ChecksumStatus::kUnverified;
  const std::uint32_t size = tcp.header_bytes + tcp.payload_bytes;
  const std::uint64_t pseudo = pseudo_header_sum(details, size);
  if (fold(sum({header, size}, pseudo)) == 0xffff) return ChecksumStatus::kGood;
  // The sum of the pseudo header alone is what Linux leaves for the NIC to complete, in frames on their way
  // out and in those that it has joined (CHECKSUM_PARTIAL).
  return tcp.checksum == fold(pseudo) ? ChecksumStatus::kUnverified : ChecksumStatus::kBad;
}

StartLine read_start_line(Bytes payload) {
  const std::string_view text(reinterpret_cast<const char*>(payload.data()), payload.size());
  std::string_view line = text.substr(0, text.find('\n'));
  if (line.size() == text.size()) return {};
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (looks_like_response(text) == Look::kYes) return {.method = {}, .target = {}, .rest = line};
  if (looks_like_request(text) != Look::kYes) return {};
  const std::size_t method_end = line.find(' ');
  const std::size_t version = line.rfind(" HTTP/");
  if (method_end == std::string_view::npos) return {};
  const std::size_t target_end =
      version == std::string_view::npos || version <= method_end ? line.size() : version;
  return {line.substr(0, method_end), line.substr(method_end + 1, target_end - method_end - 1),
          line.substr(target_end)};
}

}  // namespace

PacketDetails read_details(const Packet& packet, const TcpSegment& segment) {
  const std::uint8_t* const header = segment.options.data() - 20;
  PacketDetails details;
  details.ordinal = packet.ordinal;
  details.time_ns = packet.time_ns;
  details.bytes = std::max(packet.length, packet.captured);
  details.captured = packet.captured;
  details.source_ip = segment.key.ip(segment.sender);
  details.destination_ip = segment.key.ip(1 - segment.sender);
  const Landmarks marks = find_landmarks(packet, segment.datagram);
  details.protocols = marks.protocols;
  if (marks.source_mac != nullptr) details.source_mac = mac_at(marks.source_mac);
  if (marks.destination_mac != nullptr) details.destination_mac = mac_at(marks.destination_mac);
  const std::uint8_t* const ip = marks.ip;
  if (ip[0] >> 4 == 4) {
    read_ipv4(ip, details);
  } else {
    read_ipv6(ip, marks.fragment_header, details);
  }
  details.protocols.add("tcp");
  TcpDetails& tcp = details.tcp;
  tcp.source_port = load16(header);
  tcp.destination_port = load16(header + 2);
  tcp.sequence = segment.seq;
  tcp.acknowledgment = load32(header + 8);
  tcp.header_bytes = static_cast<std::uint8_t>((header[12] >> 4) * 4);
  tcp.flags = static_cast<std::uint16_t>(load16(header + 12) & 0x0fff);
  tcp.window = segment.window;
  tcp.checksum = load16(header + 16);
  tcp.urgent_pointer = load16(header + 18);
  tcp.payload_bytes = segment.payload_bytes;
  tcp.payload = segment.payload;
  read_options(segment.options, tcp);
  if (details.ip.total_bytes == 0) {
    details.ip.total_bytes = static_cast<std::uint32_t>(header - ip) + tcp.header_bytes + tcp.payload_bytes;
  }
  tcp.checksum_status = check_tcp(header, details);
  details.start_line = read_start_line(segment.payload);
  return details;
}

}  // namespace tapline
