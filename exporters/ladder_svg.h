// A ladder diagram as a picture that stands on its own: SVG 1.1 without scripts, fonts or anything else from
// outside, for light and dark surroundings (prefers-color-scheme).
#pragma once

#include <string>
#include <string_view>

#include "exporters/ladder.h"

namespace tapline {

// The whole document. With `all` nothing is folded.
std::string ladder_svg(const Ladder& ladder, bool all);

// Text as it may stand in an element or an attribute; what XML 1.0 has no place for (section 2.2: U+FFFE,
// U+FFFF) becomes U+FFFD. REQUIRES: valid UTF-8 without control characters.
std::string xml_escaped(std::string_view text);

}  // namespace tapline
