// A whole run in a child process, with a folder for its files; its records are read back from the sink.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "engine/console.h"
#include "engine/exit_code.h"
#include "engine/options.h"
#include "engine/signals.h"
#include "tests/engine/temp_folder.h"

namespace tapline::stage {

// In a child, because a run takes the signals of its process and gives up its privileges.
class RunStage {
 public:
  using Run = absl::Status (*)(const Options&, Signals&, const Console&);

  RunStage() {
    options.ports.insert(80);
    options.output = "file:" + path("out");
  }
  ~RunStage() {
    if (child_ > 0) {  // a test that failed half-way
      kill(child_, SIGKILL);
      waitpid(child_, nullptr, 0);
    }
  }
  RunStage(const RunStage&) = delete;
  RunStage& operator=(const RunStage&) = delete;

  std::string path(const std::string& name) const { return folder_.path(name); }

  void start(Run run) {
    child_ = fork();
    if (child_ != 0) return;
    absl::StatusOr<Signals> signals = Signals::open();
    if (!signals.ok()) _exit(99);
    _exit(static_cast<int>(exit_code_of(run(options, *signals, Console(true, false)))));
  }
  void send_signal(int number) const { EXPECT_EQ(kill(child_, number), 0); }
  // Waits for the end of the run.
  ExitCode exit_code() {
    int status = 0;
    EXPECT_EQ(waitpid(child_, &status, 0), child_);
    child_ = -1;
    EXPECT_TRUE(WIFEXITED(status)) << "killed by signal " << WTERMSIG(status);
    return static_cast<ExitCode>(WEXITSTATUS(status));
  }

  // The lines of the sink that hold `text`.
  std::vector<std::string> records(const std::string& text) const {
    std::vector<std::string> found;
    std::ifstream file(path("out"));
    for (std::string line; std::getline(file, line);) {
      if (line.find(text) != std::string::npos) found.push_back(line);
    }
    return found;
  }

  // Until there are so many of them; false after half a minute.
  bool await_records(const std::string& text, std::size_t count) const {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (records(text).size() < count) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      poll(nullptr, 0, 1);
    }
    return true;
  }

  Options options;

 private:
  test::TempFolder folder_;
  pid_t child_ = -1;
};

}  // namespace tapline::stage
