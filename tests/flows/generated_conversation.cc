#include "tests/flows/generated_conversation.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <string_view>
#include <utility>

namespace tapline::test {
namespace {

constexpr std::array<std::string_view, 5> kQuotes = {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
                                                     "GET /quoted HTTP/1.1\r\nHost: q\r\n\r\n",
                                                     "\r\n0\r\n\r\n", "\r\n\r\n", "5\r\n"};

// A message as it goes over the wire, and how its record sums it up.
struct Message {
  std::string bytes;
  std::size_t head = 0, body = 0;  // sizes
  std::string trailers;            // as RecordedTransaction::text() writes them

  std::string sizes() const {
    return " [" + std::to_string(bytes.size() - body) + "+" + std::to_string(body) + "]";
  }
};

enum class BodyKind { kNone, kLength, kChunked, kUntilClose };

std::string body_bytes(Random& random) {
  std::string out;
  const std::size_t pieces = random.below(4);
  for (std::size_t i = 0; i < pieces; ++i) {
    if (random.one_in(3)) {
      out += kQuotes[random.below(kQuotes.size())];
    } else {
      const std::size_t size = random.one_in(8) ? random.below(3000) : random.below(40);
      for (std::size_t k = 0; k < size; ++k) out += static_cast<char>(random.below(256));
    }
  }
  return out;
}

std::string extra_headers(Random& random) {
  constexpr std::array<std::string_view, 6> kLines = {"Accept: */*\r\n",      "X-Empty:\r\n",
                                                      "Cookie: a=b; c=d\r\n", "Date : odd\r\n",
                                                      "X-Fold: a\r\n  b\r\n", "X-High: \x80\xff\r\n"};
  std::string out;
  while (!random.one_in(2)) out += kLines[random.below(kLines.size())];
  return out;
}

std::string hex(std::size_t n, Random& random) {
  std::array<char, 20> text{};
  std::snprintf(text.data(), text.size(), random.one_in(2) ? "%zx" : "%zX", n);
  return std::string(random.below(3), '0') + text.data();
}

void add_chunked(Message& message, std::string_view body, Random& random) {
  while (!body.empty()) {
    const std::size_t size = 1 + random.below(std::min<std::size_t>(body.size(), 200));
    message.bytes += hex(size, random) + (random.one_in(4) ? ";name=\"value\"" : "") + "\r\n";
    message.bytes += body.substr(0, size);
    message.bytes += "\r\n";
    body.remove_prefix(size);
  }
  message.bytes += std::string(1 + random.below(3), '0') + "\r\n";
  const std::size_t trailers = random.one_in(3) ? 1 + random.below(2) : 0;
  for (std::size_t i = 0; i < trailers; ++i) {
    const std::string name = "T" + std::to_string(i);
    message.bytes += name + ": v\r\n";
    message.trailers += " trailer " + name + "=v";
  }
  message.bytes += "\r\n";
}

// `announce`: the head speaks of a body, whether or not there is one.
Message message_of(std::string head, BodyKind announce, bool has_body, Random& random) {
  Message message;
  const std::string body = announce == BodyKind::kNone ? "" : body_bytes(random);
  if (announce == BodyKind::kLength) head += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  if (announce == BodyKind::kChunked) {
    if (random.one_in(3)) head += "Content-Length: 7\r\n";  // Transfer-Encoding overrides it
    head += random.one_in(3) ? "Transfer-Encoding: gzip, chunked\r\n" : "Transfer-Encoding: chunked\r\n";
  }
  head += extra_headers(random) + "\r\n";
  if (random.one_in(6)) head.erase(std::remove(head.begin(), head.end(), '\r'), head.end());
  message.head = head.size();
  message.bytes = std::move(head);
  if (!has_body) return message;
  message.body = body.size();
  if (announce == BodyKind::kChunked) {
    add_chunked(message, body, random);
  } else {
    message.bytes += body;
  }
  return message;
}

// What stands between two messages and belongs to neither (RFC 9112 section 2.2).
std::string between(Random& random) { return random.one_in(8) ? "\r\n" : ""; }

class Generator {
 public:
  explicit Generator(Random& random) : random_(random) {}

  GeneratedConversation run() {
    if (random_.one_in(40)) {
      http09();
      return std::move(out_);
    }
    const std::size_t groups = 1 + random_.below(3);
    for (std::size_t i = 0; i < groups; ++i) exchange_group(1 + random_.below(random_.one_in(3) ? 4 : 1));
    switch (random_.below(6)) {
      case 0:
        until_close();
        break;
      case 1:
        opaque("CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n", "CONNECT h:443 1.1", "200", " upgrade=tunnel");
        break;
      case 2:
        opaque("GET /ws HTTP/1.1\r\nUpgrade: websocket\r\nConnection: upgrade\r\n", "GET /ws 1.1", "101",
               " upgrade=websocket");
        break;
      default:
        break;
    }
    return std::move(out_);
  }

