#include "engine/frame_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "flows/decode.h"

namespace tapline {
namespace {

// A block of the longest frame takes 256 KiB, so that a fourth of a buffer at most stays unused.
constexpr std::size_t kBuffer = std::size_t{1} << 20;
// A disk that pauses must not cost frames: some 25 ms of 10 Gbit/s. Memory that no burst reaches is not used.
constexpr std::size_t kBuffers = 32;
// For a head and an end of 65,536 interfaces, the most that a file can have.
constexpr std::size_t kBuffersOfHeadAndEnd = 16;

absl::Status wrong(std::string message) { return absl::InvalidArgumentError(message); }

bool same_file(const struct stat& one, const struct stat& other) {
  return S_ISREG(one.st_mode) && one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

// Looks at the open descriptor, not at the path: links have many names.
absl::Status check_target(int fd, const Options& options, const Writer& records) {
  const std::string& path = *options.write;
  if (isatty(fd) != 0) return wrong("--write: frames are not for a terminal; name a file, or pipe them on");
  struct stat about {
  }, other{};
  if (fstat(fd, &about) != 0) return absl::ErrnoToStatus(errno, "cannot look at '" + path + "'");
  if (options.read) {
    const int failed =
        *options.read == "-" ? fstat(STDIN_FILENO, &other) : stat(options.read->c_str(), &other);
    if (failed == 0 && same_file(about, other)) {
      return wrong("--write: '" + path + "' is the file that is read; name another one");
    }
  }
  if (fstat(records.target().fd(), &other) == 0 && same_file(about, other)) {
    return wrong("--write: '" + path + "' is the file that the records go to; name another one");
  }
  return absl::OkStatus();
}

absl::StatusOr<OutputTarget> open_target(const Options& options, const Writer& records) {
  const std::string& path = *options.write;
  const bool standard_output = path == "-";
  FileDescriptor fd(standard_output ? fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)
                                    : ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600));
  std::string name = standard_output ? "standard output" : path;
  const auto failed = [&](const std::string& tried) {
    return wrong(std::string(absl::ErrnoToStatus(errno, "--write: cannot " + tried).message()));
  };
  if (!fd.valid()) return failed("open '" + name + "' for writing");
  if (absl::Status status = check_target(fd.get(), options, records); !status.ok()) return status;
  // Devices and pipes have no length (EINVAL). What was on standard output before is not ours.
  if (!standard_output && ftruncate(fd.get(), 0) != 0 && errno != EINVAL)
    return failed("empty '" + name + "'");
  return OutputTarget(std::move(fd), std::move(name), Framing::kPcapng);
}

std::string application() { return std::string("tapline ") + TAPLINE_VERSION; }

}  // namespace

void FrameChannel::save(std::span<const Packet> packets) {
  TcpSegment segment;
  for (const Packet& packet : packets) {
    if (only_) {
      // The rule of FlowProcessor. It decodes once more; copying a frame costs more than that.
      const Undecoded why = decode(packet, segment);
      if (why != Undecoded::kNone && why != Undecoded::kFragment) continue;
      if (why == Undecoded::kNone && !only_->contains_either(segment.key.port(0), segment.key.port(1)))
        continue;
    }
    if (packet.interface >= counts_.size()) counts_.resize(std::size_t{packet.interface} + 1);
    Count& count = counts_[packet.interface];
    ++count.accepted;
    count.saved += writer_.frame(packet) ? 1 : 0;
    last_time_ = std::max(last_time_, packet.time_ns);
  }
}

absl::StatusOr<std::unique_ptr<FrameFile>> FrameFile::open(const Options& options, const Writer& records) {
  if (!options.write) return std::unique_ptr<FrameFile>();
  absl::StatusOr<OutputTarget> target = open_target(options, records);
  if (!target.ok()) return target.status();
  absl::StatusOr<std::unique_ptr<Writer>> writer = Writer::create(*std::move(target));
  if (!writer.ok()) return writer.status();
  return std::unique_ptr<FrameFile>(new FrameFile(*std::move(writer)));
}

FrameFile::FrameFile(std::unique_ptr<Writer> writer)
    : writer_(std::move(writer)),
      head_and_end_(writer_->add_worker(LineBufferOptions{
          .slow_sink = SlowSink::kBlock, .buffer_bytes = kBuffer, .buffers = kBuffersOfHeadAndEnd})) {}

FrameChannel& FrameFile::add_channel(SlowSink slow_sink, std::optional<PortSet> only) {
  LineBuffers& lines = writer_->add_worker(
      LineBufferOptions{.slow_sink = slow_sink, .buffer_bytes = kBuffer, .buffers = kBuffers});
  return *channels_.emplace_back(std::make_unique<FrameChannel>(lines, std::move(only)));
}

void FrameFile::add_interface(const std::string& name, LinkType link) {
  PcapngWriter(head_and_end_).interface(name, link);
  head_and_end_.flush();
}

absl::Status FrameFile::start(const SectionInfo& section, std::span<const Interface> interfaces) {
  PcapngWriter writer(head_and_end_);
  writer.section(section);
  for (const Interface& interface : interfaces) writer.interface(interface.name, interface.link);
  // Before the thread runs: it then comes upon this first.
  head_and_end_.flush();
  return writer_->start();
}

void FrameFile::write_statistics() {
  std::int64_t last_time = 0;
  for (const auto& channel : channels_) {
    last_time = std::max(last_time, channel->last_time());
    const std::vector<FrameChannel::Count>& counts = channel->counts();
    if (statistics_.size() < counts.size()) statistics_.resize(counts.size());
  }
  PcapngWriter writer(head_and_end_);
  for (std::size_t i = 0; i < statistics_.size(); ++i) {
    FrameChannel::Count sum;
    for (const auto& channel : channels_) {
      if (i >= channel->counts().size()) continue;
      sum.accepted += channel->counts()[i].accepted;
      sum.saved += channel->counts()[i].saved;
    }
    InterfaceStatistics& statistics = statistics_[i];
    if (!statistics.accepted) statistics.accepted = sum.accepted;
    statistics.saved = sum.saved;
    // Of a file the same at every run: its own time, not ours.
    writer.statistics(static_cast<std::uint32_t>(i), statistics.end.value_or(last_time), statistics);
  }
  head_and_end_.flush();
}

SectionInfo section_of_this_host() {
  SectionInfo section{.hardware = {}, .os = {}, .application = application()};
  utsname system{};
  if (uname(&system) == 0) {
    section.hardware = system.machine;
    section.os = std::string(system.sysname) + " " + system.release;
  }
  return section;
}

SectionInfo section_of_a_copy() { return {.hardware = {}, .os = {}, .application = application()}; }

}  // namespace tapline
