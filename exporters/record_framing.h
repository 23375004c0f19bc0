// Where one record ends and the next one begins in the bytes of a sink.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tapline {

enum class Framing : std::uint8_t {
  kLines,   // each ends with '\n'
  kPcapng,  // blocks in this machine's byte order, which give their size; those of frames count
};

struct WholeRecords {
  std::size_t bytes = 0;    // up to the end of the last whole one
  std::uint64_t count = 0;  // of those that count
};

// What is whole among the first `bytes` of `data`, which consists of whole records. For after a write that
// failed half-way.
WholeRecords whole_records(Framing framing, std::string_view data, std::size_t bytes);

}  // namespace tapline
