#include "tests/differential/generator.h"

#include <algorithm>

namespace tapline::test {

std::string Generator::body() {
  std::string text =
      pick({"", "x", "hello", "HTTP/1.1 200 OK\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", "\r\n", "0\r\n\r\n"});
  if (one_in(4)) text.append(below(200), static_cast<char>(below(256)));
  return text;
}

std::string Generator::target(std::string_view method) {
  if (method == "CONNECT") return pick({"h:443", "[::1]:80", "host.example:8443"});
  return pick({"/", "/a/b.c", "/a?b=c&d", "/?", "//x", "/%41%00", "/a#b", "/ab;c=d", "http://h/",
               "http://h:80/p?q", "http://u:p@h/", "https://[::1]/x", "/{|}\\^`\"<>", "/\xc3\xa4\xff", "*"});
}

std::string Generator::header_lines() {
  std::string lines;
  for (std::size_t n = below(5); n > 0; --n) {
    lines += pick({"Host: h",
                   "Host:h:8080",
                   "Accept: */*",
                   "User-Agent: Mozilla/5.0 (X11)",
                   "X-A:",
                   "X-A: ",
                   "X-B:  b  ",
                   "X-B:\tb\t",
                   "Cookie: a=b; c=\"d\"",
                   "X-8: \xe4\xff",
                   "X-C: a,, b ,c",
                   "x-lower: 1",
                   "X-Colon: a:b: c",
                   "!#$%&'*+-.^_`|~: t",
                   "Content-Type: text/html; charset=utf-8",
                   "Content-Encoding: gzip",
                   "Connection: keep-alive",
                   "Expect: 100-continue",
                   "Authorization: Basic dTpw",
                   "Date: x",
                   "X-A: a"});
    if (one_in(12)) lines += end_ + pick({" folded", "\tfolded \t", "  a: b"});
    if (one_in(40)) lines += end_ + pick({"Space : x", "no colon", ": empty", "Connection: close", "X\t: y"});
    lines += end_;
  }
  return lines;
}

std::string Generator::chunks(const std::string& body) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out;
  for (std::size_t at = 0; at < body.size();) {
    const std::size_t n = std::min(body.size() - at, 1 + below(40));
    out += one_in(8) ? pick({"0", "000"}) : "";
    if (n >= 16) out += kHex[n / 16];
    out += one_in(2) ? static_cast<char>(std::toupper(kHex[n % 16])) : kHex[n % 16];
    out += one_in(6) ? pick({";a", ";a=b", "; a=\"b;c\"", " ", "  ", " ;x"}) : "";
    out += end_ + body.substr(at, n) + end_;
    at += n;
  }
  out += pick({"0", "0", "0", "000", "0;last"}) + end_;
  if (one_in(4)) out += pick({"T: u", "Expires: x", "T: u\r\nV: w"}) + end_;
  return out + end_;
}

std::string Generator::framed(const std::string& body, bool request) {
  const std::string length = std::to_string(body.size());
  const std::string lines = header_lines();
  switch (below(request ? 8 : 10)) {
    case 0:
    case 1:
      return "Transfer-Encoding: " + pick({"chunked", "chunked", "Chunked", "gzip, chunked", "\tchunked "}) +
             end_ + lines + end_ + chunks(body);
    case 2:
      return lines + pick({"Content-Length: ", "content-length:", "CONTENT-LENGTH: 0"}) + length + end_ +
             end_ + body;
    case 3:
      if (!one_in(4)) break;
      return "Content-Length: " + length + end_ + lines + "Content-Length: " + length + end_ + end_ + body;
    case 4:
      if (!one_in(4)) break;
      return "Content-Length: " + length + ", " + length + end_ + end_ + body;
    case 5:
      if (!one_in(4)) break;
      return "Content-Length: 3" + end_ + "Transfer-Encoding: chunked" + end_ + end_ + chunks(body);
    default:
      break;
  }
  return lines + "Content-Length: " + length + end_ + end_ + body;
}

