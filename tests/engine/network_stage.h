// A network namespace of one's own for a test, and sockets that put frames on its interfaces.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>

#include <cstdlib>
#include <cstring>
#include <string>

#include "engine/fd.h"
#include "tests/bpf/frame.h"

namespace tapline::stage {

using frames::Bytes;

// The calling thread, and all that it starts, lives in a fresh namespace with `lo` up until the end of the
// test; the kernel removes it with its last socket. Needs root.
class NetworkNamespace {
 public:
  NetworkNamespace() : original_(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)) {
    EXPECT_EQ(unshare(CLONE_NEWNET), 0) << "cannot make a network namespace: " << strerror(errno);
    ip("link set lo up");
  }
  NetworkNamespace(const NetworkNamespace&) = delete;
  NetworkNamespace& operator=(const NetworkNamespace&) = delete;
  ~NetworkNamespace() { EXPECT_EQ(setns(original_.get(), CLONE_NEWNET), 0); }

  static void ip(const std::string& arguments) {
    EXPECT_EQ(std::system(("ip " + arguments).c_str()), 0) << "ip " << arguments;
  }

  // A pair of Ethernet interfaces, each the other's wire.
  static void add_veth(const std::string& one, const std::string& other);

 private:
  Fd original_;
};

// Sends frames out of an interface.
class Injector {
 public:
  // Gives all frames the type of the kernel's choice, by their EtherType.
  explicit Injector(const std::string& interface)
      : socket_(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0)),
        index_(static_cast<int>(if_nametoindex(interface.c_str()))) {
    EXPECT_TRUE(socket_.valid()) << strerror(errno);
    EXPECT_NE(index_, 0) << interface;
  }

  bool try_send(const Bytes& frame) const {
    return try_send(frame, static_cast<std::uint16_t>(frame[12] << 8 | frame[13]));
  }
  // Of an interface without a link header, say, where the frame does not say its EtherType.
  bool try_send(const Bytes& frame, std::uint16_t ether_type) const {
    sockaddr_ll to{};
    to.sll_family = AF_PACKET;
    to.sll_ifindex = index_;
    to.sll_protocol = htons(ether_type);
    return sendto(socket_.get(), frame.data(), frame.size(), 0, reinterpret_cast<const sockaddr*>(&to),
                  sizeof to) == static_cast<ssize_t>(frame.size());
  }
  void send(const Bytes& frame) const { EXPECT_TRUE(try_send(frame)) << strerror(errno); }

  // Sends a TCP frame that a network card would cut into segments of `segment` bytes: no wire's MTU holds for
  // it.
  void send_unsegmented(const Bytes& frame, std::uint16_t headers, std::uint16_t segment) const {
    const int yes = 1;
    EXPECT_EQ(setsockopt(socket_.get(), SOL_PACKET, PACKET_VNET_HDR, &yes, sizeof yes), 0) << strerror(errno);
    // struct virtio_net_hdr, whose own header is no C++.
    struct {
      std::uint8_t flags = 1;     // VIRTIO_NET_HDR_F_NEEDS_CSUM
      std::uint8_t gso_type = 1;  // VIRTIO_NET_HDR_GSO_TCPV4
      std::uint16_t hdr_len, gso_size, csum_start, csum_offset = 16;
    } offload;
    offload.hdr_len = headers;
    offload.gso_size = segment;
    offload.csum_start = static_cast<std::uint16_t>(headers - 20);
    Bytes whole(sizeof offload);
    std::memcpy(whole.data(), &offload, sizeof offload);
    whole = frames::join(std::move(whole), frame);
    sockaddr_ll to{};
    to.sll_family = AF_PACKET;
    to.sll_ifindex = index_;
    to.sll_protocol = static_cast<std::uint16_t>(frame[12] | frame[13] << 8);
    EXPECT_EQ(sendto(socket_.get(), whole.data(), whole.size(), 0, reinterpret_cast<const sockaddr*>(&to),
                     sizeof to),
              static_cast<ssize_t>(whole.size()))
        << strerror(errno);
  }

 private:
  Fd socket_;
  int index_;
};

// Until the kernel has noticed that an interface has a carrier it throws away, silently, what is sent there.
inline void wait_for_wire(const std::string& from, const std::string& to) {
  const Fd receiver(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = 0xb588;  // 0x88b5, local experimental, in network byte order
  address.sll_ifindex = static_cast<int>(if_nametoindex(to.c_str()));
  ASSERT_EQ(bind(receiver.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  const Injector probe(from);
  for (int attempt = 0; attempt < 500; ++attempt) {
    probe.try_send(frames::ethernet(0x88b5, Bytes(46, 0)));
    pollfd wait{receiver.get(), POLLIN, 0};
    if (poll(&wait, 1, 20) == 1) return;
  }
  FAIL() << "no frame gets from " << from << " to " << to;
}

inline void NetworkNamespace::add_veth(const std::string& one, const std::string& other) {
  ip("link add " + one + " type veth peer name " + other);
  ip("link set " + one + " up");
  ip("link set " + other + " up");
  wait_for_wire(one, other);
  wait_for_wire(other, one);
}

}  // namespace tapline::stage
