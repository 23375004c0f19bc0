#include "engine/worker.h"

#include <utility>

namespace tapline {

Worker::Worker(const FlowOptions& options, OutputChannel channel, FrameChannel* frames, BodyElision* elision)
    : channel_(std::move(channel)), frames_(frames), processor_(options, *channel_.encoder, elision) {}

void Worker::finish(CloseReason reason) {
  processor_.finish(reason);
  flush();
}

}  // namespace tapline
