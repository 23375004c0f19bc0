#include "engine/pcapng_writer.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <limits>

namespace tapline {
namespace {

constexpr std::uint32_t kSectionHeader = 0x0A0D0D0A;
constexpr std::uint32_t kInterfaceDescription = 1;
constexpr std::uint32_t kInterfaceStatistics = 5;
constexpr std::uint32_t kEnhancedPacket = 6;
constexpr std::uint32_t kByteOrderMagic = 0x1A2B3C4D;

constexpr std::uint16_t kOptionEnd = 0;
// Of a section, an interface, and its statistics; each kind of block counts its options from 2.
constexpr std::uint16_t kHardware = 2, kOs = 3, kApplication = 4;
constexpr std::uint16_t kName = 2, kResolution = 9;
constexpr std::uint16_t kStart = 2, kEnd = 3, kReceived = 4, kInterfaceDrop = 5, kFilterAccept = 6,
                        kOsDrop = 7, kDelivered = 8;

constexpr std::size_t kMaxText = 255;
constexpr std::uint8_t kNanoseconds = 9;       // 10^-9 s
constexpr std::uint32_t kPacketOverhead = 32;  // of an enhanced packet block without options
constexpr std::uint32_t kAddresses = 12;       // an Ethernet frame's; a tag comes behind them
constexpr std::uint32_t kTag = 4;

constexpr std::size_t padding(std::size_t size) { return (4 - size % 4) % 4; }

template <typename T>
void append(std::string& body, T value) {
  body.append(reinterpret_cast<const char*>(&value), sizeof value);
}

// Time stamps are two halves, the upper one first in either byte order.
void append_time(std::string& body, std::int64_t time_ns) {
  const auto ticks = static_cast<std::uint64_t>(time_ns);
  append(body, static_cast<std::uint32_t>(ticks >> 32));
  append(body, static_cast<std::uint32_t>(ticks));
}

void append_option(std::string& body, std::uint16_t code, std::string_view value) {
  append(body, code);
  append(body, static_cast<std::uint16_t>(value.size()));
  body.append(value).append(padding(value.size()), '\0');
}

void append_text(std::string& body, std::uint16_t code, std::string_view text) {
  if (!text.empty()) append_option(body, code, text.substr(0, kMaxText));
}

void append_count(std::string& body, std::uint16_t code, const std::optional<std::uint64_t>& count) {
  if (!count) return;
  std::string value;
  append(value, *count);
  append_option(body, code, value);
}

void append_time_option(std::string& body, std::uint16_t code, const std::optional<std::int64_t>& time_ns) {
  if (!time_ns) return;
  std::string value;
  append_time(value, *time_ns);
  append_option(body, code, value);
}

template <typename T>
char* store(char* at, T value) {
  std::memcpy(at, &value, sizeof value);
  return at + sizeof value;
}

char* copy(char* at, const std::uint8_t* data, std::size_t size) {
  if (size > 0) std::memcpy(at, data, size);
  return at + size;
}

char* store_big_endian(char* at, std::uint16_t value) {
  at[0] = static_cast<char>(value >> 8);
  at[1] = static_cast<char>(value);
  return at + 2;
}

}  // namespace

void PcapngWriter::section(const SectionInfo& info) {
  std::string body;
  append(body, kByteOrderMagic);
  append(body, std::uint16_t{1});  // version 1.0
  append(body, std::uint16_t{0});
  append(body, std::numeric_limits<std::uint64_t>::max());  // its length is not known yet
  append_text(body, kHardware, info.hardware);
  append_text(body, kOs, info.os);
  append_text(body, kApplication, info.application);
  append_option(body, kOptionEnd, {});
  put(kSectionHeader, body);
}

void PcapngWriter::interface(std::string_view name, LinkType link) {
  std::string body;
  append(body, static_cast<std::uint16_t>(link));
  append(body, std::uint16_t{0});
  append(body, std::uint32_t{0});  // no snap length
  append_text(body, kName, name);
  append_option(body, kResolution, {reinterpret_cast<const char*>(&kNanoseconds), 1});
  append_option(body, kOptionEnd, {});
  put(kInterfaceDescription, body);
}

bool PcapngWriter::frame(const Packet& packet) {
  const bool tagged =
      packet.vlan_valid && packet.link == LinkType::kEthernet && packet.captured >= kAddresses;
  const std::uint32_t tag = tagged ? kTag : 0;
  const std::uint32_t captured = std::min(packet.captured, kMaxSavedFrame - tag);  // without the tag
  const std::size_t pad = padding(captured + tag);
  const auto size = static_cast<std::uint32_t>(kPacketOverhead + captured + tag + pad);
  char* at = out_.need(size);
  const bool lost = out_.loses_line();
  if (!lost) {
    const auto ticks = static_cast<std::uint64_t>(packet.time_ns);
    at = store(at, kEnhancedPacket);
    at = store(at, size);
    at = store(at, std::uint32_t{packet.interface});
    at = store(at, static_cast<std::uint32_t>(ticks >> 32));
    at = store(at, static_cast<std::uint32_t>(ticks));
    at = store(at, captured + tag);
    at = store(at, packet.length + tag);
    const std::uint32_t front = tagged ? kAddresses : 0;
    at = copy(at, packet.data, front);
    if (tagged) at = store_big_endian(store_big_endian(at, packet.vlan_tpid), packet.vlan_tci);
    at = copy(at, packet.data + front, captured - front);
    std::memset(at, 0, pad);
    at = store(at + pad, size);
    out_.advance(at);
  }
  out_.end_line();
  return !lost;
}

void PcapngWriter::statistics(std::uint32_t interface, std::int64_t time_ns,
                              const InterfaceStatistics& statistics) {
  std::string body;
  append(body, interface);
  append_time(body, time_ns);
  append_time_option(body, kStart, statistics.start);
  append_time_option(body, kEnd, statistics.end);
  append_count(body, kReceived, statistics.received);
  append_count(body, kInterfaceDrop, statistics.missed);
  append_count(body, kFilterAccept, statistics.accepted);
  append_count(body, kOsDrop, statistics.dropped);
  append_count(body, kDelivered, statistics.saved);
  append_option(body, kOptionEnd, {});
  put(kInterfaceStatistics, body);
}

void PcapngWriter::put(std::uint32_t type, std::string_view body) {
  assert(padding(body.size()) == 0);
  const auto size = static_cast<std::uint32_t>(12 + body.size());
  char* at = out_.need(size);
  at = store(at, type);
  at = store(at, size);
  std::memcpy(at, body.data(), body.size());
  at = store(at + body.size(), size);
  out_.advance(at);
  out_.end_uncounted();
}

}  // namespace tapline
