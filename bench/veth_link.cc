#include "bench/veth_link.h"

#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string_view>
#include <utility>

namespace tapline::bench {
namespace {

absl::Status refused(const char* what) { return absl::ErrnoToStatus(errno, what); }

// A netlink message of attributes in attributes.
class Message {
 public:
  Message(std::uint16_t type, std::uint16_t flags) {
    header().nlmsg_type = type;
    header().nlmsg_flags = flags;
    header().nlmsg_len = NLMSG_HDRLEN;
  }

  void append(const void* data, std::size_t size) {
    std::memcpy(bytes_.data() + header().nlmsg_len, data, size);
    header().nlmsg_len += static_cast<std::uint32_t>(NLMSG_ALIGN(size));
  }
  // Returns where the attribute begins, for end().
  std::size_t begin(int type) {
    const std::size_t at = header().nlmsg_len;
    const rtattr attribute{.rta_len = sizeof(rtattr), .rta_type = static_cast<std::uint16_t>(type)};
    append(&attribute, sizeof attribute);
    return at;
  }
  void end(std::size_t at) {
    reinterpret_cast<rtattr*>(bytes_.data() + at)->rta_len =
        static_cast<std::uint16_t>(header().nlmsg_len - at);
  }
  void add(int type, std::string_view text) {
    const std::size_t at = begin(type);
    append(text.data(), text.size() + 1);
    // The length is that of the text, the alignment behind it is not.
    reinterpret_cast<rtattr*>(bytes_.data() + at)->rta_len =
        static_cast<std::uint16_t>(sizeof(rtattr) + text.size() + 1);
  }
  void add(int type, std::uint32_t value) {
    const std::size_t at = begin(type);
    append(&value, sizeof value);
    end(at);
  }

  // Asks the kernel, and waits for what it says.
  absl::Status send(const char* what) {
    const Fd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
    if (!socket.valid()) return refused(what);
    std::array<char, 4096> answer{};
    if (::send(socket.get(), bytes_.data(), header().nlmsg_len, 0) < 0 ||
        recv(socket.get(), answer.data(), answer.size(), 0) <
            static_cast<ssize_t>(NLMSG_LENGTH(sizeof(nlmsgerr)))) {
      return refused(what);
    }
    const int error = reinterpret_cast<const nlmsgerr*>(answer.data() + NLMSG_HDRLEN)->error;
    if (error == -EOPNOTSUPP) return absl::UnimplementedError(std::string(what) + ": the kernel has no veth");
    return error == 0 ? absl::OkStatus() : absl::ErrnoToStatus(-error, what);
  }

 private:
  nlmsghdr& header() { return *reinterpret_cast<nlmsghdr*>(bytes_.data()); }

