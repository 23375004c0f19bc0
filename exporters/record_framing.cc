#include "exporters/record_framing.h"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace tapline {
namespace {

// draft-ietf-opsawg-pcapng: a block begins with its type and its size, of 32 bits each.
constexpr std::size_t kLeastBlock = 12;
constexpr std::uint32_t kEnhancedPacket = 6;

std::uint32_t load32(const char* at) {
  std::uint32_t value = 0;
  std::memcpy(&value, at, sizeof value);
  return value;
}

WholeRecords whole_lines(std::string_view part) {
  const std::size_t newline = part.rfind('\n');
  if (newline == std::string_view::npos) return {};
  return {newline + 1, static_cast<std::uint64_t>(std::count(part.begin(), part.end(), '\n'))};
}

WholeRecords whole_blocks(std::string_view part) {
  WholeRecords whole;
  while (part.size() >= kLeastBlock) {
    const std::size_t size = load32(part.data() + 4);
    assert(size >= kLeastBlock);
    if (size > part.size()) break;
    if (load32(part.data()) == kEnhancedPacket) ++whole.count;
    whole.bytes += size;
    part.remove_prefix(size);
  }
  return whole;
}

}  // namespace

WholeRecords whole_records(Framing framing, std::string_view data, std::size_t bytes) {
  const std::string_view part = data.substr(0, bytes);
  return framing == Framing::kLines ? whole_lines(part) : whole_blocks(part);
}

}  // namespace tapline
