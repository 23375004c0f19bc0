// What the process says to its caller when it ends; fixed by the user contract.
#pragma once

#include "absl/status/status.h"

namespace tapline {

enum class ExitCode : int {
  kDone = 0,          // also after SIGINT, SIGTERM, and a reader that closed the pipe
  kFailed = 1,        // while running
  kUsage = 2,         // the command line, a named file or an interface is wrong or missing
  kNotPermitted = 3,  // a capability is missing
  kDamaged = 4,       // the input file is damaged; all before the damage was processed and written
};

// The status of a whole run. Only these codes leave the engine's set-up on purpose: kInvalidArgument and
// kNotFound for what the user named, kPermissionDenied for a missing capability (not for a file's mode),
// kDataLoss for a damaged file. All others mean that the run failed.
inline ExitCode exit_code_of(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return ExitCode::kDone;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
      return ExitCode::kUsage;
    case absl::StatusCode::kPermissionDenied:
      return ExitCode::kNotPermitted;
    case absl::StatusCode::kDataLoss:
      return ExitCode::kDamaged;
    default:
      return ExitCode::kFailed;
  }
}

}  // namespace tapline
