// Sends frames out of an interface as fast as one core can through a packet socket.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bench/traffic.h"
#include "engine/fd.h"

namespace tapline::bench {

// What the interface was given. Counted where the kernel took a frame over, whatever became of it then: a
// veth that finds the other end's queue full says so, and the frame was sent and is lost.
struct Sent {
  std::uint64_t frames = 0, bytes = 0;
};

class Sender {
 public:
  // kNotFound: no such interface. kPermissionDenied: CAP_NET_RAW is missing.
  static absl::StatusOr<Sender> open(const std::string& interface);

  // One frame, as it is in this round. The interface may lose it.
  absl::Status send(const Frame& frame, std::uint32_t round);

  // All frames of one round, past the queueing discipline.
  absl::Status send(const Traffic& traffic, std::uint32_t round, Sent& sent);

 private:
  explicit Sender(Fd socket) : socket_(std::move(socket)) {}

  Fd socket_;
};

}  // namespace tapline::bench
