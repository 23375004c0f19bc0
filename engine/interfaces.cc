#include "engine/interfaces.h"

#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/fd.h"

namespace tapline {
namespace {

constexpr std::uint16_t kIp6Gre = 823;  // ARPHRD_IP6GRE, which glibc's header does not have

// Netlink, and not /sys or /proc/net: those show the network namespace in which they were mounted, or that of
// the process's first thread, which need not be this thread's.

using MessageHandler = std::function<void(const nlmsghdr&)>;

// The attributes that follow a message's fixed part of type Header.
template <typename Header, typename Handler>
void for_each_attribute(const nlmsghdr& message, Handler handler) {
  const auto* header = static_cast<const Header*>(NLMSG_DATA(&message));
  const auto* at = reinterpret_cast<const std::uint8_t*>(header) + NLMSG_ALIGN(sizeof(Header));
  const auto* end = reinterpret_cast<const std::uint8_t*>(&message) + message.nlmsg_len;
  while (end - at >= static_cast<std::ptrdiff_t>(sizeof(rtattr))) {
    const auto& attribute = *reinterpret_cast<const rtattr*>(at);
    if (attribute.rta_len < sizeof(rtattr) || attribute.rta_len > end - at) return;
    handler(attribute.rta_type & NLA_TYPE_MASK, at + RTA_LENGTH(0), attribute.rta_len - RTA_LENGTH(0));
    at += std::min<std::ptrdiff_t>(RTA_ALIGN(attribute.rta_len), end - at);
  }
}

std::uint32_t value32(const std::uint8_t* data, std::size_t size) {
  std::uint32_t value = 0;
  std::memcpy(&value, data, std::min(size, sizeof value));
  return value;
}

// Handles one datagram of an answer. True when it was the last.
absl::StatusOr<bool> handle_datagram(const std::uint8_t* data, std::size_t size,
                                     const MessageHandler& handle) {
  while (size >= sizeof(nlmsghdr)) {
    const auto& message = *reinterpret_cast<const nlmsghdr*>(data);
    if (message.nlmsg_len < sizeof(nlmsghdr) || message.nlmsg_len > size) break;
    if (message.nlmsg_type == NLMSG_DONE) return true;
    if (message.nlmsg_type == NLMSG_ERROR) {
      const auto& error = *static_cast<const nlmsgerr*>(NLMSG_DATA(&message));
      return absl::ErrnoToStatus(-error.error, "netlink refused to list interfaces or routes");
    }
    handle(message);
    const std::size_t step = std::min<std::size_t>(NLMSG_ALIGN(message.nlmsg_len), size);
    data += step;
    size -= step;
  }
  return false;
}

// Asks for all objects of a kind (RTM_GETLINK, RTM_GETROUTE) of an address family.
absl::Status dump(std::uint16_t kind, std::uint8_t family, const MessageHandler& handle) {
  const Fd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!socket.valid()) return absl::ErrnoToStatus(errno, "cannot open a netlink socket");

  struct {
    nlmsghdr header;
    union {
      ifinfomsg link;
      rtmsg route;
    };
  } request{};
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = kind;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.link.ifi_family = family;  // the first byte of either
  if (send(socket.get(), &request, sizeof request, 0) < 0) {
    return absl::ErrnoToStatus(errno, "cannot ask netlink for interfaces or routes");
  }

  alignas(nlmsghdr) std::uint8_t buffer[32768];  // the most that the kernel puts into one datagram
  for (;;) {
    const ssize_t size = recv(socket.get(), buffer, sizeof buffer, 0);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return absl::ErrnoToStatus(errno, "cannot read netlink's answer");
    const absl::StatusOr<bool> last = handle_datagram(buffer, static_cast<std::size_t>(size), handle);
    if (!last.ok()) return last.status();
    if (*last) return absl::OkStatus();
  }
}

std::string names_of(const std::vector<Interface>& interfaces) {
  return absl::StrJoin(interfaces, ", ", [](std::string* out, const Interface& interface) {
    absl::StrAppend(out, interface.name, interface.up ? "" : " (down)");
  });
}

// The index of the interface that the best default route of `family` goes out by; 0 for none.
absl::StatusOr<int> default_route_index(std::uint8_t family) {
  int best_index = 0;
  std::uint32_t best_metric = std::numeric_limits<std::uint32_t>::max();
  const absl::Status status = dump(RTM_GETROUTE, family, [&](const nlmsghdr& message) {
    if (message.nlmsg_type != RTM_NEWROUTE) return;
    const auto& route = *static_cast<const rtmsg*>(NLMSG_DATA(&message));
    if (route.rtm_dst_len != 0 || route.rtm_type != RTN_UNICAST || route.rtm_table != RT_TABLE_MAIN) return;
    int index = 0;
    std::uint32_t metric = 0;
    for_each_attribute<rtmsg>(message, [&](int type, const std::uint8_t* data, std::size_t size) {
      if (type == RTA_OIF) index = static_cast<int>(value32(data, size));
      if (type == RTA_PRIORITY) metric = value32(data, size);
      if (type == RTA_MULTIPATH && size >= sizeof(rtnexthop) && index == 0) {
        index = reinterpret_cast<const rtnexthop*>(data)->rtnh_ifindex;
      }
    });
    if (index != 0 && (best_index == 0 || metric < best_metric)) {
      best_index = index;
      best_metric = metric;
    }
  });
  if (!status.ok()) return status;
  return best_index;
}

}  // namespace

