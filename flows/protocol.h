// What a connection speaks that is no HTTP/1.x, told from the bytes alone: ports prove nothing.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "flows/events.h"

namespace tapline {

// More bytes than these tell nothing more.
inline constexpr std::size_t kMostNeeded = 512;

// Names what `from` speaks by the first bytes of its stream, of which as few as one may be there. REQUIRES:
// they can be no start of an HTTP/1.x message. Nothing: they are too few to say. kUnknown: they prove no
// protocol that is known here, whatever follows. An answer stays the same when more bytes are there, so that
// segmentation decides nothing.
std::optional<AppProtocol> protocol_of(std::string_view bytes, Side from);

// Whether a segment that is met in the middle of a stream is TLS: it starts with a record (RFC 8446 section
// 5.1) that ends with it, or has another behind it, or is a ClientHello. The header of one record alone would
// be too little proof.
bool is_tls_segment(std::string_view bytes);

}  // namespace tapline
