#include "exporters/connection_text.h"

#include <bit>
#include <cstdlib>
#include <new>

namespace tapline {

namespace {

// By words: std::array's own comparison is a call.
bool same(const IpAddress& a, const IpAddress& b) {
  const auto x = std::bit_cast<std::array<std::uint64_t, 2>>(a.bytes);
  const auto y = std::bit_cast<std::array<std::uint64_t, 2>>(b.bytes);
  return ((x[0] ^ y[0]) | (x[1] ^ y[1])) == 0 && a.version == b.version;
}

}  // namespace

void ConnectionTextCache::Free::operator()(void* memory) const { std::free(memory); }

// All zero is an empty entry, and so much of it comes from the kernel as it is.
ConnectionTextCache::ConnectionTextCache() {
  constexpr std::size_t kBytes = sizeof(Entry) << kBits;
  std::size_t room = kBytes + alignof(Entry);
  void* memory = std::calloc(room, 1);
  if (memory == nullptr) throw std::bad_alloc();
  memory_.reset(memory);
  entries_ = static_cast<Entry*>(std::align(alignof(Entry), kBytes, memory, room));
}

const ConnectionText& ConnectionTextCache::of(const ConnectionInfo& connection) {
  Entry& entry = entries_[place_of(connection.id)];
  const bool found =
      entry.id.words[0] == connection.id.words[0] && entry.id.words[1] == connection.id.words[1] &&
      entry.client_port == connection.client_port && entry.server_port == connection.server_port &&
      same(entry.client_ip, connection.client_ip) && same(entry.server_ip, connection.server_ip) &&
      entry.used;
  if (!found) {
    entry.id = connection.id;
    entry.client_ip = connection.client_ip;
    entry.server_ip = connection.server_ip;
    entry.client_port = connection.client_port;
    entry.server_port = connection.server_port;
    entry.used = true;
    entry.text.community_id = community_id(connection);
    append_connection_id(entry.text.id.data(), connection.id);
  }
  return entry.text;
}

}  // namespace tapline
