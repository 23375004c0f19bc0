// Something that captures from the link while the generator sends, in a process of its own.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bench/veth_link.h"

namespace tapline::bench {

// What it says of itself. Absent: it does not say.
struct Captured {
  std::uint64_t frames = 0;                      // that came to it, or that it had the kernel count for it
  std::optional<std::uint64_t> elided;           // of these: left in the kernel
  std::optional<std::uint64_t> lost_in_ring;     // because it was too slow
  std::optional<std::uint64_t> lost_in_softnet;  // on all of this host, while it ran
  std::optional<std::uint64_t> lost_by_interface;
  std::optional<std::uint64_t> lost_in_sink;  // records
  std::optional<std::uint64_t> connections, transactions;
};

// Where and how all are to capture.
struct CaptureOptions {
  std::string interface;
  const NetworkNamespace* where = nullptr;  // null: where this process is
  std::vector<int> processors;              // for all it does; one for each worker, in their order
  unsigned workers = 1;
  std::uint64_t ring_size = 64u << 20;  // bytes, of each worker; of those who have more than one buffer, each
  std::string ports = "80";
  std::uint32_t connections = 0;  // at once, where there will be many
  std::string directory;          // may be filled with files
};

class Capturer {
 public:
  virtual ~Capturer() = default;
  virtual pid_t process() const = 0;
  // As it is now, as far as it tells while it runs.
  virtual std::optional<Captured> so_far() = 0;
  // Ends it, once it has taken in what the kernel holds for it. kUnknown, with its last words: it failed.
  virtual absl::StatusOr<Captured> finish() = 0;
};

}  // namespace tapline::bench
