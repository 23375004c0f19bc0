// Tells the formats of capture files apart; holds what their readers share.
#include "engine/capture_file.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/pcap_reader.h"
#include "engine/pcapng_reader.h"

namespace tapline {
namespace {

constexpr std::size_t kMagicSize = 4;

struct Compression {
  std::string_view magic, name, tool;
};
constexpr std::array<Compression, 5> kCompressions = {{
    {"\x1F\x8B", "gzip", "zcat"},
    {"\x28\xB5\x2F\xFD", "zstd", "zstdcat"},
    {"\xFD\x37\x7A\x58", "xz", "xzcat"},
    {"BZh", "bzip2", "bzcat"},
    {"\x04\x22\x4D\x18", "lz4", "lz4cat"},
}};

absl::Status not_a_capture(const ByteWindow& window) {
  const std::string& name = window.name();
  const std::string_view start(reinterpret_cast<const char*>(window.data()),
                               std::min(window.available(), kMagicSize));
  if (start.empty()) return absl::InvalidArgumentError(absl::StrCat(name, " is empty"));
  for (const Compression& compression : kCompressions) {
    if (!start.starts_with(compression.magic)) continue;
    return absl::InvalidArgumentError(
        absl::StrCat(name, " is compressed with ", std::string(compression.name),
                     "; read it so: ", std::string(compression.tool),
                     name == "standard input" ? "" : absl::StrCat(" ", name), " | tapline -r -"));
  }
  std::string bytes;
  for (const char c : start)
    absl::StrAppend(&bytes, " ", absl::Hex(static_cast<unsigned char>(c), absl::kZeroPad2));
  return absl::InvalidArgumentError(
      absl::StrCat(name, " is neither a pcap nor a pcapng file: it starts with the bytes", bytes));
}

}  // namespace

LinkType link_type_of(std::uint32_t field) {
  const auto number = static_cast<std::uint16_t>(field);
  // Systems that wrote their own number for raw IP instead of 101: 12 most, 14 OpenBSD.
  if (number == 12 || number == 14) return LinkType::kRaw;
  return static_cast<LinkType>(number);
}

absl::StatusOr<std::unique_ptr<CaptureFile>> CaptureFile::open(std::unique_ptr<ByteSource> source) {
  ByteWindow window(std::move(source));
  if (!window.gather(kMagicSize)) {
    if (!window.status().ok()) return window.status();
    return not_a_capture(window);
  }
  std::uint32_t magic = 0;
  std::memcpy(&magic, window.data(), sizeof magic);
  if (PcapReader::knows(magic)) return PcapReader::open(std::move(window));
  if (PcapngReader::knows(magic)) return PcapngReader::open(std::move(window));
  return not_a_capture(window);
}

bool CaptureFile::reach_by_waiting(std::size_t size) {
  if (window_.gather(size)) return true;
  ended(window_.offset(), size);
  return false;
}

void CaptureFile::ended(std::uint64_t start, std::uint64_t size) {
  done_ = true;
  const std::uint64_t there = window_.offset() + window_.available() - start;
  if (!window_.status().ok()) {
    status_ = window_.status();
  } else if (there > 0) {
    damaged(start, absl::StrCat("is cut short: ", there, " of ", size, " bytes"));
  }
}

void CaptureFile::damaged(std::uint64_t start, std::string_view what) {
  done_ = true;
  status_ = absl::DataLossError(absl::StrCat(window_.name(), ": ", item(), " at byte ", start, " ",
                                             std::string(what),
                                             frames_ > 0 ? "; what came before was processed" : ""));
}

}  // namespace tapline
