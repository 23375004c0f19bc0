#include "engine/console.h"

#include <cstdio>
#include <string_view>

namespace tapline {

void Console::print(const std::string& text) {
  // One write for all of it: standard error is unbuffered, and other programs may write there at the same
  // time.
  std::string out;
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    out.append("tapline: ").append(line).append("\n");
    rest.remove_prefix(line.size() == rest.size() ? line.size() : line.size() + 1);
  }
  std::fwrite(out.data(), 1, out.size(), stderr);
}

}  // namespace tapline
