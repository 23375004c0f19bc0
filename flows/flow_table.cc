#include "flows/flow_table.h"

#include <algorithm>
#include <bit>

namespace tapline {

FlowTable::FlowTable(std::uint32_t capacity, std::uint64_t seed, std::pmr::memory_resource& memory)
    : capacity_(std::clamp(capacity, 1u, 1u << 30)),
      mask_(std::bit_ceil(2 * capacity_) - 1),
      secret_(seed),
      slots_(std::size_t{mask_} + 1, memory),
      pool_(capacity_, memory) {
  std::fill_n(slots_.data(), std::size_t{mask_} + 1, Slot{0, kEmpty});
}

Connection* FlowTable::find(const FlowKey& key, std::uint64_t hash) {
  for (std::uint32_t i = home(hash); slots_[i].index != kEmpty; i = (i + 1) & mask_) {
    if (slots_[i].hash != fragment(hash)) continue;
    Connection& connection = pool_[slots_[i].index];
    if (connection.key == key) return &connection;
  }
  return nullptr;
}

Connection& FlowTable::insert(const FlowKey& key, std::uint64_t hash) {
  std::uint32_t i = home(hash);
  while (slots_[i].index != kEmpty) i = (i + 1) & mask_;
  slots_[i] = {fragment(hash), pool_.allocate()};
  ++size_;
  Connection& connection = pool_[slots_[i].index];
  connection.key = key;
  return connection;
}

void FlowTable::erase(Connection& connection) {
  const std::uint32_t index = pool_.index_of(connection);
  std::uint32_t hole = home(hash(connection.key));
  while (slots_[hole].index != index) hole = (hole + 1) & mask_;
  // Move back what stands behind the hole and may stand in it, so that searches never meet a grave.
  for (std::uint32_t i = (hole + 1) & mask_; slots_[i].index != kEmpty; i = (i + 1) & mask_) {
    const std::uint32_t from_home = (i - (slots_[i].hash & mask_)) & mask_;
    if (from_home >= ((i - hole) & mask_)) {
      slots_[hole] = slots_[i];
      hole = i;
    }
  }
  slots_[hole].index = kEmpty;
  connection.key.set_to_none();  // for who still holds it from likely()
  pool_.release(index);
  --size_;
}

}  // namespace tapline
