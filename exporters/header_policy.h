// Which header lines a record lists: the value of `--headers`.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace tapline {

// Immutable, so that all workers' encoders may hold copies or share one.
class HeaderPolicy {
 public:
  static HeaderPolicy none() { return HeaderPolicy(Mode::kNone); }
  static HeaderPolicy all() { return HeaderPolicy(Mode::kAll); }
  static HeaderPolicy common();                                     // the list that the user contract names
  static HeaderPolicy only(const std::vector<std::string>& names);  // names in any case

  // True when records have a list of headers at all, be it empty.
  bool lists_headers() const { return mode_ != Mode::kNone; }

  // Whether a header line of this name is listed; upper and lower case are the same.
  bool selects(std::string_view name) const;

 private:
  enum class Mode : std::uint8_t { kNone, kListed, kAll };

  explicit HeaderPolicy(Mode mode) : mode_(mode) {}

  // Names longer than this share the last bucket; no standard name comes near it.
  static constexpr std::size_t kLongest = 40;

  Mode mode_;
  // By length: most names are refused by it alone.
  std::array<std::vector<std::string>, kLongest + 1> by_length_;
};

// Reads `none`, `common`, `all`, or a comma-separated list of header names. InvalidArgument names the element
// that can't be a header name (RFC 9110 section 5.6.2: a token).
absl::StatusOr<HeaderPolicy> parse_header_policy(std::string_view value);

}  // namespace tapline