 private:
  struct Request {
    Message message;
    std::string start;  // "GET /1 1.1"
    bool is_head = false;
  };

  void turn(Side from, std::string bytes) { out_.turns.push_back({from, std::move(bytes)}); }

  void record(const Request& request, const std::string& status, const Message& response,
              const std::string& more) {
    const bool failure = status[0] == '4' || status[0] == '5';
    out_.records.push_back("#" + std::to_string(out_.records.size() + 1) + " " + request.start +
                           request.message.sizes() + " -> " + status + " R" + response.sizes() +
                           (failure ? " failure" : " success") + more + request.message.trailers +
                           response.trailers);
  }

  Request request() {
    constexpr std::array<std::string_view, 8> kMethods = {"GET",  "GET",    "POST",  "PUT",
                                                          "HEAD", "DELETE", "PATCH", "x!#$%&'*+-.^_`|~0"};
    constexpr std::array<std::string_view, 4> kTargets = {"/", "/a?b=c", "http://host:8080/x", "/\x80\xff"};
    Request request;
    const std::string method(kMethods[random_.below(kMethods.size())]);
    const std::string target =
        std::string(kTargets[random_.below(kTargets.size())]) + std::to_string(random_.below(1000));
    const std::string version = random_.one_in(5) ? "1.0" : "1.1";
    request.is_head = method == "HEAD";
    request.start = method + " " + target + " " + version;
    constexpr std::array kKinds = {BodyKind::kNone, BodyKind::kNone, BodyKind::kLength, BodyKind::kChunked};
    request.message = message_of(method + " " + target + " HTTP/" + version + "\r\nHost: h\r\n",
                                 kKinds[random_.below(kKinds.size())], true, random_);
    return request;
  }

  // The response to one request, and its record.
  std::string response(const Request& request) {
    constexpr std::array<std::string_view, 8> kStatuses = {"200", "200", "201", "204",
                                                           "304", "404", "500", "299"};
    std::string bytes, more;
    while (random_.one_in(5)) {
      const std::string interim = random_.one_in(2) ? "100" : "103";
      if (std::count(more.begin(), more.end(), '=') == 8) break;  // more are not listed
      bytes += "HTTP/1.1 " + interim + " I\r\nLink: x\r\n\r\n";
      more += " interim=" + interim;
    }
    const std::string status(kStatuses[random_.below(kStatuses.size())]);
    const BodyKind kind = random_.one_in(2) ? BodyKind::kLength : BodyKind::kChunked;
    const bool has_body = !request.is_head && status != "204" && status != "304";
    const Message message = message_of("HTTP/1.1 " + status + " R\r\n", kind, has_body, random_);
    record(request, status, message, more);
    return bytes + message.bytes;
  }

  // Requests sent at once, and then their responses.
  void exchange_group(std::size_t size) {
    std::vector<Request> requests;
    std::string sent, answered;
    for (std::size_t i = 0; i < size; ++i) {
      requests.push_back(request());
      sent += between(random_) + requests.back().message.bytes;
    }
    turn(Side::kClient, std::move(sent));
    for (const Request& request : requests) answered += between(random_) + response(request);
    if (random_.one_in(4) && answered.size() > 1) {  // in two goes
      const std::size_t at = 1 + random_.below(answered.size() - 1);
      turn(Side::kServer, answered.substr(0, at));
      answered.erase(0, at);
    }
    turn(Side::kServer, std::move(answered));
  }

  void until_close() {
    const Request last = request();
    turn(Side::kClient, last.message.bytes);
    const Message message = message_of("HTTP/1.1 200 R\r\n", BodyKind::kUntilClose, !last.is_head, random_);
    record(last, "200", message, "");
    turn(Side::kServer, message.bytes);
  }

  void opaque(const std::string& head, const std::string& start, const std::string& status,
              const std::string& more) {
    Request last;
    last.start = start;
    last.message = message_of(head, BodyKind::kNone, true, random_);
    turn(Side::kClient, last.message.bytes);
    const Message message = message_of("HTTP/1.1 " + status + " R\r\n", BodyKind::kNone, true, random_);
    record(last, status, message, more);
    turn(Side::kServer, message.bytes + body_bytes(random_));
    turn(Side::kClient, body_bytes(random_));
    turn(Side::kServer, body_bytes(random_));
  }

