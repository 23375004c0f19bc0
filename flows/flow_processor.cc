#include "flows/flow_processor.h"

#include <algorithm>
#include <array>
#include <limits>
#include <vector>

#include "flows/connection_events.h"
#include "flows/decode.h"
#include "flows/flow_context.h"
#include "flows/flow_table.h"
#include "flows/frame_reader.h"
#include "flows/http_conversation.h"
#include "flows/index_list.h"
#include "flows/prefetch.h"
#include "flows/tcp_analysis.h"
#include "flows/tcp_tracker.h"
#include "flows/timer_wheel.h"

namespace tapline {
namespace {

// Frames that another processor wrote come from its cache: what will be read of them is asked for before.
constexpr std::size_t kFramesAhead = 8;
constexpr std::size_t kHeadersAhead = 64;  // bytes: with the line that they end in, headers up to TCP's
constexpr std::size_t kHeadAhead = 512;    // bytes: most heads are no longer

bool ends(const TcpSegment& segment) { return (segment.flags & (kFin | kRst)) != 0; }

constexpr std::size_t kBatch = 64;  // frames decoded ahead, so that their table lines are on the way

}  // namespace

struct FlowProcessor::State {
  State(const FlowOptions& options, EventSink& sink, BodyElision* elision)
      : context(options, sink, elision),
        table(std::max(options.max_flows, 1u), options.hash_seed, *options.memory),
        conversations(std::max(options.max_flows, 1u), *options.memory),
        reader(context),
        wheel(std::max(options.max_flows, 1u), *options.memory),
        lists(std::max(options.max_flows, 1u), *options.memory),
        eliding_lists(elision != nullptr ? std::max(options.max_flows, 1u) : 0) {
    // The kernel's conntrack waits as long for the last ACK.
    constexpr std::int64_t kLastAckTimeout = 30 * kSecond;
    patience = {options.attempt_timeout, options.established_timeout, options.half_closed_timeout,
                std::max(kLastAckTimeout, options.close_linger), options.close_linger};
    least_patience = *std::min_element(patience.begin(), patience.end());
  }

  struct Entry {
    std::uint64_t hash;
    Connection* connection;                // FlowTable::likely(); null also where the frame is not mine
    const HttpConversation* conversation;  // of that connection; for the prefetches, which change none
    bool mine;
    TcpSegment segment;  // at the end, as is in it what the usual frame does not touch
  };

