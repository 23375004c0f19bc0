#include "bench/background_process.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <thread>

#include "bench/child_process.h"

namespace tapline::bench {

absl::StatusOr<BackgroundProcess> BackgroundProcess::start(const std::function<int()>& body) {
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child < 0) return absl::ErrnoToStatus(errno, "cannot fork");
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);  // it ended before that was asked for
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) std::signal(signal, SIG_DFL);
    // ^C on a terminal is for the program that the user started; it tells this one.
    setpgid(0, 0);
    _exit(body());
  }
  return BackgroundProcess(child);
}

BackgroundProcess::~BackgroundProcess() {
  if (pid_ < 0 || ended_) return;
  kill(pid_, SIGKILL);
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void BackgroundProcess::signal(int number) const {
  if (!ended_) kill(pid_, number);
}

bool BackgroundProcess::running() {
  if (!ended_ && waitpid(pid_, &status_, WNOHANG) == pid_) ended_ = true;
  return !ended_;
}

int BackgroundProcess::wait(std::chrono::milliseconds longest) {
  const auto until = std::chrono::steady_clock::now() + longest;
  while (running()) {
    if (told_to_end() || std::chrono::steady_clock::now() > until) kill(pid_, SIGKILL);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return status_;
}

int become_program(const std::vector<std::string>& words, const std::string& directory,
                   const std::string& output_path, const std::string& errors_path) {
  std::vector<std::string> copies = words;
  std::vector<char*> arguments;
  for (std::string& word : copies) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  constexpr int kAppending = O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC;
  const int input = open("/dev/null", O_RDONLY | O_CLOEXEC);
  const int output = open(output_path.c_str(), kAppending, 0600);
  const int errors = open(errors_path.c_str(), kAppending, 0600);
  if (dup2(input, STDIN_FILENO) >= 0 && dup2(output, STDOUT_FILENO) >= 0 &&
      dup2(errors, STDERR_FILENO) >= 0 && chdir(directory.c_str()) == 0) {
    execvp(arguments[0], arguments.data());
  }
  return 127;
}

bool run_on(const std::vector<int>& processors) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int processor : processors) CPU_SET(static_cast<std::size_t>(processor), &set);
  return sched_setaffinity(0, sizeof set, &set) == 0;
}

std::string end_of(int wait_status) {
  return WIFEXITED(wait_status) ? "ended with exit status " + std::to_string(WEXITSTATUS(wait_status))
                                : "was ended by signal " + std::to_string(WTERMSIG(wait_status));
}

}  // namespace tapline::bench
