// Header names are compared without regard to case (RFC 9110 section 5.1).
#pragma once

#include <string_view>

namespace tapline {

// ASCII letters of either case are equal; other bytes only to themselves.
bool equal_ignoring_case(std::string_view a, std::string_view b);

}  // namespace tapline
