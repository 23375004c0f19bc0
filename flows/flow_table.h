// From a segment's key to its connection: the hash table of one worker, of fixed size.
#pragma once

#include <cstdint>
#include <memory_resource>

#include "flows/connection.h"
#include "flows/prefetch.h"
#include "flows/reserved_array.h"
#include "flows/slot_pool.h"

namespace tapline {

// Open addressing over (hash, index) pairs, at most half full; connections stand in a pool and never move.
// The look-up of a batch is split, so that its cache misses overlap: prefetch_slot() for all, likely() and
// prefetch() for all, what that connection leads to for all, then find() one by one.
class FlowTable {
 public:
  // Pairs are reserved for `capacity` connections; `seed` makes the places unpredictable.
  FlowTable(std::uint32_t capacity, std::uint64_t seed,
            std::pmr::memory_resource& memory = *std::pmr::new_delete_resource());

  std::uint64_t hash(const FlowKey& key) const { return key.hash(secret_); }
  void prefetch_slot(std::uint64_t hash) const { prefetch_line(&slots_[home(hash)]); }
  // The connection that find() will most likely give, without a look at it; null: it will give none.
  Connection* likely(std::uint64_t hash) {
    for (std::uint32_t i = home(hash); slots_[i].index != kEmpty; i = (i + 1) & mask_) {
      if (slots_[i].hash == fragment(hash)) return &pool_[slots_[i].index];
    }
    return nullptr;
  }

  // Start to load what each packet asks of it, and what those ask that begin it, end it or tell of it.
  static void prefetch(const Connection& connection) { prefetch_lines(&connection, kHotConnectionBytes); }
  static void prefetch_rest(const Connection& connection) {
    prefetch_lines(reinterpret_cast<const char*>(&connection) + kHotConnectionBytes,
                   sizeof connection - kHotConnectionBytes);
  }

  // null when there is none. `likely`: what likely() gave at any time, or null; it spares the search, even
  // though connections came and went since.
  Connection* find(const FlowKey& key, std::uint64_t hash, Connection* likely) {
    return likely != nullptr && likely->key == key ? likely : find(key, hash);
  }
  Connection* find(const FlowKey& key, std::uint64_t hash);
  // REQUIRES: !full(), and that find() found none.
  Connection& insert(const FlowKey& key, std::uint64_t hash);
  void erase(Connection& connection);

  bool full() const { return size_ == capacity_; }
  std::uint32_t size() const { return size_; }
  std::uint32_t index_of(const Connection& connection) const { return pool_.index_of(connection); }
  Connection& at(std::uint32_t index) { return pool_[index]; }

  // Calls visit(Connection&) for each, in no order that means anything. The table must not change meanwhile.
  template <class Visit>
  void for_each(Visit visit) {
    for (std::uint32_t i = 0; i <= mask_; ++i) {
      if (slots_[i].index != kEmpty) visit(pool_[slots_[i].index]);
    }
  }

 private:
  static constexpr std::uint32_t kEmpty = 0xffffffffu;
  struct Slot {
    std::uint32_t hash, index;
  };
  // The upper half of the hash is compared, and its lower bits say the place.
  static std::uint32_t fragment(std::uint64_t hash) { return static_cast<std::uint32_t>(hash >> 32); }
  std::uint32_t home(std::uint64_t hash) const { return fragment(hash) & mask_; }

  std::uint32_t capacity_, mask_, size_ = 0;
  FlowKey::Secret secret_;
  ReservedArray<Slot> slots_;
  SlotPool<Connection> pool_;
};

}  // namespace tapline
