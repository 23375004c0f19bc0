// What can be measured while traffic comes in: tapline, the null consumer, and other capture programs.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bench/capturer.h"

namespace tapline::bench {

struct LiveTool {
  std::string name;
  enum class Kind { kNull, kTapline, kOther } kind = Kind::kOther;
  std::vector<std::string> arguments;  // the program and its options; none for kNull
};

struct TaplineBuilds {
  std::string tapline;
  std::string against;  // another one, to be asked for the same; empty: there is none
};

// The null consumer, which all are compared with; tapline with each of `records` (`--records` of the command
// line, "stats" say); with `peers` the others that are installed.
std::vector<LiveTool> live_tools(const TaplineBuilds& builds, const std::vector<std::string>& records,
                                 const CaptureOptions& options, bool peers);

// Returns when it captures. kCancelled when this process was told to end; kUnknown, with the tool's last
// words, when it does not come so far.
absl::StatusOr<std::unique_ptr<Capturer>> start(const LiveTool& tool, const CaptureOptions& options);

// What the closing words of a program say, by which `program` knows it ("tcpdump"). Nothing where they say
// nothing that is known.
std::optional<Captured> parse_words(const std::string& program, const std::string& words);

}  // namespace tapline::bench
