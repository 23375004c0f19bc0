// What a parser made of both directions of a connection, and the parsers that are asked.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tapline::test {

// Everything that the two ends said, each from its first byte to its FIN.
struct Exchange {
  std::string client, server;
};

using Fields = std::vector<std::pair<std::string, std::string>>;

// A request or a final response; interim responses are left out by all.
struct Message {
  std::string method, target;  // of a request
  int status = 0;              // of a response
  std::string reason;
  std::string version;  // "1.1"
  Fields headers, trailers;
  std::uint64_t body = 0;  // bytes, without chunk framing
  bool complete = false;   // its end was read, or for a body until close the FIN
};

struct Direction {
  std::vector<Message> messages;
  std::string stopped;  // why nothing was read behind them; empty: the end came
};

struct Reading {
  Direction requests, responses;
};

// tapline, from frames to transactions.
Reading read_ours(const Exchange& exchange);
// http-parser, as Node.js used it up to version 11; strict.
Reading read_http_parser(const Exchange& exchange);
// libhtp, which Suricata uses up to version 7; lenient. `stopped` starts with a flag of its own where it says
// that something is wrong.
Reading read_libhtp(const Exchange& exchange);

}  // namespace tapline::test
