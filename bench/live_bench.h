// Packet rates: traffic of several kinds and rates comes in on a private link, and each tool captures it in
// turn.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bench/capturer.h"
#include "bench/live_generator.h"
#include "bench/live_tools.h"
#include "bench/processor_time.h"
#include "bench/traffic.h"

namespace tapline::bench {

// Where the kernel does its part of capturing (all but what the capturer does itself).
enum class Placement {
  kSplit,    // on the generator's processor: the capturer has its own for itself
  kOneCore,  // on the capturer's: the whole price of capture is on one processor
};

std::string_view name_of(Placement placement);

struct LiveSettings {
  std::vector<Mix> mixes = {Mix::kSyn, Mix::kHttp, Mix::kFull};
  std::vector<Placement> placements = {Placement::kSplit, Placement::kOneCore};
  std::vector<double> rates = {250e3, 500e3, 1e6, 0};  // frames a second; 0: as fast as it can
  double seconds = 1;                                  // of each run
  unsigned rounds = 5;                                 // at the generator's maximum
  unsigned step_rounds = 3;                            // at the other rates
  std::uint32_t at_once = 0;                           // connections; 0: as the mix has them
  bool packet_socket = false;                          // GeneratorOptions
  int sender = 0;                                      // the generator's processor
};

// One tool, once.
struct LiveRun {
  std::size_t tool = 0;  // index
  Mix mix = Mix::kHttp;
  Placement placement = Placement::kSplit;
  double rate = 0;  // as asked for
  unsigned round = 0;
  std::uint32_t at_once = 0;  // connections; 0: a flood, which opens none
  std::uint64_t warm_up = 0;  // frames sent before what the rest of this tells; they count in `captured`

  Offered offered;
  Captured captured;
  // Where the frames of warm-up and run went that the capturer never saw.
  std::uint64_t lost_on_link = 0;     // the receiver's end had no room
  std::uint64_t lost_in_softnet = 0;  // a processor's queue was full

  // From the first frame to when the generator stopped: what of it came by then. Of a tool that tells only in
  // the end, until it had nothing more to do.
  double seconds = 0;
  std::uint64_t frames = 0;
  std::optional<std::uint64_t> transactions;
  ProcessTime process;               // of the tool
  double process_seconds = 0;        // of the tool: exactly, both together
  ProcessorTime sending, capturing;  // of the two processors
  std::uint64_t lost() const;        // all of it, in frames
  std::int64_t unaccounted() const;  // of what was offered; 0 where the tool tells all
  double received_rate() const { return seconds > 0 ? static_cast<double>(frames) / seconds : 0; }
};

struct LiveResult {
  bool live_frames = false;   // or a packet socket
  std::vector<LiveRun> runs;  // in the order in which they ran
};

// What runs, for a person: "http, split, 500,000 frames/s: tapline stats", and how far all is (0 to 1).
using LiveProgress = std::function<void(const std::string& what, double part)>;

// REQUIRES: `tools` is not empty. `capture` without `where` and `interface`, which are the link's.
absl::StatusOr<LiveResult> measure_live(const LiveSettings& settings, const std::vector<LiveTool>& tools,
                                        CaptureOptions capture, const LiveProgress& progress);

// On a real interface, with what comes and goes there: `offered` is what the interface counts.
absl::StatusOr<LiveResult> measure_interface(const LiveSettings& settings, const std::vector<LiveTool>& tools,
                                             const CaptureOptions& capture, const LiveProgress& progress);

}  // namespace tapline::bench
