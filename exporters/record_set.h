// Which kinds of records are written: the value of `--records`.
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"
#include "flows/events.h"

namespace tapline {

enum class RecordKind : std::uint8_t {
  kHttp,
  kOpened,
  kEstablished,
  kHalfClosed,
  kClosed,
  kStats,
  kRequest,
  kPacket
};

class RecordSet {
 public:
  constexpr RecordSet() = default;

  // `http,connection`: what is written when nobody says otherwise.
  static constexpr RecordSet defaults() { return RecordSet(0b01'1111); }

  constexpr void add(RecordKind kind) { bits_ |= bit(kind); }
  constexpr bool has(RecordKind kind) const { return (bits_ & bit(kind)) != 0; }
  constexpr bool has(ConnectionAction action) const {
    switch (action) {
      case ConnectionAction::kOpened:
        return has(RecordKind::kOpened);
      case ConnectionAction::kEstablished:
        return has(RecordKind::kEstablished);
      case ConnectionAction::kHalfClosed:
        return has(RecordKind::kHalfClosed);
      case ConnectionAction::kClosed:
        return has(RecordKind::kClosed);
    }
    return false;
  }

  friend bool operator==(const RecordSet&, const RecordSet&) = default;

 private:
  constexpr explicit RecordSet(std::uint8_t bits) : bits_(bits) {}
  static constexpr std::uint8_t bit(RecordKind kind) {
    return static_cast<std::uint8_t>(1u << static_cast<unsigned>(kind));
  }

  std::uint8_t bits_ = 0;
};

// Reads a comma-separated list of `http`, `request`, `opened`, `established`, `half-closed`, `closed`,
// `stats`, `packet`, and `connection` for the four steps together. InvalidArgument names the element that is
// none of these.
absl::StatusOr<RecordSet> parse_record_set(std::string_view list);

}  // namespace tapline
