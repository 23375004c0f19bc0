// What an open connection takes of memory: resident pages before and after so many of them are opened.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <fstream>
#include <string>

#include "bench/micro.h"
#include "bench/tcp_frame.h"
#include "flows/flow_processor.h"

namespace tapline::bench {
namespace {

class NoSink final : public EventSink {
 public:
  void on_transaction(const TransactionEvent&) override { ++transactions; }
  void on_connection(const ConnectionEvent&) override {}
  std::uint64_t transactions = 0;
};

// Bytes.
double resident() {
  std::uint64_t all = 0, pages = 0;
  std::ifstream("/proc/self/statm") >> all >> pages;
  return static_cast<double>(pages) * static_cast<double>(sysconf(_SC_PAGESIZE));
}

// Handshakes, and with `http` a transaction each, which is over: then each is idle. The processor has room
// for so many connections and no more. The figure is the memory of all of it, tables as well, a connection.
void memory(benchmark::State& state, bool http) {
  const auto connections = static_cast<std::uint32_t>(state.range(0));
  const std::string request = "GET / HTTP/1.1\r\nHost: bench.example\r\n\r\n";
  const std::string response = "HTTP/1.1 204 No Content\r\n\r\n";
  for (auto _ : state) {
    const double before = resident();
    FlowOptions options;
    options.ports.insert(kServerPort);
    options.max_flows = connections;
    NoSink sink;
    FlowProcessor processor(options, sink);
    std::int64_t time = 1'700'000'000'000'000'000;
    const auto send = [&](std::uint32_t number, bool from_client, std::uint8_t flags, std::uint32_t seq,
                          std::uint32_t ack, const std::string& payload) {
      const auto frame = frame_of(
          {10u << 24 | number, 192u << 24 | 2u << 8 | 1, 40'000, from_client, flags, seq, ack}, payload);
      Packet packet;
      packet.data = frame.data();
      packet.captured = packet.length = static_cast<std::uint32_t>(frame.size());
      packet.time_ns = ++time;
      processor.process({&packet, 1});
    };
    const auto asked = static_cast<std::uint32_t>(1 + request.size());
    for (std::uint32_t i = 1; i <= connections; ++i) {
      send(i, true, kSynFlag, 0, 0, "");
      send(i, false, kSynFlag | kAckFlag, 0, 1, "");
      send(i, true, kAckFlag, 1, 1, "");
      if (!http) continue;
      send(i, true, kAckFlag | kPshFlag, 1, 1, request);
      send(i, false, kAckFlag | kPshFlag, 1, asked, response);
    }
    const FlowCounters counters = processor.counters();
    state.counters["bytes_each"] = (resident() - before) / connections;
    if (counters.open != connections || sink.transactions != (http ? connections : 0)) {
      return wrong(state, "connections are missing, or transactions");
    }
  }
}
void memory_idle(benchmark::State& state) { memory(state, false); }
void memory_http(benchmark::State& state) { memory(state, true); }

// From the smallest: what the allocator keeps of one is no page that the next touches first.
BENCHMARK(memory_idle)
    ->Arg(100'000)
    ->Arg(1'000'000)
    ->Arg(10'000'000)
    ->Iterations(1)
    ->Unit(benchmark::kMillisecond);
BENCHMARK(memory_http)->Arg(100'000)->Arg(1'000'000)->Iterations(1)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace tapline::bench
