// What all connections of one worker share.
#pragma once

#include <algorithm>
#include <vector>

#include "flows/body_elision.h"
#include "flows/byte_pool.h"
#include "flows/counters.h"
#include "flows/encapsulation.h"
#include "flows/events.h"
#include "flows/flow_processor.h"
#include "flows/http_head.h"
#include "flows/slot_pool.h"

namespace tapline {

struct FlowContext {
  FlowContext(const FlowOptions& given, EventSink& out, BodyElision* source)
      : options(given),
        pool(given.reassembly_memory, *given.memory),
        encapsulations(std::max(given.max_flows, 1u)),
        sink(out),
        elision(source) {}

  const FlowOptions options;
  BytePool pool;
  SlotPool<Encapsulation> encapsulations;  // of the connections that have one
  FlowCounters counters;
  EventSink& sink;
  BodyElision* const elision;  // null: every frame comes
  // Scratch, so that telling of heads allocates nothing.
  HttpHead request_head, response_head;
  std::vector<HeaderField> request_trailers, response_trailers;
};

}  // namespace tapline
