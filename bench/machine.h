// What a figure was measured on, for whoever reads it later.
#pragma once

#include <string>
#include <vector>

namespace tapline::bench {

struct Machine {
  std::string cpu, kernel;
  std::string governor;  // of the first processor; empty: there is none to be seen, as in virtual machines
  unsigned processors = 0;
  std::string load;  // averages over 1, 5 and 15 minutes, as in /proc/loadavg
};

Machine this_machine();

}  // namespace tapline::bench
