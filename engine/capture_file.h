// Frames out of a capture file, pcap or pcapng, whatever wrote it.
//
// Why not libpcap: it refuses pcapng files whose interfaces differ in link type, does not tell which
// interface a frame came in on, nor its name, cannot take bytes that several readers share, and costs a call
// a packet where walking large pieces costs next to nothing. A file's rate must be bounded by what is done
// with its frames.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/byte_source.h"
#include "engine/byte_window.h"
#include "flows/packet.h"

namespace tapline {

// The longest frame or pcapng block that is believed, in bytes; libpcap's limit for the link types with the
// longest frames. A longer one is damage.
inline constexpr std::uint32_t kMaxFrame = 128u << 20;

// LINKTYPE_ value that a file's link type field means; its upper half says things about the frame check
// sequence, which needs no care: what decodes a frame goes by the lengths in its headers.
LinkType link_type_of(std::uint32_t field);

// Not thread-safe.
//
// Memory: what `source` holds, plus the largest frame or block that straddled two pieces (at most kMaxFrame,
// and only as much as the file really has).
class CaptureFile {
 public:
  // Waits for the first bytes and looks at what they are. Errors: kInvalidArgument for what is no capture
  // file (an empty or a compressed one too; the message names the way out), kDataLoss for a file cut in its
  // first header, and those of ByteSource::next.
  static absl::StatusOr<std::unique_ptr<CaptureFile>> open(std::unique_ptr<ByteSource> source);

  virtual ~CaptureFile() = default;
  CaptureFile(const CaptureFile&) = delete;
  CaptureFile& operator=(const CaptureFile&) = delete;

  // Puts the next frames into `out`, as many as are there without waiting, but at least one; returns how
  // many. Their data may be read until the next call. 0: the end, of which status() tells the kind; it stays
  // 0.
  //
  // ordinal counts all frames of the file from 1, as Wireshark does. interface counts the interfaces of the
  // file from 0, those of all its sections. captured <= length. time_ns is in 0 .. kMaxPacketTime; a frame
  // without a time has that of the one before it.
  //
  // REQUIRES: `out` is not empty.
  virtual std::size_t next(std::span<Packet> out) = 0;

  // Once next() has returned 0: OK at the end of the file; kDataLoss when it is damaged or cut short, with
  // the place (all frames before it have been handed out); else the error of ByteSource::next.
  const absl::Status& status() const { return status_; }

  // By Packet::interface; "" for one without a name. Grows while reading, names stay what they are.
  const std::vector<std::string>& interface_names() const { return interface_names_; }
  // As many, of what begins the frames of each.
  const std::vector<LinkType>& interface_links() const { return interface_links_; }

 protected:
  explicit CaptureFile(ByteWindow window) : window_(std::move(window)) {}

  // Brings the first `size` unread bytes in sight. False when they are not: with frames `taken` in this call
  // because that would take their data away, else because the input ended, which is then done with.
  bool reach(std::size_t size, std::size_t taken) {
    return window_.available() >= size || (taken == 0 && reach_by_waiting(size));
  }

  // Ends reading, for `what` is wrong with the item that begins at byte `start`.
  void damaged(std::uint64_t start, std::string_view what);
  // Ends reading with the input: well, when no item began at byte `start`, else cut short of its `size`
  // bytes.
  void ended(std::uint64_t start, std::uint64_t size);

  // "frame 17": what is being read, for messages.
  virtual std::string item() const = 0;

  ByteWindow window_;
  std::uint64_t frames_ = 0;  // handed out so far
  bool done_ = false;
  absl::Status status_;
  std::vector<std::string> interface_names_;
  std::vector<LinkType> interface_links_;

 private:
  bool reach_by_waiting(std::size_t size);
};

}  // namespace tapline
