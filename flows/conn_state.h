// Zeek's view of a connection: its `conn_state` and `history` (Zeek's base/protocols/conn, TCP session
// adapter).
#pragma once

#include <string_view>

#include "flows/connection.h"
#include "flows/decode.h"

namespace tapline {

// Adds the segment's letters, and moves its sender's EndpointState on. `believed`: an RST that the other end
// would take; one that is not has a letter, and ends nothing. REQUIRES: the connection's figures are those
// before the segment, and its roles are told by decide_roles(), as far as they can be.
void note_conn_state(Connection& connection, const TcpSegment& segment, bool believed);

// A hole in what `endpoint` sent was given up: the letter g. Only between ends that were both established, as
// numbers mislead elsewhere.
void note_gap(Connection& connection, std::uint8_t endpoint);

// The client is known now. Where it did not send the first frame, the letters so far change their case, and ^
// goes before them.
void note_roles(Connection& connection);

std::string_view conn_state(const Connection& connection);

}  // namespace tapline