  void read(const Packet& packet, Entry& entry);
  void prefetch_connection(Entry& entry) {
    entry.connection = entry.mine ? table.likely(entry.hash) : nullptr;
    if (entry.connection != nullptr) FlowTable::prefetch(*entry.connection);
  }
  void prefetch_conversation(Entry& entry) {
    if (entry.connection == nullptr) return;
    const Connection& connection = *entry.connection;
    entry.conversation = conversation_of(connection);
    if (entry.conversation != nullptr) entry.conversation->prefetch(connection, entry.segment);
    if (!connection.steady || ends(entry.segment)) prefetch_turn(entry, false);
  }
  // What the steps of a connection ask, to its opening and from its half-close on; `behind`: what that leads
  // to.
  void prefetch_turn(const Entry& entry, bool behind) {
    const Connection& connection = *entry.connection;
    const std::uint32_t index = table.index_of(connection);
    if (!behind) {
      FlowTable::prefetch_rest(connection);
      lists.prefetch(index);
      if (ends(entry.segment)) wheel.prefetch(index);
      return;
    }
    if (connection.listed != EvictionClass::kLast) lists.prefetch_neighbours(index);
    if (ends(entry.segment)) wheel.prefetch_neighbours(index);
  }
  void prefetch_message(const Entry& entry) {
    if (entry.connection == nullptr) return;
    const Connection& connection = *entry.connection;
    if (!connection.steady || ends(entry.segment)) prefetch_turn(entry, true);
    if (entry.segment.payload_bytes == 0) return;
    if (entry.conversation != nullptr && entry.conversation->prefetch_message(context.pool, entry.segment))
      return;
    FlowTable::prefetch_rest(connection);
    const std::span<const std::uint8_t> head = entry.segment.payload;
    prefetch_lines(head.data(), std::min(head.size(), kHeadAhead));
  }
  // For the end of a connection, which asks all of it: first the connection, then its conversation.
  void prefetch_whole(std::uint32_t index, bool conversation) {
    const Connection& connection = table.at(index);
    if (!conversation) {
      lists.prefetch(index);
      return prefetch_lines(&connection, sizeof connection);
    }
    if (connection.listed != EvictionClass::kLast) lists.prefetch_neighbours(index);
    table.prefetch_slot(table.hash(connection.key));
    if (const HttpConversation* found = conversation_of(connection)) prefetch_lines(found, sizeof *found);
  }
  void handle(const Packet& packet, const Entry& entry);
  Connection& open(const TcpSegment& segment, std::uint64_t hash);
  void update(Connection& connection, const Packet& packet, const TcpSegment& segment);
  void relist(Connection& connection);
  void tell_beginning(Connection& connection);
  void tell(Connection& connection, ConnectionAction action, std::int64_t time);
  void tell_packet(const Connection& connection, const Packet& packet, const TcpSegment& segment);
  void make_room(std::int64_t time_ns);
  void evict(Connection& connection, std::int64_t time_ns);
  void pass_time(std::int64_t time_ns);
  // How long silence is borne.
  enum class Patience : std::uint8_t { kAttempt, kOpen, kHalfClosed, kLastAck, kLinger };
  static Patience patience_class(const Connection& connection) {
    if (connection.ended) return connection.awaits_last_ack() ? Patience::kLastAck : Patience::kLinger;
    if (!connection.steady && (connection.unanswered() || connection.half_open())) return Patience::kAttempt;
    return connection.fin_seen() ? Patience::kHalfClosed : Patience::kOpen;
  }
  std::int64_t expiry(const Connection& connection) const {
    return connection.last_time + patience[static_cast<std::size_t>(patience_class(connection))];
  }
  // What is left out keeps a connection alive as frames do.
  bool expired(Connection& connection, std::int64_t time_ns) {
    if (connection.last_time + least_patience >= time_ns || expiry(connection) >= time_ns) return false;
    if (connection.elides) take_elided(connection, nullptr);
    return expiry(connection) < time_ns;
  }
  void take_elided(Connection& connection, const TcpSegment* next) {
    conversation_of(connection)->take_elided(context, connection, next);
  }
  void set_elides(Connection& connection, bool elides);
  // When something has to be done for it though no segment comes.
  std::int64_t deadline(const Connection& connection) {
    return std::min(expiry(connection), held_until(connection));
  }
  std::int64_t held_until(const Connection& connection) {
    return connection.holds_bytes ? conversation_of(connection)->held_until(context.pool)
                                  : std::numeric_limits<std::int64_t>::max();
  }
  void on_deadline(Connection& connection, std::int64_t time_ns);
  void release_held(Connection& connection, std::int64_t time_ns);
  void close(Connection& connection, CloseReason reason, bool scheduled = true, bool written = true);
  HttpConversation* conversation_of(const Connection& connection) {
    return connection.conversation == SlotPool<HttpConversation>::kNone
               ? nullptr
               : &conversations[connection.conversation];
  }
  void update_counters() {
    context.counters.open = table.size();
    context.counters.reassembly_bytes = context.pool.used();
  }

