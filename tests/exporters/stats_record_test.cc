#include "exporters/stats_record.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "exporters/ecs_encoder.h"
#include "tests/exporters/exact_output.h"

namespace tapline {
namespace {

using nlohmann::json;

json record_of(const StatsRecord& stats) {
  ExactOutput out;
  EcsEncoder encoder({}, out);
  encoder.on_stats(stats);
  return json::parse(out.line());
}

FlowCounters sample_flows() {
  FlowCounters flows;
  flows.packets = 100;
  flows.cut = 1;
  flows.cut_bytes = 50;
  flows.undecoded = {0, 1, 2, 3, 4, 5, 6, 7, 8};
  flows.opened = 9;
  flows.closed = 6;
  flows.evicted = 2;
  flows.attempts = 4;
  flows.attempts_unwritten = 3;
  flows.open = 3;
  flows.transactions = 20;
  flows.client_gaps = {.count = 1, .bytes = 300};
  flows.server_gaps = {.count = 4, .bytes = 7000};
  flows.reassembly_bytes = 1000;
  flows.reassembly_refused = 8;
  flows.heads_too_long = 1;
  return flows;
}

TEST(StatsRecord, WhatIsNotKnownIsLeftOut) {
  const json record =
      record_of({.time = 1666532802000000000, .total = {}, .interval = {}, .sinks = {}, .workers = {}});
  EXPECT_EQ(record, json::parse(R"({"@timestamp":"2022-10-23T13:46:42.000000000Z",
      "event":{"dataset":"tapline.stats","action":"stats"},"sinks":[]})"));
}

TEST(StatsRecord, EveryFigure) {
  StatsCounts total;
  total.received = Amount{.packets = 110, .bytes = {}};
  total.delivered = Amount{.packets = 100, .bytes = 5000};
  total.dropped = Amount{.packets = 10, .bytes = {}};
  total.freezes = 2;
  total.softnet_dropped = Amount{.packets = 11, .bytes = {}};
  total.interface_dropped = Amount{.packets = 12, .bytes = {}};
  total.filtered = Amount{.packets = 13, .bytes = 14};
  total.elided = Amount{.packets = 15, .bytes = 16};
  total.software_time = Amount{.packets = 17, .bytes = {}};
  total.flows = sample_flows();
  StatsCounts worker;
  worker.delivered = Amount{.packets = 60, .bytes = 1};
  const SinkCounts sinks[] = {
      {.name = "-", .lines = 30, .bytes = 9000, .lost = 1, .waiting = 2, .spilled = {}, .reconnects = {}},
      {.name = "file:\xff", .lines = 0, .bytes = 0, .lost = 0, .waiting = {}, .spilled = 3, .reconnects = 4}};
  const StatsCounts workers[] = {worker, {}};
  const json record =
      record_of({.time = 0, .total = total, .interval = worker, .sinks = sinks, .workers = workers});
  EXPECT_EQ(record, json::parse(R"({"@timestamp":"1970-01-01T00:00:00.000000000Z",
      "event":{"dataset":"tapline.stats","action":"stats"},
      "received":{"packets":110},"delivered":{"packets":100,"bytes":5000},"dropped":{"packets":10,"freezes":2},
      "softnet_dropped":{"packets":11},"interface_dropped":{"packets":12},"filtered":{"packets":13,"bytes":14},
      "cut":{"packets":1,"bytes":50},"elided":{"packets":15,"bytes":16},"software_time":{"packets":17},
      "undecoded":{"link_type":1,"network":2,"transport":3,"fragment":4,"truncated":5,"malformed":6,"too_deep":7,"port":8},
      "connections":{"open":3,"opened":9,"closed":6,"evicted":2,"attempts":4,"attempts_unwritten":3},"transactions":20,
      "reassembly":{"bytes":1000,"refused":8},"heads_too_long":1,"gaps":{"count":5,"bytes":7300,"source":{"count":1,"bytes":300},"destination":{"count":4,"bytes":7000}},
      "sinks":[{"name":"-","lines":30,"bytes":9000,"waiting":2,"lost":1},
               {"name":"file:ÿ","lines":0,"bytes":0,"lost":0,"spilled":3,"reconnects":4}],
      "workers":[{"delivered":{"packets":60,"bytes":1}},{}],
      "interval":{"delivered":{"packets":60,"bytes":1}},"encoding":"latin1"})"));
}

TEST(StatsRecord, DifferenceOfTwoReadings) {
  StatsCounts before, now;
  before.received = Amount{.packets = 10, .bytes = {}};
  now.received = Amount{.packets = 25, .bytes = 7};
  now.dropped = Amount{.packets = 3, .bytes = {}};  // not known before
  before.freezes = 1;
  now.freezes = 1;
  before.flows = sample_flows();
  now.flows = sample_flows();
  now.flows->transactions += 5;
  now.flows->undecoded[7] += 2;
  now.flows->open = 1;
  now.flows->reassembly_bytes = 10;

  const StatsCounts since = difference(now, before);
  EXPECT_EQ(since.received->packets, 15u);
  EXPECT_FALSE(since.received->bytes.has_value());
  EXPECT_FALSE(since.dropped.has_value());
  EXPECT_EQ(since.freezes, 0u);
  EXPECT_EQ(since.flows->transactions, 5u);
  EXPECT_EQ(since.flows->undecoded[7], 2u);
  EXPECT_EQ(since.flows->undecoded[6], 0u);
  EXPECT_EQ(since.flows->opened, 0u);
  EXPECT_EQ(since.flows->gaps().bytes, 0u);
  EXPECT_EQ(since.flows->open, 1u);  // levels
  EXPECT_EQ(since.flows->reassembly_bytes, 10u);
}

}  // namespace
}  // namespace tapline
