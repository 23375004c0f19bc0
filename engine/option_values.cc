#include "engine/option_values.h"

#include <limits>
#include <optional>
#include <utility>

#include "engine/port_list.h"
#include "engine/size_and_time.h"
#include "exporters/output_target.h"

namespace tapline {
namespace {

constexpr std::uint64_t kMinRing = 1u << 20, kMaxRing = std::uint64_t{64} << 30;
constexpr std::uint64_t kMinBlock = 1u << 20, kMaxBlock = 1u << 30;

absl::Status wrong(std::string message) { return absl::InvalidArgumentError(message); }

// A size within bounds, both included.
absl::Status set_size(const std::string& value, std::uint64_t least, std::uint64_t most, std::uint64_t& out) {
  absl::StatusOr<std::uint64_t> size = parse_size(value);
  if (!size.ok()) return size.status();
  if (*size < least || *size > most) {
    return wrong("'" + value + "' is out of bounds: from " + format_size(least) + " to " + format_size(most));
  }
  out = *size;
  return absl::OkStatus();
}

absl::Status set_count(const std::string& value, std::uint64_t least, std::uint64_t most,
                       std::uint64_t& out) {
  absl::StatusOr<std::uint64_t> count = parse_count(value);
  if (!count.ok()) return count.status();
  if (*count < least || *count > most) {
    return wrong("'" + value + "' is out of bounds: from " + std::to_string(least) + " to " +
                 std::to_string(most));
  }
  out = *count;
  return absl::OkStatus();
}

absl::Status set_duration(const std::string& value, std::optional<std::int64_t>& out) {
  absl::StatusOr<std::int64_t> duration = parse_duration(value);
  if (!duration.ok()) return duration.status();
  if (*duration == 0) return wrong("'" + value + "' is no time at all");
  out = *duration;
  return absl::OkStatus();
}

}  // namespace

absl::Status add_interface(const std::string& value, Options& options) {
  if (value.empty()) return wrong("an interface needs a name");
  // The same interface twice would deliver every packet twice.
  for (const std::string& known : options.interfaces) {
    if (known == value) return wrong("'" + value + "' is named twice");
  }
  options.interfaces.push_back(value);
  return absl::OkStatus();
}

absl::Status set_read(const std::string& value, Options& options) {
  if (value.empty()) return wrong("a capture file needs a name ('-' is standard input)");
  options.read = value;
  return absl::OkStatus();
}

absl::Status set_write(const std::string& value, Options& options) {
  if (value.empty()) return wrong("a file to save frames in needs a name ('-' is standard output)");
  options.write = value;
  return absl::OkStatus();
}

absl::Status add_ports(const std::string& value, Options& options) {
  absl::StatusOr<PortSet> ports = parse_ports(value);
  if (!ports.ok()) return ports.status();
  for (std::size_t i = 0; i < ports->words.size(); ++i) options.ports.words[i] |= ports->words[i];
  if (!options.ports_text.empty()) options.ports_text += ',';
  options.ports_text += value;
  return absl::OkStatus();
}

absl::Status set_output(const std::string& value, Options& options) {
  options.output = value;
  return check_output(value);
}

absl::Status set_format(const std::string& value, Options& options) {
  if (value == "ecs") {
    options.format = Format::kEcs;
  } else if (value == "text") {
    options.format = Format::kText;
  } else {
    return wrong("no format '" + value + "'; there are: ecs, text");
  }
  return absl::OkStatus();
}

absl::Status set_records(const std::string& value, Options& options) {
  absl::StatusOr<RecordSet> records = parse_record_set(value);
  if (!records.ok()) return records.status();
  options.records = *records;
  return absl::OkStatus();
}

absl::Status set_headers(const std::string& value, Options& options) {
  absl::StatusOr<HeaderPolicy> headers = parse_header_policy(value);
  if (!headers.ok()) return headers.status();
  options.headers = *std::move(headers);
  return absl::OkStatus();
}

absl::Status set_redact_key(const std::string& value, Options& options) {
  if (value.empty()) return wrong("a key file needs a name");
  options.redact_key = value;
  return absl::OkStatus();
}

absl::Status add_redact_query(const std::string& value, Options& options) {
  absl::StatusOr<QueryNames> names = parse_query_names(value);
  if (!names.ok()) return names.status();
  options.redact_query.insert(options.redact_query.end(), names->begin(), names->end());
  return absl::OkStatus();
}

absl::Status set_workers(const std::string& value, Options& options) {
  std::uint64_t count = 0;
  absl::Status status = set_count(value, 1, 256, count);
  if (status.ok()) options.workers = static_cast<unsigned>(count);
  return status;
}

absl::Status set_fanout(const std::string& value, Options& options) {
  if (value != "ebpf" && value != "hash") return wrong("'" + value + "' is neither 'ebpf' nor 'hash'");
  options.fanout = value == "ebpf" ? Fanout::kEbpf : Fanout::kHash;
  return absl::OkStatus();
}

absl::Status set_frames(const std::string& value, Options& options) {
  std::uint64_t count = 0;
  absl::Status status = set_count(value, 1, std::numeric_limits<std::int64_t>::max(), count);
  if (status.ok()) options.count = count;
  return status;
}

absl::Status set_run_time(const std::string& value, Options& options) {
  return set_duration(value, options.duration);
}

absl::Status set_ring_size(const std::string& value, Options& options) {
  std::uint64_t size = 0;
  absl::Status status = set_size(value, kMinRing, kMaxRing, size);
  if (status.ok()) options.ring.ring_size = size;
  return status;
}

absl::Status set_block_size(const std::string& value, Options& options) {
  std::uint64_t size = 0;
  if (absl::Status status = set_size(value, kMinBlock, kMaxBlock, size); !status.ok()) return status;
  if ((size & (size - 1)) != 0) return wrong("'" + value + "' is no power of two (1MiB, 2MiB, 4MiB ...)");
  options.ring.block_size = size;
  return absl::OkStatus();
}

absl::Status set_block_timeout(const std::string& value, Options& options) {
  constexpr std::int64_t kMillisecond = 1'000'000;
  std::optional<std::int64_t> time;
  if (absl::Status status = set_duration(value, time); !status.ok()) return status;
  if (*time < kMillisecond || *time > 1000 * kMillisecond || *time % kMillisecond != 0) {
    return wrong("'" + value + "' is not a whole number of milliseconds from 1ms to 1000ms");
  }
  options.ring.block_timeout_ms = static_cast<int>(*time / kMillisecond);
  return absl::OkStatus();
}

absl::Status set_timestamps(const std::string& value, Options& options) {
  if (value != "software" && value != "hardware") {
    return wrong("'" + value + "' is neither 'software' nor 'hardware'");
  }
  options.ring.hardware_time = value == "hardware";
  return absl::OkStatus();
}

absl::Status set_max_flows(const std::string& value, Options& options) {
  std::uint64_t count = 0;
  absl::Status status = set_count(value, 16, std::uint64_t{1} << 28, count);
  if (status.ok()) options.max_flows = static_cast<std::uint32_t>(count);
  return status;
}

absl::Status set_reassembly_memory(const std::string& value, Options& options) {
  std::uint64_t size = 0;
  absl::Status status = set_size(value, 64u << 10, std::uint64_t{1} << 40, size);
  if (status.ok()) options.reassembly_memory = size;
  return status;
}

absl::Status set_max_head(const std::string& value, Options& options) {
  std::uint64_t size = 0;
  absl::Status status = set_size(value, 1u << 10, 16u << 20, size);
  if (status.ok()) options.max_head = static_cast<std::uint32_t>(size);
  return status;
}

absl::Status set_attempts(const std::string& value, Options& options) {
  if (value != "all" && value != "limited") return wrong("'" + value + "' is neither 'limited' nor 'all'");
  options.all_attempts = value == "all";
  return absl::OkStatus();
}

absl::Status set_timeout(const std::string& value, std::int64_t& out) {
  constexpr std::int64_t kLeast = 1'000'000, kMost = 7 * 86'400 * kSecond;
  std::optional<std::int64_t> time;
  if (absl::Status status = set_duration(value, time); !status.ok()) return status;
  if (*time < kLeast || *time > kMost) return wrong("'" + value + "' is out of bounds: from 1ms to 7d");
  out = *time;
  return absl::OkStatus();
}

absl::Status set_elide_bodies(const std::string& value, Options& options) {
  if (value != "on" && value != "off") return wrong("'" + value + "' is neither 'on' nor 'off'");
  options.elide_bodies = value == "on";
  return absl::OkStatus();
}

// To arm a range costs less than a frame, but what is in the ring by then still comes.
absl::Status set_elide_above(const std::string& value, Options& options) {
  std::uint64_t size = 0;
  absl::Status status = set_size(value, 4u << 10, 1u << 30, size);
  if (status.ok()) options.elide_above = static_cast<std::uint32_t>(size);
  return status;
}

absl::Status set_user(const std::string& value, Options& options) {
  if (value.empty()) return wrong("a user needs a name");
  options.user = value;
  return absl::OkStatus();
}

absl::Status set_stats_interval(const std::string& value, Options& options) {
  return set_duration(value, options.stats_interval);
}

}  // namespace tapline
