// The whole way from frames in memory to events that nobody takes, beside the bare walk over the same blocks.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bench/generated_capture.h"
#include "bench/memory_blocks.h"
#include "bench/micro.h"
#include "bench/tcp_frame.h"
#include "engine/huge_pages.h"
#include "flows/decode.h"
#include "flows/flow_processor.h"

namespace tapline::bench {
namespace {

constexpr std::size_t kBatch = 64;  // frames that the engine hands over at a time
constexpr std::uint32_t kConnections = 100'000;
constexpr std::int64_t kStart = 1'700'000'000'000'000'000, kStep = 1000;  // ns

struct Capture {
  MemoryBlocks setup;   // frames that come before those to be measured
  MemoryBlocks blocks;  // those to be measured
  CaptureFigures figures;
};

// The last capture that was asked for is kept, for they are large. `name` says which it is.
Capture& capture_of(const std::string& name, const std::function<void(Capture&)>& make) {
  static std::string kept;
  static std::unique_ptr<Capture> capture;
  if (kept != name) {
    capture = nullptr;
    capture = std::make_unique<Capture>();
    make(*capture);
    kept = name;
  }
  return *capture;
}

// MEASURED's shape, so many connections at once.
Capture& http_capture(std::int64_t at_once) {
  return capture_of("http " + std::to_string(at_once), [&](Capture& capture) {
    CaptureShape shape;
    shape.connections = kConnections;
    shape.at_once = static_cast<std::uint32_t>(at_once);
    CaptureGenerator generator(shape);
    for (auto frame = generator.next(); !frame.empty(); frame = generator.next()) {
      capture.blocks.add(frame, generator.time_ns());
    }
    capture.figures = generator.figures();
  });
}

// Each of `connections` asks, in a random order, and gets the head of a response with a long body: that is
// the set-up. Then `turns` segments of each, of the body or without payload.
Capture& open_connections(bool bodies, std::uint32_t connections, std::uint32_t turns) {
  return capture_of((bodies ? "bodies " : "acks ") + std::to_string(connections), [&](Capture& capture) {
    const std::string body(1448, 'x');
    const std::string request = "GET / HTTP/1.1\r\nHost: bench.example\r\n\r\n";
    const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n";
    std::int64_t time = kStart;
    const auto add = [&](MemoryBlocks& blocks, std::uint32_t number, bool from_client, std::uint8_t flags,
                         std::uint32_t seq, std::uint32_t ack, const std::string& payload) {
      // No window twice in a row: else acknowledgements would be duplicates, which are rare and cost more.
      const auto window = static_cast<std::uint16_t>(1000 + time / kStep % 50'000);
      const Segment segment{
          10u << 24 | number, 192u << 24 | 2u << 8 | 1, 40'000, from_client, flags, seq, ack, {}, window};
      blocks.add(frame_of(segment, payload), time += kStep);
    };
    const auto asked = static_cast<std::uint32_t>(1 + request.size());
    const auto answered = static_cast<std::uint32_t>(1 + head.size());
    for (std::uint32_t i = 1; i <= connections; ++i) {
      add(capture.setup, i, true, kSynFlag, 0, 0, "");
      add(capture.setup, i, false, kSynFlag | kAckFlag, 0, 1, "");
      add(capture.setup, i, true, kAckFlag | kPshFlag, 1, 1, request);
      add(capture.setup, i, false, kAckFlag, 1, asked, head);
      add(capture.setup, i, true, kAckFlag, asked, answered, "");
    }
    Random random(1);
    std::vector<std::uint32_t> sent(connections + 1);
    for (std::uint32_t i = 0; i < connections * turns; ++i) {
      const std::uint32_t number = 1 + random.below(connections);
      if (bodies) {
        const std::uint32_t at = answered + static_cast<std::uint32_t>(body.size()) * sent[number]++;
        add(capture.blocks, number, false, kAckFlag, at, asked, body);
      } else {
        add(capture.blocks, number, (i & 1) == 0, kAckFlag, (i & 1) == 0 ? asked : answered,
            (i & 1) == 0 ? answered : asked, "");
      }
    }
  });
}

class CountingSink final : public EventSink {
 public:
  void on_transaction(const TransactionEvent& event) override {
    ++transactions;
    whole += event.incomplete == 0 ? 1 : 0;
  }
  void on_connection(const ConnectionEvent& event) override {
    closed += event.action == ConnectionAction::kClosed ? 1 : 0;
  }
  std::uint64_t transactions = 0, whole = 0, closed = 0;
};

// Returns the seconds that it took. All packets come so many nanoseconds later than the blocks say.
double process(MemoryBlocks& blocks, FlowProcessor& processor, std::int64_t later = 0) {
  std::array<Packet, kBatch> batch;
  std::uint64_t ordinal = 0;
  return blocks.for_each_fresh([&](Block& block) {
    std::size_t count = 0;
    for (Packet packet : block) {
      packet.ordinal = ++ordinal;
      packet.time_ns += later;
      batch[count++] = packet;
      if (count == batch.size()) {
        processor.process(batch);
        count = 0;
      }
    }
    processor.process({batch.data(), count});
  });
}

FlowOptions flow_options() {
  FlowOptions options;
  options.ports.insert(kServerPort);
  options.memory = &huge_page_memory();
  return options;
}

void finish(benchmark::State& state, const Capture& capture) {
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(capture.blocks.bytes()));
  per_item(state, "frame", capture.blocks.frames());
}

std::uint64_t captured_bytes(const Block& block) {
  std::uint64_t bytes = 0;
  for (const Packet packet : block) bytes += packet.captured;
  return bytes;
}

void walk_http(benchmark::State& state) {
  Capture& capture = http_capture(state.range(0));
  for (auto _ : state) {
    std::uint64_t bytes = 0;
    state.SetIterationTime(
        capture.blocks.for_each_fresh([&](Block& block) { bytes += captured_bytes(block); }));
    if (bytes != capture.figures.bytes) return wrong(state, "bytes are missing");
  }
  finish(state, capture);
}

// The same from memory, as far as no cache holds it.
void walk_http_cold(benchmark::State& state) {
  Capture& capture = http_capture(state.range(0));
  for (auto _ : state) {
    std::uint64_t bytes = 0;
    capture.blocks.for_each([&](Block& block) { bytes += captured_bytes(block); });
    if (bytes != capture.figures.bytes) return wrong(state, "bytes are missing");
  }
  finish(state, capture);
}

void decode_http(benchmark::State& state) {
  Capture& capture = http_capture(state.range(0));
  for (auto _ : state) {
    std::uint64_t decoded = 0;
    TcpSegment segment;
    state.SetIterationTime(capture.blocks.for_each_fresh([&](Block& block) {
      for (const Packet packet : block) {
        segment = TcpSegment();
        decoded += tapline::decode(packet, segment) == Undecoded::kNone ? 1 : 0;
        benchmark::DoNotOptimize(segment);
      }
    }));
    if (decoded != capture.figures.frames) return wrong(state, "frames are not decoded");
  }
  finish(state, capture);
}

// The second round of two, a day later: what it costs once the memory that it takes is there.
void pipeline_http(benchmark::State& state) {
  Capture& capture = http_capture(state.range(0));
  for (auto _ : state) {
    CountingSink sink;
    FlowProcessor processor(flow_options(), sink);
    process(capture.blocks, processor);
    constexpr std::int64_t kDay = 86'400'000'000'000;  // ns
    state.SetIterationTime(process(capture.blocks, processor, kDay));
    processor.finish(CloseReason::kEnd);
    if (sink.whole != 2 * capture.figures.transactions || sink.transactions != sink.whole ||
        sink.closed != 2 * capture.figures.connections) {
      return wrong(state, "transactions or connections are missing");
    }
  }
  finish(state, capture);
}

void pipeline_open(benchmark::State& state, bool bodies) {
  const auto connections = static_cast<std::uint32_t>(state.range(0));
  // So many frames that it can be measured, and each connection has its turn.
  const std::uint32_t frames = bodies ? 200'000 : 1'000'000;
  Capture& capture = open_connections(bodies, connections, std::max(frames / connections, bodies ? 1u : 2u));
  for (auto _ : state) {
    CountingSink sink;
    FlowOptions options = flow_options();
    options.max_flows = std::max(options.max_flows, connections);
    options.reassembly_memory =
        std::max<std::size_t>(options.reassembly_memory, connections * std::size_t{2048});
    FlowProcessor processor(options, sink);
    process(capture.setup, processor);
    state.SetIterationTime(process(capture.blocks, processor));
    const FlowCounters counters = processor.counters();
    processor.finish(CloseReason::kEnd);
    if (counters.open != connections || counters.gaps().count != 0 || sink.transactions != connections) {
      return wrong(state, "connections are missing, or have gaps");
    }
  }
  finish(state, capture);
}
void pipeline_acks(benchmark::State& state) { pipeline_open(state, false); }
void pipeline_bodies(benchmark::State& state) { pipeline_open(state, true); }

void in_milliseconds(benchmark::internal::Benchmark* benchmark) {
  benchmark->Unit(benchmark::kMillisecond)->UseManualTime();
}
// In this order each capture is made once.
BENCHMARK(walk_http_cold)->Arg(2000)->Unit(benchmark::kMillisecond);
BENCHMARK(walk_http)->Arg(2000)->Apply(in_milliseconds);
BENCHMARK(decode_http)->Arg(2000)->Apply(in_milliseconds);
BENCHMARK(pipeline_http)->Arg(2000)->Apply(in_milliseconds);
BENCHMARK(walk_http)->Arg(100'000)->Apply(in_milliseconds);
BENCHMARK(pipeline_http)->Arg(100'000)->Apply(in_milliseconds);
BENCHMARK(pipeline_http)->RangeMultiplier(10)->Range(10, 10'000)->Apply(in_milliseconds);
BENCHMARK(pipeline_acks)->RangeMultiplier(10)->Range(10, 1'000'000)->Apply(in_milliseconds);
BENCHMARK(pipeline_bodies)->RangeMultiplier(10)->Range(10, 100'000)->Apply(in_milliseconds);

}  // namespace
}  // namespace tapline::bench
