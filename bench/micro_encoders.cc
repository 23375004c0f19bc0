// What it costs to write a record, by format and kind, beside copying the same bytes.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cassert>
#include <cstring>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "bench/http_text.h"
#include "bench/micro.h"
#include "bench/tcp_frame.h"
#include "exporters/ecs_encoder.h"
#include "exporters/line_output.h"
#include "exporters/string_output.h"
#include "exporters/text_encoder.h"
#include "flows/decode.h"
#include "flows/http_head.h"
#include "flows/packet_details.h"

namespace tapline::bench {
namespace {

constexpr std::size_t kEvents =
    100;  // that differ, and stay in the cache: a head is read just before its record
constexpr std::int64_t kStart = 1'700'000'000'000'000'000;

// Lines into some buffers in turn, as LineBuffers has them, over and over.
class ScratchOutput final : public LineOutput {
 public:
  static constexpr std::size_t kSize = 256u << 10, kLongestLine = 64u << 10;

  explicit ScratchOutput(std::size_t buffers = 1)
      : buffers_(buffers, std::vector<char>(kSize + kLongestLine)) {
    rewind();
  }
  void end_line() override {
    ++lines;
    bytes += static_cast<std::size_t>(position_ - line_);
    if (position_ > buffer().data() + kSize) {
      current_ = (current_ + 1) % buffers_.size();
      rewind();
    }
    line_ = position_;
  }
  // What was written since the buffer was begun.
  std::string_view text() const {
    return {buffer().data(), static_cast<std::size_t>(position_ - buffer().data())};
  }

  std::uint64_t lines = 0, bytes = 0;

 private:
  void make_room(std::size_t) override { assert(false && "a line is longer than this was made for"); }
  const std::vector<char>& buffer() const { return buffers_[current_]; }
  void rewind() {
    position_ = line_ = buffers_[current_].data();
    limit_ = position_ + buffer().size();
  }

  std::vector<std::vector<char>> buffers_;
  std::size_t current_ = 0;
  char* line_ = nullptr;
};

ConnectionInfo connection_of(std::uint32_t number) {
  ConnectionInfo info;
  info.client_ip.bytes = {10, 0, static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number)};
  info.server_ip.bytes = {192, 0, 2, static_cast<std::uint8_t>(number % 200)};
  info.client_port = static_cast<std::uint16_t>(30'000 + number);
  info.server_port = kServerPort;
  info.protocol = AppProtocol::kHttp;
  info.id.words = {number * 0x9e3779b97f4a7c15u, number};
  info.number = number + 1;
  return info;
}

MessageView message_of(const HttpHead& head, std::size_t bytes, std::size_t body, std::int64_t time) {
  MessageView message;
  message.first_time = time;
  message.last_time = time + 120'000;
  message.packet = static_cast<std::uint64_t>(time % 1'000'000);
  message.bytes = bytes + body;
  message.body_bytes = body;
  message.version = head.version;
  message.method = head.method;
  message.target = head.target;
  message.status = head.status;
  message.reason = head.reason;
  message.headers = head.headers;
  return message;
}

// Each refers to what stands beside it: they stay where they are.
struct Transaction {
  Transaction(Random& random, std::uint32_t number)
      : connection(connection_of(number)),
        request_bytes(request_text(random, false, {})),
        response_bytes(response_text(random, false, {{}, 0u})) {
    good =
        read_request_head(request_bytes, request_head) && read_response_head(response_bytes, response_head);
    const std::int64_t time = kStart + std::int64_t{number} * 1'234'567;
    request = message_of(request_head, request_bytes.size(), 0, time);
    response = message_of(response_head, response_bytes.size(), 1000 + number, time + 3'000'000);
  }
  Transaction(const Transaction&) = delete;
  TransactionEvent event() const {
    return {.connection = connection,
            .number = 1,
            .request = &request,
            .response = &response,
            .outcome = Outcome::kSuccess};
  }

