// How `--help` looks.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace tapline {

// Of static life, all of them.
struct OptionHelp {
  std::string_view names;  // "-i,--interface"
  std::string_view value;  // what stands for the value; empty: the option takes none
  std::string_view group;  // the heading under which it is listed
  std::string_view text;   // may have several lines
};

// All of the help, groups in the order of their first option.
std::string help_text(std::span<const OptionHelp> options);

}  // namespace tapline
