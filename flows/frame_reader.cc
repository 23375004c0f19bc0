#include "flows/frame_reader.h"

#include "flows/flow_processor.h"

namespace tapline {
namespace {

// Equal for both directions of a connection.
std::uint32_t worker_of(const FlowKey& key, std::uint32_t workers) {
  constexpr std::uint64_t kSeed = 0x776f726b65727321u;  // the same everywhere, and not that of any table
  return static_cast<std::uint32_t>((key.hash(kSeed) >> 32) * workers >> 32);
}

}  // namespace

// kFragment: it waits for the rest of its datagram, or was given up with it.
Undecoded FrameReader::decode_whole(const Packet& packet, TcpSegment& segment) {
  Undecoded why = decode(packet, segment, &fragment_);
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
  Undecoded why = decode_whole(packet, segment);
  if (why == Undecoded::kNone) {
    if (options.ignore_encapsulation) segment.key.clear_encapsulation();
    const FlowKey& key = segment.key;
    if (!options.ports.contains_either(key.port(0), key.port(1))) {
      why = Undecoded::kPort;
    } else if (options.workers > 1 && worker_of(key, options.workers) != options.worker) {
      return false;
    }
  }
  if (why != Undecoded::kNone) {  // what is nobody's counts with worker 0
    if (options.worker != 0) return false;
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