  ConnectionInfo connection;
  std::string request_bytes, response_bytes;
  HttpHead request_head, response_head;
  MessageView request, response;
  bool good = false;
};

SideReport side_of(std::uint32_t number) {
  SideReport side;
  side.packets = 7 + number % 5;
  side.bytes = 400 + number;
  side.syn = SynParameters{.isn = number * 2'654'435'761u,
                           .window = 64240,
                           .mss = 1460,
                           .window_scale = 7,
                           .sack_permitted = true,
                           .timestamps = true};
  side.round_trips = RoundTrips{40'000 + number, 900'000};
  return side;
}

ConnectionEvent closed_event(const ConnectionInfo& connection, std::uint32_t number) {
  const std::int64_t time = kStart + std::int64_t{number} * 1'234'567;
  return {.connection = connection,
          .action = ConnectionAction::kClosed,
          .time = time + 9'000'000,
          .handshake = Handshake{30'000, 12'000},
          .closed_by = Side::kServer,
          .reason = CloseReason::kFin,
          .start = time,
          .end = time + 9'100'000,
          .client = side_of(number),
          .server = side_of(number + 1),
          .transactions = 2,
          .completeness = 31,
          .state = "SF",
          .history = "ShADadfF",
          .teardown = Teardown::kThreeWay};
}

// A pass that writes `count` lines, each of which begins and ends as it must and holds `needle`.
template <class Pass>
bool writes(ScratchOutput& out, std::size_t count, std::string_view begin, std::string_view needle,
            Pass pass) {
  pass();
  if (out.lines != count) return false;
  // The buffer begins anew after some of them.
  std::string_view text = out.text();
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    if (!line.starts_with(begin) || line.find(needle) == std::string_view::npos) return false;
    text.remove_prefix(line.size() + 1);
  }
  return true;
}

template <class Pass>
void measure(benchmark::State& state, ScratchOutput& out, std::size_t count, Pass pass) {
  const std::uint64_t before = out.bytes;
  for (auto _ : state) pass();
  state.SetBytesProcessed(static_cast<std::int64_t>(out.bytes - before));
  per_item(state, "record", count);
}

// A deque: elements stay where they are.
const std::deque<Transaction>& transactions() {
  static const std::deque<Transaction> all = [] {
    std::deque<Transaction> made;
    Random random(1);
    for (std::uint32_t i = 0; i < kEvents; ++i) made.emplace_back(random, i);
    return made;
  }();
  return all;
}

template <class Encoder, class Options>
void encode_http(benchmark::State& state, const Options& options, std::string_view begin) {
  for (const Transaction& transaction : transactions()) {
    if (!transaction.good) return wrong(state, "a head is not read");
  }
  ScratchOutput out;
  Encoder encoder(options, out);
  const auto pass = [&] {
    for (const Transaction& transaction : transactions()) encoder.on_transaction(transaction.event());
  };
  if (!writes(out, kEvents, begin, ".example", pass)) {
    return wrong(state, "the records are not right");
  }
  measure(state, out, kEvents, pass);
}
void encode_ecs_http(benchmark::State& state) {
  encode_http<EcsEncoder>(state, EcsOptions{}, "{\"@timestamp\":\"2023-");
}
void encode_text_http(benchmark::State& state) { encode_http<TextEncoder>(state, TextOptions{}, "22:13:"); }

// A run like the generated capture's: 100,000 connections, 2,000 at once, of which 70 in 100 have a second
// transaction when the others have had their first. Heads are in the cache, as they are when they have just
// been read; connections are not, and lines go through as many buffers as a worker has.
constexpr std::size_t kConnections = 100'000, kAtOnce = 2000, kRunRecords = 170'000, kBuffers = 32;

void encode_run(EcsEncoder& encoder) {
  std::size_t i = 0;
  for (std::uint32_t first = 0; first < kConnections; first += kAtOnce) {
    for (std::uint32_t number : {1u, 2u}) {
      for (std::uint32_t c = first; c < first + kAtOnce; ++c) {
        if (number == 2 && c % 10 >= 7) continue;
        const ConnectionInfo connection = connection_of(c);
        const Transaction& transaction = transactions()[i++ % kEvents];
        encoder.on_transaction({.connection = connection,
                                .number = number,
                                .request = &transaction.request,
                                .response = &transaction.response,
                                .outcome = Outcome::kSuccess});
      }
    }
  }
}

void encode_ecs_run(benchmark::State& state) {
  ScratchOutput out(kBuffers);
  EcsEncoder encoder(EcsOptions{}, out);
  const auto pass = [&] { encode_run(encoder); };
  if (!writes(out, kRunRecords, "{\"@timestamp\":\"2023-", ".example", pass)) {
    return wrong(state, "the records are not right");
  }
  measure(state, out, kRunRecords, pass);
}

// Copies `text`, which has `records` lines, to where an encoder would have written it: the least that they
// can cost.
void copy(benchmark::State& state, std::string_view text, std::size_t records, std::size_t buffers) {
  if (static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) != records) {
    return wrong(state, "lines are missing");
  }
  constexpr std::size_t kSize = ScratchOutput::kSize;
  std::vector<std::vector<char>> to(buffers, std::vector<char>(kSize));
  std::size_t next = 0;
  for (auto _ : state) {
    for (std::size_t at = 0; at < text.size(); at += kSize) {
      char* const buffer = to[next++ % buffers].data();
      std::memcpy(buffer, text.data() + at, std::min(kSize, text.size() - at));
      benchmark::DoNotOptimize(buffer);
      benchmark::ClobberMemory();
    }
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
  per_item(state, "record", records);
}

void copy_ecs_http(benchmark::State& state) {
  StringOutput lines;
  EcsEncoder encoder(EcsOptions{}, lines);
  for (const Transaction& transaction : transactions()) encoder.on_transaction(transaction.event());
  copy(state, lines.take(), kEvents, 1);
}

void copy_ecs_run(benchmark::State& state) {
  StringOutput lines;
  EcsEncoder encoder(EcsOptions{}, lines);
  encode_run(encoder);
  copy(state, lines.take(), kRunRecords, kBuffers);
}

void encode_ecs_closed(benchmark::State& state) {
  std::vector<ConnectionInfo> connections;
  for (std::uint32_t i = 0; i < kEvents; ++i) connections.push_back(connection_of(i));
  std::vector<ConnectionEvent> events;
  for (std::uint32_t i = 0; i < kEvents; ++i) events.push_back(closed_event(connections[i], i));
  ScratchOutput out;
  EcsEncoder encoder(EcsOptions{}, out);
  const auto pass = [&] {
    for (const ConnectionEvent& event : events) encoder.on_connection(event);
  };
  if (!writes(out, kEvents, "{\"@timestamp\":\"2023-", "\"completeness\":31,\"state\":\"SF\"", pass)) {
    return wrong(state, "the records are not right");
  }
  measure(state, out, kEvents, pass);
}

// Frames with a request, and what is read from them.
struct PacketScene {
  PacketScene() {
    Random random(1);
    for (std::uint32_t i = 0; i < kEvents; ++i) {
      connections.push_back(connection_of(i));
      const Segment segment{10u << 24 | i, 192u << 24 | 2u << 8 | 1, 40'000, true, kPshFlag | kAckFlag, i, i};
      frames.push_back(frame_of(segment, request_text(random, false, {})));
    }
    packets.resize(kEvents);
    segments.resize(kEvents);
    for (std::size_t i = 0; i < kEvents; ++i) {
      packets[i].data = frames[i].data();
      packets[i].captured = packets[i].length = static_cast<std::uint32_t>(frames[i].size());
      packets[i].time_ns = kStart + static_cast<std::int64_t>(i);
      packets[i].ordinal = i + 1;
      good = good && decode(packets[i], segments[i]) == Undecoded::kNone;
      details.push_back(read_details(packets[i], segments[i]));
    }
  }
  std::vector<ConnectionInfo> connections;
  std::vector<std::vector<std::uint8_t>> frames;
  std::vector<Packet> packets;
  std::vector<TcpSegment> segments;
  std::vector<PacketDetails> details;
  bool good = true;
};

void encode_ecs_packet(benchmark::State& state) {
  const PacketScene scene;
  if (!scene.good) return wrong(state, "frames are not decoded");
  RecordSet records;
  records.add(RecordKind::kPacket);
  ScratchOutput out;
  EcsEncoder encoder({.records = records}, out);
  const auto pass = [&] {
    for (std::size_t i = 0; i < kEvents; ++i) {
      encoder.on_packet({.connection = scene.connections[i],
                         .packet = scene.packets[i],
                         .segment = scene.segments[i],
                         .details = scene.details[i]});
    }
  };
  if (!writes(out, kEvents, "{\"@timestamp\":\"2023-", "\"info\":\"GET /", pass)) {
    return wrong(state, "the records are not right");
  }
  measure(state, out, kEvents, pass);
}

BENCHMARK(copy_ecs_http);
BENCHMARK(encode_ecs_http);
BENCHMARK(copy_ecs_run);
BENCHMARK(encode_ecs_run);
BENCHMARK(encode_ecs_closed);
BENCHMARK(encode_ecs_packet);
BENCHMARK(encode_text_http);

}  // namespace
}  // namespace tapline::bench
