// The events behind the user contract's examples, and what tests vary of them.
#pragma once

#include <string>
#include <vector>

#include "flows/events.h"

namespace tapline {

inline IpAddress ipv4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
  return {.bytes = {a, b, c, d}, .version = IpVersion::kV4};
}

inline ConnectionInfo loopback_connection() {
  ConnectionInfo connection;
  connection.client_ip = connection.server_ip = ipv4(127, 0, 0, 1);
  connection.client_port = 41086;
  connection.server_port = 80;
  connection.protocol = AppProtocol::kHttp;
  connection.id.words = {0x0123456789abcdef, 0xfedcba9876543210};
  connection.number = 1;
  return connection;
}

// A transaction whose parts may be changed before event() views them. The sample must outlive the event.
struct TransactionSample {
  ConnectionInfo connection = loopback_connection();
  MessageView request, response;
  std::vector<HeaderField> request_headers, response_headers, request_trailers, response_trailers;
  std::vector<std::uint16_t> interim;
  bool has_request = true, has_response = true;
  std::uint8_t incomplete = 0;
  std::uint64_t gap_bytes = 0;
  std::string upgrade;
  Outcome outcome = Outcome::kSuccess;
  std::uint32_t number = 1;

  TransactionSample() {
    request.first_time = request.last_time = 1666532802145850123;
    request.packet = 4;
    request.bytes = 439;
    request.method = "GET";
    request.target = "/";
    request_headers = {{"Host", "127.0.0.1"}, {"User-Agent", "Mozilla/5.0"}};
    response.first_time = response.last_time = request.first_time + 3079042;
    response.packet = 6;
    response.bytes = 636;
    response.body_bytes = 299;
    response.status = 200;
    response.reason = "OK";
    response_headers = {{"Server", "Apache/2.4.41 (Ubuntu)"}, {"Content-Type", "Text/HTML; charset=UTF-8"}};
  }

  TransactionEvent event() {
    request.headers = request_headers;
    request.trailers = request_trailers;
    response.headers = response_headers;
    response.trailers = response_trailers;
    return {.connection = connection,
            .number = number,
            .request = has_request ? &request : nullptr,
            .response = has_response ? &response : nullptr,
            .interim = interim,
            .incomplete = incomplete,
            .gap_bytes = gap_bytes,
            .upgrade = upgrade,
            .outcome = outcome};
  }

  RequestEvent request_event(bool whole) {
    request.headers = request_headers;
    return {.connection = connection,
            .number = number,
            .request = request,
            .whole = whole,
            .incomplete = incomplete};
  }
};

inline ConnectionEvent closed_event(const ConnectionInfo& connection) {
  ConnectionEvent event{.connection = connection, .action = ConnectionAction::kClosed};
  event.start = 1666532802000000000;
  event.end = event.time = event.start + 283530000;
  event.handshake = Handshake{.syn_ack = 3000, .ack = 2000};
  event.closed_by = Side::kClient;
  event.reason = CloseReason::kRst;
  event.client.packets = 9;
  event.client.bytes = 1265;
  event.client.syn = SynParameters{.isn = 2589184757,
                                   .window = 65495,
                                   .mss = 65495,
                                   .window_scale = 7,
                                   .sack_permitted = true,
                                   .timestamps = true};
  event.server.packets = 5;
  event.server.bytes = 1304;
  event.server.syn = event.client.syn;
  event.server.syn->isn = 4081050223;
  event.server.syn->window = 65483;
  event.transactions = 3;
  event.completeness = 63;
  event.state = "RSTO";
  event.history = "ShADadFR";
  event.teardown = Teardown::kReset;
  return event;
}

}  // namespace tapline
