// Time stamps of an interface's own clock on the frames that it receives (`--timestamps hardware`).
#pragma once

#include <linux/ethtool.h>

#include <string>

#include "absl/status/status.h"
#include "engine/fd.h"

namespace tapline {

// Whether an interface that describes itself so (ETHTOOL_GET_TS_INFO) can stamp all frames that it receives;
// those that stamp only the packets of a time protocol are no use. kInvalidArgument names what is missing.
absl::Status check_hardware_time(const std::string& interface, const ethtool_ts_info& info);

// Makes frames of `packet_socket` carry the interface's time where it gives one (TP_STATUS_TS_RAW_HARDWARE in
// the status of the frame), in nanoseconds of the interface's clock; the others carry the kernel's. Switches
// the stamps on where nothing has done so yet: they stay on when tapline has ended, for others may have come
// to need them.
//
// kInvalidArgument: the interface cannot. kPermissionDenied: switching needs CAP_NET_ADMIN.
absl::Status use_hardware_time(const std::string& interface, const Fd& packet_socket);

}  // namespace tapline
