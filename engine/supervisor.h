// The main thread's part of a run: it waits for signals, time, the sink and the workers, and ends the run in
// order.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "engine/console.h"
#include "engine/frame_file.h"
#include "engine/loss_warnings.h"
#include "engine/output.h"
#include "engine/run_control.h"
#include "engine/run_stats.h"
#include "engine/signals.h"

namespace tapline {

struct SupervisorOptions {
  unsigned workers = 1;                        // that will say worker_ended
  std::optional<std::int64_t> run_time;        // ns by the wall clock; -d of a live run
  std::optional<std::int64_t> stats_interval;  // ns; present: stats records, one of them at the end
  // Whether the run ends, as by a signal, when nobody reads the frames any more: a live one, which has no end
  // of its own.
  bool ends_with_frame_reader = false;
};

// The first SIGINT or SIGTERM stops the workers, which write what is open; a second one gives up what is not
// written yet. That is why this is a thread beside the worker even where there is one worker only: a worker
// that waits for a slow reader could not take the second signal.
class Supervisor {
 public:
  // `frames` may be null. All must outlive the object.
  Supervisor(SupervisorOptions options, Signals& signals, RunControl& control, Output& output,
             FrameFile* frames, RunStats& stats, const Console& console);

  // Returns when all workers have ended, whatever the reason was.
  void wait_for_workers();

  // Ends the file of frames, writes the last stats record, and waits until the sinks have everything, however
  // slow they are. The status of the whole run: that of the sinks or of the first worker that failed.
  // REQUIRES: the workers' threads are joined.
  absl::Status finish();

 private:
  void wait(std::int64_t until);
  void take_signals();
  void look_at_sinks();
  void warn_of_losses(std::int64_t now);
  void drain(const Writer& writer);
  void finish_frames();

  const SupervisorOptions options_;
  Signals& signals_;
  RunControl& control_;
  Output& output_;
  FrameFile* const frames_;
  RunStats& stats_;
  const Console& console_;
  std::optional<std::int64_t> end_time_, next_stats_;  // monotonic
  std::optional<LossWarnings> warnings_;               // where somebody reads them
  bool reader_gone_ = false;
  bool frames_ended_ = false;  // their sink is dead, and that was told
  bool gave_up_ = false;
};

}  // namespace tapline
