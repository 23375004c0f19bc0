// What flows/ tells the outside: HTTP transactions and the steps of TCP connections.
//
// Everything here is a view. Pointers, spans and string_views are valid only during the EventSink call that
// hands them over (DESIGN.md, invariant 4). Times are nanoseconds since 1970-01-01T00:00:00Z, durations are
// nanoseconds, sizes are bytes. The meaning of each field in a record is fixed by the user contract.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "flows/address.h"
#include "flows/encapsulation.h"
#include "flows/known_header.h"
#include "flows/packet_details.h"

namespace tapline {

// What is spoken on the connection, as far as its first bytes tell.
enum class AppProtocol : std::uint8_t {
  kUnknown,
  kHttp,
  kTls,
  kHttp2,
  kSsh,
  kSmtp,
  kFtp,
  kRtsp,
  kSip,
  kMysql,
  kPostgresql,
  kRedis,
  kMqtt,
  kBittorrent,
  kRdp
};

// Unique among the connections of a run, and the same whenever the same frames are read again.
struct ConnectionId {
  std::array<std::uint64_t, 2> words{};
  friend bool operator==(const ConnectionId&, const ConnectionId&) = default;
};

// Which connection a record is about.
struct ConnectionInfo {
  IpAddress client_ip, server_ip;  // of the innermost IP header
  std::uint16_t client_port = 0, server_port = 0;
  // Of the first frame (all have the same, unless FlowOptions::ignore_encapsulation says otherwise).
  std::optional<std::uint16_t> vlan, inner_vlan;  // VLAN ids (12 bits), outer first
  std::span<const Tunnel> tunnels;                // outermost first
  std::uint16_t interface = 0;                    // Packet::interface of the first frame
  AppProtocol protocol = AppProtocol::kUnknown;
  ConnectionId id;
  // 1, 2, 3 … in the order of first frames; 0: not known (several workers, or live).
  std::uint64_t number = 0;
};

// One header line. `value` has no white space around it; with `folded` it still holds the line breaks of
// obs-fold (RFC 9112 section 5.2), to be replaced by one space each, with the white space next to them.
struct HeaderField {
  HeaderField(std::string_view field_name, std::string_view field_value, bool is_folded = false)
      : name(field_name), value(field_value), folded(is_folded), known(known_header(field_name)) {}
  // Of a name that is a part of `head`: faster.
  HeaderField(std::string_view field_name, std::string_view field_value, std::string_view head)
      : name(field_name), value(field_value), folded(false), known(known_header(field_name, head)) {}
  // Of a name that was compared before.
  HeaderField(std::string_view field_name, std::string_view field_value, KnownHeader known_name)
      : name(field_name), value(field_value), folded(false), known(known_name) {}

