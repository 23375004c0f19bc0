#include "engine/worker.h"

#include <utility>

namespace tapline {

Worker::Worker(const FlowOptions& options, OutputChannel channel)
    : channel_(std::move(channel)), processor_(options, *channel_.encoder) {}

void Worker::finish(CloseReason reason) {
  processor_.finish(reason);
  flush();
}

}  // namespace tapline
