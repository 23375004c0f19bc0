#include "flows/conn_state.h"

namespace tapline {
namespace {

// The letter in the case that tells its side. Until the client is known, it is taken for the sender of the
// first frame.
char letter_of(const Connection& connection, std::uint8_t endpoint, char letter) {
  const std::uint8_t originator = connection.roles_known() ? connection.client : connection.first_sender;
  return endpoint == originator ? static_cast<char>(letter - 'a' + 'A') : letter;
}

void add(Connection& connection, std::uint8_t endpoint, char letter, RarePool& rares) {
  letter = letter_of(connection, endpoint, letter);
  if (!connection.history.full()) return connection.history.add(letter);
  RareDetails& rare = rares.make(connection);
  if (rare.letters_size < rare.letters.size()) rare.letters[rare.letters_size++] = letter;
}

void add_once(Connection& connection, std::uint8_t endpoint, char letter, RarePool& rares) {
  const HistoryText history(connection, rares.of(connection));
  if (history.view().find(letter_of(connection, endpoint, letter)) == std::string_view::npos)
    add(connection, endpoint, letter, rares);
}

// At the 1st, 10th, 100th ... time.
void add_counted(Connection& connection, std::uint8_t endpoint, char letter,
                 CountedLetter RareDetails::Side::*which, RarePool& rares) {
  CountedLetter& counted = rares.make(connection).sides[endpoint].*which;
  if (counted.count == CountedLetter::kMost) return;
  ++counted.count;
  std::uint32_t threshold = 1;
  for (std::uint32_t i = 0; i < counted.written; ++i) threshold *= 10;
  if (counted.count < threshold) return;
  ++counted.written;
  add(connection, endpoint, letter, rares);
}

// What its flags say. A segment with two of SYN, FIN and RST has no other letter.
void add_flag_letters(Connection& connection, const TcpSegment& segment, RarePool& rares) {
  const std::uint8_t sender = segment.sender;
  const Endpoint& own = connection.sides[sender];
  const unsigned control = segment.flags & (kSyn | kFin | kRst);
  if (control == 0) return note_plain_letter(connection, segment, rares);
  if ((control & (control - 1)) != 0) {
    const bool fin_rst = segment.has(kFin) && segment.has(kRst);
    return add_once(connection, sender, fin_rst ? 'i' : 'q', rares);
  }
  const RareDetails::Side& rare = rares.of(connection).sides[sender];
  if (control == kSyn) {
    if (!own.syn || connection.isn[sender] + rare.isn_shift != segment.seq)
      add(connection, sender, segment.has(kAck) ? 'h' : 's', rares);
  } else if (control == kFin) {
    if (!own.fin || connection.fin_seq[sender] + rare.fin_shift != segment.seq + segment.sequence_length())
      add(connection, sender, 'f', rares);
  } else {
    if (!own.rst || rare.rst_seq != segment.seq) add(connection, sender, 'r', rares);
  }
}

// Payload that takes its sender nowhere: sent again, or late.
bool goes_back(const Endpoint& own, const TcpSegment& segment) {
  if (segment.payload_bytes == 0 || !own.seq_known || own.state == EndpointState::kReset) return false;
  // What an RST carries has no numbers.
  const std::uint32_t end =
      segment.seq + segment.sequence_length() - (segment.has(kRst) ? segment.payload_bytes : 0);
  const std::int32_t ahead = seq_distance(end, own.next_seq);
  constexpr std::int32_t kFar = 1 << 20;  // the numbers of a SYN or an RST are not believed beyond
  if ((segment.has(kSyn) || segment.has(kRst)) && ahead < -kFar) return false;
  return ahead <= 0;
}

void move_to(Endpoint& endpoint, EndpointState state) {
  endpoint.previous_state = endpoint.state;
  endpoint.state = state;
}

// The first segment of an endpoint.
void begin(const Connection& connection, const TcpSegment& segment, Endpoint& own, Endpoint& peer) {
  using S = EndpointState;
  const bool client =
      segment.sender == (connection.roles_known() ? connection.client : connection.first_sender);
  if (segment.has(kSyn)) {
    // From the client, unless its answer came past first.
    const bool attempt = client && peer.state != S::kEstablished;
    if (!client && peer.state == S::kSynSent) move_to(peer, S::kEstablished);
    move_to(own, attempt ? S::kSynSent : S::kEstablished);
  } else if ((segment.flags & (kFin | kRst)) == 0) {
    // An ACK before the SYN+ACK says nothing yet.
    if (!client && segment.payload_bytes == 0 && peer.state == S::kSynSent) return;
    // The SYN was not captured, its answer was.
    move_to(own, segment.has(kAck) && peer.state == S::kEstablished ? S::kEstablished : S::kPartial);
  }
}

void move_on(const Connection& connection, const TcpSegment& segment, bool believed, Endpoint& own,
             Endpoint& peer) {
  using S = EndpointState;
  const bool reset = segment.has(kRst) && believed;
  switch (own.state) {
    case S::kInactive:
      begin(connection, segment, own, peer);
      if (segment.has(kFin)) move_to(own, S::kClosed);
      break;
    case S::kSynSent:
      if (segment.has(kFin)) move_to(own, S::kClosed);
      break;
    case S::kEstablished:
    case S::kPartial:
      if (!segment.has(kFin) || segment.has(kRst)) break;
      move_to(own, S::kClosed);
      // It sent FIN and then RST: in the end that was a close like any other.
      if (peer.state == S::kReset && peer.previous_state == S::kClosed) move_to(peer, S::kClosed);
      return;
    case S::kClosed:
      if (reset && peer.state != S::kClosed) move_to(own, S::kReset);
      return;
    case S::kReset:
      return;
  }
  if (reset) move_to(own, S::kReset);
}

bool established_or_closing(const Endpoint& endpoint) {
  return endpoint.state == EndpointState::kEstablished ||
         (endpoint.state == EndpointState::kClosed && endpoint.previous_state == EndpointState::kEstablished);
}

// A SYN, and an RST behind it with nothing between that an attempt would not have.
bool reset_attempt(std::string_view history) {
  if (history.starts_with('^')) history.remove_prefix(1);
  if (!history.starts_with('S')) return false;
  return history.substr(0, history.find('R')).find_first_of("HAFGIQ") == std::string_view::npos;
}

}  // namespace

void note_conn_state(Connection& connection, const TcpSegment& segment, bool believed, RarePool& rares) {
  Endpoint& own = connection.sides[segment.sender];
  Endpoint& peer = connection.sides[1 - segment.sender];
  add_flag_letters(connection, segment, rares);
  // No window is of use to one who sends no more, or after a reset.
  if (segment.window == 0 && !segment.has(kRst) && peer.state != EndpointState::kClosed &&
      own.state != EndpointState::kReset) {
    add_counted(connection, segment.sender, 'w', &RareDetails::Side::window_letter, rares);
  }
  if (goes_back(own, segment))
    add_counted(connection, segment.sender, 't', &RareDetails::Side::retransmit_letter, rares);
  move_on(connection, segment, believed, own, peer);
}

void note_plain_letter(Connection& connection, const TcpSegment& segment, RarePool& rares) {
  Endpoint& own = connection.sides[segment.sender];
  if (segment.payload_bytes > 0) {
    if (!own.data_letter) add(connection, segment.sender, 'd', rares);
    own.data_letter = true;
  } else if (segment.has(kAck)) {
    if (!own.ack_letter) add(connection, segment.sender, 'a', rares);
    own.ack_letter = true;
  }
}

void note_gap(Connection& connection, std::uint8_t endpoint, RarePool& rares) {
  if (!established_or_closing(connection.sides[0]) || !established_or_closing(connection.sides[1])) return;
  add_counted(connection, endpoint, 'g', &RareDetails::Side::gap_letter, rares);
}

// With the fourth segment the roles are known: there are no more letters than nine, of three segments.
void note_roles(Connection& connection) {
  if (connection.client != connection.first_sender) connection.history.turn();
}

HistoryText::HistoryText(const Connection& connection, const RareDetails& rare) {
  const int first = connection.history.size();
  for (int i = 0; i < first; ++i) letters_[size_++] = connection.history[i];
  for (std::uint8_t i = 0; i < rare.letters_size; ++i) letters_[size_++] = rare.letters[i];
}

std::string_view conn_state(const Connection& connection, std::string_view history) {
  using S = EndpointState;
  const std::uint8_t client = connection.roles_known() ? connection.client : connection.first_sender;
  const Endpoint& orig = connection.sides[client];
  const Endpoint& resp = connection.sides[1 - client];
  const S os = orig.state, rs = resp.state;
  const bool orig_inactive = os == S::kInactive || os == S::kPartial;
  const bool resp_inactive = rs == S::kInactive || rs == S::kPartial;
  if (rs == S::kReset) {
    if (os == S::kSynSent || (os == S::kReset && orig.bytes == 0 && resp.bytes == 0)) return "REJ";
    return orig_inactive ? "RSTRH" : "RSTR";
  }
  if (os == S::kReset) {
    if (!resp_inactive) return "RSTO";
    return reset_attempt(history) ? "RSTOS0" : "OTH";
  }
  if (rs == S::kClosed && os == S::kClosed) return "SF";
  if (os == S::kClosed) return resp_inactive ? "SH" : "S2";
  if (rs == S::kClosed) return orig_inactive ? "SHR" : "S3";
  if (os == S::kSynSent && rs == S::kInactive) return "S0";
  return os == S::kEstablished && rs == S::kEstablished ? "S1" : "OTH";
}

}  // namespace tapline
