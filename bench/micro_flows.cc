// What flows/ costs, part by part.
#include <benchmark/benchmark.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bench/http_text.h"
#include "bench/micro.h"
#include "flows/connection.h"
#include "flows/decode.h"
#include "flows/flow_table.h"
#include "flows/http_stream.h"
#include "flows/reassembler.h"
#include "flows/tcp_tracker.h"

namespace tapline::bench {
namespace {

constexpr std::size_t kLookups = 1u << 16;  // a round of them; a power of two
constexpr std::size_t kBatch = 32;
constexpr std::size_t kSegment = 1448;

FlowKey key_of(std::uint32_t number) {
  const std::array<std::uint8_t, 4> client = {10, static_cast<std::uint8_t>(number >> 16),
                                              static_cast<std::uint8_t>(number >> 8),
                                              static_cast<std::uint8_t>(number)};
  const std::array<std::uint8_t, 4> server = {192, 0, 2, 1};
  FlowKey key;
  key.set(IpVersion::kV4, client.data(), server.data(), static_cast<std::uint16_t>(1024 + (number >> 24)),
          80);
  return key;
}

// A table of so many connections, and the keys of random ones. The last one that was asked for is kept: large
// ones take seconds to fill.
struct FilledTable {
  explicit FilledTable(std::uint32_t flows) : flows(flows), table(flows, /*seed=*/1) {
    for (std::uint32_t i = 0; i < flows; ++i) table.insert(key_of(i), table.hash(key_of(i)));
    Random random(flows);
    for (std::size_t i = 0; i < kLookups; ++i) wanted.push_back(key_of(random.below(flows)));
  }
  static FilledTable& of(std::uint32_t flows) {
    static std::unique_ptr<FilledTable> last;
    if (last == nullptr || last->flows != flows) {
      last.reset();
      last = std::make_unique<FilledTable>(flows);
    }
    return *last;
  }
  bool right() {
    for (const FlowKey& key : wanted) {
      const Connection* const found = table.find(key, table.hash(key));
      if (found == nullptr || found->key != key) return false;
    }
    const FlowKey absent = key_of(flows);
    return table.size() == flows && table.find(absent, table.hash(absent)) == nullptr;
  }

  std::uint32_t flows;
  FlowTable table;
  std::vector<FlowKey> wanted;
};

void table_one_by_one(benchmark::State& state) {
  FilledTable& filled = FilledTable::of(static_cast<std::uint32_t>(state.range(0)));
  if (!filled.right()) return wrong(state, "connections are not found");
  for (auto _ : state) {
    for (const FlowKey& key : filled.wanted) {
      // The next look-up waits for what this one found, as its packet would.
      benchmark::DoNotOptimize(filled.table.find(key, filled.table.hash(key))->number++);
    }
  }
  per_item(state, "flow", kLookups);
}

// As FlowProcessor does it.
void table_in_batches(benchmark::State& state) {
  FilledTable& filled = FilledTable::of(static_cast<std::uint32_t>(state.range(0)));
  if (!filled.right()) return wrong(state, "connections are not found");
  std::array<std::uint64_t, kBatch> hashes{};
  std::array<Connection*, kBatch> likely{};
  for (auto _ : state) {
    for (std::size_t from = 0; from < kLookups; from += kBatch) {
      const FlowKey* const keys = &filled.wanted[from];
      for (std::size_t i = 0; i < kBatch; ++i) {
        hashes[i] = filled.table.hash(keys[i]);
        filled.table.prefetch_slot(hashes[i]);
      }
      for (std::size_t i = 0; i < kBatch; ++i) {
        likely[i] = filled.table.likely(hashes[i]);
        if (likely[i] != nullptr) FlowTable::prefetch(*likely[i]);
      }
      for (std::size_t i = 0; i < kBatch; ++i) {
        benchmark::DoNotOptimize(filled.table.find(keys[i], hashes[i], likely[i])->number++);
      }
    }
  }
  per_item(state, "flow", kLookups);
}

// Messages of one direction, of which only the framing is read.
class CountingHandler final : public MessageHandler {
 public:
  explicit CountingHandler(Body body) : body_(body) {}
  Body on_head(std::string_view, const PlainHead*, const Origin&, std::int64_t, bool) override {
    return body_;
  }
  void on_partial_head(std::string_view, const Origin&, std::int64_t, bool) override {}
  void on_bytes(std::uint64_t, std::uint64_t body, std::int64_t) override { body_bytes += body; }
  void on_gap(std::uint64_t, bool) override {}
  void on_trailers(std::string_view) override {}
  void on_end() override { ++ended; }
  void on_cut() override {}
  void on_lost() override {}
  void on_hole() override {}
  bool on_candidate(const Origin&) override { return false; }
  Foreign on_foreign(std::string_view, const Origin&, bool) override { return Foreign::kNotHttp; }

  std::uint64_t body_bytes = 0, ended = 0;

