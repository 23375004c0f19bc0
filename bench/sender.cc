#include "bench/sender.h"

#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

namespace tapline::bench {

absl::StatusOr<Sender> Sender::open(const std::string& interface) {
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_ifindex = static_cast<int>(if_nametoindex(interface.c_str()));
  if (address.sll_ifindex == 0) return absl::NotFoundError("no interface " + interface);
  // Protocol 0: what comes in on the interface is not for this socket.
  Fd socket(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return absl::ErrnoToStatus(errno, "cannot open a packet socket (needs CAP_NET_RAW)");
  const int yes = 1;
  if (setsockopt(socket.get(), SOL_PACKET, PACKET_QDISC_BYPASS, &yes, sizeof yes) != 0) {
    return absl::ErrnoToStatus(errno, interface + ": cannot go past the queueing discipline");
  }
  // Frames count against the sender's buffer until the other end of a veth has dealt with them: with the
  // usual one a sender would wait for a slow receiver, as no wire does. Beyond the system's limit with
  // CAP_NET_ADMIN.
  const int buffer = 256 << 20;
  if (setsockopt(socket.get(), SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof buffer) != 0) {
    setsockopt(socket.get(), SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
  }
  if (bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return absl::ErrnoToStatus(errno, interface + ": cannot bind a packet socket");
  }
  return Sender(std::move(socket));
}

// A call for each frame: sendmmsg(2) would not say which frames of a batch the interface has lost, if the
// first got through.
absl::Status Sender::send(const Frame& frame, std::uint32_t round) {
  std::array<std::uint8_t, kMaxFrame> buffer;
  const std::size_t size = write_frame(frame, round, buffer.data());
  ssize_t taken = 0;
  do {
    taken = ::send(socket_.get(), buffer.data(), size, 0);
  } while (taken < 0 && errno == EINTR);
  // ENOBUFS: the interface had taken the frame, and lost it.
  if (taken < 0 && errno != ENOBUFS) return absl::ErrnoToStatus(errno, "cannot send");
  return absl::OkStatus();
}

absl::Status Sender::send(const Traffic& traffic, std::uint32_t round, Sent& sent) {
  for (const Frame& frame : traffic.frames) {
    if (absl::Status status = send(frame, round); !status.ok()) return status;
    ++sent.frames;
    sent.bytes += frame.bytes.size();
  }
  return absl::OkStatus();
}

}  // namespace tapline::bench
