#include "tests/differential/captures.h"

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "engine/byte_source.h"
#include "engine/capture_file.h"
#include "flows/decode.h"

namespace tapline::test {
namespace {

struct Side {
  std::optional<std::uint32_t> isn;
  bool active = false;                           // it sent the SYN
  std::map<std::uint32_t, std::string> payload;  // by distance from the first byte

  std::string bytes() const {
    std::string out;
    for (const auto& [offset, text] : payload) {
      if (offset > out.size()) break;
      if (offset + text.size() > out.size()) out.append(text.substr(out.size() - offset));
    }
    return out;
  }
};
using Talk = std::array<Side, 2>;

// A tuple that is used again is another connection.
struct Talks {
  std::vector<Talk> all;
  std::map<std::array<std::string, 2>, std::size_t> by_tuple;
};

std::array<std::string, 2> tuple_of(const TcpSegment& segment) {
  std::array<std::string, 2> tuple;
  for (int endpoint = 0; endpoint < 2; ++endpoint) {
    const IpAddress ip = segment.key.ip(endpoint);
    tuple[static_cast<std::size_t>(endpoint)].assign(ip.bytes.begin(), ip.bytes.end());
    tuple[static_cast<std::size_t>(endpoint)].append("/" + std::to_string(segment.key.port(endpoint)));
  }
  return tuple;
}

void take(const TcpSegment& segment, Talks& talks) {
  const auto tuple = tuple_of(segment);
  auto found = talks.by_tuple.find(tuple);
  const bool syn = segment.has(kSyn) && !segment.has(kAck);
  const bool anew = syn && found != talks.by_tuple.end() &&
                    talks.all[found->second][segment.sender].isn.value_or(segment.seq) != segment.seq;
  if (found == talks.by_tuple.end() || anew) {
    found = talks.by_tuple.insert_or_assign(tuple, talks.all.size()).first;
    talks.all.emplace_back();
  }
  Side& side = talks.all[found->second][segment.sender];
  if (segment.has(kSyn)) side.isn = segment.seq;
  side.active = side.active || syn;
  if (segment.payload.empty() || segment.has(kRst) || !side.isn) return;
  constexpr std::uint32_t kFarthest = 1u << 24;  // bytes; further ahead, or behind, is none of the stream
  const std::uint32_t offset = segment.payload_seq() - *side.isn - 1;
  if (offset < kFarthest)
    side.payload.emplace(offset, std::string(segment.payload.begin(), segment.payload.end()));
}

}  // namespace

std::vector<Exchange> exchanges_of(const std::string& capture_file) {
  Talks talks;
  auto input = InputFile::open(capture_file, -1);
  if (!input.ok()) return {};
  auto file = CaptureFile::open(std::make_unique<FileSource>(*std::move(input)));
  if (!file.ok()) return {};
  std::array<Packet, 64> packets;
  while (const std::size_t n = (*file)->next(packets)) {
    for (std::size_t i = 0; i < n; ++i) {
      TcpSegment segment;
      if (decode(packets[i], segment) == Undecoded::kNone) take(segment, talks);
    }
  }
  std::vector<Exchange> out;
  for (const Talk& talk : talks.all) {
    if (!talk[0].isn || !talk[1].isn || talk[0].active == talk[1].active) continue;
    const std::size_t client = talk[0].active ? 0 : 1;
    Exchange exchange{talk[client].bytes(), talk[1 - client].bytes()};
    // Here all that the client says comes first; but what is HTTP/2 was said behind a 101.
    exchange.client.resize(std::min(exchange.client.find("PRI * HTTP/2.0\r\n"), exchange.client.size()));
    const std::string line = exchange.client.substr(0, exchange.client.find('\n'));
    if (line.find(" HTTP/1.") != std::string::npos) out.push_back(std::move(exchange));
  }
  return out;
}

}  // namespace tapline::test
