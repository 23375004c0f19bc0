// What the process may do: checked before capture is set up, given up once everything is open.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace tapline {

struct User {
  std::string name;
  uid_t uid = 0;
  gid_t gid = 0;
};

// By name or by number. kNotFound for an unknown one.
absl::StatusOr<User> find_user(const std::string& name);

bool running_as_root();

// Whether packet sockets and BPF programs may be opened: CAP_NET_RAW, and CAP_BPF (CAP_SYS_ADMIN counts as
// CAP_BPF, as it does for the kernel). kPermissionDenied names what is missing and how to get it.
// A capability of a user namespace passes here and is refused by the kernel later.
absl::Status check_capture_capabilities();

// Becomes `user` (with no supplementary groups) if one is given, drops all capabilities of this thread and
// forbids to gain any by exec. There is no way back.
//
// REQUIRES: no other thread runs yet. Capabilities and no_new_privs belong to threads, not to the process:
// one that was started before would keep its own.
absl::Status drop_privileges(const std::optional<User>& user);

}  // namespace tapline
