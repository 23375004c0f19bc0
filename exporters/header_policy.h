// Which header lines a record lists: the value of `--headers`.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "flows/events.h"

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

  // Whether a header line is listed; upper and lower case of its name are the same.
  bool selects(const HeaderField& field) const {
    return selects(field.known) ||
           (names_others_ && field.known == KnownHeader::kOther && selects_other(field.name));
  }
  bool selects(std::string_view name) const { return selects(HeaderField(name, {})); }
  // Of kOther: whether all of them are.
  bool selects(KnownHeader known) const { return (known_ >> static_cast<unsigned>(known) & 1) != 0; }
  // Whether some headers that are kOther are listed, and others not.
  bool names_others() const { return names_others_; }

 private:
  enum class Mode : std::uint8_t { kNone, kListed, kAll };

  explicit HeaderPolicy(Mode mode) : mode_(mode), known_(mode == Mode::kAll ? ~std::uint64_t{0} : 0) {}

  bool selects_other(std::string_view name) const;

  // Names longer than this share the last bucket; no standard name comes near it.
  static constexpr std::size_t kLongest = 40;

  Mode mode_;
  static_assert(kKnownHeaders <= 64);
  std::uint64_t known_;  // a bit for each KnownHeader; that of kOther: all of them
  bool names_others_ = false;
  // The names that are kOther, by length: most are refused by it alone.
  std::array<std::vector<std::string>, kLongest + 1> by_length_;
};

// Reads `none`, `common`, `all`, or a comma-separated list of header names. InvalidArgument names the element
// that can't be a header name (RFC 9110 section 5.6.2: a token).
absl::StatusOr<HeaderPolicy> parse_header_policy(std::string_view value);

}  // namespace tapline