  alignas(nlmsghdr) std::array<char, 512> bytes_{};
};

// In the receiver's namespace; the other end goes to the sender's. One queue: each frame takes the same way.
absl::Status make_pair(int sender) {
  constexpr ifinfomsg kNothing{};
  Message message(RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
  message.append(&kNothing, sizeof kNothing);
  const auto queues = [&message] {
    message.add(IFLA_NUM_TX_QUEUES, 1u);
    message.add(IFLA_NUM_RX_QUEUES, 1u);
  };
  message.add(IFLA_IFNAME, VethLink::kReceiverEnd);
  queues();
  const std::size_t info = message.begin(IFLA_LINKINFO);
  message.add(IFLA_INFO_KIND, "veth");
  const std::size_t data = message.begin(IFLA_INFO_DATA);
  const std::size_t peer = message.begin(VETH_INFO_PEER);
  message.append(&kNothing, sizeof kNothing);
  message.add(IFLA_IFNAME, VethLink::kSenderEnd);
  queues();
  message.add(IFLA_NET_NS_FD, static_cast<std::uint32_t>(sender));
  message.end(peer);
  message.end(data);
  message.end(info);
  return message.send("cannot make a veth pair");
}

absl::Status bring_up(const char* interface) {
  const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::strncpy(request.ifr_name, interface, sizeof request.ifr_name - 1);
  if (!socket.valid() || ioctl(socket.get(), SIOCGIFFLAGS, &request) != 0) {
    return refused("cannot bring a veth up");
  }
  request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
  if (ioctl(socket.get(), SIOCSIFFLAGS, &request) != 0) return refused("cannot bring a veth up");
  return absl::OkStatus();
}

bool write_file(const char* path, const std::string& text) {
  const Fd file(open(path, O_WRONLY | O_CLOEXEC));
  return file.valid() && write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

// Neighbour discovery would be heard at the other end. A kernel without IPv6 has no such file.
void silence_ipv6() { write_file("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1"); }

// Comma-separated words of 32 bits, the last for processors 0 to 31.
std::string processor_mask(int processor) {
  if (processor < 0) return "0";
  std::array<char, 16> word{};
  std::snprintf(word.data(), word.size(), "%x", 1u << (processor % 32));
  std::string mask = word.data();
  for (int i = 0; i < processor / 32; ++i) mask += ",00000000";
  return mask;
}

}  // namespace

absl::StatusOr<NetworkNamespace> NetworkNamespace::current() {
  Fd fd(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return refused("cannot open this process's network namespace");
  return NetworkNamespace(std::move(fd));
}

absl::StatusOr<NetworkNamespace> NetworkNamespace::make() {
  const absl::StatusOr<NetworkNamespace> here = current();
  if (!here.ok()) return here.status();
  if (unshare(CLONE_NEWNET) != 0) {
    return refused(errno == EPERM ? "cannot make a network namespace (needs root: CAP_SYS_ADMIN)"
                                  : "cannot make a network namespace");
  }
  silence_ipv6();
  absl::StatusOr<NetworkNamespace> made = current();
  if (absl::Status status = here->enter(); !status.ok()) return status;
  return made;
}

absl::Status NetworkNamespace::enter() const {
  return setns(fd_.get(), CLONE_NEWNET) == 0 ? absl::OkStatus() : refused("cannot enter a network namespace");
}

int NetworkNamespace::fd() const { return fd_.get(); }

absl::StatusOr<InNamespace> InNamespace::enter(const NetworkNamespace& there) {
  absl::StatusOr<NetworkNamespace> here = NetworkNamespace::current();
  if (!here.ok()) return here.status();
  if (absl::Status status = there.enter(); !status.ok()) return status;
  return InNamespace(*std::move(here));
}

InNamespace::~InNamespace() {
  if (back_) static_cast<void>(back_->enter());  // it was possible before
}

absl::Status move_process(const NetworkNamespace& there) {
  if (absl::Status status = there.enter(); !status.ok()) return status;
  // A mount of sysfs shows the interfaces of the namespace that it was made in.
  if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      mount("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) != 0) {
    return refused("cannot mount /sys for a network namespace");
  }
  return absl::OkStatus();
}

absl::StatusOr<VethLink> VethLink::make() {
  absl::StatusOr<NetworkNamespace> sender = NetworkNamespace::make();
  if (!sender.ok()) return sender.status();
  absl::StatusOr<NetworkNamespace> receiver = NetworkNamespace::make();
  if (!receiver.ok()) return receiver.status();
  {
    const absl::StatusOr<InNamespace> there = InNamespace::enter(*receiver);
    if (!there.ok()) return there.status();
    if (absl::Status status = make_pair(sender->fd()); !status.ok()) return status;
    if (absl::Status status = bring_up(kReceiverEnd); !status.ok()) return status;
  }
  const absl::StatusOr<InNamespace> there = InNamespace::enter(*sender);
  if (!there.ok()) return there.status();
  if (absl::Status status = bring_up(kSenderEnd); !status.ok()) return status;
  return VethLink(*std::move(sender), *std::move(receiver));
}

absl::Status VethLink::receive_on(int processor) const {
  const pid_t child = fork();
  if (child < 0) return refused("cannot fork");
  if (child == 0) {
    const std::string path = std::string("/sys/class/net/") + kReceiverEnd + "/queues/rx-0/rps_cpus";
    const bool done = move_process(receiver_).ok() && write_file(path.c_str(), processor_mask(processor));
    _exit(done ? 0 : 1);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (status == 0) return absl::OkStatus();
  return absl::UnimplementedError("cannot choose the processor that receives (the kernel has no RPS)");
}

absl::StatusOr<LinkCounters> VethLink::counters() const {
  const absl::StatusOr<InNamespace> there = InNamespace::enter(receiver_);
  if (!there.ok()) return there.status();
  return link_counters(kReceiverEnd);
}

absl::StatusOr<LinkCounters> link_counters(const std::string& interface) {
  std::ifstream file("/proc/thread-self/net/dev");
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string name;
    std::getline(words >> std::ws, name, ':');
    if (name != interface) continue;
    // bytes packets errs drop fifo frame compressed multicast, and the same of what was sent.
    std::array<std::uint64_t, 10> values{};
    for (std::uint64_t& value : values) words >> value;
    if (!words) break;
    return LinkCounters{
        .received = values[1], .sent = values[9], .bytes = values[0] + values[8], .receive_drops = values[3]};
  }
  return absl::NotFoundError("no interface " + interface);
}

}  // namespace tapline::bench
