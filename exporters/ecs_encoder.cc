// What all records of the format share: time, endpoints, network, connection, observer.
#include "exporters/ecs_encoder.h"

#include <utility>

#include "exporters/address_text.h"
#include "exporters/append.h"
#include "exporters/event_names.h"
#include "exporters/message_scan.h"
#include "exporters/redaction.h"

namespace tapline {
EcsEncoder::EcsEncoder(EcsOptions options, LineOutput& out)
    : options_(std::move(options)), line_(out), json_(out) {}

void EcsEncoder::on_stats(const StatsRecord& stats) { write_stats_record(stats, times_, json_); }

std::string_view EcsEncoder::interface_name(const ConnectionInfo& connection) const {
  if (options_.interfaces == nullptr || connection.interface >= options_.interfaces->size()) return {};
  return (*options_.interfaces)[connection.interface];
}

char* EcsEncoder::write_time(char* p, std::int64_t time) {
  *p++ = '"';
  p = times_.append(p, time);
  *p++ = '"';
  return p;
}

char* EcsEncoder::write_network(char* p, const ConnectionInfo& connection, AppProtocol protocol) {
  if (connection.client_ip.version == IpVersion::kV4) {
    p = append(p, R"(,"network":{"type":"ipv4","transport":"tcp",)");
  } else {
    p = append(p, R"(,"network":{"type":"ipv6","transport":"tcp",)");
  }
  if (protocol == AppProtocol::kHttp) {
    p = append(p, R"("protocol":"http",)");
  } else if (const std::string_view name = name_of(protocol); !name.empty()) {
    p = append(p, R"("protocol":")");
    p = append(p, name);
    p = append(p, R"(",)");
  }
  p = append(p, R"("community_id":")");
  std::memcpy(p, community_ids_.of(connection).data(), kCommunityIdSize);
  p += kCommunityIdSize;
  *p++ = '"';
  if (connection.vlan || connection.inner_vlan) p = write_vlans(p, connection);
  return p;
}

char* EcsEncoder::write_vlans(char* p, const ConnectionInfo& connection) {
  if (connection.vlan) {
    p = append_number(append(p, R"(,"vlan":{"id":)"), *connection.vlan);
    *p++ = '}';
  }
  if (connection.inner_vlan) {
    p = append_number(append(p, R"(,"inner":{"vlan":{"id":)"), *connection.inner_vlan);
    p = append(p, "}}");
  }
  return p;
}

char* EcsEncoder::write_connection(char* p, const ConnectionInfo& connection) {
  p = append(p, R"(,"connection":{"id":")");
  p = append_connection_id(p, connection.id);
  *p++ = '"';
  if (connection.number != 0) p = append_number(append(p, R"(,"number":)"), connection.number);
  return p;
}

char* EcsEncoder::write_path(char* p, const ConnectionInfo& connection) {
  constexpr std::size_t kTunnel = 100;  // with the longest name
  if (!connection.tunnels.empty()) {
    p = line_.room(p, 16 + kTunnel * connection.tunnels.size() + JsonLine::kBehind);
    p = append(p, R"(,"tunnel":[)");
    for (const Tunnel& tunnel : connection.tunnels) {
      p = append(p, R"({"type":")");
      p = append(p, kTunnelNames[static_cast<std::size_t>(tunnel.type)]);
      *p++ = '"';
      if (tunnel.id) p = append_number(append(p, R"(,"id":)"), *tunnel.id);
      p = append(p, "},");
    }
    p[-1] = ']';
  }
  const std::string_view name = interface_name(connection);
  if (name.empty()) return p;
  p = line_.room(p, 128);
  p = append(p, R"(,"observer":{"ingress":{"interface":{"name":")");
  return append(line_.text(p, name), R"("}}})");
}

char* EcsEncoder::write_wire(char* p, RedactionRule rule, std::string_view text, bool folded) {
  if (!folded && options_.redaction.shows_without_at(rule)) {
    p = line_.room(p, text.size() + kCopyRoom);
    if (char* end = line_.copy(p, text)) return end;
  }
  return write_pieces(p, rule, text, folded);
}

char* EcsEncoder::write_pieces(char* p, RedactionRule rule, std::string_view text, bool folded) {
  p = line_.room(p, JsonLine::kBehind);
  const auto keep = [this, folded, &p](std::string_view kept) {
    if (!folded) {
      p = line_.text(p, kept);
    } else {
      for_each_unfolded(kept, [this, &p](std::string_view part) { p = line_.text(p, part); });
    }
  };
  options_.redaction.for_each_piece(rule, text, keep, [this, folded, &p](std::string_view secret) {
    p = line_.text(p, options_.redaction.mark(secret, folded).view());
  });
  return p;
}

char* EcsEncoder::write_end(char* p) {
  if (line_.latin1()) p = append(p, R"(,"encoding":"latin1")");
  return append(p, "}\n");
}

}  // namespace tapline