  std::string_view name;  // no white space around it either
  std::string_view value;
  bool folded;
  KnownHeader known;  // by its name: whoever makes a field need not say it
};

// 0.0: not known, as the capture cut it off.
struct HttpVersion {
  std::uint8_t major = 1, minor = 1;
};

// One request or response, with what was seen of it.
struct MessageView {
  std::int64_t first_time = 0;   // of the frame with its first byte
  std::int64_t last_time = 0;    // of the latest frame that brought a byte of it; >= first_time
  std::uint64_t packet = 0;      // ordinal of the frame with its first byte; 0: not known
  std::uint64_t bytes = 0;       // the whole message on the wire: head, body, chunk framing, trailers
  std::uint64_t body_bytes = 0;  // after chunk framing is taken off
  HttpVersion version;
  std::string_view method, target;        // of a request
  std::uint16_t status = 0;               // of a response
  std::string_view reason;                // of a response; may be empty
  std::span<const HeaderField> headers;   // in wire order
  std::span<const HeaderField> trailers;  // after a chunked body
};

enum class Outcome : std::uint8_t { kSuccess, kFailure, kUnknown };

// What is missing of a transaction, as bits.
enum Incomplete : std::uint8_t {
  kMissingRequest = 1,
  kMissingResponse = 2,
  kMissingRequestHead = 4,
  kMissingResponseHead = 8,
  kMissingRequestBody = 16,
  kMissingResponseBody = 32,
};

struct TransactionEvent {
  const ConnectionInfo& connection;
  std::uint32_t number = 0;                  // 1, 2, 3 … in the connection, by when it was first seen
  const MessageView* request = nullptr;      // null: not seen
  const MessageView* response = nullptr;     // null: not seen
  std::span<const std::uint16_t> interim{};  // status codes of 1xx responses before the final one
  std::uint8_t incomplete = 0;               // bits of Incomplete
  std::uint64_t gap_bytes = 0;               // bytes of this transaction that the capture never saw
  std::string_view upgrade{};  // protocol after 101, or "tunnel" after 2xx to CONNECT; else empty
  Outcome outcome = Outcome::kUnknown;
};

// A request whose head is complete (or will never be: `incomplete` says so), and whose response is still to
// come.
struct RequestEvent {
  const ConnectionInfo& connection;
  std::uint32_t number;         // that of the TransactionEvent that follows
  const MessageView& request;   // without `whole`, bytes, body_bytes and last_time are those so far
  bool whole = false;           // nothing of it follows the head
  std::uint8_t incomplete = 0;  // bits of Incomplete: kMissingRequestHead or none
};

enum class ConnectionAction : std::uint8_t { kOpened, kEstablished, kHalfClosed, kClosed };
enum class CloseReason : std::uint8_t { kFin, kRst, kTimeout, kEvicted, kReused, kEnd, kShutdown };
enum class Teardown : std::uint8_t { kNone, kHalf, kFourWay, kThreeWay, kSimultaneous, kReset };
enum class Side : std::uint8_t { kClient, kServer };

// RFC 9293 section 3.3.2.
enum class TcpState : std::uint8_t {
  kClosed,
  kListen,
  kSynSent,
  kSynReceived,
  kEstablished,
  kFinWait1,
  kFinWait2,
  kCloseWait,
  kClosing,
  kLastAck,
  kTimeWait
};

struct TcpEndState {
  TcpState state = TcpState::kClosed;
  bool certain = true;  // false: what the capture shows fits other states, too
  friend bool operator==(const TcpEndState&, const TcpEndState&) = default;
};

// What one side announced in its SYN (RFC 9293 section 3.2, RFC 7323, RFC 2018).
struct SynParameters {
  std::uint32_t isn = 0;
  std::uint16_t window = 0;  // as sent, unscaled
  std::optional<std::uint16_t> mss;
  std::optional<std::uint8_t> window_scale;  // shift count
  bool sack_permitted = false;
  bool timestamps = false;
};

struct Volume {
  std::uint64_t packets = 0, bytes = 0;
};

// From a data segment of one side to the first acknowledgement of all of it, as seen where the capture is.
struct RoundTrips {
  std::int64_t min = 0, max = 0;  // ns
};

struct SideReport {
  std::uint64_t packets = 0;  // frames
  std::uint64_t bytes = 0;    // payload of the wire, each sequence number once
  std::optional<SynParameters> syn;
  Volume retransmits, out_of_order;
  std::uint64_t missed_bytes = 0;
  std::uint32_t conflicts = 0;  // overlapping segments whose data differed
  // As Wireshark counts them. zero_windows: segments that announce a window of 0.
  std::uint32_t duplicate_acks = 0, zero_windows = 0, keep_alives = 0;
  std::optional<RoundTrips> round_trips{};  // of its data, where any was acknowledged
  // Of `packets` and `bytes`: what was left in the kernel. What the other figures but `missed_bytes` and
  // `conflicts` would say of it is not known.
  Volume elided{};
};

// The handshake, where SYN, SYN+ACK and ACK were all seen.
struct Handshake {
  std::int64_t syn_ack = 0;  // from SYN to SYN+ACK
  std::int64_t ack = 0;      // from SYN+ACK to the ACK
};

struct ConnectionEvent {
  const ConnectionInfo& connection;
  ConnectionAction action = ConnectionAction::kOpened;
  std::int64_t time = 0;   // of the frame that caused the action
  bool midstream = false;  // no SYN was seen
  std::optional<Handshake> handshake{};
  std::optional<Side> closed_by{};  // who sent the first FIN, or the RST
  std::string_view server_name{};   // of the TLS ClientHello, as sent: any bytes; empty: none is known (yet)
  // The rest is set in kClosed only.
  CloseReason reason = CloseReason::kEnd;
  std::int64_t start = 0, end = 0;  // first and last frame
  SideReport client{}, server{};
  std::uint32_t transactions = 0;
  std::uint8_t completeness = 0;  // Wireshark's bits: SYN 1, SYN+ACK 2, ACK 4, DATA 8, FIN 16, RST 32
  std::string_view state{};       // Zeek's conn_state
  std::string_view history{};     // Zeek's history
  Teardown teardown = Teardown::kNone;
};

// What Wireshark's TCP analysis says of a segment, as bits, by its words (tcp.analysis.*).
enum TcpAnalysisWord : std::uint16_t {
  kRetransmission = 1 << 0,
  kFastRetransmission = 1 << 1,
  kSpuriousRetransmission = 1 << 2,
  kOutOfOrder = 1 << 3,
  kLostSegment = 1 << 4,
  kAckLostSegment = 1 << 5,
  kDuplicateAck = 1 << 6,
  kKeepAlive = 1 << 7,
  kKeepAliveAck = 1 << 8,
  kZeroWindow = 1 << 9,
  kZeroWindowProbe = 1 << 10,
  kWindowUpdate = 1 << 11,
  kWindowFull = 1 << 12,
  kReusedPorts = 1 << 13,
};

// Numbers of a segment that take what came before it on its connection.
struct SegmentNumbers {
  // Sequence numbers from 0 at the SYN, as Wireshark counts them; where the capture missed it, the first byte
  // seen (or acknowledged) has 1. next_sequence is behind payload, SYN and FIN.
  std::uint32_t sequence = 0, next_sequence = 0;
  std::optional<std::uint32_t> acknowledgment{};  // with kAck
  // Bytes. A SYN's is as sent (RFC 7323 section 2.2); of others it is known when both SYNs were seen.
  std::optional<std::uint32_t> scaled_window{};
  // ns since the connection's previous frame; none for the first. Negative where time stamps run backwards.
  std::optional<std::int64_t> time_delta{};
  std::uint16_t analysis = 0;  // bits of TcpAnalysisWord
  // With kDuplicateAck: how many there were of this acknowledgement, this one included, and the ordinal of
  // the segment that it duplicates (0: not known).
  std::uint32_t duplicate_acks = 0;
  std::uint64_t duplicate_of = 0;
};

// One TCP segment. It comes before the events that the segment causes, but after the end of a connection that
// makes room for this one.
struct PacketEvent {
  // As far as it is known before the segment's payload is read: on a connection met midstream client and
  // server may still change places. `segment.sender` never does.
  const ConnectionInfo& connection;
  const Packet& packet;          // the frame (flows/packet.h)
  const TcpSegment& segment;     // what connections read of it (flows/decode.h)
  const PacketDetails& details;  // its headers in full
  Side sender = Side::kClient;
  bool roles_known = false;  // `connection` and `sender` are certain, and stay
  SegmentNumbers numbers{};
  // ns since the previous frame of the capture, whatever that holds; none for the first, and where frames
  // have no ordinals. Negative where time stamps run backwards.
  std::optional<std::int64_t> time_delta{};
};

// Takes events in the order in which they happen in one worker. Implementations encode before they return.
class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual void on_transaction(const TransactionEvent& event) = 0;
  virtual void on_connection(const ConnectionEvent& event) = 0;
  // With FlowOptions::tell_requests only: each request that has a transaction, once and before it.
  virtual void on_request(const RequestEvent&) {}
  // With FlowOptions::tell_packets only: each segment of the ports asked for, in the order of capture.
  virtual void on_packet(const PacketEvent&) {}
};

}  // namespace tapline
