// Zeek's view of a connection: its `conn_state` and `history` (Zeek's base/protocols/conn, TCP session
// adapter).
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <tuple>

#include "flows/connection.h"
#include "flows/decode.h"

namespace tapline {

// Adds the segment's letters, and moves its sender's EndpointState on. `believed`: an RST that the other end
// would take; one that is not has a letter, and ends nothing. REQUIRES: the connection's figures are those
// before the segment, and its roles are told by decide_roles(), as far as they can be.
void note_conn_state(Connection& connection, const TcpSegment& segment, bool believed, RarePool& rares);

// The letters of a segment without SYN, FIN and RST that moves its sender's numbers on, or leaves them.
void note_plain_letter(Connection& connection, const TcpSegment& segment, RarePool& rares);

// A hole in what `endpoint` sent was given up: the letter g. Only between ends that were both established, as
// numbers mislead elsewhere.
void note_gap(Connection& connection, std::uint8_t endpoint, RarePool& rares);

// The client is known now. Where it did not send the first frame, the letters so far change their case, and ^
// goes before them.
void note_roles(Connection& connection);

// Letters past the room are left out, as no conversation of sense has so many.
class HistoryText {
 public:
  HistoryText() = default;
  HistoryText(const Connection& connection, const RareDetails& rare);
  // Into this.
  std::string_view view() const { return {letters_.data(), size_}; }

 private:
  std::array<char, History::kRoom + std::tuple_size_v<decltype(RareDetails::letters)>> letters_;
  std::uint8_t size_ = 0;
};

// `history`: the connection's.
std::string_view conn_state(const Connection& connection, std::string_view history);

}  // namespace tapline
