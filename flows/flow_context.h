// What all connections of one worker share.
#pragma once

#include <algorithm>
#include <vector>

#include "flows/body_elision.h"
#include "flows/byte_pool.h"
#include "flows/conn_state.h"
#include "flows/connection.h"
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
        rares(std::max(given.max_flows, 1u)),
        sink(out),
        elision(source) {}

  const FlowOptions options;
  BytePool pool;
  SlotPool<Encapsulation> encapsulations;  // RareDetails::encapsulation
  RarePool rares;
  FlowCounters counters;
  EventSink& sink;
  BodyElision* const elision;  // null: every frame comes
  HistoryText history;         // of the connection being told
  // Scratch, so that telling of heads allocates nothing.
  HttpHead request_head, response_head;
  std::vector<HeaderField> request_trailers, response_trailers;
};

}  // namespace tapline
