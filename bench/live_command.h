// tapline-bench without a file: its options, and what it does.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bench/live_tools.h"

namespace tapline::bench {

struct LiveCommand {
  std::string rates = "250k,500k,1M,max";
  std::string mixes = "syn,http,full";
  std::string placements = "split,onecore";
  std::vector<std::string> records = {"stats", "http,closed"};
  double seconds = 1;
  unsigned rounds = 5, step_rounds = 3, workers = 1;
  std::string ring = "64MiB";
  std::string ports = "80";
  std::uint32_t at_once = 0;
  std::string interface;
  bool no_generate = false, peers = false, packet_socket = false, json = false;
  std::string plot;  // a file to be written
};

void add_live_options(CLI::App& app, LiveCommand& command);

// What is written to standard output. `directory` may be filled with files. Errors of what is asked for are
// kInvalidArgument or kNotFound; kPermissionDenied where root is missing.
absl::StatusOr<std::string> run_live(const LiveCommand& command, const TaplineBuilds& builds,
                                     const std::string& directory);

}  // namespace tapline::bench
