// What all records of the format share: time, endpoints, network, connection, observer.
#include "exporters/ecs_encoder.h"

#include <utility>

#include "exporters/address_text.h"
#include "exporters/event_names.h"
#include "exporters/message_scan.h"
#include "exporters/redaction.h"

namespace tapline {
EcsEncoder::EcsEncoder(EcsOptions options, LineOutput& out) : options_(std::move(options)), json_(out) {}

void EcsEncoder::on_stats(const StatsRecord& stats) { write_stats_record(stats, times_, json_); }

std::string_view EcsEncoder::interface_name(const ConnectionInfo& connection) const {
  if (options_.interfaces == nullptr || connection.interface >= options_.interfaces->size()) return {};
  return (*options_.interfaces)[connection.interface];
}

void EcsEncoder::write_time(std::int64_t time) {
  json_.string_of(TimeText::kSize, [&](char* p) { return times_.append(p, time); });
}

void EcsEncoder::write_endpoint(const IpAddress& ip, std::uint16_t port, const SideReport* report) {
  json_.begin_object();
  json_.key("ip");
  json_.string_of(kMaxIpText, [&](char* p) { return append_ip(p, ip); });
  json_.field("port", port);
  if (report != nullptr) {
    json_.field("packets", report->packets);
    json_.field("bytes", report->bytes);
  }
  json_.end_object();
}

void EcsEncoder::write_endpoints(const ConnectionInfo& connection, const SideReport* client,
                                 const SideReport* server) {
  json_.key("source");
  write_endpoint(connection.client_ip, connection.client_port, client);
  json_.key("destination");
  write_endpoint(connection.server_ip, connection.server_port, server);
}

void EcsEncoder::begin_network(const ConnectionInfo& connection, AppProtocol protocol) {
  json_.key("network");
  json_.begin_object();
  json_.field("type", connection.client_ip.version == IpVersion::kV4 ? "ipv4" : "ipv6");
  json_.field("transport", "tcp");
  if (const std::string_view name = name_of(protocol); !name.empty()) json_.field("protocol", name);
  json_.field("community_id", community_ids_.of(connection));
  if (connection.vlan) {
    json_.key("vlan");
    json_.begin_object();
    json_.field("id", *connection.vlan);
    json_.end_object();
  }
  if (connection.inner_vlan) {
    json_.key("inner");
    json_.begin_object();
    json_.key("vlan");
    json_.begin_object();
    json_.field("id", *connection.inner_vlan);
    json_.end_object();
    json_.end_object();
  }
}

void EcsEncoder::begin_connection(const ConnectionInfo& connection) {
  json_.key("connection");
  json_.begin_object();
  json_.key("id");
  json_.string_of(kConnectionIdText, [&](char* p) { return append_connection_id(p, connection.id); });
  if (connection.number != 0) json_.field("number", connection.number);
}

void EcsEncoder::write_path(const ConnectionInfo& connection) {
  if (!connection.tunnels.empty()) {
    json_.key("tunnel");
    json_.begin_array();
    for (const Tunnel& tunnel : connection.tunnels) {
      json_.begin_object();
      json_.field("type", kTunnelNames[static_cast<std::size_t>(tunnel.type)]);
      if (tunnel.id) json_.field("id", *tunnel.id);
      json_.end_object();
    }
    json_.end_array();
  }
  const std::string_view name = interface_name(connection);
  if (name.empty()) return;
  json_.key("observer");
  json_.begin_object();
  json_.key("ingress");
  json_.begin_object();
  json_.key("interface");
  json_.begin_object();
  json_.key("name");
  json_.string(name);
  json_.end_object();
  json_.end_object();
  json_.end_object();
}

void EcsEncoder::write_pieces(RedactionRule rule, std::string_view text, bool folded) {
  const auto keep = [this, folded](std::string_view kept) {
    if (!folded) return json_.text(kept);
    for_each_unfolded(kept, [this](std::string_view part) { json_.text(part); });
  };
  options_.redaction.for_each_piece(rule, text, keep, [this, folded](std::string_view secret) {
    json_.text(options_.redaction.mark(secret, folded).view());
  });
}

void EcsEncoder::write_wire(RedactionRule rule, std::string_view text) {
  json_.begin_string();
  write_pieces(rule, text, false);
  json_.end_string();
}

void EcsEncoder::write_wire(RedactionRule rule, const HeaderField& field) {
  json_.begin_string();
  write_pieces(rule, field.value, field.folded);
  json_.end_string();
}

void EcsEncoder::end_record() {
  if (json_.latin1()) json_.field("encoding", "latin1");
  json_.end_line();
}

}  // namespace tapline
