// Copies events into plain values, so that tests can read them as a user reads records.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "flows/events.h"

namespace tapline::test {

struct RecordedMessage {
  std::int64_t first_time = 0, last_time = 0;
  std::uint64_t packet = 0, bytes = 0, body_bytes = 0;
  std::string version, method, target, reason;
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers, trailers;
};

struct RecordedTransaction {
  std::uint32_t number = 0;
  std::optional<RecordedMessage> request, response;
  std::vector<int> interim;
  int incomplete = 0;
  std::uint64_t gap_bytes = 0;
  std::string upgrade;
  Outcome outcome = Outcome::kUnknown;

  // All but times and packet numbers:
  //   "#1 GET /a 1.1 [50+5] -> 200 OK [40+3] success", the sizes being head and framing plus body; then,
  //   where they apply, " interim=100", " missing=response_body", " gap=7", " upgrade=websocket", and
  //   trailers.
  std::string text() const;
};

struct RecordedConnection {
  ConnectionAction action{};
  std::int64_t time = 0, start = 0, end = 0;
  bool midstream = false;
  std::optional<Handshake> handshake;
  std::optional<Side> closed_by;
  CloseReason reason{};
  SideReport client, server;
  std::uint32_t transactions = 0;
  int completeness = 0;
  std::string state, history;
  Teardown teardown{};
  std::string server_name;

  // "opened midstream", "established", "half-closed by client", "closed fin four-way by client"
  std::string text() const;
};

struct RecordedRequest {
  ConnectionId id;
  std::uint32_t number = 0;
  RecordedMessage request;
  bool whole = false;
  int incomplete = 0;
  std::size_t lines_before = 0;  // in RecordingSink::lines

  // "request #1 GET /a 1.1 [50+0] whole", or without " whole"; " missing=request_head" where it applies.
  std::string text() const;
};

class RecordingSink final : public EventSink {
 public:
  struct Who {
    ConnectionId id;
    std::string client, server;  // "10.0.0.1:5000", IPv6 as its last byte: "[1]:5000"
    std::uint64_t number = 0;
    std::uint16_t interface = 0;
    std::string vlan;    // "", "5", "5/6"
    std::string tunnel;  // "", "vxlan 42", "vxlan 42 gre"
    AppProtocol protocol{};
  };

  void on_transaction(const TransactionEvent& event) override;
  void on_connection(const ConnectionEvent& event) override;
  void on_request(const RequestEvent& event) override;

  // In the order in which they came: text() of each.
  std::vector<std::string> lines;
  std::vector<Who> who;  // of each line
  std::vector<RecordedTransaction> transactions;
  std::vector<RecordedConnection> connections;
  std::vector<RecordedRequest> requests;  // not in `lines`

  // Of the transactions alone.
  std::vector<std::string> transaction_lines() const;
  // The only record of `action`, or of the first connection that has one.
  const RecordedConnection& the(ConnectionAction action) const;
  const RecordedConnection& closed() const { return the(ConnectionAction::kClosed); }
};

}  // namespace tapline::test
