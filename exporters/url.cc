#include "exporters/url.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

namespace tapline {
namespace {

constexpr std::size_t npos = std::string_view::npos;

bool is_alpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

bool is_scheme(std::string_view text) {  // RFC 3986 section 3.1
  return !text.empty() && is_alpha(text[0]) && std::all_of(text.begin(), text.end(), [](char c) {
    return is_alpha(c) || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
  });
}

std::optional<std::uint16_t> parse_port(std::string_view digits) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (digits.empty() || error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return port;
}

enum AuthorityBytes : std::uint8_t {
  kEndsHost = 1,  // no host has it
  kMarks = 2,     // something stands beside the host
};
constexpr std::array<std::uint8_t, 256> kAuthorityBytes = [] {
  std::array<std::uint8_t, 256> bytes{};
  for (const char c : std::string_view("/?#\\ \t\r\n")) bytes[static_cast<unsigned char>(c)] = kEndsHost;
  for (const char c : std::string_view("@:[")) bytes[static_cast<unsigned char>(c)] = kMarks;
  return bytes;
}();

// What nearly all hosts are: letters, digits, '-', '.', '_', of at most 32 bytes; perhaps false for one. By
// words that overlap, so that no loop ends where no other did. The high bit of a byte comes up, perhaps of
// one next to it, too.
bool is_plain_host(std::string_view text) {
  constexpr auto repeat = [](std::uint64_t byte) { return byte * 0x0101'0101'0101'0101u; };
  const auto alarm = [&](std::size_t at) {
    std::uint64_t x;
    std::memcpy(&x, text.data() + at, sizeof x);
    const auto between = [&](std::uint64_t first, std::uint64_t last) {
      return (x + repeat(0x80 - first)) & ~(x + repeat(0x7f - last));
    };
    return x | (x - repeat('-')) | ((x ^ repeat('/')) - repeat(1)) | between(':', '@') | between('[', '^');
  };
  const std::size_t n = text.size();
  if (n < 8 || n > 32) return false;
  std::uint64_t alarms = alarm(0) | alarm(n - 8);
  if (n > 16) alarms |= alarm(8) | alarm(n - 16);
  return (alarms & repeat(0x80)) == 0;
}

// An authority that is more than a host.
void set_marked_authority(std::string_view text, RequestUrl& url) {
  const std::size_t at = text.rfind('@');
  const std::string_view host_port = at == npos ? text : text.substr(at + 1);
  std::size_t domain_end = host_port.find(':');
  if (!host_port.empty() && host_port[0] == '[') {
    const std::size_t bracket = host_port.find(']');
    if (bracket == npos) return;
    domain_end = bracket + 1 == host_port.size() ? npos : bracket + 1;
    if (domain_end != npos && host_port[domain_end] != ':') return;
  } else if (domain_end != npos && host_port.find(':', domain_end + 1) != npos) {
    domain_end = npos;  // an IPv6 address whose brackets were forgotten
  }
  const std::string_view domain = host_port.substr(0, domain_end);
  if (domain.empty()) return;
  url.authority = text;
  url.domain = domain;
  if (domain_end != npos) url.port = parse_port(host_port.substr(domain_end + 1));
}

// Takes `text` as the authority, if it can be one at all: a Host of "a b" or "a/b" names no host.
void set_authority(std::string_view text, RequestUrl& url) {
  if (is_plain_host(text)) {
    url.authority = url.domain = text;
    return;
  }
  const auto byte_of = [](char c) { return kAuthorityBytes[static_cast<unsigned char>(c)]; };
  const auto special = std::find_if(text.begin(), text.end(), byte_of);
  if (special != text.end()) {
    const bool ends = std::any_of(special, text.end(), [&](char c) { return byte_of(c) == kEndsHost; });
    return ends ? void() : set_marked_authority(text, url);
  }
  url.authority = url.domain = text;
}

// A '#' should not be in a target; where one is, a '?' behind it begins no query (RFC 3986 section 3.5).
void set_rest(std::string_view rest, RequestUrl& url) {
  url.rest = rest;
  const std::size_t mark = rest.find('?');
  const bool has_query = mark != npos && rest.substr(0, mark).find('#') == npos;
  url.path = has_query ? rest.substr(0, mark) : rest;
  if (has_query) url.query = rest.substr(mark + 1);
}

}  // namespace

RequestUrl request_url(std::string_view method, std::string_view target, std::string_view host) {
  constexpr std::string_view kSlashes = "://";
  RequestUrl url;
  if (method == "CONNECT") {
    url.form = TargetForm::kAuthority;
    set_authority(target, url);
    return url;
  }
  url.scheme = "http";
  const std::size_t slashes = target.starts_with('/') ? npos : target.find(kSlashes);
  if (slashes != npos && is_scheme(target.substr(0, slashes))) {
    url.form = TargetForm::kAbsolute;
    url.scheme = target.substr(0, slashes);
    const std::string_view behind = target.substr(slashes + kSlashes.size());
    const std::size_t authority_end = std::min(behind.find_first_of("/?#"), behind.size());
    set_authority(behind.substr(0, authority_end), url);
    set_rest(behind.substr(authority_end), url);
    return url;
  }
  set_authority(host, url);
  if (target.starts_with('/')) {
    url.form = TargetForm::kOrigin;
    set_rest(target, url);
  } else if (target == "*") {
    url.form = TargetForm::kAsterisk;
  }
  return url;
}

}  // namespace tapline
