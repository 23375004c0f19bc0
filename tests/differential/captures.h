// Both directions of the HTTP connections in a capture file, put together without tapline's own reassembly.
#pragma once

#include <string>
#include <vector>

#include "tests/differential/reading.h"

namespace tapline::test {

// Of the connections that were captured from their SYN on, and whose client sends something like a request.
// Each direction up to its first hole; of bytes that came twice, the first.
std::vector<Exchange> exchanges_of(const std::string& capture_file);

}  // namespace tapline::test
