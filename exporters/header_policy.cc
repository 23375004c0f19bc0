#include "exporters/header_policy.h"

#include <algorithm>

#include "absl/status/status.h"
#include "exporters/header_names.h"

namespace tapline {
namespace {

bool is_token(std::string_view name) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !name.empty() && std::all_of(name.begin(), name.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kMarks.find(c) != std::string_view::npos;
  });
}

}  // namespace

HeaderPolicy HeaderPolicy::common() {
  return only({"Host",
               "Content-Type",
               "Content-Length",
               "Content-Encoding",
               "Transfer-Encoding",
               "Connection",
               "Upgrade",
               "Location",
               "Server",
               "Date",
               "Last-Modified",
               "ETag",
               "Cache-Control",
               "Accept",
               "Accept-Language",
               "Accept-Encoding",
               "Range",
               "Content-Range",
               "Origin",
               "Via",
               "X-Forwarded-For",
               "Forwarded",
               "X-Request-Id"});
}

HeaderPolicy HeaderPolicy::only(const std::vector<std::string>& names) {
  HeaderPolicy policy(Mode::kListed);
  for (const std::string& name : names) {
    if (const KnownHeader known = known_header(name); known != KnownHeader::kOther) {
      policy.known_ |= std::uint64_t{1} << static_cast<unsigned>(known);
      continue;
    }
    policy.by_length_[std::min(name.size(), kLongest)].push_back(name);
    policy.names_others_ = true;
  }
  return policy;
}

bool HeaderPolicy::selects_other(std::string_view name) const {
  const auto& names = by_length_[std::min(name.size(), kLongest)];
  return std::any_of(names.begin(), names.end(),
                     [name](const std::string& listed) { return equal_ignoring_case(listed, name); });
}

absl::StatusOr<HeaderPolicy> parse_header_policy(std::string_view value) {
  if (value == "none") return HeaderPolicy::none();
  if (value == "common") return HeaderPolicy::common();
  if (value == "all") return HeaderPolicy::all();
  std::vector<std::string> names;
  while (true) {
    const std::size_t comma = value.find(',');
    const std::string name(value.substr(0, comma));
    if (!is_token(name)) {
      return absl::InvalidArgumentError(
          "'" + name + "' is no header name; give none, common, all, or names " + "with commas between them");
    }
    if (name == "none" || name == "common" || name == "all") {
      return absl::InvalidArgumentError("'" + name + "' can't be part of a list of header names");
    }
    names.push_back(name);
    if (comma == std::string_view::npos) return HeaderPolicy::only(names);
    value.remove_prefix(comma + 1);
  }
}

}  // namespace tapline
