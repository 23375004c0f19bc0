// One conversation for each rule of message framing, with the records that it has to give.
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "tests/flows/conversation.h"

namespace tapline::test {

struct FramingCase {
  std::string name;  // begins with the section: RFC 9112's, unless it says another
  std::vector<Turn> turns;
  std::vector<std::string> records;  // RecordedTransaction::text() of each
};

inline void PrintTo(const FramingCase& test, std::ostream* out) { *out << test.name; }

// Each gives its records whatever the segments.
const std::vector<FramingCase>& framing_cases();

}  // namespace tapline::test