absl::StatusOr<std::vector<Interface>> list_interfaces() {
  std::vector<Interface> interfaces;
  const absl::Status status = dump(RTM_GETLINK, AF_UNSPEC, [&](const nlmsghdr& message) {
    if (message.nlmsg_type != RTM_NEWLINK) return;
    const auto& link = *static_cast<const ifinfomsg*>(NLMSG_DATA(&message));
    Interface interface;
    interface.index = link.ifi_index;
    interface.up = (link.ifi_flags & IFF_UP) != 0;
    interface.loopback = (link.ifi_flags & IFF_LOOPBACK) != 0;
    interface.hardware_type = link.ifi_type;
    for_each_attribute<ifinfomsg>(message, [&](int type, const std::uint8_t* data, std::size_t size) {
      if (type == IFLA_IFNAME) {
        const auto* name = reinterpret_cast<const char*>(data);
        interface.name.assign(name, strnlen(name, size));
      }
      if (type == IFLA_MTU) interface.mtu = value32(data, size);
      if (type == IFLA_STATS64) {
        rtnl_link_stats64 statistics{};
        std::memcpy(&statistics, data, std::min(size, sizeof statistics));
        interface.received = statistics.rx_packets;
        // Not rx_dropped: that counts what nobody in the stack wanted, too, which sockets like ours did see.
        interface.missed = statistics.rx_missed_errors + statistics.rx_fifo_errors;
      }
    });
    interfaces.push_back(std::move(interface));
  });
  if (!status.ok()) return status;
  std::sort(interfaces.begin(), interfaces.end(),
            [](const Interface& a, const Interface& b) { return a.index < b.index; });
  return interfaces;
}

absl::StatusOr<Interface> find_interface(std::string_view name) {
  const absl::StatusOr<std::vector<Interface>> interfaces = list_interfaces();
  if (!interfaces.ok()) return interfaces.status();
  for (const Interface& interface : *interfaces) {
    if (interface.name == name) return interface;
  }
  if (name == kAnyInterface) {
    Interface any;
    any.name = name;
    any.up = true;
    return any;
  }
  // The kernel knows alternative names, which the list does not show.
  if (const int index = static_cast<int>(if_nametoindex(std::string(name).c_str())); index != 0) {
    for (const Interface& interface : *interfaces) {
      if (interface.index == index) return interface;
    }
  }
  return absl::NotFoundError(absl::StrCat("no interface \"", absl::string_view(name.data(), name.size()),
                                          "\" here; there are: ", names_of(*interfaces)));
}

absl::StatusOr<Interface> default_route_interface() {
  const absl::StatusOr<std::vector<Interface>> interfaces = list_interfaces();
  if (!interfaces.ok()) return interfaces.status();
  for (const std::uint8_t family : {std::uint8_t{AF_INET}, std::uint8_t{AF_INET6}}) {
    const absl::StatusOr<int> index = default_route_index(family);
    if (!index.ok()) return index.status();
    for (const Interface& interface : *interfaces) {
      if (interface.index == *index) return interface;
    }
  }
  return absl::NotFoundError(
      absl::StrCat("no default route, so no interface to choose; there are: ", names_of(*interfaces)));
}

std::string interface_name(int index) {
  char name[IF_NAMESIZE];
  return if_indextoname(static_cast<unsigned>(index), name) != nullptr ? name : "";
}

// A socket bound to an interface without a header of its own shows frames from the IP header on. GRE to
// several peers has one, and it is an IP header with GRE behind it.
std::optional<LinkType> link_type(std::uint16_t hardware_type) {
  switch (hardware_type) {
    case ARPHRD_ETHER:
    case ARPHRD_LOOPBACK:
      return LinkType::kEthernet;
    case ARPHRD_NONE:  // tun, wireguard
    case ARPHRD_PPP:
    case ARPHRD_TUNNEL:
    case ARPHRD_TUNNEL6:
    case ARPHRD_SIT:
    case ARPHRD_RAWIP:
    case ARPHRD_IPGRE:
    case kIp6Gre:
      return LinkType::kRaw;
    default:
      return std::nullopt;
  }
}

}  // namespace tapline
