#include "tests/flows/conversation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

namespace tapline::test {

Conversation::Conversation(const Setup& setup) : setup_(setup), now_(setup.start) {
  ends_[0].next = setup.client_isn + 1;
  ends_[1].next = setup.server_isn + 1;
  ends_[0].acked = ends_[1].next;
  ends_[1].acked = ends_[0].next;
}

Conversation& Conversation::handshake() { return syn().syn_ack().ack(Side::kClient); }

Conversation& Conversation::syn() {
  TcpFields tcp;
  tcp.seq = setup_.client_isn;
  tcp.flags = kSyn;
  tcp.window = 64240;
  tcp.options = syn_options(1460, 7);
  frames_.push_back(frame(Side::kClient, tcp));
  return *this;
}

Conversation& Conversation::syn_ack() {
  TcpFields tcp;
  tcp.seq = setup_.server_isn;
  tcp.ack = setup_.client_isn + 1;
  tcp.flags = kSyn | kAck;
  tcp.window = 65160;
  tcp.options = syn_options(1400, 8);
  frames_.push_back(frame(Side::kServer, tcp));
  return *this;
}

Conversation& Conversation::send(Side from, std::string_view bytes) {
  while (!bytes.empty()) {
    std::size_t n = std::min(bytes.size(), setup_.segment_size);
    const std::size_t sent = ends_[index(from)].sent, cut = cut_[index(from)];
    if (cut > sent) n = std::min(n, cut - sent);
    segment(from, bytes.size() == n ? kAck | kPsh : kAck, bytes.substr(0, n));
    bytes.remove_prefix(n);
  }
  if (setup_.acks) ack(from == Side::kClient ? Side::kServer : Side::kClient);
  return *this;
}

Conversation& Conversation::close(Side first) {
  const Side second = first == Side::kClient ? Side::kServer : Side::kClient;
  return fin(first).ack(second).fin(second).ack(first);
}

Conversation& Conversation::segment(Side from, unsigned flags, std::string_view bytes) {
  End& own = ends_[index(from)];
  End& other = ends_[1 - index(from)];
  own.acked = other.next;
  TcpFields tcp;
  tcp.seq = own.next;
  tcp.ack = (flags & kAck) != 0 ? own.acked : 0;
  tcp.flags = static_cast<std::uint8_t>(flags);
  tcp.payload = bytes;
  own.next += static_cast<std::uint32_t>(bytes.size()) + ((flags & kFin) != 0 ? 1u : 0u);
  own.sent += bytes.size();
  frames_.push_back(frame(from, tcp));
  return *this;
}

Frame Conversation::frame(Side from, const TcpFields& tcp) {
  const bool client = from == Side::kClient;
  Frame frame = build(setup_.envelope, client ? setup_.client : setup_.server,
                      client ? setup_.server : setup_.client, tcp);
  frame.time_ns = now_;
  now_ += setup_.step;
  return frame;
}

FlowOptions default_options() {
  FlowOptions options;
  options.ports.insert(80);
  options.max_flows = 256;
  options.reassembly_memory = 1u << 20;
  options.hash_seed = 42;
  options.number_connections = true;
  options.tell_requests = true;
  return options;
}

namespace {

// Each action at most once in a connection, in the contract's order, with `closed` last of all; each
// transaction number once.
void check_order(const RecordingSink& sink, bool all_kept) {
  struct Life {
    int last_action = -1;
    bool closed = false;
    std::vector<std::uint32_t> numbers;
  };
  std::map<std::array<std::uint64_t, 2>, Life> lives;
  std::size_t connection = 0, transaction = 0;
  for (std::size_t i = 0; i < sink.lines.size(); ++i) {
    Life& life = lives[sink.who[i].id.words];
    EXPECT_FALSE(life.closed) << "after closed: " << sink.lines[i];
    if (sink.lines[i].starts_with("#")) {
      const RecordedTransaction& record = sink.transactions[transaction++];
      for (const auto& message : {record.request, record.response}) {
        if (!message) continue;
        EXPECT_LE(message->first_time, message->last_time) << sink.lines[i];
        EXPECT_LE(message->body_bytes, message->bytes) << sink.lines[i];
      }
      EXPECT_EQ(std::count(life.numbers.begin(), life.numbers.end(), record.number), 0) << sink.lines[i];
      life.numbers.push_back(record.number);
      continue;
    }
    const RecordedConnection& record = sink.connections[connection++];
    const int action = static_cast<int>(record.action);
    EXPECT_GT(action, life.last_action) << sink.lines[i];
    if (record.action == ConnectionAction::kEstablished || record.action == ConnectionAction::kHalfClosed) {
      EXPECT_GE(life.last_action, static_cast<int>(ConnectionAction::kOpened)) << sink.lines[i];
    }
    life.last_action = action;
    if (record.action == ConnectionAction::kClosed) {
      life.closed = true;
      if (all_kept) {
        EXPECT_EQ(record.transactions, life.numbers.size());
      }
      EXPECT_LE(record.start, record.end);
    }
  }
  for (const auto& [id, life] : lives) EXPECT_TRUE(life.closed) << "a connection has no closed";
}

// Each request once, before its transaction, and what the transaction says of it too.
void check_requests(const RecordingSink& sink, bool all_kept) {
  std::map<std::pair<std::array<std::uint64_t, 2>, std::uint32_t>, const RecordedRequest*> waiting;
  for (const RecordedRequest& request : sink.requests) {
    EXPECT_TRUE(waiting.emplace(std::pair(request.id.words, request.number), &request).second)
        << request.text();
  }
  if (waiting.empty()) return;  // nobody asked for them
  std::size_t transaction = 0;
  for (std::size_t i = 0; i < sink.lines.size(); ++i) {
    if (!sink.lines[i].starts_with("#")) continue;
    const RecordedTransaction& record = sink.transactions[transaction++];
    const auto found = waiting.find({sink.who[i].id.words, record.number});
    if (found == waiting.end()) {
      EXPECT_FALSE(record.request) << "not told before: " << sink.lines[i];
      continue;
    }
    const RecordedRequest& early = *found->second;
    EXPECT_LE(early.lines_before, i) << early.text();
    if (record.request) {
      EXPECT_EQ(record.request->method, early.request.method) << sink.lines[i];
      EXPECT_EQ(record.request->target, early.request.target) << sink.lines[i];
      EXPECT_EQ(record.request->headers, early.request.headers) << sink.lines[i];
      EXPECT_EQ(record.request->first_time, early.request.first_time) << sink.lines[i];
      if (early.whole) {
        EXPECT_EQ(record.request->bytes, early.request.bytes) << sink.lines[i];
      }
    }
    waiting.erase(found);
  }
  if (all_kept) {
    EXPECT_TRUE(waiting.empty()) << waiting.begin()->second->text();
  }
}

}  // namespace

Outcomes run(std::vector<Frame> frames, const FlowOptions& options, CloseReason reason) {
  Outcomes out;
  std::vector<Packet> packets;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    frames[i].ordinal = i + 1;
    packets.push_back(frames[i].view());
  }
  FlowProcessor processor(options, out.sink);
  processor.process(packets);
  finish(processor, out.sink, reason);
  out.counters = processor.counters();
  return out;
}

void feed(FlowProcessor& processor, std::span<const Frame> frames) {
  for (const Frame& frame : frames) {
    const Packet packet = frame.view();
    processor.process({&packet, 1});
  }
}

void finish(FlowProcessor& processor, const RecordingSink& sink, CloseReason reason) {
  processor.finish(reason);
  const FlowCounters& counters = processor.counters();
  EXPECT_EQ(counters.open, 0u);
  EXPECT_EQ(counters.reassembly_bytes, 0u);
  EXPECT_EQ(counters.opened, counters.closed);
  EXPECT_EQ(counters.transactions, sink.transactions.size());
  check_order(sink, counters.reassembly_refused == 0);
  check_requests(sink, counters.reassembly_refused == 0);
}

std::string crlf(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n') out += '\r';
    out += c;
  }
  return out;
}

std::vector<Frame> merge(const std::vector<Frame>& a, const std::vector<Frame>& b) {
  std::vector<Frame> out;
  std::merge(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(out),
             [](const Frame& x, const Frame& y) { return x.time_ns < y.time_ns; });
  return out;
}

}  // namespace tapline::test
