// Lists of ports as the command line takes them.
#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "flows/port_set.h"

namespace tapline {

// Numbers 1 to 65535 and ranges between two of them, with commas: "80,8080,8000-8100". White space around an
// element is let pass. An error names the element that is wrong, and why.
absl::StatusOr<PortSet> parse_ports(std::string_view list);

}  // namespace tapline
