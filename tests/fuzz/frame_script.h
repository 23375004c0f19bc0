// Turns bytes of a fuzzer into frames of TCP connections that mostly make sense.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "flows/flow_processor.h"
#include "tests/flows/packet_builder.h"

namespace tapline::fuzz {

// What the first two bytes of an input choose.
struct Setup {
  FlowOptions flows;
  bool all_headers = false, redact = true;
  bool query_names = false;  // query parameters are redacted
  bool exact_room = false;   // lines are written into memory that ends where they were promised room
  CloseReason end = CloseReason::kEnd;
};

struct Script {
  Setup setup;
  std::vector<test::Frame> frames;  // each with a time stamp of its own, and its ordinal
};

// The rest of an input is text with commands in it. Text is what a side says next; a command is 0xfe, a byte
// whose lower half names it (see Command in frame_script.cc) and whose upper half is its argument, and, where
// the table there says so, one byte more. So a byte that is put in or taken out moves no command out of
// place, and a seed can be read. 0xfe itself is said by the command of its own. Any bytes are a script.
Script read_script(std::span<const std::uint8_t> input);

}  // namespace tapline::fuzz
