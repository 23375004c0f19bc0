// Takes events, and keeps of them what a ladder diagram of one connection needs, and a list of all.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "exporters/ladder.h"
#include "exporters/redaction.h"
#include "flows/events.h"
#include "flows/tcp_states.h"

namespace tapline {

class LadderCollector final : public EventSink {
 public:
  // What is kept at most: the first segments of the connection, and the first connections of the list.
  static constexpr std::size_t kMostSegments = 1u << 20, kMostListed = 100'000;

  // `choice`: a connection's number or id. Without one, the only connection is drawn if there is but one.
  // REQUIRES: the events are those of FlowOptions with tell_packets and number_connections.
  LadderCollector(std::optional<std::string> choice, Redaction redaction)
      : choice_(std::move(choice)), redaction_(std::move(redaction)) {}

  void on_transaction(const TransactionEvent& event) override;
  void on_connection(const ConnectionEvent& event) override;
  void on_packet(const PacketEvent& event) override;

  std::uint64_t connections() const { return connections_; }

  // Once the processor has finished.
  // By number.
  std::vector<LadderSummary> take_list();
  // Nothing: it was not there, or, without a choice, there are several.
  std::optional<Ladder> take_ladder();

 private:
  bool is_chosen(const ConnectionInfo& connection) const;
  void add_message(const MessageView* message, Side from);

  const std::optional<std::string> choice_;
  const Redaction redaction_;
  std::uint64_t connections_ = 0;
  std::vector<LadderSummary> list_;

  // Of the chosen connection; by endpoint of the key as long as client and server may change places.
  std::optional<LadderSummary> summary_;
  std::vector<LadderSegment> segments_;
  std::vector<ObservedSegment> observed_;
  std::vector<LadderMessage> messages_;
  std::uint8_t client_ = 0;  // the endpoint that is the client, as far as the segments told
  ConnectionInfo told_as_;   // with which client and server
};

}  // namespace tapline
