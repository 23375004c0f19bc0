// The key of `--redact-key`, from its file.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "engine/console.h"

namespace tapline {

// All bytes of the file, a newline at its end included: the key may be binary, and whoever computes the
// hashes elsewhere reads the same file. At most 64 KiB. Pipes and /dev/fd/N are read to their end.
//
// kInvalidArgument, whatever is wrong: the user named a file that holds no key. Says on `console` when others
// can read the file, or when the key is so short that it can be guessed.
absl::StatusOr<std::string> read_redact_key(const std::string& path, const Console& console);

}  // namespace tapline
