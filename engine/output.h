// Where a run's records go: from the options to an open sink, and to what a worker needs to write into it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/console.h"
#include "engine/options.h"
#include "exporters/line_buffers.h"
#include "exporters/record_encoder.h"
#include "exporters/redaction.h"
#include "exporters/writer.h"

namespace tapline {

// What is to be hidden, and how; reads the key. kInvalidArgument for a file that holds none.
absl::StatusOr<Redaction> redaction_of(const Options& options, const Console& console);

// https://no-color.org: NO_COLOR set and not empty means "no".
bool colour_is_welcome();

// One writing thread's way to the sink.
struct OutputChannel {
  LineBuffers* lines;  // the writer's
  std::unique_ptr<RecordEncoder> encoder;
};

// Opens the sink, reads the key of redaction, and decides the format where the user did not: text for a
// person at a terminal. Every error is kInvalidArgument: the user named something that cannot be written to,
// or holds no key.
class Output {
 public:
  static absl::StatusOr<Output> open(const Options& options, SlowSink slow_sink, const Console& console);

  // `interfaces`, which may be null and may grow, must outlive the channel. REQUIRES: the writer is not
  // started.
  OutputChannel add_channel(const std::vector<std::string>* interfaces);

  Writer& writer() { return *writer_; }
  const Writer& writer() const { return *writer_; }

 private:
  Output(const Options& options, Redaction redaction, SlowSink slow_sink, std::unique_ptr<Writer> writer);

  Format format_;
  RecordSet records_;
  HeaderPolicy headers_;
  Redaction redaction_;
  bool colour_;
  SlowSink slow_sink_;
  std::unique_ptr<Writer> writer_;
};

}  // namespace tapline
