#include "bench/traffic.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <utility>

namespace tapline::bench {
namespace {

constexpr std::size_t kIpAt = 14, kTcpAt = 34, kHeaders = 54;
constexpr std::size_t kIpChecksumAt = kIpAt + 10, kTcpChecksumAt = kTcpAt + 16;
constexpr std::size_t kSourceAt = kIpAt + 12, kDestinationAt = kIpAt + 16;
constexpr std::size_t kShortestFrame = 60;
constexpr std::size_t kSegment = 1460;
constexpr std::uint8_t kFin = 1, kSyn = 2, kPsh = 8, kAck = 16;
constexpr std::uint32_t kServer = 10u << 24 | 255u << 16 | 1, kClients = 10u << 24;

void put16(std::uint8_t* at, std::uint32_t value) {
  at[0] = static_cast<std::uint8_t>(value >> 8);
  at[1] = static_cast<std::uint8_t>(value);
}

void put32(std::uint8_t* at, std::uint32_t value) {
  put16(at, value >> 16);
  put16(at + 2, value & 0xffff);
}

std::uint32_t get16(const std::uint8_t* at) { return static_cast<std::uint32_t>(at[0] << 8 | at[1]); }

// RFC 1071.
std::uint32_t folded(std::uint32_t sum) {
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

std::uint32_t sum_of(const std::uint8_t* at, std::size_t size) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i + 1 < size; i += 2) sum += get16(at + i);
  if (size % 2 != 0) sum += static_cast<std::uint32_t>(at[size - 1] << 8);
  return sum;
}

struct Segment {
  std::uint32_t client = 0;  // address
  std::uint16_t port = 0;    // of the client
  bool from_client = true;
  std::uint8_t flags = 0;
  std::uint32_t seq = 0, ack = 0;
};

Frame frame_of(const Segment& segment, std::string_view payload) {
  Frame frame;
  frame.from_client = segment.from_client;
  frame.bytes.resize(std::max(kShortestFrame, kHeaders + payload.size()));
  std::uint8_t* const bytes = frame.bytes.data();
  // Locally administered addresses of nobody: the receiving host leaves these frames alone.
  const std::array<std::uint8_t, 14> ethernet = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0};
  std::copy(ethernet.begin(), ethernet.end(), bytes);
  const auto tcp_size = static_cast<std::uint32_t>(20 + payload.size());
  bytes[kIpAt] = 0x45;
  put16(bytes + kIpAt + 2, 20 + tcp_size);
  bytes[kIpAt + 6] = 0x40;  // don't fragment
  bytes[kIpAt + 8] = 64;
  bytes[kIpAt + 9] = 6;
  put32(bytes + kSourceAt, segment.from_client ? segment.client : kServer);
  put32(bytes + kDestinationAt, segment.from_client ? kServer : segment.client);
  put16(bytes + kIpChecksumAt, ~folded(sum_of(bytes + kIpAt, 20)) & 0xffff);
  put16(bytes + kTcpAt, segment.from_client ? segment.port : 80);
  put16(bytes + kTcpAt + 2, segment.from_client ? 80 : segment.port);
  put32(bytes + kTcpAt + 4, segment.seq);
  put32(bytes + kTcpAt + 8, segment.ack);
  bytes[kTcpAt + 12] = 5 << 4;
  bytes[kTcpAt + 13] = segment.flags;
  put16(bytes + kTcpAt + 14, 65535);
  std::memcpy(bytes + kHeaders, payload.data(), payload.size());
  const std::uint32_t pseudo_header = sum_of(bytes + kSourceAt, 8) + 6 + tcp_size;
  put16(bytes + kTcpChecksumAt, ~folded(pseudo_header + sum_of(bytes + kTcpAt, tcp_size)) & 0xffff);
  return frame;
}

// One connection, segment by segment.
class Talk {
 public:
  explicit Talk(std::uint32_t number)
      : client_(kClients | number % 251), port_(static_cast<std::uint16_t>(10'000 + number / 251)) {}

  void open() {
    send(true, kSyn, {});
    send(false, kSyn | kAck, {});
    send(true, kAck, {});
  }
  // The receiver acknowledges each 16th segment, and the last one.
  void say(bool from_client, const std::string& text) {
    std::size_t count = 0;
    for (std::size_t at = 0; at < text.size(); at += kSegment) {
      const bool last = at + kSegment >= text.size();
      send(from_client, last ? kPsh | kAck : kAck, std::string_view(text).substr(at, kSegment));
      if (last || ++count % 16 == 0) send(!from_client, kAck, {});
    }
  }
  void close() {
    send(true, kFin | kAck, {});
    send(false, kFin | kAck, {});
    send(true, kAck, {});
  }
  void syn() { send(true, kSyn, {}); }

  std::vector<Frame> frames;

 private:
  void send(bool from_client, std::uint8_t flags, std::string_view payload) {
    std::uint32_t& own = from_client ? client_next_ : server_next_;
    const std::uint32_t ack = (flags & kAck) == 0 ? 0 : from_client ? server_next_ : client_next_;
    frames.push_back(frame_of({client_, port_, from_client, flags, own, ack}, payload));
    own += static_cast<std::uint32_t>(payload.size()) + ((flags & (kSyn | kFin)) != 0 ? 1 : 0);
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
  return {interleaved(std::move(talks), shape.at_once), shape.connections,
          std::uint64_t{shape.connections} * shape.transactions};
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
