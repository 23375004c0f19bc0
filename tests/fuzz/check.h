// How a fuzz target says that what it holds to is not so.
#pragma once

#include <cstdio>
#include <cstdlib>

// Ends the process, which the fuzzer takes for a finding and keeps the input of.
#define FUZZ_CHECK(condition)                                                             \
  do {                                                                                    \
    if (!(condition)) {                                                                   \
      std::fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                       \
    }                                                                                     \
  } while (false)