  FlowContext context;
  FlowTable table;
  SlotPool<HttpConversation> conversations;
  FrameReader reader;
  TimerWheel wheel;
  std::array<std::int64_t, 5> patience;  // ns, by Patience
  std::int64_t least_patience;           // of these
  IndexLists lists;
  // By EvictionClass, those that came to it first in front; of what is evicted last there is no list.
  std::array<IndexLists::List, static_cast<std::size_t>(EvictionClass::kLast)> evictable;
  IndexLists eliding_lists;
  IndexLists::List eliding;            // connections of which something may be left out
  std::uint32_t hand = 0;              // where the search for something to evict goes on
  std::int64_t eviction_second = 0;    // of packet time, of the latest evicted attempt
  std::uint32_t attempts_written = 0;  // of those evicted in it
  std::uint64_t next_number = 1;
  std::array<Entry, kBatch> batch;
  // With tell_packets only.
  std::vector<TcpAnalysis> analyses;  // by index of the connection; grows up to max_flows
  EndedConnections ended_analyses;
  std::optional<std::int64_t> previous_time, time_delta;  // of the frame before, and since then
};

// Decodes a frame and starts the loads that handle() will wait for.
void FlowProcessor::State::read(const Packet& packet, Entry& entry) {
  entry.mine = reader.read(packet, entry.segment);
  if (!entry.mine) return;
  entry.hash = table.hash(entry.segment.key);
  table.prefetch_slot(entry.hash);
}

void FlowProcessor::State::handle(const Packet& packet, const Entry& entry) {
  const TcpSegment& segment = entry.segment;
  if (context.options.tell_packets) {
    time_delta.reset();
    if (previous_time && packet.ordinal != 0) time_delta = packet.time_ns - *previous_time;
    previous_time = packet.time_ns;
  }
  if (wheel.due(segment.time_ns)) pass_time(segment.time_ns);
  if (!entry.mine) return;
  Connection* connection = table.find(segment.key, entry.hash, entry.connection);
  if (connection != nullptr && expired(*connection, segment.time_ns)) {
    close(*connection, CloseReason::kTimeout);
    connection = nullptr;
  }
  if (connection != nullptr && starts_anew(*connection, segment)) {
    close(*connection, CloseReason::kReused);
    connection = nullptr;
  }
  if (connection == nullptr) connection = &open(segment, entry.hash);
  update(*connection, packet, segment);
}

Connection& FlowProcessor::State::open(const TcpSegment& segment, std::uint64_t hash) {
  if (table.full()) make_room(segment.time_ns);
  Connection& connection = table.insert(segment.key, hash);
  begin_connection(connection, segment);
  connection.number = next_number++ & ((std::uint64_t{1} << 48) - 1);
  // The key has VLAN ids, but only a digest of tunnels.
  if (!segment.around.empty() &&
      (context.options.ignore_encapsulation || !segment.around.tunnels().empty())) {
    RareDetails& rare = context.rares.make(connection);
    rare.encapsulation = context.encapsulations.allocate();
    context.encapsulations[rare.encapsulation] = segment.around;
  }
  const std::uint32_t index = table.index_of(connection);
  wheel.schedule(index, deadline(connection));
  if (context.options.tell_packets) {
    if (index >= analyses.size()) analyses.resize(index + 1);
    analyses[index] = TcpAnalysis();
    if (const TcpAnalysis* previous = ended_analyses.find(segment.key); previous != nullptr) {
      analyses[index].follow(*previous, segment);
    }
  }
  ++context.counters.opened;
  return connection;
}

void FlowProcessor::State::update(Connection& connection, const Packet& packet, const TcpSegment& segment) {
  if (connection.elides) take_elided(connection, &segment);
  if (connection.holds_bytes) release_held(connection, segment.time_ns);
  const Patience patience_before = patience_class(connection);
  const std::int64_t last_time_before = connection.last_time, held_before = held_until(connection);
  if (!connection.roles_known()) decide_roles(connection, segment, context.options.ports);
  const bool changed = track(connection, segment, context.rares);
  if (context.options.tell_packets) tell_packet(connection, packet, segment);
  if (changed) tell_beginning(connection);
  // What an RST carries is no part of the stream (RFC 9293 section 3.5.3).
  // A keep-alive's byte was sent before.
  const bool payload =
      segment.payload_bytes > 0 && !segment.has(kRst) && !connection.sides[segment.sender].kept_alive;
  if (payload && connection.roles_known() && connection.conversation == SlotPool<HttpConversation>::kNone) {
    connection.conversation = conversations.allocate();
    conversations[connection.conversation].begin(connection);
  }
  if (HttpConversation* conversation = conversation_of(connection); conversation != nullptr) {
    if (!segment.has(kRst)) conversation->segment(context, connection, segment);
    // What carries no payload begins nothing that may be left out.
    if (context.elision != nullptr && (connection.elides || segment.payload_bytes > 0)) {
      conversation->elide(context, connection, segment);
      set_elides(connection, conversation->elides());
    }
  } else if (payload) {
    count_payload(connection.sides[segment.sender], segment);
  }
  if (changed) {
    if (connection.fin_seen() && connection.opened_told && !connection.half_closed_told) {
      connection.half_closed_told = true;
      tell(connection, ConnectionAction::kHalfClosed, segment.time_ns);
    }
    relist(connection);
  }
  // The wheel learns by itself of deadlines that are put off.
  if (!connection.holds_bytes && (!changed || patience_class(connection) == patience_before)) return;
  const std::int64_t deadline_before =
      std::min(last_time_before + patience[static_cast<std::size_t>(patience_before)], held_before);
  if (const std::int64_t at = deadline(connection); at < deadline_before) {
    const std::uint32_t index = table.index_of(connection);
    wheel.cancel(index);
    wheel.schedule(index, at);
  }
}

void FlowProcessor::State::set_elides(Connection& connection, bool elides) {
  if (connection.elides == elides) return;
  connection.elides = elides;
  const std::uint32_t index = table.index_of(connection);
  elides ? eliding_lists.append(eliding, index) : eliding_lists.remove(eliding, index);
}

void FlowProcessor::State::release_held(Connection& connection, std::int64_t time_ns) {
  conversation_of(connection)->pass_time(context, connection, time_ns);
}

// Keeps the lists of what goes first when room is needed.
void FlowProcessor::State::relist(Connection& connection) {
  const EvictionClass now = connection.eviction_class(), before = connection.listed;
  if (now == before) return;
  const std::uint32_t index = table.index_of(connection);
  if (before != EvictionClass::kLast) lists.remove(evictable[static_cast<std::size_t>(before)], index);
  if (now != EvictionClass::kLast) lists.append(evictable[static_cast<std::size_t>(now)], index);
  connection.listed = now;
}

void FlowProcessor::State::tell_beginning(Connection& connection) {
  if (connection.established_told || !connection.roles_known()) return;
  // A FIN takes up a sequence number as data does.
  const bool came = connection.data_seen() || (connection.midstream && connection.fin_seen());
  if (!connection.opened_told && (came || (connection.answered && !connection.midstream))) {
    connection.opened_told = true;
    tell(connection, ConnectionAction::kOpened, connection.first_time);
  }
  // Where the capture missed the handshake's ACK, a later one proves it; not after the half-close, for the
  // order.
  if (connection.opened_told && connection.established && !connection.half_closed_told) {
    connection.established_told = true;
    tell(connection, ConnectionAction::kEstablished, established_at(connection, context.rares));
  }
}

void FlowProcessor::State::tell(Connection& connection, ConnectionAction action, std::int64_t time) {
  if (!context.options.tell_steps) return;
  const ConnectionInfo info = describe(context, connection);
  ConnectionEvent event = make_event(context, connection, info, action, conversation_of(connection));
  event.time = time;
  context.sink.on_connection(event);
}

void FlowProcessor::State::tell_packet(const Connection& connection, const Packet& packet,
                                       const TcpSegment& segment) {
  const ConnectionInfo info = describe(context, connection);
  const std::uint8_t client = connection.client == 1 ? 1 : 0;  // as describe() takes it
  const PacketDetails details = read_details(packet, segment);
  PacketEvent event{.connection = info, .packet = packet, .segment = segment, .details = details};
  event.sender = segment.sender == client ? Side::kClient : Side::kServer;
  event.roles_known = connection.roles_known();
  event.numbers = analyses[table.index_of(connection)].take(segment);
  event.time_delta = time_delta;
  context.sink.on_packet(event);
}

void FlowProcessor::State::pass_time(std::int64_t time_ns) {
  wheel.advance(
      time_ns, [this](std::uint32_t index, bool conversation) { prefetch_whole(index, conversation); },
      [this](std::uint32_t index) { return deadline(table.at(index)); },
      [this, time_ns](std::uint32_t index) { on_deadline(table.at(index), time_ns); });
}

void FlowProcessor::State::on_deadline(Connection& connection, std::int64_t time_ns) {
  if (expired(connection, time_ns)) return close(connection, CloseReason::kTimeout, false);
  release_held(connection, time_ns);
  wheel.schedule(table.index_of(connection), deadline(connection));
}

// By class; of the last one, what has been silent longest of some that stand next in the pool. The pool's
// order does not depend on the hash seed.
void FlowProcessor::State::make_room(std::int64_t time_ns) {
  for (const IndexLists::List& list : evictable) {
    if (list.head != IndexLists::kNone) return evict(table.at(list.head), time_ns);
  }
  constexpr std::uint32_t kLookedAt = 64;
  std::uint32_t oldest = hand % table.size();
  for (std::uint32_t i = 0; i < std::min(kLookedAt, table.size()); ++i) {
    const std::uint32_t index = (hand + i) % table.size();
    if (table.at(index).elides) take_elided(table.at(index), nullptr);
    if (table.at(index).last_time < table.at(oldest).last_time) oldest = index;
  }
  hand = (hand + kLookedAt) % table.size();
  evict(table.at(oldest), time_ns);
}

void FlowProcessor::State::evict(Connection& connection, std::int64_t time_ns) {
  bool written = true;
  if (connection.listed == EvictionClass::kAttempt && !context.options.all_attempts) {
    // Time stamps that go back begin no second anew.
    if (time_ns / kSecond > eviction_second) {
      eviction_second = time_ns / kSecond;
      attempts_written = 0;
    }
    written = attempts_written < FlowOptions::kAttemptsWritten;
    if (written) ++attempts_written;
  }
  if (!connection.ended) ++context.counters.evicted;  // else it was only lingering, and loses nothing
  close(connection, CloseReason::kEvicted, true, written);
}

// `scheduled`: the wheel still knows of it. `written`: or only counted. What had ended already was only
// lingering, and keeps its own reason.
void FlowProcessor::State::close(Connection& connection, CloseReason reason, bool scheduled, bool written) {
  const std::uint32_t index = table.index_of(connection);
  HttpConversation* conversation = conversation_of(connection);
  if (connection.elides) {
    conversation->stop_eliding(context, connection);
    set_elides(connection, false);
  }
  force_roles(connection);
  tell_beginning(connection);
  if (connection.ended) reason = connection.end_reason();
  if (conversation != nullptr) conversation->finish(context, connection, reason);
  const ConnectionInfo info = describe(context, connection);
  if (written) {
    context.sink.on_connection(make_closed_event(context, connection, info, conversation, reason));
  }
  ++context.counters.closed;
  if (connection.unanswered()) ++context.counters.attempts;
  if (!written) ++context.counters.attempts_unwritten;
  if (conversation != nullptr) {
    conversation->release(context.pool);
    conversations.release(connection.conversation);
  }
  if (connection.listed != EvictionClass::kLast)
    lists.remove(evictable[static_cast<std::size_t>(connection.listed)], index);
  if (const std::uint32_t around = context.rares.of(connection).encapsulation;
      around != SlotPool<Encapsulation>::kNone) {
    context.encapsulations.release(around);
  }
  context.rares.release(connection);
  if (scheduled) wheel.cancel(index);
  if (context.options.tell_packets) ended_analyses.add(connection.key, analyses[index]);
  table.erase(connection);
}

FlowProcessor::FlowProcessor(const FlowOptions& options, EventSink& sink, BodyElision* elision)
    : state_(std::make_unique<State>(options, sink, elision)) {}

FlowProcessor::~FlowProcessor() = default;

// tapline-micro, of 1,000 open connections: pipeline_acks 41 ns and pipeline_bodies 50 a segment, all of it;
// of 100,000, whose state no cache holds, 70 and 130. pipeline_http, heads, events, beginnings and ends
// included: 170 ns a frame of 2,000 connections at once, 285 of 100,000.
void FlowProcessor::process(std::span<const Packet> packets) {
  State& state = *state_;
  while (!packets.empty()) {
    const std::size_t n = std::min(packets.size(), kBatch);
    for (std::size_t i = 0; i < n; ++i) {
      if (i + kFramesAhead < n) {
        const Packet& ahead = packets[i + kFramesAhead];
        prefetch_line(ahead.data);
        prefetch_line(ahead.data + std::min<std::size_t>(ahead.captured, kHeadersAhead));
      }
      state.read(packets[i], state.batch[i]);
    }
    for (std::size_t i = 0; i < n; ++i) state.prefetch_connection(state.batch[i]);
    for (std::size_t i = 0; i < n; ++i) state.prefetch_conversation(state.batch[i]);
    for (std::size_t i = 0; i < n; ++i) state.prefetch_message(state.batch[i]);
    for (std::size_t i = 0; i < n; ++i) state.handle(packets[i], state.batch[i]);
    state.reader.end_batch();
    packets = packets.subspan(n);
  }
  state.update_counters();
}

void FlowProcessor::advance(std::int64_t time_ns) {
  if (state_->wheel.due(time_ns)) state_->pass_time(time_ns);
  state_->update_counters();
}

void FlowProcessor::take_elided() {
  State& state = *state_;
  for (std::uint32_t i = state.eliding.head; i != IndexLists::kNone; i = state.eliding_lists.next(i))
    state.take_elided(state.table.at(i), nullptr);
  state.update_counters();
}

void FlowProcessor::finish(CloseReason reason) {
  State& state = *state_;
  std::vector<Connection*> open;
  open.reserve(state.table.size());
  state.table.for_each([&open](Connection& connection) { open.push_back(&connection); });
  std::sort(open.begin(), open.end(),
            [](const Connection* a, const Connection* b) { return a->number < b->number; });
  for (Connection* connection : open) state.close(*connection, reason);
  state.reader.finish();
  state.update_counters();
}

const FlowCounters& FlowProcessor::counters() const { return state_->context.counters; }

}  // namespace tapline
