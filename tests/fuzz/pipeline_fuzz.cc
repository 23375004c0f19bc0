// Packets in, lines out: the input is a script of frames (frame_script.h), what comes out is held to the user
// contract (record_checks.h).
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "exporters/ecs_encoder.h"
#include "exporters/text_encoder.h"
#include "tests/exporters/exact_output.h"
#include "tests/fuzz/check.h"
#include "tests/fuzz/frame_script.h"
#include "tests/fuzz/record_checks.h"

namespace tapline::fuzz {
namespace {

Redaction redaction_of(const Setup& setup) {
  Redaction redaction = setup.redact ? Redaction() : Redaction::off();
  if (setup.query_names) redaction.add_query_names({"q", "b", "token"});
  return redaction;
}

EcsOptions ecs_options(const Setup& setup) {
  EcsOptions options;
  if (setup.all_headers) options.headers = HeaderPolicy::all();
  options.redaction = redaction_of(setup);
  if (setup.flows.tell_requests) options.records.add(RecordKind::kRequest);
  return options;
}

// `batch`: frames a call.
FlowCounters run(const Script& script, const FlowOptions& options, EventSink& sink, std::size_t batch) {
  std::vector<Packet> packets;
  for (const test::Frame& frame : script.frames) packets.push_back(frame.view());
  FlowProcessor processor(options, sink);
  for (std::span<const Packet> rest = packets; !rest.empty();) {
    const std::size_t n = std::min(rest.size(), batch);
    processor.process(rest.first(n));
    rest = rest.subspan(n);
  }
  processor.finish(script.setup.end);
  const FlowCounters counters = processor.counters();
  FUZZ_CHECK(counters.open == 0 && counters.opened == counters.closed);
  FUZZ_CHECK(counters.reassembly_bytes == 0);
  FUZZ_CHECK(counters.packets == packets.size());
  return counters;
}

void check(const Script& script) {
  const Setup& setup = script.setup;
  // Room to the byte finds what writes too far; it also makes the run several times as long.
  ExactOutput output(setup.exact_room ? 0 : 2048), again(2048), text(2048);
  EcsEncoder encoder(ecs_options(setup), output);
  const FlowCounters counters = run(script, setup.flows, encoder, script.frames.size() + 1);
  const RecordCounts counts = check_records(output.lines(), counters.reassembly_refused == 0);
  FUZZ_CHECK(counts.transactions == counters.transactions && counts.closed == counters.closed);

  // Neither the secret of the hash nor how many frames come at once changes a byte.
  FlowOptions other = setup.flows;
  other.hash_seed = 0x5eed;
  EcsEncoder encoder_again(ecs_options(setup), again);
  run(script, other, encoder_again, 1);
  FUZZ_CHECK(output.lines() == again.lines());

  TextEncoder text_encoder({.redaction = redaction_of(setup), .width = 80}, text);
  run(script, setup.flows, text_encoder, 7);
  check_text_lines(text.lines());
}

}  // namespace
}  // namespace tapline::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tapline::fuzz::check(tapline::fuzz::read_script({data, size}));
  return 0;
}
