// Where two readings of the same exchange differ, and why.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "tests/differential/reading.h"

namespace tapline::test {

enum class Peer { kHttpParser, kLibhtp };

// How often each class of explained disagreements occurred. classes.cc has the list, with the reasons.
using ClassCounts = std::map<std::string, std::size_t, std::less<>>;

// Compares our reading with a peer's, message by message, and counts what is explained. Gives the first
// disagreement that no class explains, for a person; empty when there is none. A direction is compared up to
// where the two cut it into messages differently, for whatever reason. `lenient`: from the first message on
// that is not well-formed (strict.h), every difference is explained by the rule that it breaks.
std::string compare(Peer peer, const Exchange& exchange, Reading ours, Reading theirs, bool lenient,
                    ClassCounts& counts);

}  // namespace tapline::test
