#include "exporters/uring_backend.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstdint>
#include <limits>

namespace tapline {
namespace {

// Beyond 16 writes of 256 KiB in flight nothing was gained.
constexpr unsigned kDepth = 16;

}  // namespace

std::unique_ptr<WriteBackend> UringBackend::create(int fd, Framing framing) {
  std::unique_ptr<UringBackend> backend(new UringBackend(fd, framing));
  if (!backend->set_up()) return nullptr;
  return backend;
}

UringBackend::UringBackend(int fd, Framing framing) : fd_(fd), framing_(framing), slots_(kDepth) {
  struct stat info {};
  if (::fstat(fd, &info) == 0) initial_size_ = info.st_size;
}

UringBackend::~UringBackend() {
  if (ring_open_) io_uring_queue_exit(&ring_);
}

bool UringBackend::set_up() {
  if (io_uring_queue_init(static_cast<unsigned>(slots_.size()), &ring_, 0) < 0) return false;
  ring_open_ = true;
  io_uring_probe* probe = io_uring_get_probe_ring(&ring_);
  const bool can_write = probe != nullptr && io_uring_opcode_supported(probe, IORING_OP_WRITE) != 0;
  io_uring_free_probe(probe);
  if (!can_write) return false;
  // A sandbox can allow io_uring_setup and refuse io_uring_enter: one round trip shows it.
  io_uring_prep_nop(io_uring_get_sqe(&ring_));
  io_uring_cqe* cqe = nullptr;
  if (io_uring_submit(&ring_) != 1 || io_uring_wait_cqe(&ring_, &cqe) != 0) return false;
  io_uring_cqe_seen(&ring_, cqe);
  return true;
}

void UringBackend::submit(std::string_view lines) {
  assert(has_room() && !failed_);
  Slot& slot = nth(in_flight_++);
  slot = Slot{};
  slot.lines = lines;
  const off_t end = ::lseek(fd_, static_cast<off_t>(lines.size()), SEEK_CUR);
  if (end < 0) {
    slot.error = errno;
    slot.done = true;
    return;
  }
  slot.offset = end - static_cast<off_t>(lines.size());
  prepare(slot);
  // If this is refused for now, the wait submits again.
  io_uring_submit(&ring_);
}

// Queues what is left of a slot.
void UringBackend::prepare(Slot& slot) {
  // There is always one: no slot has two, and there are as many as slots.
  io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
  const std::string_view rest = slot.lines.substr(slot.written);
  const auto size = std::min<std::size_t>(rest.size(), std::numeric_limits<int>::max());
  const std::uint64_t offset = static_cast<std::uint64_t>(slot.offset) + slot.written;
  io_uring_prep_write(sqe, fd_, rest.data(), static_cast<unsigned>(size), offset);
  io_uring_sqe_set_data(sqe, &slot);
}

WriteResult UringBackend::wait_oldest() {
  assert(in_flight_ > 0);
  Slot& slot = nth(0);
  while (!slot.done) reap();
  if (slot.error != 0 && !failed_) give_up_from(slot);
  oldest_ = (oldest_ + 1) % slots_.size();
  --in_flight_;
  return {slot.written, slot.error};
}

// Waits for at least one completion, unless the wait is refused.
void UringBackend::reap() {
  const int result = io_uring_submit_and_wait(&ring_, 1);
  // EAGAIN, EBUSY: the kernel is short of memory, or has completions that must be taken first.
  if (result < 0 && result != -EINTR && result != -EAGAIN && result != -EBUSY) {
    fail_all(-result);
    return;
  }
  io_uring_cqe* cqe = nullptr;
  while (io_uring_peek_cqe(&ring_, &cqe) == 0) {
    take(*cqe);
    io_uring_cqe_seen(&ring_, cqe);
  }
}

void UringBackend::take(const io_uring_cqe& cqe) {
  Slot& slot = *static_cast<Slot*>(io_uring_cqe_get_data(&cqe));
  if (cqe.res > 0) {
    slot.written += static_cast<std::size_t>(cqe.res);
    slot.done = slot.written == slot.lines.size();
  } else if (cqe.res != -EINTR && cqe.res != -EAGAIN) {
    slot.error = cqe.res < 0 ? -cqe.res : EIO;  // a write that takes nothing and gives no reason
    slot.done = true;
  }
  if (!slot.done) prepare(slot);
}

// The ring itself does not work any more, which no allowed use of it leads to. Closing it makes the kernel
// let go of the buffers.
void UringBackend::fail_all(int error) {
  io_uring_queue_exit(&ring_);
  ring_open_ = false;
  for (std::size_t n = 0; n < in_flight_; ++n) {
    Slot& slot = nth(n);
    if (slot.done) continue;
    slot.error = error;
    slot.done = true;
  }
}

// A write has failed for good. Those behind it may have been done: that would leave a hole, and the beginning
// of a record before it.
void UringBackend::give_up_from(Slot& failed) {
  failed_ = true;
  for (std::size_t n = 1; n < in_flight_; ++n) {
    while (!nth(n).done) reap();
  }
  const std::size_t whole = whole_records(framing_, failed.lines, failed.written).bytes;
  const Slot& last = nth(in_flight_ - 1);
  if (failed.offset < 0 || last.offset < 0) return;
  const off_t keep_end = failed.offset + static_cast<off_t>(whole);
  const off_t our_end = last.offset + static_cast<off_t>(last.lines.size());
  if (keep_end < initial_size_) return;  // written over the middle of a file: what lies beyond is not ours
  if (!cut_file(fd_, keep_end, our_end)) return;
  failed.written = whole;
  for (std::size_t n = 1; n < in_flight_; ++n) {
    nth(n).written = 0;
    nth(n).error = failed.error;
  }
}

}  // namespace tapline
