// The command line: from argv to checked values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/packet_ring.h"
#include "exporters/header_policy.h"
#include "exporters/query_parameters.h"
#include "exporters/record_set.h"
#include "flows/flow_processor.h"
#include "flows/port_set.h"

namespace tapline {

enum class Format { kEcs, kText };
enum class Fanout { kEbpf, kHash };

// What the user asked for. Absent: not asked for, the run decides (see the contract's table of defaults).
struct Options {
  std::vector<std::string> interfaces;  // live; empty: the default route's
  std::optional<std::string> read;      // a capture file, "-": standard input
  std::optional<std::string> write;     // where to save frames, "-": standard output
  PortSet ports;
  std::string ports_text;  // as it was given
  std::string output = "-";
  std::optional<Format> format;
  RecordSet records = RecordSet::defaults();
  HeaderPolicy headers = HeaderPolicy::common();
  bool redact = true;
  std::optional<std::string> redact_key;  // a file
  QueryNames redact_query;
  std::optional<unsigned> workers;
  Fanout fanout = Fanout::kEbpf;         // live, how workers share packets
  std::optional<std::uint64_t> count;    // frames
  std::optional<std::int64_t> duration;  // ns
  RingOptions ring{.ring_size = 0};      // for each worker and interface; ring_size 0: default_ring_size()
  std::uint32_t max_flows = FlowOptions{}.max_flows;                // these three: each worker
  std::size_t reassembly_memory = FlowOptions{}.reassembly_memory;  // bytes
  std::uint32_t max_head = FlowOptions{}.max_head;                  // bytes
  std::optional<bool> elide_bodies;
  std::uint32_t elide_above = FlowOptions{}.elide_above;  // bytes
  bool all_attempts = false;
  bool ignore_encapsulation = false;
  std::int64_t dedup = 0;                                        // ns; 0: off
  std::int64_t attempt_timeout = FlowOptions{}.attempt_timeout;  // ns, and the next three
  std::int64_t idle_timeout = FlowOptions{}.established_timeout;
  std::int64_t half_closed_timeout = FlowOptions{}.half_closed_timeout;
  std::int64_t close_linger = FlowOptions{}.close_linger;
  std::optional<std::string> user;
  std::optional<std::int64_t> stats_interval;  // ns
  bool quiet = false;
  bool verbose = false;
};

// The option among these that needs every frame, so that message bodies cannot stay in the kernel; empty:
// none.
std::string_view rules_out_elision(const Options& options);

struct CommandLine {
  Options options;
  std::optional<std::string> print;  // for --help and --version: write this to standard output and end
};

// kInvalidArgument says which option is wrong and what would be right.
absl::StatusOr<CommandLine> parse_command_line(int argc, const char* const* argv);

}  // namespace tapline
