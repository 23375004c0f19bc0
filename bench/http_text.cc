#include "bench/http_text.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <string_view>

namespace tapline::bench {
namespace {

constexpr std::array<std::string_view, 4> kHosts = {
    "shop.bench.example", "static.bench.example", "api.bench.example:80", "www.long-name-of-a-site.example"};
constexpr std::array<std::string_view, 6> kPaths = {
    "/", "/index.html", "/js/bundle-", "/img/products/", "/v1/orders/", "/find?page=2&words="};
constexpr std::array<std::string_view, 3> kAgents = {
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 "
    "Safari/537.36",
    "Mozilla/5.0 (iPad; CPU OS 17_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.6 "
    "Mobile/15E148 Safari/604.1"};
constexpr std::array<std::string_view, 4> kTypes = {"text/html; charset=utf-8", "image/webp", "text/css",
                                                    "application/json"};
constexpr std::size_t kLargestChunk = 4096;

std::string token(Random& random, std::uint32_t size) {
  constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  std::string text(size, ' ');
  for (char& letter : text) letter = kLetters[random.below(kLetters.size())];
  return text;
}

void add_field(std::string& head, std::string_view name, std::string_view value) {
  head.append(name).append(": ").append(value).append("\r\n");
}

// Ends `head`, so that it has `size` bytes where it is shorter.
void end_head(Random& random, std::string& head, std::string_view name, std::optional<std::uint32_t> size) {
  const std::size_t least = head.size() + name.size() + 6;  // ": ", CRLF, CRLF
  if (size && *size > least) add_field(head, name, token(random, static_cast<std::uint32_t>(*size - least)));
  head += "\r\n";
}

std::uint32_t usual_body(Random& random) {
  const std::uint32_t kind = random.below(100);
  if (kind < 20) return 0;
  if (kind < 70) return random.between(40, 999);
  if (kind < 90) return random.between(1000, 3999);
  return random.between(4000, 19'999);
}

// Lines of text, from a place that differs from message to message.
void add_text(Random& random, std::string& out, std::size_t size) {
  static const std::string text = [] {
    Random letters(1);
    std::string lines;
    while (lines.size() < 1u << 16) lines += "<li>" + token(letters, letters.between(20, 90)) + "</li>\n";
    return lines;
  }();
  while (size > 0) {
    const std::size_t from = random.below(1u << 15);
    const std::size_t part = std::min(size, text.size() - from);
    out.append(text, from, part);
    size -= part;
  }
}

void add_chunks(Random& random, std::string& out, std::size_t size) {
  while (size > 0) {
    const std::size_t part = std::min(size, kLargestChunk);
    std::array<char, 16> line{};
    std::snprintf(line.data(), line.size(), "%zx\r\n", part);
    out += line.data();
    add_text(random, out, part);
    out += "\r\n";
    size -= part;
  }
  out += "0\r\n\r\n";
}

}  // namespace

std::string request_text(Random& random, bool last, std::optional<std::uint32_t> head_bytes) {
  const std::string_view host = kHosts[random.below(kHosts.size())];
  const std::uint32_t path = random.below(kPaths.size());
  std::string head = "GET ";
  head += kPaths[path];
  if (path > 1) head += token(random, random.between(4, 28));
  head += " HTTP/1.1\r\n";
  add_field(head, "Host", host);
  add_field(head, "User-Agent", kAgents[random.below(kAgents.size())]);
  add_field(head, "Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8");
  add_field(head, "Accept-Language", "de-DE,de;q=0.8,en;q=0.5");
  add_field(head, "Accept-Encoding", "gzip, deflate");
  if (random.percent(50)) {
    add_field(head, "Referer", "http://" + std::string(host) + "/" + token(random, random.between(5, 25)));
  }
  if (random.percent(60)) {
    std::string cookies = "session=" + token(random, 24) + "; visitor=" + token(random, 18);
    if (random.percent(50)) cookies += "; settings=" + token(random, random.between(20, 80));
    add_field(head, "Cookie", cookies);
  }
  add_field(head, "Connection", last ? "close" : "keep-alive");
  end_head(random, head, "X-Padding", head_bytes);
  return head;
}

std::string response_text(Random& random, bool last, const ResponseShape& shape) {
  const std::uint32_t body = shape.body_bytes ? *shape.body_bytes : usual_body(random);
  const bool not_modified = body == 0 && !shape.body_bytes;
  const bool chunked = body > 0 && !shape.body_bytes && random.percent(10);
  std::string text = not_modified ? "HTTP/1.1 304 Not Modified\r\n" : "HTTP/1.1 200 OK\r\n";
  add_field(text, "Server", "nginx/1.24.0");
  add_field(text, "Date", "Sat, 21 Nov 2026 10:00:00 GMT");
  if (!not_modified) {
    add_field(text, "Content-Type", kTypes[random.below(kTypes.size())]);
    chunked ? add_field(text, "Transfer-Encoding", "chunked")
            : add_field(text, "Content-Length", std::to_string(body));
  }
  add_field(text, "Last-Modified", "Wed, 18 Nov 2026 07:30:12 GMT");
  add_field(text, "ETag", "\"" + token(random, 12) + "\"");
  add_field(text, "Cache-Control", "public, max-age=600");
  add_field(text, "X-Request-Id", token(random, 32));
  if (random.percent(25))
    add_field(text, "Set-Cookie", "session=" + token(random, 24) + "; Path=/; HttpOnly");
  add_field(text, "Connection", last ? "close" : "keep-alive");
  end_head(random, text, "X-Padding", shape.head_bytes);
  chunked ? add_chunks(random, text, body) : add_text(random, text, body);
  return text;
}

}  // namespace tapline::bench
