// What stands around a connection's IP header: VLAN tags and tunnels.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace tapline {

enum class TunnelType : std::uint8_t {
  k4in4,
  k6in4,
  k4in6,
  k6in6,
  kGre,
  kErspan,
  kVxlan,
  kGeneve,
  kPppoe,
  kMpls
};
// By TunnelType, as records call them.
inline constexpr std::array<std::string_view, 10> kTunnelNames = {
    "4in4", "6in4", "4in6", "6in6", "gre", "erspan", "vxlan", "geneve", "pppoe", "mpls"};

struct Tunnel {
  TunnelType type = TunnelType::k4in4;
  // The key of GRE, the session of ERSPAN (10 bits) and PPPoE, the network identifier of VXLAN and GENEVE.
  // MPLS has none: a label names a path, and the two directions of a connection take two.
  std::optional<std::uint32_t> id{};

  friend bool operator==(const Tunnel&, const Tunnel&) = default;
};

// The VLAN tags of the innermost Ethernet header, and all tunnels.
class Encapsulation {
 public:
  static constexpr std::size_t kMaxTunnels = 4;

  // Takes a tag control information; its id (12 bits) counts. Id 0 means "priority only, no VLAN" (IEEE
  // 802.1Q). Of more than two, the outermost two are kept.
  void add_vlan(std::uint16_t tci) {
    const auto id = static_cast<std::uint16_t>(tci & 0x0fffu);
    if (id != 0 && vlans_ < vlan_.size()) vlan_[vlans_++] = id;
  }
  // Another Ethernet header begins.
  void forget_vlans() { vlans_ = 0; }
  // False: there are kMaxTunnels already.
  bool add_tunnel(TunnelType type, std::optional<std::uint32_t> id = std::nullopt) {
    if (tunnels_ == tunnel_.size()) return false;
    tunnel_[tunnels_++] = {type, id};
    return true;
  }
  // For another frame; writes two bytes.
  void clear() { vlans_ = tunnels_ = 0; }

  bool empty() const { return vlans_ == 0 && tunnels_ == 0; }
  // 0: the outer tag's id, 1: the inner one's.
  std::optional<std::uint16_t> vlan(std::size_t which) const {
    return which < vlans_ ? std::optional(vlan_[which]) : std::nullopt;
  }
  // Outermost first. A view into this.
  std::span<const Tunnel> tunnels() const { return {tunnel_.data(), tunnels_}; }

 private:
  std::array<std::uint16_t, 2> vlan_{};
  std::uint8_t vlans_ = 0, tunnels_ = 0;
  std::array<Tunnel, kMaxTunnels> tunnel_{};
};

}  // namespace tapline
