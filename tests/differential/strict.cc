#include "tests/differential/strict.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <vector>

namespace tapline::test {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_alpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_token_char(char c) {
  return is_digit(c) || is_alpha(c) ||
         (c != 0 && std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos);
}
bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_token_char);
}
bool is_visible(char c) { return c > 0x20 && c < 0x7f; }
// VCHAR, obs-text and white space (RFC 9110 section 5.5).
bool is_field_char(char c) {
  return is_visible(c) || c == ' ' || c == '\t' || static_cast<unsigned char>(c) >= 0x80;
}
bool is_version(std::string_view text) { return text == "HTTP/1.1" || text == "HTTP/1.0"; }

bool same(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return is_alpha(c) ? static_cast<char>(c | 0x20) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

struct Head {
  std::string_view method;  // of a request
  int status = 0;           // of a response
  bool chunked = false;
  std::optional<std::uint64_t> length;
};

// One direction, read from the front for as long as it is well-formed. Each reading step gives the rule that
// is broken, or nothing.
class Direction9112 {
 public:
  explicit Direction9112(std::string_view bytes) : rest_(bytes) {}

  using Broken = std::string_view;
  static constexpr Broken kNone{};

  bool at_end() {
    while (rest_.substr(0, 2) == "\r\n") rest_.remove_prefix(2);
    return rest_.empty();
  }

  Broken read_request_line(Head& head) {
    std::string_view line;
    if (!take_line(line)) return "start line (3)";
    const std::size_t first = line.find(' '), second = line.find(' ', first + 1);
    if (first == line.npos || second == line.npos) return "start line (3)";
    head.method = line.substr(0, first);
    const std::string_view target = line.substr(first + 1, second - first - 1);
    if (head.method.size() > 64) return "method longer than any (RFC 9110 section 16.1)";
    const bool good =
        is_token(head.method) && !target.empty() && std::all_of(target.begin(), target.end(), is_visible);
    return good && is_version(line.substr(second + 1)) ? kNone : "start line (3)";
  }

  Broken read_status_line(Head& head) {
    std::string_view line;
    if (!take_line(line) || line.size() < 12 || !is_version(line.substr(0, 8)) || line[8] != ' ')
      return "status line (4)";
    const std::string_view status = line.substr(9, 3), reason = line.substr(12);
    const auto [end, error] = std::from_chars(status.data(), status.data() + 3, head.status);
    const bool good =
        error == std::errc{} && end == status.data() + 3 && head.status >= 100 && head.status < 600;
    const bool reason_good = std::all_of(reason.begin(), reason.end(), is_field_char);
    return good && reason_good && (reason.empty() || reason[0] == ' ') ? kNone : "status line (4)";
  }

  Broken read_fields(Head& head) {
    for (std::string_view line;;) {
      if (!take_line(line)) return "field line (5)";
      if (line.empty()) return head.chunked && head.length ? "two framings (6.3)" : kNone;
      if (line[0] == ' ' || line[0] == '\t') return "folded line (5.2)";
      const std::size_t colon = line.find(':');
      if (colon == line.npos || !is_token(line.substr(0, colon))) return "field line (5)";
      std::string_view value = line.substr(colon + 1);
      if (!std::all_of(value.begin(), value.end(), is_field_char)) return "field line (5)";
      value.remove_prefix(std::min(value.find_first_not_of(" \t"), value.size()));
      value = value.substr(0, value.find_last_not_of(" \t") + 1);
      if (const Broken broken = note_framing(line.substr(0, colon), value, head); !broken.empty())
        return broken;
    }
  }

  Broken read_body(const Head& head, bool until_close) {
    if (head.chunked) return read_chunks();
    if (until_close && !head.length) {
      rest_ = {};
      return kNone;
    }
    return skip(head.length.value_or(0)) ? kNone : "body cut off (6.3)";
  }

 private:
  bool take_line(std::string_view& line) {
    const std::size_t end = rest_.find('\n');
    if (end == rest_.npos || end == 0 || rest_[end - 1] != '\r') return false;
    line = rest_.substr(0, end - 1);
    rest_.remove_prefix(end + 1);
    return true;
  }
  bool skip(std::uint64_t n) {
    if (n > rest_.size()) return false;
    rest_.remove_prefix(static_cast<std::size_t>(n));
    return true;
  }

  static Broken note_framing(std::string_view name, std::string_view value, Head& head) {
    if (same(name, "Transfer-Encoding")) {
      if (head.chunked || !same(value, "chunked")) return "transfer codings beside chunked (6.1)";
      head.chunked = true;
    }
    if (same(name, "Content-Length")) {
      std::uint64_t number = 0;
      const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
      if (head.length || value.size() > 18 || error != std::errc{} || end != value.data() + value.size()) {
        return "Content-Length (6.2)";
      }
      head.length = number;
    }
    return kNone;
  }

  Broken read_chunks() {
    for (;;) {
      std::string_view line;
      if (!take_line(line)) return "chunk size (7.1)";
      std::uint64_t size = 0;
      const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), size, 16);
      const bool good = error == std::errc{} && end - line.data() <= 15;
      if (!good || (end != line.data() + line.size() && *end != ';')) return "chunk size (7.1)";
      if (!std::all_of(line.begin(), line.end(), is_field_char)) return "chunk size (7.1)";
      if (size == 0) break;
      if (!skip(size) || rest_.substr(0, 2) != "\r\n") return "chunk data (7.1)";
      skip(2);
    }
    Head trailers;
    return read_fields(trailers);
  }

  std::string_view rest_;
};

std::optional<Flaw> read_requests(std::string_view bytes, std::vector<std::string_view>& methods) {
  Direction9112 direction(bytes);
  while (!direction.at_end()) {
    Head head;
    std::string_view broken = direction.read_request_line(head);
    if (broken.empty()) broken = direction.read_fields(head);
    if (broken.empty() && head.method != "CONNECT") broken = direction.read_body(head, false);
    if (!broken.empty()) return Flaw{methods.size(), broken};
    methods.push_back(head.method);
  }
  return std::nullopt;
}

std::optional<Flaw> read_responses(std::string_view bytes, const std::vector<std::string_view>& methods) {
  Direction9112 direction(bytes);
  for (std::size_t i = 0; !direction.at_end();) {
    Head head;
    std::string_view broken = direction.read_status_line(head);
    if (broken.empty()) broken = direction.read_fields(head);
    const bool none = head.status < 200 || head.status == 204;
    if (broken.empty() && none && (head.length || head.chunked))
      broken = "length of a 1xx or 204 (RFC 9110 section 8.6)";
    if (!broken.empty()) return Flaw{i, broken};
    if (head.status == 101) return std::nullopt;
    if (head.status < 200) continue;
    if (i >= methods.size()) return Flaw{i, "response without a request"};
    if (methods[i] == "CONNECT" && head.status < 300) return std::nullopt;
    const bool bodiless = methods[i] == "HEAD" || head.status == 204 || head.status == 304;
    if (!bodiless) broken = direction.read_body(head, true);
    if (!broken.empty()) return Flaw{i, broken};
    ++i;
  }
  return std::nullopt;
}

}  // namespace

Flaws find_flaws(const Exchange& exchange) {
  std::vector<std::string_view> methods;
  Flaws flaws;
  flaws.requests = read_requests(exchange.client, methods);
  flaws.responses = read_responses(exchange.server, methods);
  return flaws;
}

}  // namespace tapline::test
