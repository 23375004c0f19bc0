#include <htp/htp.h>

#include <memory>

#include "tests/differential/reading.h"

namespace tapline::test {
namespace {

std::string text_of(const bstr* text) {
  return text == nullptr ? "" : std::string(reinterpret_cast<const char*>(bstr_ptr(text)), bstr_len(text));
}

std::string version_of(int number) {
  if (number == HTP_PROTOCOL_0_9) return "0.9";
  return number < 0 ? "" : std::to_string(number / 100) + "." + std::to_string(number % 100);
}

// Trailers are among them.
Fields fields_of(const htp_table_t* table) {
  Fields fields;
  for (std::size_t i = 0; i < htp_table_size(table); ++i) {
    const auto* header = static_cast<const htp_header_t*>(htp_table_get_index(table, i, nullptr));
    fields.emplace_back(text_of(header->name), text_of(header->value));
  }
  return fields;
}

Message request_of(const htp_tx_t& tx) {
  Message message;
  message.method = text_of(tx.request_method);
  message.target = text_of(tx.request_uri);
  message.version = tx.is_protocol_0_9 != 0 ? "0.9" : version_of(tx.request_protocol_number);
  message.headers = fields_of(tx.request_headers);
  message.body = tx.request_entity_len > 0 ? static_cast<std::uint64_t>(tx.request_entity_len) : 0;
  // It leaves a request for a tunnel open until it has seen what comes through.
  message.complete = tx.request_progress == HTP_REQUEST_COMPLETE || tx.request_method_number == HTP_M_CONNECT;
  return message;
}

Message response_of(const htp_tx_t& tx) {
  Message message;
  message.status = tx.response_status_number;
  message.reason = text_of(tx.response_message);
  message.version = version_of(tx.response_protocol_number);
  message.headers = fields_of(tx.response_headers);
  message.body = tx.response_entity_len > 0 ? static_cast<std::uint64_t>(tx.response_entity_len) : 0;
  message.complete = tx.response_progress == HTP_RESPONSE_COMPLETE;
  return message;
}

using Config = std::unique_ptr<htp_cfg_t, decltype(&htp_config_destroy)>;

Config make_config() {
  Config config(htp_config_create(), htp_config_destroy);
  htp_config_set_server_personality(config.get(), HTP_SERVER_GENERIC);
  htp_config_set_response_decompression(config.get(), 0);
  htp_config_set_parse_request_auth(config.get(), 0);
  htp_config_set_parse_request_cookies(config.get(), 0);
  htp_config_set_field_limits(config.get(), 1 << 20, 1 << 20);
  return config;
}

// Gives each direction as much as it takes until neither goes on.
void feed(htp_connp_t* parser, const Exchange& exchange, Reading& reading) {
  const htp_time_t now{1, 0};
  std::string_view client = exchange.client, server = exchange.server;
  const auto give = [&now](auto data, auto consumed, htp_connp_t* to, std::string_view& rest,
                           std::string& stopped) {
    if (rest.empty() || !stopped.empty()) return false;
    const int state = data(to, &now, rest.data(), rest.size());
    if (state == HTP_STREAM_ERROR || state == HTP_STREAM_STOP) stopped = "error";
    const std::size_t n = state == HTP_STREAM_DATA_OTHER ? consumed(to) : rest.size();
    rest.remove_prefix(n);
    return n > 0;
  };
  for (bool more = true; more;) {
    more = give(htp_connp_req_data, htp_connp_req_data_consumed, parser, client, reading.requests.stopped);
    more = give(htp_connp_res_data, htp_connp_res_data_consumed, parser, server, reading.responses.stopped) ||
           more;
  }
  htp_connp_close(parser, &now);
}

}  // namespace

Reading read_libhtp(const Exchange& exchange) {
  static const Config config = make_config();
  const std::unique_ptr<htp_connp_t, decltype(&htp_connp_destroy_all)> parser(htp_connp_create(config.get()),
                                                                              htp_connp_destroy_all);
  const htp_time_t now{0, 0};
  htp_connp_open(parser.get(), "10.0.0.1", 40000, "10.0.0.2", 80, const_cast<htp_time_t*>(&now));
  Reading reading;
  feed(parser.get(), exchange, reading);
  const htp_list_t* transactions = htp_connp_get_connection(parser.get())->transactions;
  for (std::size_t i = 0; i < htp_list_size(transactions); ++i) {
    const auto* tx = static_cast<const htp_tx_t*>(htp_list_get(transactions, i));
    if (tx == nullptr) continue;
    // For a response without a request it makes one up.
    if (tx->request_line != nullptr && tx->request_progress > HTP_REQUEST_LINE)
      reading.requests.messages.push_back(request_of(*tx));
    if (tx->response_progress > HTP_RESPONSE_LINE) reading.responses.messages.push_back(response_of(*tx));
  }
  return reading;
}

}  // namespace tapline::test
