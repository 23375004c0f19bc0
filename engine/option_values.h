// The values of single options: each function checks the text that was given and puts it into the options.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "engine/options.h"

namespace tapline {

// kInvalidArgument says what is wrong with the value, and what would be right; the caller names the option.
// Those that add may be called again.
absl::Status add_interface(const std::string& value, Options& options);
absl::Status set_read(const std::string& value, Options& options);
absl::Status set_write(const std::string& value, Options& options);
absl::Status add_ports(const std::string& value, Options& options);
absl::Status set_output(const std::string& value, Options& options);
absl::Status set_format(const std::string& value, Options& options);
absl::Status set_records(const std::string& value, Options& options);
absl::Status set_headers(const std::string& value, Options& options);
absl::Status set_redact_key(const std::string& value, Options& options);
absl::Status add_redact_query(const std::string& value, Options& options);
absl::Status set_workers(const std::string& value, Options& options);
absl::Status set_fanout(const std::string& value, Options& options);
absl::Status set_frames(const std::string& value, Options& options);
absl::Status set_run_time(const std::string& value, Options& options);
absl::Status set_ring_size(const std::string& value, Options& options);
absl::Status set_block_size(const std::string& value, Options& options);
absl::Status set_block_timeout(const std::string& value, Options& options);
absl::Status set_timestamps(const std::string& value, Options& options);
absl::Status set_max_flows(const std::string& value, Options& options);
absl::Status set_reassembly_memory(const std::string& value, Options& options);
absl::Status set_max_head(const std::string& value, Options& options);
absl::Status set_attempts(const std::string& value, Options& options);
absl::Status set_elide_bodies(const std::string& value, Options& options);
absl::Status set_elide_above(const std::string& value, Options& options);
absl::Status set_user(const std::string& value, Options& options);
absl::Status set_stats_interval(const std::string& value, Options& options);

// 1 ms to 7 days; `out` in ns.
absl::Status set_timeout(const std::string& value, std::int64_t& out);
template <std::int64_t Options::*timeout>
absl::Status set_timeout(const std::string& value, Options& options) {
  return set_timeout(value, options.*timeout);
}

}  // namespace tapline
