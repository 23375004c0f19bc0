// What --write asks for: the frames of a run in a pcapng file, written by a thread of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/options.h"
#include "engine/pcapng_writer.h"
#include "exporters/line_buffers.h"
#include "exporters/writer.h"
#include "flows/packet.h"
#include "flows/port_set.h"

namespace tapline {

// One worker's way into the file: frames are copied into its buffers, and handed over when one is full or
// old. Used by that worker's thread alone.
class FrameChannel {
 public:
  // `only`: save what decodes to TCP of these ports, and fragments, which need not show theirs; nothing: all
  // frames, for the kernel has filtered them.
  FrameChannel(LineBuffers& lines, std::optional<PortSet> only)
      : lines_(lines), writer_(lines), only_(std::move(only)) {}

  // Describes the next interface, in the order of Packet::interface.
  void add_interface(const std::string& name, LinkType link) {
    writer_.interface(name, link);
    counts_.emplace_back();
  }

  void save(std::span<const Packet> packets);

  // As Worker::tick and Worker::flush.
  void tick(std::int64_t monotonic_ns) { lines_.flush_if_older(monotonic_ns); }
  void flush() { lines_.flush(); }

  // By interface: how many frames were accepted, and how many of those are in the buffers or beyond.
  struct Count {
    std::uint64_t accepted = 0, saved = 0;
  };
  const std::vector<Count>& counts() const { return counts_; }
  std::int64_t last_time() const { return last_time_; }  // of the frames that were accepted

 private:
  LineBuffers& lines_;
  PcapngWriter writer_;
  const std::optional<PortSet> only_;
  std::vector<Count> counts_;
  std::int64_t last_time_ = 0;
};

// Life: open(), add_channel() for each worker that saves frames, start(); the workers save and flush;
// write_statistics(); writer().finish(). Only the channels are for other threads than the one that opens.
//
// The file has one section, whose first blocks describe the interfaces of a live capture; those of a file,
// and of a capture on all interfaces, are described as their frames come. Frames of one channel are in their
// order; those of several interleave by buffers of up to kBuffer bytes, each 50 ms old at most.
class FrameFile {
 public:
  struct Interface {
    std::string name;
    LinkType link = LinkType::kEthernet;
  };

  // Null when options.write is absent. A file is created for its owner alone, since it holds what records
  // redact, and emptied if it is there; "-" is standard output. kInvalidArgument: it can't be opened; it is
  // the file that is read or the one that records go to (`records` writes those); it is a terminal.
  static absl::StatusOr<std::unique_ptr<FrameFile>> open(const Options& options, const Writer& records);

  // The result lives as long as this. REQUIRES: not started.
  FrameChannel& add_channel(SlowSink slow_sink, std::optional<PortSet> only);

  // Describes one more interface, by the next number of Packet::interface. Frames of it that are handed in
  // after that, in whatever channel, come behind the description. From any thread, one at a time.
  void add_interface(const std::string& name, LinkType link);

  // Writes the head of the file and starts the thread.
  absl::Status start(const SectionInfo& section, std::span<const Interface> interfaces);

  // Adds what is known of each interface at the end; what the channels counted is added to that. Comes last
  // in the file when all else has been taken up (counters().waiting is 0). REQUIRES: the channels are at
  // rest.
  void write_statistics();
  // Of a live capture, by interface: taken into write_statistics().
  void set_statistics(std::vector<InterfaceStatistics> statistics) { statistics_ = std::move(statistics); }

  Writer& writer() { return *writer_; }
  const Writer& writer() const { return *writer_; }

 private:
  explicit FrameFile(std::unique_ptr<Writer> writer);

  const std::unique_ptr<Writer> writer_;
  LineBuffers& head_and_end_;  // the writer asks it first
  std::vector<std::unique_ptr<FrameChannel>> channels_;
  std::vector<InterfaceStatistics> statistics_;
};

// Of this machine and program.
SectionInfo section_of_this_host();
// Of a file nobody says who captured it; only who wrote this copy is known.
SectionInfo section_of_a_copy();

}  // namespace tapline
