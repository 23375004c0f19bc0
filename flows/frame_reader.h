// From frames to the segments that one worker handles: what is decoded, put together, asked for, and counted.
#pragma once

#include <cstdint>

#include "flows/decode.h"
#include "flows/duplicate_filter.h"
#include "flows/flow_context.h"
#include "flows/fragment_table.h"

namespace tapline {

class FrameReader {
 public:
  // `context` must outlive the reader.
  explicit FrameReader(FlowContext& context)
      : context_(context), fragments_(context.pool), duplicates_(context.options.dedup_window) {}

  // True when the frame gives this worker a segment of the ports asked for, which has not come in on another
  // interface before. What `segment` views is the frame's, or stays until end_batch(). Its time is set in any
  // case. Counts the frame, if this worker does.
  bool read(const Packet& packet, TcpSegment& segment);
  void end_batch();

  // No frame will follow.
  void finish();

 private:
  Undecoded put_together(const Packet& packet, TcpSegment& segment);

  FlowContext& context_;
  FragmentTable fragments_;
  DuplicateFilter duplicates_;
  Fragment fragment_;  // scratch
};

}  // namespace tapline