std::string Generator::request(const std::string& method) {
  end_ = one_in(8) ? "\n" : "\r\n";
  std::string text = one_in(12) ? pick({"\r\n", "\n", "\r\n\r\n"}) : "";
  if (method == "GET" && one_in(60)) return text + "GET /old" + end_;
  text += method + (one_in(60) ? pick({"  ", "\t"}) : " ") + target(method);
  text += (one_in(60) ? pick({"  ", "\t"}) : " ") + pick({"HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.0"});
  text += (one_in(60) ? " " : "") + end_;
  if (method == "CONNECT") return text + "Host: h" + end_ + end_;
  if (one_in(20)) text += "Connection: Upgrade" + end_ + "Upgrade: websocket" + end_;
  if (method == "POST" || method == "PUT") return text + framed(body(), true);
  return text + header_lines() + end_;
}

std::string Generator::response(const std::string& method, bool last) {
  end_ = one_in(8) ? "\n" : "\r\n";
  std::string text;
  while (one_in(10))
    text += "HTTP/1.1 " + pick({"100 Continue", "100 Continue", "103 Early Hints"}) + end_ + end_;
  const std::string version = pick({"HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.0"});
  if (method == "CONNECT" && last && one_in(2))
    return text + version + " 200 Connection established" + end_ + end_ + "\x16\x03";
  if (last && one_in(15))
    return text + version + " 101 Switching Protocols" + end_ + "Upgrade: x" + end_ + end_ + "\x81\x01x";
  if (one_in(12)) {
    return text + version + " " + pick({"204 No Content", "304 Not Modified"}) + end_ + header_lines() +
           (one_in(8) ? "Content-Length: 5" + end_ : "") + end_;
  }
  text += version + " " +
          pick({"200 OK", "200 OK", "404 Not Found", "500 ", "302", "206 Partial  Content", "299 \xe4"}) +
          end_;
  if (method == "HEAD") return text + header_lines() + "Content-Length: 42" + end_ + end_;
  if (last && one_in(6)) return text + header_lines() + end_ + body();
  return text + framed(body(), false);
}

Exchange Generator::exchange() {
  Exchange exchange;
  for (std::size_t n = 1 + below(4); n > 0; --n) {
    std::string method = one_in(200) ? pick({"M-SEARCH", "BREW"})
                                     : pick({"GET", "GET", "GET", "HEAD", "POST", "POST", "PUT", "DELETE",
                                             "OPTIONS", "PATCH", "PROPFIND"});
    if (n == 1 && one_in(10)) method = "CONNECT";  // a tunnel behind it is no HTTP
    exchange.client += request(method);
    exchange.server += response(method, n == 1);
  }
  return exchange;
}

void Generator::damage(std::string& text) {
  if (text.empty()) return;
  const std::size_t at = below(text.size()), n = 1 + below(std::min<std::size_t>(8, text.size() - at));
  switch (below(6)) {
    case 0:
      text.erase(at, n);
      return;
    case 1:
      text[at] = static_cast<char>(below(256));
      return;
    case 2:
      text.insert(at, text.substr(at, n));
      return;
    case 3:
      text.insert(at, 1, " \t\r\n:,;0x/HA\x00\x7f\xff"[below(16)]);
      return;
    case 4:
      text.insert(at, pick({"\r\n", "\r\n ", "\r\n\r\n", "HTTP/1.1", "Content-Length: 5\r\n", "chunked", "9",
                            "-1", ": "}));
      return;
    default:
      std::swap(text[at], text[below(text.size())]);
      return;
  }
}

Exchange Generator::broken() {
  Exchange broken = exchange();
  for (std::size_t n = 1 + below(3); n > 0; --n) damage(one_in(2) ? broken.client : broken.server);
  return broken;
}

}  // namespace tapline::test
