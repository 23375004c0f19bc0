#include <http_parser.h>

#include "tests/differential/reading.h"

namespace tapline::test {
namespace {

// One direction. Its parser calls back with pieces of what stands in the message.
class Side {
 public:
  // `methods`: of the requests that the responses answer; null: these are the requests.
  Side(const std::string& bytes, const std::vector<std::string>* methods) : methods_(methods) {
    http_parser_init(&parser_, methods == nullptr ? HTTP_REQUEST : HTTP_RESPONSE);
    parser_.data = this;
    http_parser_settings settings;
    http_parser_settings_init(&settings);
    settings.on_message_begin = [](http_parser* parser) { return self(parser).begin(); };
    settings.on_url = [](http_parser* p, const char* at, std::size_t n) {
      return add(self(p).message_.target, at, n);
    };
    settings.on_status = [](http_parser* p, const char* at, std::size_t n) {
      return add(self(p).message_.reason, at, n);
    };
    settings.on_header_field = [](http_parser* p, const char* at, std::size_t n) {
      return self(p).name(at, n);
    };
    settings.on_header_value = [](http_parser* p, const char* at, std::size_t n) {
      return self(p).value(at, n);
    };
    settings.on_headers_complete = [](http_parser* p) { return self(p).headers_complete(); };
    settings.on_body = [](http_parser* p, const char*, std::size_t n) {
      self(p).message_.body += n;
      return 0;
    };
    settings.on_message_complete = [](http_parser* p) { return self(p).complete(); };
    const std::size_t read = http_parser_execute(&parser_, &settings, bytes.data(), bytes.size());
    if (HTTP_PARSER_ERRNO(&parser_) == HPE_OK && read == bytes.size()) {
      http_parser_execute(&parser_, &settings, nullptr, 0);  // the FIN
    }
    const http_errno error = HTTP_PARSER_ERRNO(&parser_);
    if (error != HPE_OK && error != HPE_INVALID_EOF_STATE) direction_.stopped = http_errno_name(error);
    if (in_message_ && head_complete_) direction_.messages.push_back(message_);
  }

  Direction take() { return std::move(direction_); }

 private:
  static Side& self(http_parser* parser) { return *static_cast<Side*>(parser->data); }
  static int add(std::string& text, const char* at, std::size_t n) {
    text.append(at, n);
    return 0;
  }

  int begin() {
    message_ = {};
    in_message_ = true;
    head_complete_ = in_value_ = false;
    return 0;
  }
  Fields& fields() { return head_complete_ ? message_.trailers : message_.headers; }
  int name(const char* at, std::size_t n) {
    if (in_value_ || fields().empty()) fields().emplace_back();
    in_value_ = false;
    return add(fields().back().first, at, n);
  }
  int value(const char* at, std::size_t n) {
    in_value_ = true;
    return add(fields().back().second, at, n);
  }

  int headers_complete() {
    head_complete_ = true;
    in_value_ = true;
    message_.version = std::to_string(parser_.http_major) + "." + std::to_string(parser_.http_minor);
    // Whether HTTP ends here is for the response to say (RFC 9110 sections 7.8 and 9.3.6).
    parser_.upgrade = 0;
    if (methods_ == nullptr) {
      message_.method = http_method_str(static_cast<http_method>(parser_.method));
      return parser_.method == HTTP_CONNECT ? 1 : 0;
    }
    message_.status = static_cast<int>(parser_.status_code);
    const std::size_t at = direction_.messages.size();
    const std::string method = at < methods_->size() ? (*methods_)[at] : "";
    const bool tunnel = method == "CONNECT" && message_.status >= 200 && message_.status < 300;
    if (tunnel || message_.status == 101) return 2;
    return method == "HEAD" ? 1 : 0;
  }
  int complete() {
    in_message_ = false;
    message_.complete = true;
    const bool interim = message_.status >= 100 && message_.status < 200 && message_.status != 101;
    if (!interim) direction_.messages.push_back(message_);
    return 0;
  }

  const std::vector<std::string>* methods_;
  http_parser parser_;
  Direction direction_;
  Message message_;
  bool in_message_ = false, head_complete_ = false, in_value_ = false;
};

}  // namespace

Reading read_http_parser(const Exchange& exchange) {
  Reading reading;
  reading.requests = Side(exchange.client, nullptr).take();
  std::vector<std::string> methods;
  for (const Message& request : reading.requests.messages) methods.push_back(request.method);
  reading.responses = Side(exchange.server, &methods).take();
  return reading;
}

}  // namespace tapline::test
