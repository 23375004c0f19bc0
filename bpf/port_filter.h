// The kernel-side programs, loaded: a handle to the port filter, to the fanout program that goes with it, and
// to the parameters they read.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "absl/status/statusor.h"
#include "bpf/elision_table.h"

struct port_filter_bpf;  // the generated skeleton

namespace tapline {

// Decides for each frame of a socket it is attached to (SO_ATTACH_BPF) whether the frame is kept whole or not
// at all: kept is TCP of a port in the set, inside whatever headers.bpf.h sees through, and the later
// fragments of what may be such, which show no port. One PortFilter serves any number of sockets. It starts
// closed and with no ports; closed means that nothing is kept.
//
// The programs live on in the kernel as long as a socket uses them, with the parameters they had when this
// object went away.
class PortFilter {
 public:
  static constexpr std::size_t kPortWords = 1024;

  // Linux 5.8 or later. Without the fanout program where the kernel does not take that. kPermissionDenied
  // when CAP_BPF is missing (or bpf(2) is forbidden, as in some containers); kInternal with the end of the
  // verifier's log when the kernel does not take the program.
  static absl::StatusOr<PortFilter> load() { return load(false); }
  // One that leaves in the kernel what its ElisionTable says. Linux 5.12 or later.
  static absl::StatusOr<PortFilter> load_eliding() { return load(true); }

  PortFilter(PortFilter&&) noexcept;
  PortFilter& operator=(PortFilter&&) noexcept;
  ~PortFilter();

  // Port p is bit p % 64 of word p / 64. May be called while frames arrive: a port that is in the old and in
  // the new set is accepted throughout.
  void set_ports(std::span<const std::uint64_t, kPortWords> words);

  // Opens or closes the filter on all its sockets at once. Opening waits until every frame that was on its
  // way to a socket before the call has been refused: so no frame is kept by a ring which was chosen for it
  // when the fanout group had fewer members. That takes some 10 ms.
  void set_open(bool open);

  // Frames that the open filter did not keep, and their bytes, added up over all sockets: what other ports
  // and protocols sent. Costs no system call and needs no privilege. Counted for each processor by itself:
  // beyond 1,024 of them some share a place, and a frame may be missing.
  struct Refused {
    std::uint64_t packets = 0, bytes = 0;
  };
  Refused refused() const;

  // For interfaces whose frames start with an Ethernet header. Owned by this object.
  int program_fd() const;
  // For interfaces whose frames start with an IP header. Owned by this object.
  int raw_ip_program_fd() const;
  // For sockets that are bound to no interface, and show frames of both kinds. Owned by this object.
  int any_program_fd() const;

  // For a fanout group (PACKET_FANOUT_EBPF): the same member for both directions of a connection, whatever is
  // around it, on all interfaces, and for all fragments of a datagram whose first one the filter kept on a
  // socket of this object. kInternal, with the verifier's words, where the kernel does not take it. Owned by
  // this object.
  absl::StatusOr<int> fanout_program_fd() const;

  // Null where the filter elides nothing. Owned by this object.
  ElisionTable* elision() const { return elision_.get(); }

 private:
  struct Destroy {
    void operator()(port_filter_bpf* skeleton) const;
  };
  using Skeleton = std::unique_ptr<port_filter_bpf, Destroy>;

  static absl::StatusOr<PortFilter> load(bool eliding);
  PortFilter(Skeleton skeleton, absl::Status fanout);

  Skeleton skeleton_;
  absl::Status fanout_;  // how loading its program went
  std::unique_ptr<ElisionTable> elision_;
};

}  // namespace tapline
