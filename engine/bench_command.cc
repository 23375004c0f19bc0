#include "engine/bench_command.h"

#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

namespace tapline {
namespace {

namespace fs = std::filesystem;

constexpr char kProgram[] = "tapline-bench";

}  // namespace

absl::Status become_bench(int argc, const char* const* argv) {
  std::vector<char*> arguments(1, const_cast<char*>(kProgram));
  for (int i = 1; i < argc; ++i) arguments.push_back(const_cast<char*>(argv[i]));  // exec takes them so
  arguments.push_back(nullptr);

  std::error_code error;
  const fs::path here = fs::read_symlink("/proc/self/exe", error).parent_path();
  for (const fs::path& path : {here / kProgram, here.parent_path() / "libexec" / "tapline" / kProgram,
                               here.parent_path() / "bench" / kProgram}) {
    execv(path.c_str(), arguments.data());
    if (errno != ENOENT && errno != ENOTDIR && errno != EACCES) {
      return absl::ErrnoToStatus(errno, "cannot start " + path.string());
    }
  }
  execvp(kProgram, arguments.data());
  return absl::NotFoundError("there is no tapline-bench in " + here.string() + ", in " +
                             (here.parent_path() / "libexec" / "tapline").string() +
                             " or in PATH; it comes with the sources (scripts/build bench)");
}

}  // namespace tapline
