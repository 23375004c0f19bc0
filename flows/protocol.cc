#include "flows/protocol.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "flows/http_head.h"

namespace tapline {
namespace {

// Of TLS records (RFC 8446 section 5.1, RFC 5246 section 6.2.3).
constexpr std::size_t kRecordHeader = 5;  // type, version, length
constexpr std::size_t kLargestPlaintext = 1u << 14, kLargestCiphertext = (1u << 14) + 2048;

std::uint8_t byte(std::string_view bytes, std::size_t at) { return static_cast<std::uint8_t>(bytes[at]); }
std::size_t number16(std::string_view bytes, std::size_t at) {
  return std::size_t{byte(bytes, at)} << 8 | byte(bytes, at + 1);
}

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }

Look starts_with(std::string_view bytes, std::string_view prefix) {
  const std::size_t n = std::min(bytes.size(), prefix.size());
  if (bytes.substr(0, n) != prefix.substr(0, n)) return Look::kNo;
  return n < prefix.size() ? Look::kMoreNeeded : Look::kYes;
}

int hex_digit(char c) { return is_digit(c) ? c - '0' : c - 'a' + 10; }

// Whether each byte is as the pattern says: "16", "00-40" (between these two) or "..", with a space between.
Look matches(std::string_view bytes, std::string_view pattern) {
  for (const char c : bytes) {
    if (pattern.empty()) return Look::kYes;
    const std::string_view one = pattern.substr(0, pattern.find(' '));
    pattern.remove_prefix(std::min(pattern.size(), one.size() + 1));
    if (one == "..") continue;
    const int lowest = hex_digit(one[0]) << 4 | hex_digit(one[1]);
    const int highest = one.size() == 2 ? lowest : hex_digit(one[3]) << 4 | hex_digit(one[4]);
    if (static_cast<std::uint8_t>(c) < lowest || static_cast<std::uint8_t>(c) > highest) return Look::kNo;
  }
  return pattern.empty() ? Look::kYes : Look::kMoreNeeded;
}

Look either(Look one, Look other) { return one == Look::kNo ? other : one; }

// The same without regard to case, as the words of mail are written.
Look starts_with_word(std::string_view bytes, std::string_view word) {
  const std::size_t n = std::min(bytes.size(), word.size());
  if (!same_name(bytes.substr(0, n), word.substr(0, n))) return Look::kNo;
  return n < word.size() ? Look::kMoreNeeded : Look::kYes;
}

bool contains_word(std::string_view text, std::string_view word) {
  for (std::size_t i = 0; i + word.size() <= text.size(); ++i) {
    if (same_name(text.substr(i, word.size()), word)) return true;
  }
  return false;
}

// The first line without its end. kMoreNeeded, kNo: it is not all there, and can still come or is too long.
Look read_line(std::string_view bytes, std::string_view& line) {
  const std::size_t end = bytes.substr(0, kMostNeeded).find('\n');
  if (end == std::string_view::npos) return bytes.size() < kMostNeeded ? Look::kMoreNeeded : Look::kNo;
  line = bytes.substr(0, end);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return Look::kYes;
}

// A handshake record with a ClientHello or a ServerHello (RFC 8446 sections 4 and 5.1), or an alert.
Look tls(std::string_view bytes, Side from) {
  const Look hello =
      matches(bytes, from == Side::kClient ? "16 03 00-04 00-40 .. 01" : "16 03 00-04 00-40 .. 02");
  if (hello != Look::kYes) return either(hello, matches(bytes, "15 03 00-04 00 02 01-02 .."));
  const std::size_t length = number16(bytes, 3);
  return length >= 1 && length <= kLargestPlaintext ? Look::kYes : Look::kNo;
}

// The hello of SSL 2.0 that offers more as well (RFC 5246 appendix E.2). Its lengths add up.
Look ssl2(std::string_view bytes, Side from) {
  if (from != Side::kClient) return Look::kNo;
  const Look look = matches(bytes, "80-ff .. 01 00-03 00-03 .. .. 00 00-10 00 10-20");
  if (look != Look::kYes) return look;
  constexpr std::size_t kFixed = 9;  // type, version, three lengths
  const std::size_t ciphers = number16(bytes, 5);
  const bool adds_up = (number16(bytes, 0) & 0x7fff) == kFixed + ciphers + byte(bytes, 8) + byte(bytes, 10);
  const bool version = byte(bytes, 3) == 3 || number16(bytes, 3) == 2;
  return adds_up && version && ciphers > 0 && ciphers % 3 == 0 ? Look::kYes : Look::kNo;
}

// The server's half: a SETTINGS frame, of stream 0 and no acknowledgement (RFC 9113 sections 3.4 and 6.5).
// The client's starts as an HTTP/1.x request would, and is met as one.
Look http2(std::string_view bytes, Side from) {
  if (from != Side::kServer) return Look::kNo;
  const Look look = matches(bytes, "00 00 00-78 04 00 00 00 00 00");
  return look == Look::kYes && byte(bytes, 2) % 6 != 0 ? Look::kNo : look;
}

// RFC 4253 section 4.2.
Look ssh(std::string_view bytes, Side) {
  return either(starts_with(bytes, "SSH-2."), starts_with(bytes, "SSH-1."));
}

// Behind "220" a server greets by SMTP (RFC 5321 section 4.2) as well as by FTP (RFC 959 section 5.4), and
// most say which. The whole line is read, as a mail server's host can be called ftp.
Look greets_with(std::string_view bytes, bool mail) {
  Look look = either(starts_with(bytes, "220 "), starts_with(bytes, "220-"));
  if (look != Look::kYes) return look;
  std::string_view line;
  look = read_line(bytes, line);
  if (look != Look::kYes) return look;
  const bool says_smtp = contains_word(line, "SMTP");
  return (mail ? says_smtp : !says_smtp && contains_word(line, "FTP")) ? Look::kYes : Look::kNo;
}

Look smtp(std::string_view bytes, Side from) {
  if (from == Side::kServer) return greets_with(bytes, true);
  return either(starts_with_word(bytes, "EHLO "), starts_with_word(bytes, "HELO "));
}

Look ftp(std::string_view bytes, Side from) {
  return from == Side::kServer ? greets_with(bytes, false) : Look::kNo;
}

// RTSP (RFC 7826) and SIP (RFC 3261) have HTTP's start lines with another name before the version.
Look like_http(std::string_view bytes, Side from, std::string_view name) {
  if (from == Side::kServer) return starts_with(bytes, name);
  const auto end =
      std::find_if_not(bytes.begin(), bytes.end(), [](char c) { return is_upper(c) || c == '_'; });
  if (end == bytes.end()) return Look::kMoreNeeded;
  if (end == bytes.begin() || *end != ' ') return Look::kNo;
  std::string_view line;
  if (const Look look = read_line(bytes, line); look != Look::kYes) return look;
  const std::string_view version = line.substr(line.rfind(' ') + 1);
  return version.size() == name.size() + 3 && version.substr(0, name.size()) == name ? Look::kYes : Look::kNo;
}
Look rtsp(std::string_view bytes, Side from) { return like_http(bytes, from, "RTSP/"); }
Look sip(std::string_view bytes, Side from) { return like_http(bytes, from, "SIP/"); }

// The start-up message of version 3, behind whose length and version a parameter's name comes, or one of the
// requests that may go before it (PostgreSQL's documentation, "Message Formats").
Look postgresql(std::string_view bytes, Side from) {
  if (from != Side::kClient) return Look::kNo;
  return either(matches(bytes, "00 00 00-27 .. 00 03 00 00-02 5f-7a"),
                matches(bytes, "00 00 00 08-10 04 d2 16 2e-30"));
}

// The server's greeting: a first packet of less than 256 bytes, of protocol version 10, that begins with the
// server's version as text, "8.0" or "10.6" (MySQL's documentation, "Protocol::HandshakeV10").
Look mysql(std::string_view bytes, Side from) {
  if (from != Side::kServer) return Look::kNo;
  return either(matches(bytes, "28-ff 00 00 00 0a 33-39 2e 30-39"),
                matches(bytes, "28-ff 00 00 00 0a 31-39 30-39 2e 30-39"));
}

// A command as clients send it: an array of bulk strings, "*2\r\n$3\r\n" (Redis' documentation, RESP).
Look redis(std::string_view bytes, Side from) {
  if (from != Side::kClient) return Look::kNo;
  std::size_t at = 0;
  for (const char kind : {'*', '$'}) {
    if (at == bytes.size()) return Look::kMoreNeeded;
    if (bytes[at++] != kind) return Look::kNo;
    const std::size_t digits = at;
    while (at < bytes.size() && is_digit(bytes[at])) ++at;
    if (at - digits > 9) return Look::kNo;
    if (at == bytes.size()) return Look::kMoreNeeded;
    if (at == digits) return Look::kNo;
    if (const Look end = starts_with(bytes.substr(at), "\r\n"); end != Look::kYes) return end;
    at += 2;
  }
  return Look::kYes;
}

// CONNECT: type, a length of one to four bytes, and the protocol's name with its length (MQTT 5.0 section
// 3.1; the other name is that of version 3.1).
Look mqtt(std::string_view bytes, Side from) {
  if (from != Side::kClient || byte(bytes, 0) != 0x10) return Look::kNo;
  std::size_t at = 1;
  while (at < bytes.size() && at < 4 && byte(bytes, at) >= 0x80) ++at;
  if (at >= bytes.size()) return Look::kMoreNeeded;
  const std::string_view rest = bytes.substr(at + 1);
  return either(starts_with(rest, std::string_view("\0\4MQTT", 6)),
                starts_with(rest, std::string_view("\0\6MQIsdp", 8)));
}

// The peer wire protocol's handshake (BEP 3).
Look bittorrent(std::string_view bytes, Side) {
  constexpr std::string_view kName = "BitTorrent protocol";
  const Look look = matches(bytes, "13");
  return look == Look::kYes ? starts_with(bytes.substr(1), kName) : look;
}

// A TPKT with an X.224 connection request, which other protocols have too, and in it what only RDP sends: a
// cookie or a negotiation request ([MS-RDPBCGR] section 2.2.1.1).
Look rdp(std::string_view bytes, Side from) {
  if (from != Side::kClient) return Look::kNo;
  const Look request = matches(bytes, "03 00 00-01 .. 06-fe e0 00 00 .. .. 00");
  if (request != Look::kYes) return request;
  if (number16(bytes, 2) != byte(bytes, 4) + std::size_t{5}) return Look::kNo;
  const std::string_view rest = bytes.substr(11);
  return either(starts_with(rest, "Cookie: mst"), matches(rest, "01 .. 08 00"));
}

struct Rule {
  AppProtocol protocol;
  Look (*look)(std::string_view bytes, Side from);  // `bytes` is not empty
};
constexpr Rule kRules[] = {
    {AppProtocol::kTls, tls},
    {AppProtocol::kTls, ssl2},
    {AppProtocol::kHttp2, http2},
    {AppProtocol::kSsh, ssh},
    {AppProtocol::kSmtp, smtp},
    {AppProtocol::kFtp, ftp},
    {AppProtocol::kRtsp, rtsp},
    {AppProtocol::kSip, sip},
    {AppProtocol::kMysql, mysql},
    {AppProtocol::kPostgresql, postgresql},
    {AppProtocol::kRedis, redis},
    {AppProtocol::kMqtt, mqtt},
    {AppProtocol::kBittorrent, bittorrent},
    {AppProtocol::kRdp, rdp},
};

}  // namespace

