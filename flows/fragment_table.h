// Fragments that wait for the rest of their datagram.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "flows/byte_pool.h"
#include "flows/flow_key.h"
#include "flows/fragment.h"
#include "flows/index_list.h"

namespace tapline {

// As a receiver does it, whose stack is Linux: fragments may come in any order; a datagram is given up 30
// seconds after its first fragment came, and at once when two of its fragments overlap but are not the same
// piece (RFC 8200 section 4.5 asks for it, and Linux does it for IPv4, too). Also given up is what finds no
// room: the oldest of kMaxDatagrams, and the one that comes when the pool is full. Not thread-safe.
class FragmentTable {
 public:
  static constexpr std::uint32_t kMaxDatagrams = 1024;
  static constexpr std::size_t kMaxPieces = 512;            // of one datagram
  static constexpr std::uint32_t kMaxPayload = 65535;       // bytes: what the headers' length fields can say
  static constexpr std::int64_t kTimeout = 30'000'000'000;  // ns of packet time; Linux's ipfrag_time

  // `pool` must outlive the table.
  explicit FragmentTable(BytePool& pool);
  ~FragmentTable();
  FragmentTable(const FragmentTable&) = delete;
  FragmentTable& operator=(const FragmentTable&) = delete;

  // The datagram that this fragment completes, valid until forget_completed(); null when it completes none.
  const Datagram* add(const Fragment& fragment, std::int64_t time_ns);
  void forget_completed() { completed_count_ = 0; }

  // Gives up all that waits.
  void clear();

  // Fragments of datagrams that were given up, since the start.
  std::uint64_t given_up() const { return given_up_; }

 private:
  struct Key {
    FlowKey addresses;  // in the direction of the datagram, with 0 and the protocol for ports
    std::uint32_t id = 0;
    friend bool operator==(const Key&, const Key&) = default;
    template <typename H>
    friend H AbslHashValue(H h, const Key& key) {
      return H::combine(std::move(h), key.addresses.hash(0), key.id);
    }
  };
  struct Piece {
    std::uint32_t offset, length, captured;
    BytePool::Handle bytes;
  };
  struct Waiting {
    Key key;
    std::int64_t first_time = 0;
    std::uint64_t fragments = 0;
    std::uint32_t end = 0;       // of the payload; 0: the last fragment has not come
    std::uint32_t received = 0;  // bytes in `pieces`
    std::uint8_t protocol = 0;
    std::vector<Piece> pieces;  // by offset
  };
  struct Completed {
    std::vector<std::uint8_t> bytes;
    Datagram datagram;
  };

  static Key key_of(const Fragment& fragment);
  enum class Placed { kYes, kSame, kConflict, kNoRoom };
  Placed place(Waiting& waiting, const Fragment& fragment);
  const Datagram* complete(Waiting& waiting, const Fragment& last);
  std::uint32_t begin(const Key& key, std::int64_t time_ns);
  void give_up(std::uint32_t index);
  void erase(std::uint32_t index);

  BytePool& pool_;
  absl::flat_hash_map<Key, std::uint32_t> by_key_;
  std::vector<Waiting> slots_;
  std::vector<std::uint32_t> free_;
  IndexLists lists_;
  IndexLists::List in_order_;        // of their first fragments
  std::deque<Completed> completed_;  // their addresses stay
  std::size_t completed_count_ = 0;
  std::uint64_t given_up_ = 0;
};

}  // namespace tapline
