// The format `ecs`: one JSON object a record, named after the Elastic Common Schema.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "exporters/community_id.h"
#include "exporters/header_policy.h"
#include "exporters/json.h"
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
  // ecs_encoder.cc: what records share.
  std::string_view interface_name(const ConnectionInfo& connection) const;  // empty: not known
  void write_time(std::int64_t time);
  void write_endpoints(const ConnectionInfo& connection, const SideReport* client, const SideReport* server);
  void write_endpoint(const IpAddress& ip, std::uint16_t port, const SideReport* report);
  void begin_network(const ConnectionInfo& connection, AppProtocol protocol);
  void begin_connection(const ConnectionInfo& connection);
  // The tunnels that it is in, and the interface that it came in on.
  void write_path(const ConnectionInfo& connection);
  void write_pieces(RedactionRule rule, std::string_view text, bool folded);  // inside a string
  void write_wire(RedactionRule rule, std::string_view text);                 // a string
  void write_wire(RedactionRule rule, const HeaderField& field);
  void end_record();

  // A negative duration (time stamps ran backwards, or a response began before its request had ended) is not
  // known: no field.
  template <std::size_t N>
  void write_duration(const char (&name)[N], std::int64_t duration) {
    if (duration >= 0) json_.field(name, static_cast<std::uint64_t>(duration));
  }

  // ecs_http.cc: `tapline.http`.
  // What a record of a transaction tells of it.
  enum class Extent : std::uint8_t {
    kRequestHead,  // a request's head: how long the request is, and how long it takes, is not known
    kRequest,      // a whole request
    kTransaction,
  };
  void write_transaction(const TransactionEvent& event, Extent extent);
  bool wire_strings_are_utf8(const TransactionEvent& event, const RequestUrl& url) const;
  bool shown_is_utf8(const MessageScan& scan) const;
  bool shown_is_utf8(RedactionRule rule, std::string_view text) const;
  void write_transaction_event(const TransactionEvent& event, Extent extent);
  void write_forwarded_ip();
  void write_url(const RequestUrl& url, std::string_view target);
  void write_http(const TransactionEvent& event, Extent extent);
  void write_request(const TransactionEvent& event, Extent extent);
  void write_response(const TransactionEvent& event);
  void write_sizes(const MessageView& message);
  void write_packet(const MessageView& message);
  void write_mime_type(std::string_view mime_type);
  void write_headers(const MessageScan& scan, bool head_seen);
  void write_timing(const TransactionEvent& event);

  // ecs_connection.cc: `tapline.connection`.
  void write_connection_event(const ConnectionEvent& event);
  void write_tcp(const ConnectionEvent& event);
  void write_tls(const ConnectionEvent& event);
  void write_handshake(const Handshake& handshake);
  void write_side(const SideReport& side);
  void write_volume(const Volume& volume);

  // ecs_packet.cc: `tapline.packet`.
  void write_frame(const PacketEvent& event);
  void write_frame_end(const IpAddress& ip, std::uint16_t port, const std::optional<MacAddress>& mac);
  void write_ip(const IpDetails& ip);
  void write_segment(const PacketEvent& event);
  void write_options(const PacketEvent& event);
  void write_unknown_options(const TcpDetails& tcp);
  void write_info(const PacketEvent& event);
  void write_hex(std::uint32_t value, int digits);
  // A list of words, those of the bits that are set, from the lowest.
  template <std::size_t N>
  void write_words(std::uint32_t bits, const std::array<std::string_view, N>& words) {
    json_.begin_array();
    for (std::size_t i = 0; i < N; ++i) {
      if ((bits >> i & 1) != 0) json_.plain_string(words[i]);
    }
    json_.end_array();
  }

  const EcsOptions options_;
  JsonWriter json_;
  TimeText times_;
  CommunityIdCache community_ids_;
  MessageScan request_, response_;  // of the transaction being written
  std::string lower_;               // scratch
};

}  // namespace tapline
