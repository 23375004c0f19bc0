// HTTP conversations made up at random, with the records that they have to give: an oracle that knows what it
// sent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "tests/flows/conversation.h"

namespace tapline::test {

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(engine_() % n); }
  bool one_in(std::size_t n) { return below(n) == 0; }

 private:
  std::mt19937_64 engine_;
};

struct GeneratedConversation {
  std::vector<Turn> turns;
  std::vector<std::string> records;  // RecordedTransaction::text() of each transaction, in order
};

// One to six exchanges on one connection: keep-alive and pipelined, methods with and without bodies, every
// kind of framing, interim responses, bodies that quote heads; the last may take the rest of the connection
// with it (a body until close, a tunnel, an upgrade, HTTP/0.9).
GeneratedConversation generate(Random& random);

// The frames of it, as a network would deliver them: cut anywhere, out of order within what one end sends at
// a time, repeated, sent again with other boundaries; tagged or not, over IPv4 or IPv6. `port` is the
// client's.
std::vector<Frame> deliver(const GeneratedConversation& conversation, std::uint16_t port, std::int64_t start,
                           Random& random);

}  // namespace tapline::test
