#include "engine/worker.h"

#include <utility>

namespace tapline {

Worker::Worker(const FlowOptions& options, OutputChannel channel, FrameChannel* frames)
    : channel_(std::move(channel)), frames_(frames), processor_(options, *channel_.encoder) {}

void Worker::finish(CloseReason reason) {
  processor_.finish(reason);
  flush();
}

}  // namespace tapline
