#include "engine/packet_ring.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/hardware_time.h"

namespace tapline {
namespace {

constexpr std::size_t kMinBlockSize = 1u << 20;
constexpr std::size_t kMaxBlockSize = 1u << 30;
constexpr std::size_t kMinBlocks = 4;

// TPACKET_V3 packs frames as they come; the size only has to divide the block and to be told.
constexpr unsigned kNominalFrameSize = 2048;

// Missing in the headers of Linux 6.1 (and unknown to that kernel, which ignores it; the filter then refuses
// the outgoing copies).
constexpr int kFanoutIgnoreOutgoing = 0x4000;

template <typename Value>
int set_option(const Fd& socket, int level, int name, const Value& value) {
  return setsockopt(socket.get(), level, name, &value, sizeof value);
}

absl::Status error_at(const std::string& interface, const char* what) {
  return absl::ErrnoToStatus(errno, absl::StrCat(interface, ": ", what));
}

absl::Status check(const RingOptions& options) {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  if (!std::has_single_bit(options.block_size) || options.block_size < kMinBlockSize ||
      options.block_size > kMaxBlockSize || options.block_size % page != 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a ring's block size must be a power of two from 1 MiB to 1 GiB, not ", options.block_size));
  }
  if (options.ring_size / options.block_size < kMinBlocks ||
      options.ring_size / kNominalFrameSize > UINT32_MAX) {
    return absl::InvalidArgumentError(absl::StrCat("a ring must have at least ", kMinBlocks,
                                                   " blocks (and less than 8 TiB): ", options.ring_size,
                                                   " bytes do not fit with blocks of ", options.block_size));
  }
  if (options.block_timeout_ms < 1) {
    return absl::InvalidArgumentError("a ring's block time-out must be at least 1 ms");
  }
  return absl::OkStatus();
}

absl::Status bind_to(const Fd& socket, const Interface& interface) {
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = interface.index;
  if (bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return error_at(interface.name, "cannot bind a packet socket");
  }
  if (interface.loopback || is_any(interface)) return absl::OkStatus();
  packet_mreq membership{};
  membership.mr_ifindex = interface.index;
  membership.mr_type = PACKET_MR_PROMISC;
  if (set_option(socket, SOL_PACKET, PACKET_ADD_MEMBERSHIP, membership) != 0) {
    return error_at(interface.name, "cannot switch to promiscuous mode");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<tpacket_req3> fit_ring(const RingOptions& options,
                                      const std::function<int(const tpacket_req3&)>& set_up) {
  tpacket_req3 request{};
  request.tp_block_size = static_cast<unsigned>(options.block_size);
  request.tp_frame_size = kNominalFrameSize;
  request.tp_retire_blk_tov = static_cast<unsigned>(options.block_timeout_ms);
  std::size_t blocks = options.ring_size / options.block_size;
  for (;;) {
    request.tp_block_nr = static_cast<unsigned>(blocks);
    request.tp_frame_nr = request.tp_block_nr * (request.tp_block_size / kNominalFrameSize);
    const int error = set_up(request);
    if (error == 0) return request;
    if (error != ENOMEM || blocks / 2 < kMinBlocks) {
      return absl::ErrnoToStatus(error, absl::StrCat("cannot set up a ring of ", blocks, " blocks of ",
                                                     options.block_size, " bytes"));
    }
    blocks /= 2;
  }
}

absl::StatusOr<PacketRing> PacketRing::open(const Interface& interface, const RingOptions& options,
                                            int filter_program) {
  if (absl::Status status = check(options); !status.ok()) return status;
  if (!is_any(interface) && !link_type(interface)) {
    return absl::InvalidArgumentError(
        absl::StrCat(interface.name, " is neither an Ethernet nor an IP interface"));
  }
  // Protocol 0: no frame reaches the socket before it is bound.
  Fd socket(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return absl::ErrnoToStatus(errno, "cannot open a packet socket (needs CAP_NET_RAW)");

  const int version = TPACKET_V3;
  if (set_option(socket, SOL_PACKET, PACKET_VERSION, version) != 0) {
    return error_at(interface.name, "the kernel has no TPACKET_V3");
  }
  const absl::StatusOr<tpacket_req3> ring = fit_ring(options, [&](const tpacket_req3& request) {
    return set_option(socket, SOL_PACKET, PACKET_RX_RING, request) == 0 ? 0 : errno;
  });
  if (!ring.ok()) return ring.status();
  const std::size_t size = std::size_t{ring->tp_block_size} * ring->tp_block_nr;
  void* const mapped = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, socket.get(), 0);
  if (mapped == MAP_FAILED) return error_at(interface.name, "cannot map the ring");
  Memory memory(static_cast<std::uint8_t*>(mapped), Unmap{size});

  if (set_option(socket, SOL_SOCKET, SO_ATTACH_BPF, filter_program) != 0) {
    return error_at(interface.name, "cannot attach the port filter");
  }
  if (options.hardware_time) {
    if (absl::Status status = use_hardware_time(interface.name, socket); !status.ok()) return status;
  }
  const int yes = 1;
  if (interface.loopback && set_option(socket, SOL_PACKET, PACKET_IGNORE_OUTGOING, yes) != 0) {
    return error_at(interface.name, "cannot leave out outgoing frames");
  }
  if (absl::Status status = bind_to(socket, interface); !status.ok()) return status;

  PacketRing result(interface, options, std::move(socket), std::move(memory));
  // The kernel binds to an interface that is down, and says so only here.
  if (absl::Status status = result.interface_status(); !status.ok()) return status;
  return result;
}

PacketRing::PacketRing(const Interface& interface, const RingOptions& options, Fd socket, Memory memory)
    : interface_name_(interface.name),
      interface_index_(interface.index),
      loopback_(interface.loopback),
      source_{link_type(interface).value_or(LinkType::kEthernet), options.interface_slot, options.seen},
      block_size_(options.block_size),
      socket_(std::move(socket)),
      memory_(std::move(memory)) {}

void PacketRing::Unmap::operator()(std::uint8_t* memory) const { munmap(memory, size); }

absl::Status PacketRing::join_fanout(FanoutGroup& group) {
  // In a group the socket's own PACKET_IGNORE_OUTGOING is not heard, the group's flag is.
  int flags =
      (group.program_ ? PACKET_FANOUT_EBPF : PACKET_FANOUT_HASH) | (loopback_ ? kFanoutIgnoreOutgoing : 0);
  // A number of our own choice could be another program's group. The flag belongs to the first member alone.
  if (!group.id_) flags |= PACKET_FANOUT_FLAG_UNIQUEID;
  const int argument = group.id_.value_or(0) | flags << 16;
  if (set_option(socket_, SOL_PACKET, PACKET_FANOUT, argument) != 0) {
    return error_at(interface_name_, "cannot join the fanout group");
  }
  if (group.id_) return absl::OkStatus();
  if (group.program_ && set_option(socket_, SOL_PACKET, PACKET_FANOUT_DATA, *group.program_) != 0) {
    return error_at(interface_name_, "cannot set the fanout program");
  }
  int joined = 0;
  socklen_t size = sizeof joined;
  if (getsockopt(socket_.get(), SOL_PACKET, PACKET_FANOUT, &joined, &size) != 0) {
    return error_at(interface_name_, "cannot read the fanout group's number");
  }
  group.id_ = static_cast<std::uint16_t>(joined & 0xffff);
  return absl::OkStatus();
}

absl::Status PacketRing::lock_filter() {
  const int yes = 1;
  if (set_option(socket_, SOL_SOCKET, SO_LOCK_FILTER, yes) != 0) {
    return error_at(interface_name_, "cannot lock the port filter");
  }
  return absl::OkStatus();
}

std::optional<Block> PacketRing::next_block() {
  auto& block = *reinterpret_cast<tpacket_block_desc*>(memory_.get() + next_ * block_size_);
  if (!Block::retired(block)) return std::nullopt;
  next_ = next_ + 1 == block_count() ? 0 : next_ + 1;
  return Block(block, source_);
}

const RingStatistics& PacketRing::read_statistics() {
  tpacket_stats_v3 read{};
  socklen_t size = sizeof read;
  if (getsockopt(socket_.get(), SOL_PACKET, PACKET_STATISTICS, &read, &size) == 0) {
    statistics_.packets += read.tp_packets;
    statistics_.drops += read.tp_drops;
    statistics_.freezes += read.tp_freeze_q_cnt;
  }
  return statistics_;
}

absl::Status PacketRing::interface_status() {
  sockaddr_ll bound{};
  socklen_t size = sizeof bound;
  if (getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&bound), &size) != 0) {
    return error_at(interface_name_, "cannot ask what the packet socket is bound to");
  }
  int error = 0;
  size = sizeof error;
  if (getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) {
    return error_at(interface_name_, "cannot ask for the packet socket's error");
  }
  // The kernel unbinds from an interface that it unregisters.
  if (bound.sll_ifindex != interface_index_) {
    return absl::NotFoundError(absl::StrCat("interface ", interface_name_, " is gone"));
  }
  if (error == ENETDOWN)
    return absl::UnavailableError(absl::StrCat("interface ", interface_name_, " is down"));
  if (error != 0) return absl::ErrnoToStatus(error, absl::StrCat("capture on ", interface_name_));
  return absl::OkStatus();
}

}  // namespace tapline
