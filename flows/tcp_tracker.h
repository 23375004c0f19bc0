// What a segment does to its connection's TCP state (RFC 9293): handshake, numbers, teardown.
#pragma once

#include <cstdint>
#include <optional>

#include "flows/connection.h"
#include "flows/decode.h"
#include "flows/port_set.h"

namespace tapline {

// Sets up `connection` (fresh from the table) from its first segment.
void begin_connection(Connection& connection, const TcpSegment& segment);

// Decides who is the client, as far as the rules of the user contract can: SYN, SYN+ACK, the port set, an
// HTTP head; with the fourth segment, or by force_roles(), the lower port is the server. REQUIRES: track()
// has not had the segment yet.
void decide_roles(Connection& connection, const TcpSegment& segment, const PortSet& ports);
void force_roles(Connection& connection);

// True when a SYN on the tuple starts another connection rather than repeating one.
bool starts_anew(const Connection& connection, const TcpSegment& segment);

// Neither SYN nor FIN nor RST: nothing but data and acknowledgement.
inline bool is_plain(const TcpSegment& segment) { return (segment.flags & (kSyn | kFin | kRst)) == 0; }

// Accounts for the segment, but for its payload. False: nothing but numbers and times has moved on. REQUIRES:
// the segment is the connection's.
bool track(Connection& connection, const TcpSegment& segment, RarePool& rares);

// Something of the connection came at that time; earlier ones say nothing.
void move_last_time(Connection& connection, std::int64_t time_ns, RarePool& rares);

// Of the frame that ended it. REQUIRES: Connection::ended.
std::int64_t end_time(const Connection& connection, const RarePool& rares);

// How the handshake went; nothing where SYN, SYN+ACK and ACK were not all seen, in that order.
std::optional<Handshake> handshake_of(const Connection& connection, const RarePool& rares);
// When the handshake's ACK came. REQUIRES: Connection::established.
std::int64_t established_at(const Connection& connection, const RarePool& rares);

// Moves the sender's next_seq on: for each segment once, by track() where it has no payload.
void track_sequence(Endpoint& sender, const TcpSegment& segment);

// Accounts for payload by its sequence numbers alone, for what is not reassembled.
void count_payload(Endpoint& sender, const TcpSegment& segment);

}  // namespace tapline