  void http09() {
    turn(Side::kClient, "GET /old\r\n");
    const std::string body = "<p>" + body_bytes(random_);
    turn(Side::kServer, body);
    out_.records.push_back("#1 GET /old 0.9 [10+0] -> 0 [0+" + std::to_string(body.size()) + "] success");
  }

  Random& random_;
  GeneratedConversation out_;
};

// How one conversation is cut.
struct Cutter {
  std::size_t largest;
  bool all_equal;

  std::size_t next(Random& random) const { return all_equal ? largest : 1 + random.below(largest); }
};

// What one end sends at a time: in order at first, then as the network made of it.
std::vector<Frame> burst(Conversation& talk, const Turn& turn, const Cutter& cutter, Random& random) {
  const std::uint32_t base = talk.next(turn.from);
  const std::size_t before = talk.frames().size();
  for (std::size_t at = 0; at < turn.bytes.size();) {
    const std::size_t size = std::min(cutter.next(random), turn.bytes.size() - at);
    talk.segment(turn.from, kAck | kPsh, std::string_view(turn.bytes).substr(at, size));
    at += size;
  }
  std::vector<Frame> frames(
      std::make_move_iterator(talk.frames().begin() + static_cast<std::ptrdiff_t>(before)),
      std::make_move_iterator(talk.frames().end()));
  talk.frames().resize(before);
  const std::uint32_t ack = talk.next(turn.from == Side::kClient ? Side::kServer : Side::kClient);
  for (std::size_t i = 0, n = random.one_in(2) ? 0 : 1 + frames.size() / 4; i < n; ++i) {
    Frame again = frames[random.below(frames.size())];
    if (random.one_in(2)) {  // with other boundaries
      const std::size_t from = random.below(turn.bytes.size());
      const std::size_t size = 1 + random.below(std::min<std::size_t>(turn.bytes.size() - from, 1400));
      TcpFields tcp;
      tcp.seq = base + static_cast<std::uint32_t>(from);
      tcp.ack = ack;
      tcp.payload = turn.bytes.substr(from, size);
      again = talk.frame(turn.from, tcp);
    }
    frames.insert(frames.begin() + static_cast<std::ptrdiff_t>(random.below(frames.size() + 1)),
                  std::move(again));
  }
  if (random.one_in(2)) {
    const std::size_t window = 1 + random.below(8);
    for (std::size_t i = 0; i < frames.size(); ++i) {
      std::swap(frames[i], frames[i + std::min(frames.size() - 1 - i, random.below(window))]);
    }
  }
  return frames;
}

}  // namespace

GeneratedConversation generate(Random& random) { return Generator(random).run(); }

std::vector<Frame> deliver(const GeneratedConversation& conversation, std::uint16_t port, std::int64_t start,
                           Random& random) {
  Conversation::Setup setup;
  setup.envelope.v6 = random.one_in(2);
  if (random.one_in(3)) setup.envelope.tags = {{0x8100, 7}};
  if (random.one_in(2)) setup.server = host(1, 80);  // the client is the other endpoint of the key
  setup.client = host(setup.server.v4[3] == 1 ? 2 : 1, port);
  setup.client_isn =
      static_cast<std::uint32_t>(random.one_in(4) ? 0u - random.below(500) : random.below(1u << 31));
  setup.server_isn =
      static_cast<std::uint32_t>(random.one_in(4) ? 0u - random.below(500) : random.below(1u << 31));
  setup.start = start;
  constexpr std::array<Cutter, 5> kCutters = {
      {{1, true}, {5, false}, {60, false}, {1460, false}, {1460, true}}};
  const Cutter& cutter = kCutters[random.below(kCutters.size())];
  Conversation talk(setup);
  talk.handshake();
  std::vector<Frame>& frames = talk.frames();
  for (const Turn& turn : conversation.turns) {
    if (turn.bytes.empty()) continue;
    std::vector<Frame> sent = burst(talk, turn, cutter, random);
    frames.insert(frames.end(), std::make_move_iterator(sent.begin()), std::make_move_iterator(sent.end()));
    if (random.one_in(2)) talk.ack(turn.from == Side::kClient ? Side::kServer : Side::kClient);
  }
  talk.close(random.one_in(2) ? Side::kClient : Side::kServer);
  // Arrival decides the time.
  for (std::size_t i = 0; i < frames.size(); ++i) {
    frames[i].time_ns = start + static_cast<std::int64_t>(i) * kMillisecond / 10;
  }
  return std::move(frames);
}

}  // namespace tapline::test
