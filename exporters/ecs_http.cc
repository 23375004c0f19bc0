// The record `tapline.http`: one transaction, or its request alone.
#include <charconv>

#include "exporters/address_text.h"
#include "exporters/ecs_encoder.h"
#include "exporters/event_names.h"
#include "exporters/message_scan.h"
#include "exporters/redaction.h"
#include "exporters/url.h"
#include "exporters/utf8.h"

namespace tapline {
void EcsEncoder::on_transaction(const TransactionEvent& event) {
  if (options_.records.has(RecordKind::kHttp)) write_transaction(event, Extent::kTransaction);
}

void EcsEncoder::on_request(const RequestEvent& event) {
  if (!options_.records.has(RecordKind::kRequest)) return;
  const TransactionEvent transaction{.connection = event.connection,
                                     .number = event.number,
                                     .request = &event.request,
                                     .incomplete = event.incomplete};
  write_transaction(transaction, event.whole ? Extent::kRequest : Extent::kRequestHead);
}

void EcsEncoder::write_transaction(const TransactionEvent& event, Extent extent) {
  const MessageView* request = event.request;
  request_.clear();
  response_.clear();
  if (request != nullptr) request_.read(*request, options_.headers);
  if (event.response != nullptr) response_.read(*event.response, options_.headers);
  RequestUrl url;
  if (request != nullptr) url = request_url(request->method, request->target, value_of(request_.host));
  json_.set_latin1(!wire_strings_are_utf8(event, url));

  json_.begin_object();
  write_transaction_event(event, extent);
  write_endpoints(event.connection, nullptr, nullptr);
  begin_network(event.connection, AppProtocol::kHttp);
  write_forwarded_ip();
  json_.end_object();
  begin_connection(event.connection);
  if (event.number != 0) json_.field("transaction", event.number);
  json_.end_object();
  write_path(event.connection);
  if (request != nullptr && !request->target.empty()) write_url(url, request->target);
  write_http(event, extent);
  if (request_.user_agent != nullptr) {
    json_.key("user_agent");
    json_.begin_object();
    json_.key("original");
    write_wire(RedactionRule::kText, *request_.user_agent);
    json_.end_object();
  }
  if (extent != Extent::kRequestHead) write_timing(event);
  end_record();
}

// What stays of `text` when its secrets are taken out is all that counts. Nearly always the whole of it is
// UTF-8, and that is quickly seen.
bool EcsEncoder::shown_is_utf8(RedactionRule rule, std::string_view text) const {
  if (is_utf8(text)) return true;
  bool all = true;
  options_.redaction.for_each_piece(
      rule, text, [&](std::string_view kept) { all = all && is_utf8(kept); }, [](std::string_view) {});
  return all;
}

bool EcsEncoder::shown_is_utf8(const MessageScan& scan) const {
  for (const auto& [field, kind] : scan.listed) {
    if (!is_utf8(field->name) || !shown_is_utf8(redaction_rule(kind), field->value)) return false;
  }
  return is_utf8(scan.mime_type());
}

bool EcsEncoder::wire_strings_are_utf8(const TransactionEvent& event, const RequestUrl& url) const {
  if (!is_utf8(interface_name(event.connection)) || !is_utf8(event.upgrade)) return false;
  if (!shown_is_utf8(request_) || !shown_is_utf8(response_)) return false;
  if (event.response != nullptr && !is_utf8(event.response->reason)) return false;
  if (!is_utf8(value_of(response_.content_encoding))) return false;
  if (event.request == nullptr) return true;
  return is_utf8(event.request->method) && shown_is_utf8(redaction_rule(url.form), event.request->target) &&
         shown_is_utf8(RedactionRule::kAuthority, url.authority) &&
         shown_is_utf8(RedactionRule::kText, value_of(request_.user_agent)) &&
         shown_is_utf8(RedactionRule::kUrl, value_of(request_.referer));
}

void EcsEncoder::write_transaction_event(const TransactionEvent& event, Extent extent) {
  const MessageView* first = event.request != nullptr ? event.request : event.response;
  if (first != nullptr) {
    json_.key("@timestamp");
    write_time(first->first_time);
  }
  json_.key("event");
  json_.begin_object();
  json_.field("dataset", "tapline.http");
  json_.field("action", extent == Extent::kTransaction ? "transaction" : "request");
  if (event.request != nullptr && event.response != nullptr) {
    write_duration("duration", event.response->last_time - event.request->first_time);
  }
  if (extent == Extent::kTransaction) json_.field("outcome", name_of(event.outcome));
  json_.end_object();
}

void EcsEncoder::write_forwarded_ip() {
  if (request_.x_forwarded_for == nullptr && request_.forwarded == nullptr) return;
  const auto ip = forwarded_client(value_of(request_.x_forwarded_for), value_of(request_.forwarded));
  if (!ip) return;
  json_.key("forwarded_ip");
  json_.string_of(kMaxIpText, [&](char* p) { return append_ip(p, *ip); });
}

void EcsEncoder::write_url(const RequestUrl& url, std::string_view target) {
  json_.key("url");
  json_.begin_object();
  json_.key("original");
  write_wire(redaction_rule(url.form), target);
  if (!url.scheme.empty()) {
    json_.key("scheme");
    json_.string(url.scheme);
  }
  if (!url.domain.empty()) {
    json_.key("domain");
    json_.string(url.domain);
  }
  if (url.port) json_.field("port", *url.port);
  if (!url.path.empty()) {
    json_.key("path");
    write_wire(RedactionRule::kUrl, url.path);
  }
  if (url.query) {
    json_.key("query");
    write_wire(RedactionRule::kQuery, *url.query);
  }
  if (url.has_full()) {
    json_.key("full");
    json_.begin_string();
    json_.text(url.scheme);
    json_.text("://");
    write_pieces(RedactionRule::kAuthority, url.authority, false);
    write_pieces(RedactionRule::kUrl, url.rest, false);
    json_.end_string();
  }
  json_.end_object();
}

void EcsEncoder::write_http(const TransactionEvent& event, Extent extent) {
  const auto tells = [](const MessageView* message) {
    return message != nullptr && (message->version.major != 0 || message->version.minor != 0);
  };
  const MessageView* told = tells(event.request)    ? event.request
                            : tells(event.response) ? event.response
                                                    : nullptr;
  json_.key("http");
  json_.begin_object();
  if (told != nullptr) {
    json_.key("version");
    json_.string_of(7, [told](char* p) {
      p = std::to_chars(p, p + 3, told->version.major).ptr;
      *p++ = '.';
      return std::to_chars(p, p + 3, told->version.minor).ptr;
    });
  }
  if (event.request != nullptr) write_request(event, extent);
  if (event.response != nullptr || !event.interim.empty()) write_response(event);
  if (event.incomplete != 0) {
    json_.key("incomplete");
    json_.begin_array();
    for_each_incomplete(event.incomplete, [this](std::string_view word) { json_.plain_string(word); });
    json_.end_array();
  }
  if (event.gap_bytes != 0) {
    json_.key("gap");
    json_.begin_object();
    json_.field("bytes", event.gap_bytes);
    json_.end_object();
  }
  if (!event.upgrade.empty()) {
    json_.key("upgrade");
    json_.string(event.upgrade);
  }
  json_.end_object();
}

void EcsEncoder::write_request(const TransactionEvent& event, Extent extent) {
  const MessageView& request = *event.request;
  json_.key("request");
  json_.begin_object();
  if (!request.method.empty()) {
    json_.key("method");
    json_.string(request.method);
  }
  if (request_.referer != nullptr) {
    json_.key("referrer");
    write_wire(RedactionRule::kUrl, *request_.referer);
  }
  write_mime_type(request_.mime_type());
  if (extent != Extent::kRequestHead) write_sizes(request);
  write_packet(request);
  write_headers(request_, (event.incomplete & kMissingRequestHead) == 0);
  json_.end_object();
}

void EcsEncoder::write_response(const TransactionEvent& event) {
  json_.key("response");
  json_.begin_object();
  if (event.response != nullptr) {
    const MessageView& response = *event.response;
    if (response.status != 0) json_.field("status_code", response.status);
    if (!response.reason.empty()) {
      json_.key("reason");
      json_.string(response.reason);
    }
    write_mime_type(response_.mime_type());
    if (response_.content_encoding != nullptr) {
      json_.key("content_encoding");
      write_wire(RedactionRule::kNone, *response_.content_encoding);
    }
    write_sizes(response);
    write_packet(response);
  }
  if (!event.interim.empty()) {
    json_.key("interim");
    json_.begin_array();
    for (const std::uint16_t status : event.interim) json_.number(status);
    json_.end_array();
  }
  if (event.response != nullptr) write_headers(response_, (event.incomplete & kMissingResponseHead) == 0);
  json_.end_object();
}

void EcsEncoder::write_sizes(const MessageView& message) {
  json_.field("bytes", message.bytes);
  json_.key("body");
  json_.begin_object();
  json_.field("bytes", message.body_bytes);
  json_.end_object();
}

void EcsEncoder::write_packet(const MessageView& message) {
  if (message.packet != 0) json_.field("packet", message.packet);
}

void EcsEncoder::write_mime_type(std::string_view mime_type) {
  if (mime_type.empty()) return;
  lower_.assign(mime_type);
  for (char& c : lower_) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
  }
  json_.key("mime_type");
  json_.begin_string();
  for_each_unfolded(lower_, [this](std::string_view part) { json_.text(part); });
  json_.end_string();
}

// An empty list says that the message has none of the headers asked for; it is left out where that isn't
// known.
void EcsEncoder::write_headers(const MessageScan& scan, bool head_seen) {
  if (!options_.headers.lists_headers() || (!head_seen && scan.listed.empty())) return;
  json_.key("headers");
  json_.begin_array();
  for (const auto& [field, kind] : scan.listed) {
    json_.begin_array();
    json_.string(field->name);
    write_wire(redaction_rule(kind), *field);
    json_.end_array();
  }
  json_.end_array();
}

void EcsEncoder::write_timing(const TransactionEvent& event) {
  const MessageView* request = event.request;
  const MessageView* response = event.response;
  if (request == nullptr && response == nullptr) return;
  json_.key("timing");
  json_.begin_object();
  if (request != nullptr) write_duration("request", request->last_time - request->first_time);
  if (request != nullptr && response != nullptr) {
    write_duration("wait", response->first_time - request->last_time);
  }
  if (response != nullptr) write_duration("response", response->last_time - response->first_time);
  json_.end_object();
}

}  // namespace tapline
