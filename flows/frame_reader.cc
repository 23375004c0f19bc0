#include "flows/frame_reader.h"

#include <optional>

#include "flows/byte_order.h"
#include "flows/flow_key.h"
#include "flows/flow_processor.h"

namespace tapline {
namespace {

std::uint32_t share_of(std::uint64_t spread, std::uint32_t workers) {
  return static_cast<std::uint32_t>((spread >> 32) * workers >> 32);
}

// Whose the frame is, told from as little as possible: most frames are TCP in IPv4 in Ethernet, and all but
// one of N workers have nothing to do with one. Nothing where more must be read to know it; what turns out to
// be no TCP segment is counted by whose it would have been.
std::optional<std::uint32_t> quick_owner(const Packet& packet, std::uint32_t workers) {
  const std::uint8_t* const ip = plain_ipv4_tcp(packet);
  if (ip == nullptr) return std::nullopt;
  const std::uint8_t* const tcp = ip + 20;
  if (packet.data + packet.captured < tcp + 4) return std::nullopt;
  return share_of(FlowKey::spread_ipv4(ip + 12, ip + 16, load16(tcp), load16(tcp + 2)), workers);
}

}  // namespace

// Of the datagram that the frame may complete. kFragment: it waits for the rest of it, or was given up with
// it.
[[gnu::noinline]] Undecoded FrameReader::put_together(const Packet& packet, TcpSegment& segment) {
  Undecoded why = Undecoded::kFragment;
  while (why == Undecoded::kFragment) {
    const Datagram* const datagram = fragments_.add(fragment_, packet.time_ns);
    if (datagram == nullptr) break;
    why = decode(packet, *datagram, segment, &fragment_);
  }
  return why;
}

bool FrameReader::read(const Packet& packet, TcpSegment& segment) {
  const FlowOptions& options = context_.options;
  FlowCounters& counters = context_.counters;
  std::optional<std::uint32_t> owner;
  if (options.workers > 1) {
    owner = quick_owner(packet, options.workers);
    if (owner && *owner != options.worker) {
      segment.time_ns = packet.time_ns;
      return false;
    }
  }
  Undecoded why = decode(packet, segment, &fragment_);
  if (why == Undecoded::kFragment) why = put_together(packet, segment);
  if (why == Undecoded::kNone) {
    if (options.ignore_encapsulation) segment.key.clear_encapsulation();
    const FlowKey& key = segment.key;
    if (options.workers > 1 && share_of(key.spread(), options.workers) != options.worker) return false;
    if (!options.ports.contains_either(key.port(0), key.port(1))) why = Undecoded::kPort;
  } else if (!owner && options.worker != 0) {
    return false;  // what is nobody's counts with worker 0
  }
  if (why != Undecoded::kNone) {
    // A fragment's fate is known later.
    if (why != Undecoded::kFragment) ++counters.undecoded[static_cast<std::size_t>(why)];
  }
  ++counters.packets;
  counters.bytes += packet.length;
  if (packet.captured < packet.length) {
    ++counters.cut;
    counters.cut_bytes += packet.length - packet.captured;
  }
  if (why != Undecoded::kNone) return false;
  if (!duplicates_.on() || !duplicates_.is_copy(segment)) return true;
  ++counters.duplicates;
  counters.duplicate_bytes += packet.length;
  return false;
}

void FrameReader::end_batch() {
  fragments_.forget_completed();
  // Each worker of several puts the same datagrams together.
  if (context_.options.worker == 0) {
    context_.counters.undecoded[static_cast<std::size_t>(Undecoded::kFragment)] = fragments_.given_up();
  }
}

void FrameReader::finish() {
  fragments_.clear();
  end_batch();
}

}  // namespace tapline
