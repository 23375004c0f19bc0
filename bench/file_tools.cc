#include "bench/file_tools.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "absl/status/status.h"

namespace tapline::bench {
namespace {

FileTool tapline_with(const std::string& program, const std::string& file, std::string name, std::string does,
                      const std::vector<std::string>& options) {
  FileTool tool{std::move(name), std::move(does), {program, "-q", "-r", file, "-f", "ecs", "-o", "-"}};
  tool.arguments.insert(tool.arguments.end(), options.begin(), options.end());
  return tool;
}

// `name` stands for the build.
std::vector<FileTool> taplines(const std::string& program, const std::string& name, const std::string& file) {
  return {
      tapline_with(program, file, name, "a line a transaction and connection", {"--records", "http,closed"}),
      tapline_with(program, file, name + "-http", "a line a transaction", {"--records", "http"}),
      tapline_with(program, file, name + "-default", "and each step of a connection", {}),
      tapline_with(program, file, name + "-stats", "all is read, no line", {"--records", "stats"}),
      tapline_with(program, file, name + "-2", "as the first, with two workers",
                   {"--records", "http,closed", "-j", "2"}),
  };
}

}  // namespace

std::vector<std::string> split(std::string_view list, char separator) {
  std::vector<std::string> parts;
  while (true) {
    const std::size_t end = list.find(separator);
    parts.emplace_back(list.substr(0, end));
    if (end == std::string_view::npos) return parts;
    list.remove_prefix(end + 1);
  }
}

bool installed(const std::string& program) {
  const char* const path = std::getenv("PATH");
  if (path == nullptr) return false;
  const std::vector<std::string> folders = split(path, ':');
  return std::any_of(folders.begin(), folders.end(), [&](const std::string& folder) {
    return access((folder + "/" + program).c_str(), X_OK) == 0;
  });
}

std::vector<FileTool> file_tools(const std::string& tapline, const std::string& against,
                                 const std::string& file) {
  std::vector<FileTool> tools = taplines(tapline, "tapline", file);
  if (!against.empty()) {
    for (FileTool& tool : taplines(against, "against", file)) tools.push_back(std::move(tool));
  }
  const std::vector<FileTool> others = {
      {"tcpdump", "copies frames", {"tcpdump", "-q", "-r", file, "-w", "/dev/null"}},
      {"httpry", "a line a head", {"httpry", "-q", "-r", file, "-o", "/dev/null"}},
      {"tshark",
       "fields of each head",
       {"tshark", "-n", "-r", file, "-Y", "http", "-T", "fields", "-e", "frame.number", "-e", "tcp.stream",
        "-e", "http.request.method", "-e", "http.request.full_uri", "-e", "http.response.code"}},
      // No rules; its default configuration writes http and flow events into the folder.
      {"suricata", "http and flow events", {"suricata", "-r", file, "-S", "/dev/null", "-l", "."}},
      {"zeek",
       "http.log and conn.log",
       {"zeek", "-b", "-C", "-r", file, "base/protocols/conn", "base/protocols/http"}},
  };
  for (const FileTool& tool : others) {
    if (installed(tool.arguments.front())) tools.push_back(tool);
  }
  return tools;
}

absl::StatusOr<std::vector<FileTool>> choose(std::vector<FileTool> tools, std::string_view list) {
  const std::vector<std::string> names = split(list, ',');
  for (const std::string& name : names) {
    if (std::none_of(tools.begin(), tools.end(), [&](const FileTool& tool) { return tool.name == name; })) {
      std::string message = "--tools: '" + name + "' is not known or not installed; there are";
      for (const FileTool& tool : tools) message += " " + tool.name;
      return absl::InvalidArgumentError(message);
    }
  }
  std::erase_if(tools, [&](const FileTool& tool) {
    return std::find(names.begin(), names.end(), tool.name) == names.end();
  });
  return tools;
}

}  // namespace tapline::bench
