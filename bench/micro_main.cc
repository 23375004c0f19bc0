// tapline-micro: what each part of tapline costs by itself. Options are Google Benchmark's.
#include <benchmark/benchmark.h>

#include "bench/machine.h"
#include "bench/micro.h"

namespace tapline::bench {
namespace {

bool answers_right = true;

}  // namespace

void wrong(benchmark::State& state, const char* what) {
  answers_right = false;
  state.SkipWithError(what);
}

}  // namespace tapline::bench

int main(int argc, char** argv) {
  const tapline::bench::Machine machine = tapline::bench::this_machine();
  benchmark::AddCustomContext("cpu", machine.cpu);
  benchmark::AddCustomContext("kernel", machine.kernel);
  benchmark::AddCustomContext("governor", machine.governor);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  return tapline::bench::answers_right ? 0 : 1;
}
