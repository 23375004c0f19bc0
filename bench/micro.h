// What all micro benchmarks share: each checks its answer first, and tells the time an item takes.
#pragma once

#include <benchmark/benchmark.h>

#include <cstddef>

namespace tapline::bench {

// Ends a benchmark whose answer is not what it must be: it has no figure then, and the program fails.
void wrong(benchmark::State& state, const char* what);

// The processor time that one item takes, when each iteration handles `count` of them.
inline void per_item(benchmark::State& state, const char* item, std::size_t count) {
  state.counters[item] =
      benchmark::Counter(static_cast<double>(count),
                         benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

}  // namespace tapline::bench
