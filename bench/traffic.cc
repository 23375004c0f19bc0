#include "bench/traffic.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "bench/tcp_frame.h"

namespace tapline::bench {
namespace {

constexpr std::size_t kSegment = 1460;
constexpr std::uint32_t kServer = 10u << 24 | 255u << 16 | 1, kClients = 10u << 24;

// One connection, segment by segment.
class Talk {
 public:
  explicit Talk(std::uint32_t number)
      : client_(kClients | number % 251), port_(static_cast<std::uint16_t>(10'000 + number / 251)) {}

  void open() {
    send(true, kSynFlag, {});
    send(false, kSynFlag | kAckFlag, {});
    send(true, kAckFlag, {});
  }
  // The receiver acknowledges each 16th segment, and the last one.
  void say(bool from_client, const std::string& text) {
    std::size_t count = 0;
    for (std::size_t at = 0; at < text.size(); at += kSegment) {
      const bool last = at + kSegment >= text.size();
      send(from_client, last ? kPshFlag | kAckFlag : kAckFlag, std::string_view(text).substr(at, kSegment));
      frames.back().ends_transaction = last && !from_client;
      if (last || ++count % 16 == 0) send(!from_client, kAckFlag, {});
    }
  }
  void close() {
    send(true, kFinFlag | kAckFlag, {});
    send(false, kFinFlag | kAckFlag, {});
    send(true, kAckFlag, {});
  }
  void syn() { send(true, kSynFlag, {}); }

  std::vector<Frame> frames;

 private:
  void send(bool from_client, std::uint8_t flags, std::string_view payload) {
    std::uint32_t& own = from_client ? client_next_ : server_next_;
    const std::uint32_t ack = (flags & kAckFlag) == 0 ? 0 : from_client ? server_next_ : client_next_;
    frames.push_back({.bytes = frame_of({client_, kServer, port_, from_client, flags, own, ack}, payload),
                      .from_client = from_client,
                      .begins_connection = flags == kSynFlag});
    own += static_cast<std::uint32_t>(payload.size()) + ((flags & (kSynFlag | kFinFlag)) != 0 ? 1 : 0);
  }

  std::uint32_t client_;
  std::uint16_t port_;
  std::uint32_t client_next_ = 1000, server_next_ = 2000;
};

std::string request(std::uint32_t number) {
  return "GET /item/" + std::to_string(number) +
         " HTTP/1.1\r\nHost: bench.example\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) "
         "Gecko/20100101 Firefox/128.0\r\nAccept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;"
         "q=0.8\r\nAccept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br\r\nConnection: "
         "keep-alive\r\nCookie: session=0123456789abcdef0123456789abcdef\r\n\r\n";
}

std::string response(std::size_t body) {
  return "HTTP/1.1 200 OK\r\nServer: nginx/1.24.0\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\nContent-Type: "
         "text/html; charset=utf-8\r\nContent-Length: " +
         std::to_string(body) + "\r\nConnection: keep-alive\r\nCache-Control: max-age=60\r\n\r\n" +
         std::string(body, 'x');
}

// The talks' frames in turn, `at_once` talks at a time.
std::vector<Frame> interleaved(std::vector<Talk> talks, std::size_t at_once) {
  std::vector<Frame> frames;
  for (std::size_t first = 0; first < talks.size(); first += at_once) {
    const std::size_t end = std::min(first + at_once, talks.size());
    bool any = true;
    for (std::size_t turn = 0; any; ++turn) {
      any = false;
      for (std::size_t i = first; i < end; ++i) {
        if (turn >= talks[i].frames.size()) continue;
        frames.push_back(std::move(talks[i].frames[turn]));
        any = true;
      }
    }
  }
  return frames;
}

struct Shape {
  std::uint32_t connections;
  std::uint32_t at_once;
  std::uint32_t transactions;  // of each connection
  std::size_t body;            // bytes of a response
};

Shape shape_of(Mix mix) {
  switch (mix) {
    case Mix::kSyn:
      break;
    case Mix::kHttp:
      return {.connections = 256, .at_once = 64, .transactions = 8, .body = 1100};
    case Mix::kFull:
      return {.connections = 16, .at_once = 4, .transactions = 1, .body = 512u << 10};
  }
  return {.connections = 4096, .at_once = 1, .transactions = 0, .body = 0};
}

// RFC 1624, equation 3.
void adjust(std::uint8_t* checksum, std::uint32_t before, std::uint32_t after) {
  put16(checksum, ~folded((~get16(checksum) & 0xffff) + (~before & 0xffff) + after) & 0xffff);
}

}  // namespace

std::optional<Mix> parse_mix(std::string_view name) {
  if (name == "syn") return Mix::kSyn;
  if (name == "http") return Mix::kHttp;
  if (name == "full") return Mix::kFull;
  return std::nullopt;
}

std::string_view name_of(Mix mix) {
  switch (mix) {
    case Mix::kSyn:
      return "syn";
    case Mix::kHttp:
      return "http";
    case Mix::kFull:
      break;
  }
  return "full";
}

Traffic make_traffic(Mix mix) {
  const Shape shape = shape_of(mix);
  std::vector<Talk> talks;
  for (std::uint32_t number = 0; number < shape.connections; ++number) {
    Talk& talk = talks.emplace_back(number);
    if (mix == Mix::kSyn) {
      talk.syn();
      continue;
    }
    talk.open();
    for (std::uint32_t i = 0; i < shape.transactions; ++i) {
      talk.say(true, request(number * shape.transactions + i));
      talk.say(false, response(shape.body + number % 64));
    }
    talk.close();
  }
  return {.frames = interleaved(std::move(talks), shape.at_once),
          .connections = shape.connections,
          .transactions = std::uint64_t{shape.connections} * shape.transactions,
          .at_once = shape.at_once};
}

std::size_t write_frame(const Frame& frame, std::uint32_t round, std::uint8_t* out) {
  std::memcpy(out, frame.bytes.data(), frame.bytes.size());
  std::uint8_t* const client = out + (frame.from_client ? kSourceAt : kDestinationAt);
  const std::uint32_t high = get16(client), low = get16(client + 2);
  client[1] = static_cast<std::uint8_t>(round >> 8 & 0xff);
  client[2] = static_cast<std::uint8_t>(round & 0xff);
  for (const std::size_t checksum : {kIpChecksumAt, kTcpChecksumAt}) {
    adjust(out + checksum, high, get16(client));
    adjust(out + checksum, low, get16(client + 2));
  }
  return frame.bytes.size();
}

}  // namespace tapline::bench
