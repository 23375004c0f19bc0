#include "engine/hardware_time.h"

#include <linux/if_packet.h>
#include <linux/net_tstamp.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace tapline {
namespace {

absl::Status cannot(const std::string& interface, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat(
      interface, " ", why, "; use --timestamps software, the time at which the kernel took them in"));
}

// 0, or an errno.
int ask(const Fd& socket, const std::string& interface, unsigned long request, void* argument) {
  ifreq asked{};
  std::strncpy(asked.ifr_name, interface.c_str(), sizeof asked.ifr_name - 1);
  asked.ifr_data = static_cast<char*>(argument);
  return ioctl(socket.get(), request, &asked) == 0 ? 0 : errno;
}

}  // namespace

absl::Status check_hardware_time(const std::string& interface, const ethtool_ts_info& info) {
  constexpr unsigned kNeeded = SOF_TIMESTAMPING_RX_HARDWARE | SOF_TIMESTAMPING_RAW_HARDWARE;
  if ((info.so_timestamping & kNeeded) != kNeeded) {
    return cannot(interface, "does not stamp the frames that it receives");
  }
  if ((info.rx_filters & 1u << HWTSTAMP_FILTER_ALL) == 0) {
    return cannot(interface, "stamps only some of the frames that it receives");
  }
  return absl::OkStatus();
}

absl::Status use_hardware_time(const std::string& interface, const Fd& packet_socket) {
  ethtool_ts_info info{};
  info.cmd = ETHTOOL_GET_TS_INFO;
  if (ask(packet_socket, interface, SIOCETHTOOL, &info) != 0) {
    return cannot(interface, "does not say whether it stamps the frames that it receives");
  }
  if (absl::Status status = check_hardware_time(interface, info); !status.ok()) return status;

  hwtstamp_config config{};
  const bool known = ask(packet_socket, interface, SIOCGHWTSTAMP, &config) == 0;
  if (!known || config.rx_filter != HWTSTAMP_FILTER_ALL) {
    if (!known) config = {};  // what is sent is left as it is where that is known
    config.rx_filter = HWTSTAMP_FILTER_ALL;
    const int error = ask(packet_socket, interface, SIOCSHWTSTAMP, &config);
    if (error == EPERM) {
      return absl::PermissionDeniedError(
          absl::StrCat(interface, ": switching hardware time stamps on needs CAP_NET_ADMIN"));
    }
    if (error != 0 || config.rx_filter != HWTSTAMP_FILTER_ALL) {
      return cannot(interface, absl::StrCat("refuses to stamp all frames (", std::strerror(error), ")"));
    }
  }
  const int wanted = SOF_TIMESTAMPING_RAW_HARDWARE;
  if (setsockopt(packet_socket.get(), SOL_PACKET, PACKET_TIMESTAMP, &wanted, sizeof wanted) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat(interface, ": cannot ask for hardware time stamps"));
  }
  return absl::OkStatus();
}

}  // namespace tapline
