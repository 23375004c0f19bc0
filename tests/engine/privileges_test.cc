// What a process may still do after it gave up its privileges. Each case runs in a forked child, since there
// is no way back. The cases that need root to start from fail without it: a run that proves nothing is no
// success.
#include "engine/privileges.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/if_ether.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <string>
#include <vector>

#include "engine/fd.h"

namespace tapline {
namespace {

// Runs `body` in a child and gives back what it returns: what went wrong, or nothing.
std::string in_child(const std::function<std::string()>& body) {
  int pipe_fds[2];
  if (pipe(pipe_fds) != 0) return "pipe failed";
  Fd reader(pipe_fds[0]);
  const pid_t child = fork();
  if (child == 0) {
    const std::string complaint = body();
    const ssize_t written = write(pipe_fds[1], complaint.data(), complaint.size());
    _exit(written == static_cast<ssize_t>(complaint.size()) ? 0 : 1);
  }
  close(pipe_fds[1]);
  std::string complaint;
  char buffer[1024];
  for (ssize_t got; (got = read(reader.get(), buffer, sizeof buffer)) > 0;) {
    complaint.append(buffer, static_cast<std::size_t>(got));
  }
  int status = 0;
  waitpid(child, &status, 0);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) complaint += " (the child died)";
  return complaint;
}

bool can_open_packet_socket() { return Fd(socket(AF_PACKET, SOCK_RAW, 0)).valid(); }

std::string expect_powerless() {
  if (can_open_packet_socket() || errno != EPERM) return "can still open a packet socket";
  const cap_t now = cap_get_proc();
  const cap_t none = cap_init();
  const bool empty = cap_compare(now, none) == 0;
  cap_free(now);
  cap_free(none);
  if (!empty) return "has capabilities left";
  if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1) return "may gain privileges by exec";
  return "";
}

// Leaves exactly these effective and permitted.
void keep_only(const std::vector<cap_value_t>& values) {
  const cap_t caps = cap_init();
  const int count = static_cast<int>(values.size());
  if (count > 0) {
    cap_set_flag(caps, CAP_PERMITTED, count, values.data(), CAP_SET);
    cap_set_flag(caps, CAP_EFFECTIVE, count, values.data(), CAP_SET);
  }
  cap_set_proc(caps);
  cap_free(caps);
}

TEST(DropPrivileges, RootBecomesTheUserForGood) {
  ASSERT_EQ(geteuid(), 0u) << "this test must be started as root";
  EXPECT_EQ(in_child([]() -> std::string {
              if (!can_open_packet_socket()) return "has no packet sockets to begin with";
              absl::StatusOr<User> nobody = find_user("nobody");
              if (!nobody.ok()) return nobody.status().ToString();
              if (absl::Status status = drop_privileges(*nobody); !status.ok()) return status.ToString();
              uid_t real = 0, effective = 0, saved = 0;
              getresuid(&real, &effective, &saved);
              if (real != nobody->uid || effective != nobody->uid || saved != nobody->uid)
                return "wrong user";
              gid_t real_group = 0, effective_group = 0, saved_group = 0;
              getresgid(&real_group, &effective_group, &saved_group);
              if (real_group != nobody->gid || effective_group != nobody->gid || saved_group != nobody->gid) {
                return "wrong group";
              }
              if (getgroups(0, nullptr) != 0) return "has groups left";
              if (setuid(0) == 0) return "became root again";
              return expect_powerless();
            }),
            "");
}

TEST(DropPrivileges, WithoutAUserOnlyCapabilitiesGo) {
  ASSERT_EQ(geteuid(), 0u) << "this test must be started as root";
  EXPECT_EQ(in_child([]() -> std::string {
              const uid_t before = geteuid();
              if (absl::Status status = drop_privileges(std::nullopt); !status.ok()) return status.ToString();
              if (geteuid() != before) return "changed user";
              return expect_powerless();
            }),
            "");
}

TEST(DropPrivileges, FailsWhereTheUserCannotBeChanged) {
  ASSERT_EQ(geteuid(), 0u) << "this test must be started as root";
  EXPECT_EQ(in_child([]() -> std::string {
              absl::StatusOr<User> nobody = find_user("nobody");
              if (!nobody.ok()) return nobody.status().ToString();
              // Another user has no capabilities, in any thread: a sanitizer has one of its own, and the C
              // library aborts where threads fare differently.
              constexpr uid_t kSomebody = 1;
              if (setresuid(kSomebody, kSomebody, kSomebody) != 0) return "cannot become somebody";
              const absl::Status status = drop_privileges(*nobody);
              if (status.ok()) return "claims success";
              if (status.message().find("cannot become user 'nobody'") == absl::string_view::npos) {
                return status.ToString();
              }
              return "";
            }),
            "");
}

TEST(CheckCaptureCapabilities, NamesWhatIsMissing) {
  ASSERT_EQ(geteuid(), 0u) << "this test must be started as root";
  struct Case {
    std::vector<cap_value_t> kept;
    std::string names;  // empty: enough
  };
  const std::vector<Case> cases = {
      {{CAP_NET_RAW, CAP_BPF}, ""},
      {{CAP_NET_RAW, CAP_SYS_ADMIN}, ""},
      {{CAP_NET_RAW}, "needs CAP_BPF:"},
      {{CAP_BPF}, "needs CAP_NET_RAW:"},
      {{CAP_NET_ADMIN}, "needs CAP_NET_RAW and CAP_BPF:"},
      {{}, "needs CAP_NET_RAW and CAP_BPF:"},
  };
  for (const Case& one : cases) {
    EXPECT_EQ(in_child([&]() -> std::string {
                keep_only(one.kept);
                const absl::Status status = check_capture_capabilities();
                if (one.names.empty()) return status.ok() ? "" : status.ToString();
                if (status.code() != absl::StatusCode::kPermissionDenied) return status.ToString();
                const std::string text(status.message());
                if (text.find(one.names) == std::string::npos) return text;
                if (text.find("sudo setcap cap_net_raw,cap_bpf=ep /") == std::string::npos) return text;
                return "";
              }),
              "")
        << one.names;
  }
}

TEST(FindUser, ByNameAndNumber) {
  absl::StatusOr<User> root = find_user("root");
  ASSERT_TRUE(root.ok()) << root.status();
  EXPECT_EQ(root->uid, 0u);
  absl::StatusOr<User> zero = find_user("0");
  ASSERT_TRUE(zero.ok()) << zero.status();
  EXPECT_EQ(zero->name, "root");
  absl::StatusOr<User> unnamed = find_user("123456789");
  ASSERT_TRUE(unnamed.ok()) << unnamed.status();
  EXPECT_EQ(unnamed->uid, 123456789u);
  for (const char* name : {"no-such-user-here", "", "-1", "4294967295"}) {
    EXPECT_EQ(find_user(name).status().code(), absl::StatusCode::kNotFound) << name;
  }
}

}  // namespace
}  // namespace tapline
