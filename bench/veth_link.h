// A private link to measure on: a veth pair between two network namespaces without names.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/fd.h"

namespace tapline::bench {

// A network namespace. It is gone with the last process or file descriptor that holds it: however this
// program ends, nothing of it stays.
class NetworkNamespace {
 public:
  // That of the calling process.
  static absl::StatusOr<NetworkNamespace> current();
  // A new one. The calling process stays where it is.
  static absl::StatusOr<NetworkNamespace> make();

  // The calling thread goes there.
  absl::Status enter() const;

  int fd() const;

 private:
  explicit NetworkNamespace(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
};

// Is in a namespace as long as it lives, and then back in that of before. One of them at a time.
class InNamespace {
 public:
  static absl::StatusOr<InNamespace> enter(const NetworkNamespace& there);
  InNamespace(InNamespace&& other) noexcept : back_(std::exchange(other.back_, std::nullopt)) {}
  InNamespace& operator=(InNamespace&&) = delete;
  ~InNamespace();

 private:
  explicit InNamespace(NetworkNamespace back) : back_(std::move(back)) {}
  std::optional<NetworkNamespace> back_;
};

// For a process of its own that will run a program: goes to the namespace, and sees its interfaces in /sys.
absl::Status move_process(const NetworkNamespace& there);

// What an interface has counted since it was made, in frames where nothing else is said.
struct LinkCounters {
  std::uint64_t received = 0, sent = 0;
  std::uint64_t bytes = 0;  // of both
  // In a veth pair these are what found a processor's queue full (net.core.netdev_max_backlog).
  std::uint64_t receive_drops = 0;
};

// Two interfaces, `kSenderEnd` in one namespace and `kReceiverEnd` in the other, that are up and silent: no
// addresses, no IPv6.
class VethLink {
 public:
  static constexpr char kSenderEnd[] = "sender", kReceiverEnd[] = "receiver";

  // kPermissionDenied: namespaces need root (CAP_SYS_ADMIN). kUnimplemented: the kernel has no veth.
  static absl::StatusOr<VethLink> make();

  const NetworkNamespace& sender() const { return sender_; }
  const NetworkNamespace& receiver() const { return receiver_; }

  // Frames that the receiver's end takes in are handed to this processor (RPS), instead of being dealt with
  // where they were sent. -1: where they were sent.
  absl::Status receive_on(int processor) const;

  // Of the receiver's end.
  absl::StatusOr<LinkCounters> counters() const;

 private:
  VethLink(NetworkNamespace sender, NetworkNamespace receiver)
      : sender_(std::move(sender)), receiver_(std::move(receiver)) {}

  NetworkNamespace sender_, receiver_;
};

// Of an interface in the calling process's namespace. kNotFound: there is none of this name.
absl::StatusOr<LinkCounters> link_counters(const std::string& interface);

}  // namespace tapline::bench
