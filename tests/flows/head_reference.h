// The head parser's answers (flows/http_head.h) found the plain way, line by line and byte by byte: what the
// scanners are held to.
#pragma once

#include <string>
#include <string_view>

#include "flows/head_index.h"

namespace tapline::test {

// Where the answers by `scanner` differ from the plain ones, for bytes that are read as all that they may be;
// empty: nowhere.
std::string head_difference(std::string_view bytes, const HeadScanner& scanner);

}  // namespace tapline::test
