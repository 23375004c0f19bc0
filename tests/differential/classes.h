// The classes of disagreements between tapline and other parsers that have an explanation.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/differential/compare.h"
#include "tests/differential/reading.h"

namespace tapline::test {

enum class What : std::uint8_t {
  kFewer,  // the peer has fewer messages
  kMore,   // the peer has more
  kMethod,
  kTarget,
  kVersion,
  kStatus,
  kReason,
  kHeaders,
  kTrailers,
  kBody,
  kComplete
};

// One place where the readings differ. A message that only one of them has is null with the other.
struct Difference {
  Peer peer;
  bool request;
  What what;
  const Message* ours;
  const Message* theirs;
  const Message* our_next;
  const Direction& their_direction;
  bool last;  // behind this message the peer read none
  const Exchange& exchange;
};

struct Class {
  std::string_view name;
  Peer peer;
  std::string_view why;  // what each says, and who does as the RFC says
  bool (*holds)(const Difference&);
  bool apart = false;  // from here on the two do not see the same messages
};

// The first class that explains it, or null.
const Class* class_of(const Difference& difference);

// All of them, as ClassCounts names them.
std::vector<std::string> class_names();
std::string name_of(const Class& explained);

// What of a message libhtp keeps apart: the values of equal names in one, trailers among the headers.
Fields merged(const Message& message);

}  // namespace tapline::test
