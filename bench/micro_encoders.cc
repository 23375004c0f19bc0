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

constexpr std::size_t kEvents = 1000;  // that differ
constexpr std::int64_t kStart = 1'700'000'000'000'000'000;

// Lines into one buffer, over and over.
class ScratchOutput final : public LineOutput {
 public:
  static constexpr std::size_t kSize = 256u << 10, kLongestLine = 64u << 10;

  ScratchOutput() : buffer_(kSize + kLongestLine) { rewind(); }
  void end_line() override {
    ++lines;
    bytes += static_cast<std::size_t>(position_ - line_);
    if (position_ > buffer_.data() + kSize) rewind();
    line_ = position_;
  }
  // What was written since the buffer was begun.
  std::string_view text() const {
    return {buffer_.data(), static_cast<std::size_t>(position_ - buffer_.data())};
  }

  std::uint64_t lines = 0, bytes = 0;

 private:
  void make_room(std::size_t) override { assert(!"a line is longer than this was made for"); }
  void rewind() {
    position_ = line_ = buffer_.data();
    limit_ = buffer_.data() + buffer_.size();
  }

  std::vector<char> buffer_;
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

// A pass that writes kEvents lines, each of which begins and ends as it must and holds `needle`.
template <class Pass>
bool writes(ScratchOutput& out, std::string_view begin, std::string_view needle, Pass pass) {
  pass();
  if (out.lines != kEvents) return false;
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
void measure(benchmark::State& state, ScratchOutput& out, Pass pass) {
  const std::uint64_t before = out.bytes;
  for (auto _ : state) pass();
  state.SetBytesProcessed(static_cast<std::int64_t>(out.bytes - before));
  per_item(state, "record", kEvents);
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
  ScratchOutput out;
  Encoder encoder(options, out);
  for (const Transaction& transaction : transactions()) {
    if (!transaction.good) return wrong(state, "a head is not read");
  }
  const auto pass = [&] {
    for (const Transaction& transaction : transactions()) encoder.on_transaction(transaction.event());
  };
  if (!writes(out, begin, ".example", pass)) {
    return wrong(state, "the records are not right");
  }
  measure(state, out, pass);
}
void encode_ecs_http(benchmark::State& state) {
  encode_http<EcsEncoder>(state, EcsOptions{}, "{\"@timestamp\":\"2023-");
}
void encode_text_http(benchmark::State& state) { encode_http<TextEncoder>(state, TextOptions{}, "22:13:"); }

// The lines of encode_ecs_http, copied to where it writes them: the least that they can cost.
void copy_ecs_http(benchmark::State& state) {
  StringOutput lines;
  EcsEncoder encoder(EcsOptions{}, lines);
  for (const Transaction& transaction : transactions()) encoder.on_transaction(transaction.event());
  const std::string text = lines.take();
  if (std::count(text.begin(), text.end(), '\n') != kEvents) return wrong(state, "lines are missing");
  std::vector<char> buffer(ScratchOutput::kSize);
  for (auto _ : state) {
    for (std::size_t at = 0; at < text.size(); at += buffer.size()) {
      std::memcpy(buffer.data(), text.data() + at, std::min(buffer.size(), text.size() - at));
      benchmark::DoNotOptimize(buffer.data());
      benchmark::ClobberMemory();
    }
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
  per_item(state, "record", kEvents);
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
  if (!writes(out, "{\"@timestamp\":\"2023-", "\"completeness\":31,\"state\":\"SF\"", pass)) {
    return wrong(state, "the records are not right");
  }
  measure(state, out, pass);
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
  if (!writes(out, "{\"@timestamp\":\"2023-", "\"info\":\"GET /", pass)) {
    return wrong(state, "the records are not right");
  }
  measure(state, out, pass);
}

BENCHMARK(copy_ecs_http);
BENCHMARK(encode_ecs_http);
BENCHMARK(encode_ecs_closed);
BENCHMARK(encode_ecs_packet);
BENCHMARK(encode_text_http);

}  // namespace
}  // namespace tapline::bench
