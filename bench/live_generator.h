// Sends traffic over a private link from one processor, as fast as it can or in a steady rate.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bench/background_process.h"
#include "bench/live_frames.bpf.h"
#include "bench/traffic.h"
#include "bench/veth_link.h"

struct live_frames_bpf;  // the generated skeleton

namespace tapline::bench {

// What was sent since the generator was started last.
struct Offered {
  std::uint64_t frames = 0, bytes = 0;
  std::uint64_t connections = 0;   // that began
  std::uint64_t transactions = 0;  // that ended
  double seconds = 0;              // from the first frame on
};

struct GeneratorOptions {
  int processor = 0;
  // Connections that are open at a time; what the traffic has by itself, and what kMostLanes allow, bound it.
  std::uint32_t at_once = 0;
  bool packet_socket = false;  // without live frames, also where the kernel has them
};

class LiveGenerator {
 public:
  // Rounds that are sent at the same time. Connections of 2^16 rounds have addresses of their own.
  static constexpr std::uint32_t kMostLanes = 1u << 14;

  // Frames come into being in the kernel (BPF_PROG_TEST_RUN, Linux 5.18) or, where it does not do that, out
  // of a packet socket. At the receiver's end a program is attached that lets all pass. The link and the
  // traffic must outlive the generator.
  static absl::StatusOr<LiveGenerator> make(const VethLink& link, const Traffic& traffic,
                                            const GeneratorOptions& options);
  LiveGenerator(LiveGenerator&&) noexcept;
  ~LiveGenerator();

  bool uses_live_frames() const { return live_frames_; }
  std::uint32_t at_once() const { return traffic_.transactions > 0 ? lanes_ * traffic_.at_once : 0; }
  // How many frames it takes until all connections are open and no lane is behind; 0 with one lane. Goes for
  // a generator that has not sent yet.
  std::uint64_t warm_up() const;

  // `rate`: frames a second; 0: as many as possible. Goes on where it was stopped. REQUIRES: not started.
  absl::Status start(double rate);
  Offered offered() const;
  // Whether it goes on sending; kUnknown when it failed.
  absl::StatusOr<bool> running();
  // With one lane, lets it end the round: all connections that began have ended (but those of a flood).
  absl::StatusOr<Offered> stop();

 private:
  struct Destroy {
    void operator()(live_frames_bpf* skeleton) const;
  };
  struct Unmap {
    void operator()(live_state* state) const;
  };

  LiveGenerator(const VethLink& link, const Traffic& traffic, const GeneratorOptions& options);
  absl::Status load();
  absl::Status fill_traffic();
  absl::Status attach_receiver();
  bool kernel_has_live_frames();

  // In the process that sends: these return when it is to end.
  bool send_live_frames() const;
  bool send_by_socket();

  const VethLink& link_;
  const Traffic& traffic_;
  int processor_;
  std::uint32_t lanes_ = 1, lane_stride_ = 1;
  bool live_frames_ = false;
  std::unique_ptr<live_frames_bpf, Destroy> skeleton_;
  std::unique_ptr<live_state, Unmap> own_state_;  // of a packet socket
  live_state* state_ = nullptr;                   // shared with the process that sends
  std::optional<BackgroundProcess> process_;
};

}  // namespace tapline::bench
