#include "bpf/elision_table.h"

#include <arpa/inet.h>
#include <sys/mman.h>

#include <atomic>
#include <cerrno>
#include <cstring>

namespace tapline {
namespace {

static_assert(sizeof(elision_slot) == 192 && sizeof(elision_range) == 64);
static_assert((ELISION_BUCKETS & (ELISION_BUCKETS - 1)) == 0);

template <class T>
T load(T& word, std::memory_order order = std::memory_order_relaxed) {
  return std::atomic_ref(word).load(order);
}
template <class T>
void store(T& word, std::type_identity_t<T> value, std::memory_order order = std::memory_order_relaxed) {
  std::atomic_ref(word).store(value, order);
}

std::uint32_t packets_of(std::uint64_t run) {
  return static_cast<std::uint32_t>((run & ELISION_PACKETS) / ELISION_ONE_PACKET);
}

elision_key key_of(const ElisionTable::Connection& connection) {
  elision_key key{};
  for (std::size_t end = 0; end < 2; ++end) {
    std::memcpy(key.address[end], connection.address[end].data(), connection.ipv6 ? 16 : 4);
    key.port[end] = htons(connection.port[end]);
    if (const auto& vlan = connection.vlan[end])
      key.vlan[end] = static_cast<std::uint16_t>(ELISION_VLAN_PRESENT | (*vlan & ELISION_VLAN_ID));
  }
  if (connection.ipv6) key.vlan[0] |= ELISION_IPV6;
  return key;
}

ElisionTable::Run run_of(elision_range& range, std::uint64_t run, std::uint64_t acks) {
  ElisionTable::Run out;
  out.over = (run & ELISION_ARMED) == 0;
  out.packets = packets_of(run);
  if (out.packets == 0) return out;
  out.first = static_cast<std::uint32_t>(load(range.start));
  out.next = static_cast<std::uint32_t>(run);
  out.time = static_cast<std::int64_t>(load(range.time));
  out.acks = packets_of(acks);
  if (out.acks == 0) return out;
  out.ack = static_cast<std::uint32_t>(acks);
  out.ack_window = static_cast<std::uint16_t>(load(range.ack_window));
  out.ack_time = static_cast<std::int64_t>(load(range.ack_time));
  return out;
}

}  // namespace

void ElisionTable::Unmap::operator()(elision_bucket* memory) const { munmap(memory, kSize); }

absl::StatusOr<ElisionTable> ElisionTable::open(int map, std::uint32_t* armed) {
  void* const memory = mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_SHARED, map, 0);
  if (memory == MAP_FAILED) return absl::ErrnoToStatus(errno, "cannot map the filter's table of bodies");
  return ElisionTable(static_cast<elision_bucket*>(memory), armed);
}

elision_slot& ElisionTable::at(Slot slot) const {
  return memory_[slot / ELISION_SLOTS_OF_BUCKET].slots[slot % ELISION_SLOTS_OF_BUCKET];
}

std::optional<ElisionTable::Slot> ElisionTable::claim(const Connection& connection) {
  const elision_key key = key_of(connection);
  const Slot first = elision_bucket_of(&key) * ELISION_SLOTS_OF_BUCKET;
  for (Slot slot = first; slot < first + ELISION_SLOTS_OF_BUCKET; ++slot) {
    std::uint32_t free = ELISION_SLOT_FREE;
    if (!std::atomic_ref(at(slot).state).compare_exchange_strong(free, ELISION_SLOT_CLAIMED)) continue;
    at(slot).key = key;
    store(at(slot).state, ELISION_SLOT_USED, std::memory_order_release);
    std::atomic_ref(*armed_).fetch_add(1, std::memory_order_relaxed);
    return slot;
  }
  return std::nullopt;
}

void ElisionTable::release(Slot slot) {
  std::atomic_ref(*armed_).fetch_sub(1, std::memory_order_relaxed);
  store(at(slot).state, ELISION_SLOT_FREE, std::memory_order_release);
}

void ElisionTable::arm(Slot slot, unsigned end, const Range& wanted) {
  elision_range& range = at(slot, end);
  const std::uint64_t generation = (load(range.run) + ELISION_ONE_GENERATION) & ELISION_GENERATION;
  store(range.begin, wanted.begin);
  store(range.end, wanted.end);
  store(range.ack_sequence, wanted.ack_sequence);
  store(range.start, generation);
  store(range.acks, generation | (wanted.acks ? ELISION_ARMED : 0));
  store(range.run, generation | ELISION_ARMED, std::memory_order_release);
}

ElisionTable::Run ElisionTable::read(Slot slot, unsigned end) const {
  elision_range& range = at(slot, end);
  // The acknowledgements first: what they are of is then in the run, too.
  const std::uint64_t acks = load(range.acks, std::memory_order_acquire);
  return run_of(range, load(range.run, std::memory_order_acquire), acks);
}

ElisionTable::Run ElisionTable::stop(Slot slot, unsigned end) {
  elision_range& range = at(slot, end);
  std::uint64_t run = std::atomic_ref(range.run).fetch_and(~ELISION_ARMED);
  const std::uint64_t acks = std::atomic_ref(range.acks).fetch_and(~ELISION_ARMED);
  run &= ~ELISION_ARMED;
  return run_of(range, run, acks);
}

void ElisionTable::set_ack_sequence(Slot slot, unsigned end, std::uint32_t sequence) {
  store(at(slot, end).ack_sequence, sequence);
}

}  // namespace tapline
