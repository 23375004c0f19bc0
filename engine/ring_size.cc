#include "engine/ring_size.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "engine/fd.h"

namespace tapline {
namespace {

constexpr std::size_t kLeast = 64u << 20, kMost = 512u << 20;  // bytes a ring
constexpr std::uint64_t kPartOfSecond = 10;                    // of the link's bytes
constexpr std::uint64_t kPartOfMemory = 8;
constexpr std::size_t kLeastBlocks = 8;

// The masks of link modes follow the settings, three of them.
struct LinkAnswer {
  ethtool_link_settings& settings() { return *reinterpret_cast<ethtool_link_settings*>(bytes); }

  static constexpr std::size_t kMostMaskWords = 127;
  alignas(ethtool_link_settings)
      std::uint8_t bytes[sizeof(ethtool_link_settings) + 3 * kMostMaskWords * sizeof(std::uint32_t)] = {};
};

bool ask(const Fd& socket, const std::string& interface, LinkAnswer& answer) {
  ifreq asked{};
  std::strncpy(asked.ifr_name, interface.c_str(), sizeof asked.ifr_name - 1);
  asked.ifr_data = reinterpret_cast<char*>(answer.bytes);
  answer.settings().cmd = ETHTOOL_GLINKSETTINGS;
  return ioctl(socket.get(), SIOCETHTOOL, &asked) == 0;
}

}  // namespace

std::size_t default_ring_size(const RingDemand& demand) {
  const std::uint64_t of_link = demand.link_speed.value_or(0) / 8 / kPartOfSecond / demand.workers;
  const std::uint64_t of_memory = demand.memory / kPartOfMemory / demand.workers / demand.interfaces;
  const std::uint64_t wanted = std::clamp<std::uint64_t>(of_link, kLeast, kMost);
  const std::uint64_t blocks = std::min(wanted, of_memory) / demand.block_size;
  return std::max<std::size_t>(blocks, kLeastBlocks) * demand.block_size;
}

std::optional<std::uint64_t> link_speed(const std::string& interface) {
  const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  LinkAnswer answer;
  if (!socket.valid() || !ask(socket, interface, answer)) return std::nullopt;
  // The first answer says, negated, how many words a mask takes; only who repeats that gets the rest.
  std::int8_t& words = answer.settings().link_mode_masks_nwords;
  if (words >= 0) return std::nullopt;
  words = static_cast<std::int8_t>(-words);
  if (!ask(socket, interface, answer)) return std::nullopt;
  const std::uint32_t megabits = answer.settings().speed;
  if (megabits == 0 || megabits == static_cast<std::uint32_t>(SPEED_UNKNOWN)) return std::nullopt;
  return std::uint64_t{megabits} * 1'000'000;
}

std::uint64_t machine_memory() {
  const long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
  return pages > 0 && size > 0 ? static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(size) : 0;
}

}  // namespace tapline
