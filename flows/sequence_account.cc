#include "flows/sequence_account.h"

#include <algorithm>

#include "flows/connection.h"

namespace tapline {

std::uint32_t SequenceAccount::add(BytePool& pool, std::uint32_t seq, std::uint32_t length,
                                   StreamAccount& account) {
  const std::uint32_t end = seq + length;
  const auto ahead =
      static_cast<std::uint32_t>(std::clamp<std::int64_t>(seq_distance(end, next_), 0, length));
  std::uint32_t late = 0;
  if (const std::uint32_t behind = length - ahead; behind > 0) {
    const HoleList::Filled filled = holes_.fill(pool, seq, seq + behind);
    late = filled.bytes;
    account.missed_bytes += filled.forgotten;
    account.count_behind(behind, late);
  }
  if (seq_distance(seq, next_) > 0) account.missed_bytes += holes_.append(pool, next_, seq);
  if (ahead > 0) next_ = end;
  return ahead + late;
}

void SequenceAccount::finish(BytePool& pool, std::uint32_t end, StreamAccount& account) {
  account.missed_bytes += holes_.size(pool);
  holes_.clear(pool);
  const std::int32_t tail = seq_distance(end, next_);
  if (tail <= 0) return;
  account.missed_bytes += static_cast<std::uint32_t>(tail);
  ++account.holes;
  next_ = end;
}

}  // namespace tapline
