#include "engine/run_setup.h"

#include <pthread.h>

#include <string>
#include <utility>

#include "engine/huge_pages.h"

namespace tapline {

FlowOptions flow_options_of(const Options& options) {
  FlowOptions flow_options;
  flow_options.ports = options.ports;
  flow_options.max_flows = options.max_flows;
  flow_options.reassembly_memory = options.reassembly_memory;
  flow_options.max_head = options.max_head;
  flow_options.elide_above = options.elide_above;
  flow_options.all_attempts = options.all_attempts;
  flow_options.ignore_encapsulation = options.ignore_encapsulation;
  flow_options.dedup_window = options.dedup;
  flow_options.attempt_timeout = options.attempt_timeout;
  flow_options.established_timeout = options.idle_timeout;
  flow_options.half_closed_timeout = options.half_closed_timeout;
  flow_options.close_linger = options.close_linger;
  flow_options.tell_steps = options.records.has(RecordKind::kOpened) ||
                            options.records.has(RecordKind::kEstablished) ||
                            options.records.has(RecordKind::kHalfClosed);
  flow_options.tell_requests = options.records.has(RecordKind::kRequest);
  flow_options.tell_packets = options.records.has(RecordKind::kPacket);
  flow_options.memory = &huge_page_memory();
  return flow_options;
}

bool elides_bodies(const Options& options) {
  return options.elide_bodies.value_or(rules_out_elision(options).empty());
}

std::optional<std::int64_t> stats_interval_of(const Options& options) {
  if (options.stats_interval) return options.stats_interval;
  if (options.records.has(RecordKind::kStats)) return 10 * kSecond;
  return std::nullopt;
}

void WorkerThreads::start(std::function<void()> body) {
  threads_.emplace_back(std::move(body));
  // At most 15 characters. A thread without a name works as well.
  const std::string name = "tapline/" + std::to_string(threads_.size() - 1);
  pthread_setname_np(threads_.back().native_handle(), name.c_str());
}

void WorkerThreads::join() {
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

}  // namespace tapline
