// Programs over one capture file, in turn, several times: how fast each is, and that tapline is right.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bench/child_process.h"
#include "bench/file_tools.h"
#include "bench/generated_capture.h"

namespace tapline::bench {

// What is said to a person while it runs: a line each.
using Progress = std::function<void(const std::string&)>;

// Writes the capture in a process of its own: what this one once needed would count as memory of each program
// that it starts (child_process.h).
absl::StatusOr<CaptureFigures> generate_apart(const CaptureShape& shape, const std::string& path);

// Frames and their bytes; nothing else is known of a file that somebody captured. Afterwards the file is in
// the page cache, as far as that has room for it.
absl::StatusOr<CaptureFigures> walk(const std::string& path);

// Runs `tapline` over the file and holds its records, and what it counted, to each other and to `expected`:
// frames, and in a `generated` capture bytes, connections and transactions. kInternal says what differs.
absl::StatusOr<CaptureFigures> check_answer(const std::string& tapline, const std::string& file,
                                            const std::string& directory, const CaptureFigures& expected,
                                            bool generated);

struct Measured {
  FileTool tool;
  std::vector<Usage> rounds;
};

// Each round runs each tool once; the next round begins with the next tool. The first tool that fails ends
// it.
absl::StatusOr<std::vector<Measured>> measure(const std::vector<FileTool>& tools, unsigned rounds,
                                              const std::string& directory, const Progress& progress);

}  // namespace tapline::bench
