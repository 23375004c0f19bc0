// What holds for the records of every run, whatever the frames were.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tapline::fuzz {

// How many of each there are.
struct RecordCounts {
  std::uint64_t transactions = 0, closed = 0;
};

// Parses each line with a JSON parser that is not ours, and holds it to the user contract: the fields that
// every record has, no null, no negative number, no name twice; the steps of a connection in their order,
// each at most once, and nothing behind `closed`; each transaction's number once in its connection, that of
// an early record before it.
// `all_kept`: no bound made the run let go of anything, so that `closed` counts the transactions that were
// written.
RecordCounts check_records(const std::vector<std::string>& lines, bool all_kept);

// Lines for a terminal: whole, and with nothing in them that a terminal obeys.
void check_text_lines(const std::vector<std::string>& lines);

}  // namespace tapline::fuzz
