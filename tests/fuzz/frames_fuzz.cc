// Frames of any bytes in, events out: the walk over headers (flows/decode.h), fragments, and packet records.
//
// The input: a link type, options (see Setup), then frames, each behind its length in two bytes, big-endian.
// The last one may be shorter than its length says.
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "flows/flow_processor.h"
#include "flows/packet_details.h"
#include "tests/fuzz/check.h"

namespace tapline {
namespace {

using Input = std::span<const std::uint8_t>;

constexpr LinkType kLinks[] = {LinkType::kEthernet,  LinkType::kRaw,     LinkType::kLinuxSll,
                               LinkType::kLinuxSll2, LinkType::kNull,    LinkType::kEthernet,
                               LinkType::kIpv6,      LinkType::kEthernet};

struct Setup {
  LinkType link = LinkType::kEthernet;
  FlowOptions flows;
  bool cut = false;     // frames were longer than they were captured
  bool tagged = false;  // a VLAN tag was taken out of each
};

Setup read_setup(Input two_bytes) {
  Setup setup;
  setup.link = kLinks[two_bytes[0] % std::size(kLinks)];
  const std::uint8_t bits = two_bytes[1];
  // Half of all: what a fuzzer writes for ports is seldom 80.
  for (std::size_t i = 0; i < setup.flows.ports.words.size() / 2; ++i) setup.flows.ports.words[i] = ~0ull;
  setup.flows.max_flows = 16;
  setup.flows.reassembly_memory = (bits & 1) != 0 ? 64u << 10 : 1u << 20;
  setup.flows.ignore_encapsulation = (bits & 2) != 0;
  setup.flows.dedup_window = (bits & 0xc4) == 0xc4 ? 1000 : 0;  // seldom, for its table is large
  setup.cut = (bits & 8) != 0;
  setup.tagged = (bits & 16) != 0;
  setup.flows.tell_packets = (bits & 32) != 0;
  return setup;
}

// Each in memory of its own, so that AddressSanitizer sees who reads over its end.
struct Frames {
  std::vector<std::unique_ptr<std::uint8_t[]>> bytes;
  std::vector<Packet> packets;
};

Frames read_frames(const Setup& setup, Input input) {
  Frames frames;
  while (input.size() >= 2) {
    const std::size_t length = static_cast<std::size_t>(input[0] << 8 | input[1]);
    const std::size_t size = std::min(length, input.size() - 2);
    auto& bytes = frames.bytes.emplace_back(std::make_unique<std::uint8_t[]>(size));
    std::memcpy(bytes.get(), input.data() + 2, size);
    Packet& packet = frames.packets.emplace_back();
    packet.data = bytes.get();
    packet.captured = static_cast<std::uint32_t>(size);
    packet.length = static_cast<std::uint32_t>(setup.cut ? size + 100 : size);
    packet.time_ns = static_cast<std::int64_t>(frames.packets.size()) * 300;
    packet.ordinal = frames.packets.size();
    packet.link = setup.link;
    packet.interface = frames.packets.size() % 2;
    packet.vlan_valid = setup.tagged;
    packet.vlan_tci = 5;
    packet.vlan_tpid = 0x8100;
    input = input.subspan(2 + size);
  }
  return frames;
}

class CountingSink final : public EventSink {
 public:
  void on_transaction(const TransactionEvent& event) override { look_at(event.connection); }
  void on_connection(const ConnectionEvent& event) override {
    look_at(event.connection);
    closed += event.action == ConnectionAction::kClosed ? 1 : 0;
    packets_of_closed += event.client.packets + event.server.packets;
  }
  void on_packet(const PacketEvent& event) override {
    look_at(event.connection);
    ++packets;
    const PacketDetails& details = event.details;
    FUZZ_CHECK(details.captured == event.packet.captured);
    FUZZ_CHECK(details.tcp.header_bytes >= 20);
    FUZZ_CHECK(details.tcp.payload.size() <= details.tcp.payload_bytes);
    FUZZ_CHECK(details.source_ip.version == details.destination_ip.version);
    // All of it is there to be read.
    std::uint32_t sum = 0;
    for (const std::uint8_t byte : details.tcp.payload) sum += byte;
    for (std::size_t i = 0; i < details.tcp.option_count; ++i) {
      for (const std::uint8_t byte : details.tcp.options[i].data) sum += byte;
    }
    digest = digest * 31 + sum + details.protocols.view().size();
  }

  std::uint64_t closed = 0, packets = 0, packets_of_closed = 0, digest = 0;

 private:
  void look_at(const ConnectionInfo& info) {
    FUZZ_CHECK(info.tunnels.size() <= Encapsulation::kMaxTunnels);
    for (const Tunnel& tunnel : info.tunnels) digest = digest * 31 + tunnel.id.value_or(7);
    if (info.inner_vlan) FUZZ_CHECK(info.vlan.has_value());
    digest = digest * 31 + info.id.words[0];
  }
};

void check(Input input) {
  if (input.size() < 2) return;
  const Setup setup = read_setup(input);
  const Frames frames = read_frames(setup, input.subspan(2));
  std::uint64_t digest = 0;
  for (const std::size_t batch : {std::size_t{1}, frames.packets.size() + 1}) {
    CountingSink sink;
    FlowProcessor processor(setup.flows, sink);
    for (std::span<const Packet> rest = frames.packets; !rest.empty();) {
      const std::size_t n = std::min(rest.size(), batch);
      processor.process(rest.first(n));
      rest = rest.subspan(n);
    }
    processor.finish(CloseReason::kEnd);
    const FlowCounters counters = processor.counters();
    std::uint64_t undecoded = 0;
    for (const std::uint64_t count : counters.undecoded) undecoded += count;
    FUZZ_CHECK(counters.packets == frames.packets.size());
    FUZZ_CHECK(counters.open == 0 && counters.opened == counters.closed && counters.closed == sink.closed);
    FUZZ_CHECK(counters.reassembly_bytes == 0);
    // Fragments that made up a datagram are frames without a segment of their own.
    FUZZ_CHECK(undecoded + counters.duplicates <= counters.packets);
    if (setup.flows.tell_packets)
      FUZZ_CHECK(sink.packets <= counters.packets - undecoded - counters.duplicates);
    if (batch > 1) FUZZ_CHECK(sink.digest == digest);
    digest = sink.digest;
  }
}

}  // namespace
}  // namespace tapline

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tapline::check({data, size});
  return 0;
}
