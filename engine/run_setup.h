// What live runs and file runs set up alike.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <thread>
#include <vector>

#include "engine/options.h"
#include "flows/flow_processor.h"

namespace tapline {

FlowOptions flow_options_of(const Options& options);

// Whether a live run is to leave message bodies in the kernel.
bool elides_bodies(const Options& options);

// How often stats records are due, if they were asked for: by name, or by an interval.
std::optional<std::int64_t> stats_interval_of(const Options& options);

// The threads of a run's workers, named after the program for ps and top. REQUIRES: joined before
// destruction.
class WorkerThreads {
 public:
  void start(std::function<void()> body);
  void join();

 private:
  std::vector<std::thread> threads_;
};

}  // namespace tapline