 private:
  Body body_;
};

// One response of a MiB; chunked: in chunks of 4 KiB.
void body_framing(benchmark::State& state, bool chunked) {
  constexpr std::size_t kBytes = 1u << 20, kChunk = 4096;
  std::string text = "HTTP/1.1 200 OK\r\n\r\n";
  if (chunked) {
    for (std::size_t at = 0; at < kBytes; at += kChunk)
      text += "1000\r\n" + std::string(kChunk, 'x') + "\r\n";
    text += "0\r\n\r\n";
  } else {
    text += std::string(kBytes, 'x');
  }
  const Body body = chunked ? Body{Body::Kind::kChunked, 0} : Body{Body::Kind::kLength, kBytes};
  BytePool pool(1u << 20);
  FlowCounters counters;
  StreamContext context{pool, counters, 64u << 10};
  CountingHandler handler(body);
  HttpStream stream;
  stream.start(/*response=*/true, /*searching=*/false);
  const auto pass = [&] {
    Origin origin;
    for (std::size_t at = 0; at < text.size(); at += kSegment) {
      const std::string_view segment = std::string_view(text).substr(at, kSegment);
      stream.data(context, handler, segment, origin, true);
      origin.seq += static_cast<std::uint32_t>(segment.size());
    }
  };
  pass();
  if (handler.ended != 1 || handler.body_bytes != kBytes) return wrong(state, "the body is not read whole");
  for (auto _ : state) pass();
  per_item(state, "segment", (text.size() + kSegment - 1) / kSegment);
}
void body_length(benchmark::State& state) { body_framing(state, false); }
void body_chunked(benchmark::State& state) { body_framing(state, true); }

class CountingConsumer final : public StreamConsumer {
 public:
  void data(std::string_view part, const Origin&, bool) override { bytes += part.size(); }
  void gap(std::uint64_t length, const Origin&) override { missing += length; }
  std::uint64_t bytes = 0, missing = 0;
};

// Segments in order; `swapped`: each second one comes before the one that it follows.
void reassemble(benchmark::State& state, bool swapped) {
  constexpr std::size_t kPieces = 1024;
  const std::string payload(kSegment, 'x');
  BytePool pool(1u << 20);
  CountingConsumer consumer;
  StreamAccount account;
  Reassembler reassembler;
  reassembler.start(0);
  std::uint32_t next = 0;
  const auto pass = [&] {
    for (std::size_t i = 0; i < kPieces; ++i) {
      const std::uint32_t place = static_cast<std::uint32_t>(swapped ? i ^ 1u : i);
      Piece piece{.origin = {.seq = next + place * static_cast<std::uint32_t>(kSegment)},
                  .length = static_cast<std::uint32_t>(kSegment),
                  .bytes = payload};
      reassembler.accept(pool, piece, /*acks_seen=*/true, account, consumer);
    }
    next += static_cast<std::uint32_t>(kPieces * kSegment);
  };
  pass();
  if (consumer.bytes != kPieces * kSegment || consumer.missing != 0) return wrong(state, "bytes are missing");
  for (auto _ : state) pass();
  per_item(state, "segment", kPieces);
}
void reassemble_in_order(benchmark::State& state) { reassemble(state, false); }
void reassemble_swapped(benchmark::State& state) { reassemble(state, true); }

// Segments without payload, on one connection that stays in the cache.
void tracker(benchmark::State& state) {
  constexpr std::uint32_t kSegments = 1024;
  TcpSegment segment;
  segment.key = key_of(1);
  segment.flags = kSyn;
  Connection connection;
  connection.key = segment.key;
  begin_connection(connection, segment);
  RarePool rares(1);
  track(connection, segment, rares);
  segment.flags = kAck;
  const auto pass = [&] {
    for (std::uint32_t i = 0; i < kSegments; ++i) {
      segment.sender = static_cast<std::uint8_t>(i & 1);
      segment.seq = 1;
      segment.ack = 1;
      segment.window = static_cast<std::uint16_t>(i);
      segment.time_ns += 1000;
      track(connection, segment, rares);
    }
  };
  pass();
  if (connection.sides[0].packets + connection.sides[1].packets != kSegments + 1) {
    return wrong(state, "segments are not counted");
  }
  for (auto _ : state) pass();
  per_item(state, "segment", kSegments);
}

BENCHMARK(table_one_by_one)->Arg(4 << 10)->Arg(64 << 10)->Arg(1 << 20)->Arg(4 << 20);
BENCHMARK(table_in_batches)->Arg(4 << 10)->Arg(64 << 10)->Arg(1 << 20)->Arg(4 << 20);
BENCHMARK(body_length);
BENCHMARK(body_chunked);
BENCHMARK(reassemble_in_order);
BENCHMARK(reassemble_swapped);
BENCHMARK(tracker);

}  // namespace
}  // namespace tapline::bench
