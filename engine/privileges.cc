#include "engine/privileges.h"

#include <grp.h>
#include <pwd.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstddef>
#include <memory>
#include <string_view>
#include <type_traits>
#include <vector>

namespace tapline {
namespace {

struct FreeCapabilities {
  void operator()(cap_t capabilities) const { cap_free(capabilities); }
};
using Capabilities = std::unique_ptr<std::remove_pointer_t<cap_t>, FreeCapabilities>;

bool effective(const Capabilities& capabilities, cap_value_t which) {
  cap_flag_value_t value = CAP_CLEAR;
  return cap_get_flag(capabilities.get(), which, CAP_EFFECTIVE, &value) == 0 && value == CAP_SET;
}

// A user whom no data base knows can still be named by number (containers without /etc/passwd entries).
std::optional<uid_t> parse_uid(std::string_view text) {
  uid_t uid = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), uid);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (uid == static_cast<uid_t>(-1)) return std::nullopt;  // means "leave as is" to setresuid
  return uid;
}

std::string own_path() {
  std::vector<char> path(4096);
  const ssize_t length = readlink("/proc/self/exe", path.data(), path.size());
  return length > 0 ? std::string(path.data(), static_cast<std::size_t>(length)) : "tapline";
}

}  // namespace

absl::StatusOr<User> find_user(const std::string& name) {
  passwd entry{};
  passwd* found = nullptr;
  std::vector<char> strings(16 * 1024);
  const std::optional<uid_t> uid = parse_uid(name);
  int error = 0;
  for (;;) {
    error = uid ? getpwuid_r(*uid, &entry, strings.data(), strings.size(), &found)
                : getpwnam_r(name.c_str(), &entry, strings.data(), strings.size(), &found);
    if (error != ERANGE || strings.size() >= (std::size_t{1} << 20)) break;
    strings.resize(strings.size() * 2);
  }
  if (found != nullptr) return User{entry.pw_name, entry.pw_uid, entry.pw_gid};
  if (uid) return User{name, *uid, static_cast<gid_t>(*uid)};
  // Some name services answer with one of these for "no such user" (getpwnam(3)).
  if (error == 0 || error == ENOENT || error == ESRCH || error == EBADF || error == EPERM) {
    return absl::NotFoundError("no user '" + name + "' on this system");
  }
  return absl::ErrnoToStatus(error, "cannot look up user '" + name + "'");
}

bool running_as_root() { return geteuid() == 0; }

absl::Status check_capture_capabilities() {
  const Capabilities now(cap_get_proc());
  if (now == nullptr) return absl::ErrnoToStatus(errno, "cannot read the capabilities of this process");
  const bool raw = effective(now, CAP_NET_RAW);
  const bool bpf = effective(now, CAP_BPF) || effective(now, CAP_SYS_ADMIN);
  if (raw && bpf) return absl::OkStatus();
  std::string missing = raw ? "CAP_BPF" : bpf ? "CAP_NET_RAW" : "CAP_NET_RAW and CAP_BPF";
  return absl::PermissionDeniedError("live capture needs " + missing +
                                     ": run with sudo, or once: sudo setcap cap_net_raw,cap_bpf=ep " +
                                     own_path());
}

absl::Status drop_privileges(const std::optional<User>& user) {
  if (user) {
    // Group before user: without root there is no changing of groups. Where we are that user already and may
    // not set groups, nothing needs to be done.
    const bool same = geteuid() == user->uid && getuid() == user->uid && getegid() == user->gid;
    if (!same) {
      const std::string prefix = "cannot become user '" + user->name + "': ";
      if (setgroups(0, nullptr) != 0) return absl::ErrnoToStatus(errno, prefix + "setgroups");
      if (setresgid(user->gid, user->gid, user->gid) != 0) {
        return absl::ErrnoToStatus(errno, prefix + "setresgid");
      }
      if (setresuid(user->uid, user->uid, user->uid) != 0) {
        return absl::ErrnoToStatus(errno, prefix + "setresuid");
      }
    }
  }
  const Capabilities none(cap_init());
  if (none == nullptr || cap_set_proc(none.get()) != 0) {
    return absl::ErrnoToStatus(errno, "cannot drop capabilities");
  }
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return absl::ErrnoToStatus(errno, "cannot forbid new privileges");
  }
  return absl::OkStatus();
}

}  // namespace tapline
