#include "exporters/community_id_cache.h"

#include <cstdlib>
#include <new>

namespace tapline {

void CommunityIdCache::Free::operator()(void* memory) const { std::free(memory); }

// All zero is an empty entry, and so much of it comes from the kernel as it is.
CommunityIdCache::CommunityIdCache() {
  constexpr std::size_t kBytes = sizeof(Entry) << kBits;
  std::size_t room = kBytes + alignof(Entry);
  void* memory = std::calloc(room, 1);
  if (memory == nullptr) throw std::bad_alloc();
  memory_.reset(memory);
  entries_ = static_cast<Entry*>(std::align(alignof(Entry), kBytes, memory, room));
}

void CommunityIdCache::fill(Entry& entry, const ConnectionInfo& connection,
                            const std::array<std::uint64_t, 2>& tuple) {
  entry.id = connection.id;
  entry.tuple = tuple;
  entry.text = community_id(connection);
}

}  // namespace tapline
