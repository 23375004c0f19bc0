// The format `ecs`: one JSON object a record, named after the Elastic Common Schema.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "exporters/community_id_cache.h"
#include "exporters/header_policy.h"
#include "exporters/json.h"
#include "exporters/json_line.h"
#include "exporters/line_output.h"
#include "exporters/message_scan.h"
#include "exporters/record_encoder.h"
#include "exporters/record_set.h"
#include "exporters/redaction.h"
#include "exporters/time_text.h"
#include "exporters/url.h"

namespace tapline {

struct EcsOptions {
  RecordSet records = RecordSet::defaults();
  HeaderPolicy headers = HeaderPolicy::common();
  Redaction redaction{};
  // Packet::interface indexes it. Null, or an index past its end: records name no interface. May grow between
  // calls (a pcapng file names its interfaces as it goes).
  const std::vector<std::string>* interfaces = nullptr;
};

// Writes straight into `out`; after the first records nothing is allocated.
class EcsEncoder final : public RecordEncoder {
 public:
  // `out`, and the interface names, must outlive the encoder.
  EcsEncoder(EcsOptions options, LineOutput& out);

  void on_transaction(const TransactionEvent& event) override;
  void on_request(const RequestEvent& event) override;
  void on_connection(const ConnectionEvent& event) override;
  void on_packet(const PacketEvent& event) override;
  void on_stats(const StatsRecord& stats) override;

 private:
  // Members named write_ take the position in the line and return the new one. What they write begins with
  // the comma in front of it, and fits into kBehind bytes of room or makes its own; fewer than kBehind may be
  // left.

  // ecs_encoder.cc: what records share.
  std::string_view interface_name(const ConnectionInfo& connection) const;  // empty: not known
  char* write_time(char* p, std::int64_t time);                             // with its quotes
  // The text of `source` and `destination` without the brace that ends it.
  char* write_network(char* p, const ConnectionInfo& connection, AppProtocol protocol);
  char* write_vlans(char* p, const ConnectionInfo& connection);
  // `,"connection":{"id":` and so on, without the brace that ends it.
  char* write_connection(char* p, const ConnectionInfo& connection);
  // The tunnels that it is in, and the interface that it came in on.
  char* write_path(char* p, const ConnectionInfo& connection);
  char* write_wire(char* p, RedactionRule rule, std::string_view text, bool folded = false);  // in a string
  char* write_wire(char* p, RedactionRule rule, const HeaderField& field) {
    return write_wire(p, rule, field.value, field.folded);
  }
  char* write_pieces(char* p, RedactionRule rule, std::string_view text, bool folded);
  // A line that `write(start)` writes all but the end of; twice, where JsonLine says so. `room`: at its
  // start.
  template <typename Write>
  void write_line(std::size_t room, Write write) {
    line_.begin(room);
    char* p;
    do {
      p = write(line_.start());
    } while (line_.begins_anew());
    line_.end(write_end(p));
  }
  char* write_end(char* p);  // of the record

  // ecs_http.cc: `tapline.http`.
  // What a record of a transaction tells of it.
  enum class Extent : std::uint8_t {
    kRequestHead,  // a request's head: how long the request is, and how long it takes, is not known
    kRequest,      // a whole request
    kTransaction,
  };
  void write_transaction(const TransactionEvent& event, Extent extent);
  char* write_transaction(char* p, const TransactionEvent& event, Extent extent, const RequestUrl& url);
  char* write_transaction_event(char* p, const TransactionEvent& event, Extent extent);
  char* write_forwarded_ip(char* p);
  char* write_url(char* p, const RequestUrl& url, std::string_view target);
  char* write_plain_url(char* p, const RequestUrl& url, std::string_view target);
  char* write_http(char* p, const TransactionEvent& event, Extent extent);
  char* write_request(char* p, const TransactionEvent& event, Extent extent);
  char* write_response(char* p, const TransactionEvent& event);
  char* write_mime_type(char* p, bool comma, std::string_view mime_type);
  char* write_headers(char* p, bool comma, const MessageScan& scan, bool head_seen);
  char* write_timing(char* p, const TransactionEvent& event);

  // ecs_connection.cc: `tapline.connection`.
  char* write_connection_event(char* p, const ConnectionEvent& event);
  char* write_record(char* p, const ConnectionEvent& event);
  char* write_tcp(char* p, const ConnectionEvent& event);

  // ecs_packet.cc: `tapline.packet`.
  char* write_record(char* p, const PacketEvent& event);
  char* write_frame(char* p, const PacketEvent& event);
  char* write_info(char* p, const PacketEvent& event);

  const EcsOptions options_;
  JsonLine line_;
  JsonWriter json_;  // for statistics
  TimeText times_;
  CommunityIdCache community_ids_;
  // Of the transaction being written.
  MessageScan request_{options_.headers, options_.redaction}, response_{options_.headers, options_.redaction};
  std::string lower_;  // scratch
};

}  // namespace tapline