std::optional<AppProtocol> protocol_of(std::string_view bytes, Side from) {
  if (bytes.empty()) return std::nullopt;
  bool undecided = false;
  for (const Rule& rule : kRules) {  // no bytes fit two of them
    const Look look = rule.look(bytes, from);
    if (look == Look::kYes) return rule.protocol;
    undecided = undecided || look == Look::kMoreNeeded;
  }
  if (undecided) return std::nullopt;
  return AppProtocol::kUnknown;
}

bool is_tls_segment(std::string_view bytes) {
  std::size_t at = 0, records = 0;
  for (; at < bytes.size(); ++records) {
    const Look header = matches(bytes.substr(at, kRecordHeader), "14-17 03 01-03 .. ..");
    if (header == Look::kNo) return false;
    const std::size_t length = header == Look::kYes ? number16(bytes, at + 3) : 1;
    if (length == 0 || length > kLargestCiphertext) return false;
    at += kRecordHeader + length;
  }
  if (records != 1 || at == bytes.size()) return records > 0;
  // A ClientHello goes on in the next segment; its length is that of the record.
  return matches(bytes, "16 03 01-03 .. .. 01 00 .. .. 03 01-03") == Look::kYes &&
         number16(bytes, 7) + 4 == number16(bytes, 3);
}

}  // namespace tapline
