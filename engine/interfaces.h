// The network interfaces of this network namespace, as the kernel lists them now.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "flows/packet.h"

namespace tapline {

struct Interface {
  std::string name;
  int index = 0;
  bool up = false;
  bool loopback = false;
  std::uint16_t hardware_type = 0;  // ARPHRD_*
  std::uint32_t mtu = 0;            // bytes
  // Frames since it is there, of any kind; what it sends is in neither.
  std::uint64_t received = 0;  // by the host
  std::uint64_t missed = 0;    // lost by the interface, which had no room for them
};

// In the order of their indices. Fails only where netlink is not to be had.
absl::StatusOr<std::vector<Interface>> list_interfaces();

// `name` may also be one of the interface's alternative names, or kAnyInterface. kNotFound, with the names of
// those that exist.
absl::StatusOr<Interface> find_interface(std::string_view name);

// The interface of the IPv4 default route with the lowest metric in the main table; where there is none, of
// the IPv6 one. kNotFound, with the names of the interfaces that exist, when there is neither.
absl::StatusOr<Interface> default_route_interface();

// Stands for all interfaces of this network namespace, those to come included: its index, 0, is what a socket
// is bound to that is bound to none. find_interface() gives it for this name.
inline constexpr std::string_view kAnyInterface = "any";
inline bool is_any(const Interface& interface) { return interface.index == 0; }

// The name of an interface; empty where there is none.
std::string interface_name(int index);

// What frames captured on interfaces of this kind (ARPHRD_*) start with; none for kinds that tapline does not
// read (a Wi-Fi monitor, say).
std::optional<LinkType> link_type(std::uint16_t hardware_type);
inline std::optional<LinkType> link_type(const Interface& interface) {
  return link_type(interface.hardware_type);
}

}  // namespace tapline
