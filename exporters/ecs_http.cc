// The record `tapline.http`: one transaction, or its request alone.
#include <array>
#include <cstdint>
#include <cstring>

#include "exporters/address_text.h"
#include "exporters/append.h"
#include "exporters/ecs_encoder.h"
#include "exporters/event_names.h"
#include "exporters/message_scan.h"
#include "exporters/redaction.h"
#include "exporters/url.h"

namespace tapline {
namespace {

// What a record has in front of its tunnels, and more: about 700 bytes where all numbers are as large as they
// can be.
constexpr std::size_t kBeginRoom = 1024;

// What the numbers of a message take between its strings.
constexpr std::size_t kSizesRoom = 160;

// With ',' in front. A negative duration (time stamps ran backwards, or a response began before its request
// had ended) is not known: no field.
template <std::size_t N>
char* append_duration(char* p, bool& comma, const char (&key)[N], std::int64_t duration) {
  if (duration < 0) return p;
  p = append_next(p, comma, key);
  comma = true;
  return append_number(p, static_cast<std::uint64_t>(duration));
}

char* append_sizes(char* p, bool comma, const MessageView& message) {
  p = append_next(p, comma, R"(,"bytes":)");
  p = append_number(p, message.bytes);
  p = append(p, R"(,"body":{"bytes":)");
  p = append_number(p, message.body_bytes);
  *p++ = '}';
  return p;
}

char* append_outcome(char* p, Outcome outcome) {
  if (outcome == Outcome::kSuccess) return append(p, R"(,"outcome":"success")");
  p = append(p, R"(,"outcome":")");
  p = append(p, name_of(outcome));
  *p++ = '"';
  return p;
}

// Copies what stands earlier in the same line, which has kCopyRoom behind it: in blocks, whatever they hold
// behind.
char* append_again(char* p, const char* from, std::size_t n) {
  std::array<char, 32> block;
  static_assert(block.size() <= kCopyRoom);
  for (std::size_t i = 0; i < n; i += block.size()) {
    std::memcpy(block.data(), from + i, block.size());
    std::memcpy(p + i, block.data(), block.size());
  }
  return p + n;
}

// Eight characters, of ASCII those from 'A' to 'Z' in lower case: the high bit of a byte comes up in the
// first sum from 'A' on, in the second behind 'Z'.
std::uint64_t lower_word(std::uint64_t x) {
  constexpr std::uint64_t kEach = 0x0101'0101'0101'0101u, kHigh = 0x80 * kEach;
  const std::uint64_t low = x & ~kHigh;
  const std::uint64_t upper = (low + kEach * (0x80 - 'A')) & ~(low + kEach * (0x7f - 'Z')) & ~x & kHigh;
  return x | upper >> 2;
}

char lower(char c) { return static_cast<char>(c | (c >= 'A' && c <= 'Z' ? 0x20 : 0)); }

}  // namespace

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

// With a browser's request and a server's response 257 ns for 1.5 KiB, 387 in a run of many connections, on a
// busy machine where memcpy of the lines took 15 and 63 (tapline-micro, encode_ecs_http and encode_ecs_run):
// header lines a sixth, reading which there are a tenth, waiting for the connection's community id in the run
// another tenth.
void EcsEncoder::write_transaction(const TransactionEvent& event, Extent extent) {
  community_ids_.prefetch(event.connection);
  const MessageView* request = event.request;
  request_.clear();
  response_.clear();
  RequestUrl url;
  if (request != nullptr) {
    request_.read(*request);
    url = request_url(request->method, request->target, value_of(request_.first(KnownHeader::kHost)));
  }
  if (event.response != nullptr) response_.read(*event.response);

  write_line(kBeginRoom, [&](char* p) { return write_transaction(p, event, extent, url); });
}

char* EcsEncoder::write_transaction(char* p, const TransactionEvent& event, Extent extent,
                                    const RequestUrl& url) {
  const ConnectionInfo& connection = event.connection;
  p = write_transaction_event(p, event, extent);
  p = append_ip(append(p, R"(,"source":{"ip":")"), connection.client_ip);
  p = append_number(append(p, R"(","port":)"), connection.client_port);
  p = append_ip(append(p, R"(},"destination":{"ip":")"), connection.server_ip);
  p = append_number(append(p, R"(","port":)"), connection.server_port);
  *p++ = '}';
  p = write_network(p, connection, AppProtocol::kHttp);
  p = write_forwarded_ip(p);
  *p++ = '}';
  p = write_connection(p, connection);
  if (event.number != 0) p = append_small_number(append(p, R"(,"transaction":)"), event.number);
  *p++ = '}';
  p = write_path(p, connection);
  if (event.request != nullptr && !event.request->target.empty())
    p = write_url(p, url, event.request->target);
  // Without the whole URL not all of it is shown.
  if (!url.has_full()) {
    options_.redaction.for_each_piece(
        RedactionRule::kAuthority, url.authority, [this](std::string_view kept) { line_.check_utf8(kept); },
        [](std::string_view) {});
  }
  p = write_http(p, event, extent);
  if (const HeaderField* agent = request_.first(KnownHeader::kUserAgent)) {
    p = append(line_.room(p, 64), R"(,"user_agent":{"original":")");
    p = append(write_wire(p, RedactionRule::kText, *agent), R"("})");
  }
  p = line_.room(p, kSizesRoom);
  return extent == Extent::kRequestHead ? p : write_timing(p, event);
}

char* EcsEncoder::write_transaction_event(char* p, const TransactionEvent& event, Extent extent) {
  const MessageView* first = event.request != nullptr ? event.request : event.response;
  if (first != nullptr) {
    p = write_time(append(p, R"({"@timestamp":)"), first->first_time);
    *p++ = ',';
  } else {
    *p++ = '{';
  }
  if (extent == Extent::kTransaction) {
    p = append(p, R"("event":{"dataset":"tapline.http","action":"transaction")");
  } else {
    p = append(p, R"("event":{"dataset":"tapline.http","action":"request")");
  }
  if (event.request != nullptr && event.response != nullptr) {
    bool comma = true;
    p = append_duration(p, comma, R"(,"duration":)", event.response->last_time - event.request->first_time);
  }
  if (extent == Extent::kTransaction) p = append_outcome(p, event.outcome);
  *p++ = '}';
  return p;
}

char* EcsEncoder::write_forwarded_ip(char* p) {
  const HeaderField* x_forwarded_for = request_.first(KnownHeader::kXForwardedFor);
  const HeaderField* forwarded = request_.first(KnownHeader::kForwarded);
  if (x_forwarded_for == nullptr && forwarded == nullptr) return p;
  const auto ip = forwarded_client(value_of(x_forwarded_for), value_of(forwarded));
  if (!ip) return p;
  p = append_ip(append(p, R"(,"forwarded_ip":")"), *ip);
  *p++ = '"';
  return p;
}

char* EcsEncoder::write_url(char* p, const RequestUrl& url, std::string_view target) {
  constexpr std::size_t kKeys = 160;  // and the port
  if (url.form == TargetForm::kOrigin && url.has_full() &&
      options_.redaction.shows_without_at(RedactionRule::kUrl)) {
    p = line_.room(p, 3 * target.size() + 2 * url.authority.size() + kKeys + kCopyRoom);
    if (char* end = write_plain_url(p, url, target)) return end;
  }
  p = append(line_.room(p, 64), R"(,"url":{"original":")");
  p = write_wire(p, redaction_rule(url.form), target);
  if (!url.scheme.empty()) {
    p = line_.text(append(p, R"(","scheme":")"), url.scheme);
  }
  if (!url.domain.empty()) {
    p = line_.text(append(p, R"(","domain":")"), url.domain);
  }
  *p++ = '"';
  if (url.port) p = append_number(append(p, R"(,"port":)"), *url.port);
  if (!url.path.empty()) {
    p = write_wire(append(p, R"(,"path":")"), RedactionRule::kUrl, url.path);
    *p++ = '"';
  }
  if (url.query) {
    p = write_wire(append(p, R"(,"query":")"), RedactionRule::kQuery, *url.query);
    *p++ = '"';
  }
  if (url.has_full()) {
    p = line_.text(append(p, R"(,"full":")"), url.scheme);
    p = write_wire(append(p, "://"), RedactionRule::kAuthority, url.authority);
    p = write_wire(p, RedactionRule::kUrl, url.rest);
    *p++ = '"';
  }
  *p++ = '}';
  return p;
}

// What most requests have: a path, and a host. Where both are plain they are looked at once, and the members
// of the URL are copied from those that stand there; null where they are not.
char* EcsEncoder::write_plain_url(char* p, const RequestUrl& url, std::string_view target) {
  char* const original = append(p, R"(,"url":{"original":")");
  p = line_.copy(original, target);
  if (p == nullptr) return nullptr;
  char* const domain = append(p, R"(","scheme":"http","domain":")");
  if (line_.copy(domain, url.authority) == nullptr) return nullptr;
  p = domain + url.domain.size();
  *p++ = '"';
  if (url.port) p = append_number(append(p, R"(,"port":)"), *url.port);
  p = append_again(append(p, R"(,"path":")"), original, url.path.size());
  *p++ = '"';
  if (url.query) {
    p = append_again(append(p, R"(,"query":")"), original + url.path.size() + 1, url.query->size());
    *p++ = '"';
  }
  p = append(p, R"(,"full":"http://)");
  p = url.authority.size() == url.domain.size() ? append_again(p, domain, url.domain.size())
                                                : line_.copy(p, url.authority);
  return append(append_again(p, original, target.size()), R"("})");
}

char* EcsEncoder::write_http(char* p, const TransactionEvent& event, Extent extent) {
  const auto tells = [](const MessageView* message) {
    return message != nullptr && (message->version.major != 0 || message->version.minor != 0);
  };
  const MessageView* told = tells(event.request)    ? event.request
                            : tells(event.response) ? event.response
                                                    : nullptr;
  p = append(line_.room(p, kSizesRoom), R"(,"http":{)");
  bool comma = told != nullptr;
  if (told != nullptr && told->version.major == 1 && told->version.minor == 1) {
    p = append(p, R"("version":"1.1")");
  } else if (told != nullptr) {
    p = append_number(append(p, R"("version":")"), told->version.major);
    *p++ = '.';
    p = append_number(p, told->version.minor);
    *p++ = '"';
  }
  if (event.request != nullptr) {
    p = write_request(append_next(p, comma, R"(,"request":{)"), event, extent);
    comma = true;
  }
  if (event.response != nullptr || !event.interim.empty()) {
    p = line_.room(p, kSizesRoom);
    p = write_response(append_next(p, comma, R"(,"response":{)"), event);
    comma = true;
  }
  if (event.incomplete != 0) {
    p = append_next(line_.room(p, kSizesRoom), comma, R"(,"incomplete":[)");
    for_each_incomplete(event.incomplete, [&p](std::string_view word) {
      *p++ = '"';
      p = append(append(p, word), R"(",)");
    });
    p[-1] = ']';
    comma = true;
  }
  if (event.gap_bytes != 0) {
    p = append_next(line_.room(p, kSizesRoom), comma, R"(,"gap":{"bytes":)");
    p = append_number(p, event.gap_bytes);
    *p++ = '}';
    comma = true;
  }
  if (!event.upgrade.empty()) {
    p = append_next(line_.room(p, kSizesRoom), comma, R"(,"upgrade":")");
    p = line_.text(p, event.upgrade);
    *p++ = '"';
  }
  *p++ = '}';
  return p;
}

char* EcsEncoder::write_request(char* p, const TransactionEvent& event, Extent extent) {
  const MessageView& request = *event.request;
  bool comma = false;
  if (request.method == "GET") {
    p = append(p, R"("method":"GET")");
    comma = true;
  } else if (!request.method.empty()) {
    p = line_.text(append(p, R"("method":")"), request.method);
    *p++ = '"';
    comma = true;
  }
  if (const HeaderField* referer = request_.first(KnownHeader::kReferer)) {
    p = write_wire(append_next(p, comma, R"(,"referrer":")"), RedactionRule::kUrl, *referer);
    *p++ = '"';
    comma = true;
  }
  if (const std::string_view mime_type = request_.mime_type(); !mime_type.empty()) {
    p = write_mime_type(p, comma, mime_type);
    comma = true;
  }
  p = line_.room(p, kSizesRoom);
  if (extent != Extent::kRequestHead) {
    p = append_sizes(p, comma, request);
    comma = true;
  }
  if (request.packet != 0) {
    p = append_number(append_next(p, comma, R"(,"packet":)"), request.packet);
    comma = true;
  }
  p = write_headers(p, comma, request_, (event.incomplete & kMissingRequestHead) == 0);
  *p++ = '}';
  return p;
}

char* EcsEncoder::write_response(char* p, const TransactionEvent& event) {
  bool comma = false;
  if (event.response != nullptr) {
    const MessageView& response = *event.response;
    if (response.status == 200 && response.reason == "OK") {
      p = append(p, R"("status_code":200,"reason":"OK")");
      comma = true;
    } else {
      if (response.status != 0) {
        p = append_number(append(p, R"("status_code":)"), response.status);
        comma = true;
      }
      if (!response.reason.empty()) {
        p = line_.text(append_next(p, comma, R"(,"reason":")"), response.reason);
        *p++ = '"';
        comma = true;
      }
    }
    if (const std::string_view mime_type = response_.mime_type(); !mime_type.empty()) {
      p = write_mime_type(p, comma, mime_type);
      comma = true;
    }
    if (const HeaderField* coding = response_.first(KnownHeader::kContentEncoding)) {
      p = write_wire(append_next(p, comma, R"(,"content_encoding":")"), RedactionRule::kNone, *coding);
      *p++ = '"';
      comma = true;
    }
    p = append_sizes(line_.room(p, kSizesRoom), comma, response);
    comma = true;
    if (response.packet != 0) p = append_number(append(p, R"(,"packet":)"), response.packet);
  }
  if (!event.interim.empty()) {
    p = line_.room(p, (kMaxDigits + 1) * event.interim.size() + kSizesRoom);
    p = append_next(p, comma, R"(,"interim":[)");
    for (const std::uint16_t status : event.interim) {
      p = append_number(p, status);
      *p++ = ',';
    }
    p[-1] = ']';
  }
  if (event.response != nullptr) {
    p = write_headers(p, true, response_, (event.incomplete & kMissingResponseHead) == 0);
  }
  *p++ = '}';
  return p;
}

char* EcsEncoder::write_mime_type(char* p, bool comma, std::string_view mime_type) {
  p = append_next(p, comma, R"(,"mime_type":")");
  p = line_.room(p, mime_type.size() + kCopyRoom);
  if (char* end = line_.copy(p, mime_type)) {
    for (; p < end; p += sizeof(std::uint64_t)) {
      std::uint64_t word;
      std::memcpy(&word, p, sizeof word);
      word = lower_word(word);
      std::memcpy(p, &word, sizeof word);
    }
    p = end;
  } else {
    lower_.assign(mime_type);
    for (char& c : lower_) c = lower(c);
    for_each_unfolded(lower_, [this, &p](std::string_view part) { p = line_.text(p, part); });
  }
  *p++ = '"';
  return p;
}

// An empty list says that the message has none of the headers asked for; it is left out where that isn't
// known.
char* EcsEncoder::write_headers(char* p, bool comma, const MessageScan& scan, bool head_seen) {
  std::span<const MessageScan::Line> lines = scan.listed();
  if (!options_.headers.lists_headers() || (!head_seen && lines.empty())) return p;
  p = append_next(line_.room(p, kSizesRoom), comma, R"(,"headers":[)");
  if (lines.empty()) return append(p, "]");
  while (true) {
    const CopiedLines copied = line_.copy_lines(p, lines);
    p = copied.end;
    lines = lines.subspan(copied.count);
    if (lines.empty()) break;
    p = line_.text(append(line_.room(p, kSizesRoom), R"([")"), lines[0].field->name);
    p = write_wire(append(p, R"(",")"), lines[0].rule, *lines[0].field);
    p = append(p, R"("],)");
    lines = lines.subspan(1);
  }
  p[-1] = ']';
  return p;
}

char* EcsEncoder::write_timing(char* p, const TransactionEvent& event) {
  const MessageView* request = event.request;
  const MessageView* response = event.response;
  if (request == nullptr && response == nullptr) return p;
  p = append(p, R"(,"timing":{)");
  bool comma = false;
  if (request != nullptr) {
    p = append_duration(p, comma, R"(,"request":)", request->last_time - request->first_time);
  }
  if (request != nullptr && response != nullptr) {
    p = append_duration(p, comma, R"(,"wait":)", response->first_time - request->last_time);
  }
  if (response != nullptr) {
    p = append_duration(p, comma, R"(,"response":)", response->last_time - response->first_time);
  }
  *p++ = '}';
  return p;
}

}  // namespace tapline
