#include "tests/flows/head_reference.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <vector>

#include "flows/http_head.h"
#include "flows/plain_head.h"

namespace tapline::test {
namespace {

constexpr std::string_view kSpace = " \t";

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// tchar of RFC 9110 section 5.6.2.
bool is_token_char(char c) {
  const char l = lower(c);
  return (l >= 'a' && l <= 'z') || is_digit(c) || (c != '\0' && std::strchr("!#$%&'*+-.^_`|~", c) != nullptr);
}

std::string_view trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return text.substr(text.size());
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

// Takes the first line off `rest`, without its end. A last line without end counts as a line.
std::string_view take_line(std::string_view& rest) {
  const std::size_t end = rest.find('\n');
  std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

// "HTTP/" DIGIT "." DIGIT at the start of `text`.
bool plain_read_version(std::string_view text, HttpVersion& version) {
  if (text.size() < 8 || text.substr(0, 5) != "HTTP/" || !is_digit(text[5]) || text[6] != '.' ||
      !is_digit(text[7])) {
    return false;
  }
  version = {static_cast<std::uint8_t>(text[5] - '0'), static_cast<std::uint8_t>(text[7] - '0')};
  return true;
}

void read_content_length(std::string_view value, Framing& framing) {
  // A list of equal numbers is one number (RFC 9112 section 6.3, case 5).
  for (;;) {
    const std::size_t comma = value.find(',');
    const std::string_view item = trim(value.substr(0, comma));
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(item.data(), item.data() + item.size(), number);
    const bool good =
        error == std::errc{} && end == item.data() + item.size() && number < (std::uint64_t{1} << 62);
    if (!good || (framing.content_length && *framing.content_length != number))
      framing.bad_content_length = true;
    if (good && !framing.content_length) framing.content_length = number;
    if (comma == std::string_view::npos) return;
    value.remove_prefix(comma + 1);
  }
}

void read_transfer_encoding(std::string_view value, Framing& framing) {
  const std::size_t comma = value.rfind(',');
  const std::string_view last = trim(comma == std::string_view::npos ? value : value.substr(comma + 1));
  if (last.empty() || same_name(last, "identity")) return;
  framing.chunked = same_name(last, "chunked");
  framing.other_coding = !framing.chunked;
}

// Framing and the like from the header list.
void interpret(HttpHead& head) {
  head.framing = {};
  head.expect_continue = false;
  head.upgrade = {};
  for (const HeaderField& field : head.headers) {
    switch (field.name.size()) {
      case 6:
        if (same_name(field.name, "Expect")) head.expect_continue = same_name(field.value, "100-continue");
        break;
      case 7:
        if (same_name(field.name, "Upgrade")) head.upgrade = field.value;
        break;
      case 14:
        if (same_name(field.name, "Content-Length")) read_content_length(field.value, head.framing);
        break;
      case 17:
        if (same_name(field.name, "Transfer-Encoding")) read_transfer_encoding(field.value, head.framing);
        break;
      default:
        break;
    }
  }
}

// A request line that the capture cut behind its target: what is there of the version must be the start of
// one.
bool read_cut_request_line(std::string_view line, HttpHead& head) {
  if (line.find('\n') != std::string_view::npos) return false;
  std::size_t end = 0;
  while (end < line.size() && is_token_char(line[end])) ++end;
  if (end == 0 || end >= line.size() || line[end] != ' ') return false;
  const std::size_t target = end + 1;
  const std::size_t space = line.find(' ', target);
  if (space == std::string_view::npos || space == target) return false;
  constexpr std::string_view kVersion = "HTTP/";
  const std::string_view rest = line.substr(space + 1, kVersion.size());
  if (rest != kVersion.substr(0, rest.size())) return false;
  head.headers.clear();
  head.method = line.substr(0, end);
  head.target = line.substr(target, space - target);
  head.version = {0, 0};
  head.size = 0;
  interpret(head);
  return true;
}

std::size_t plain_find_head_end(std::string_view bytes, std::size_t from) {
  // The empty line's LF can lie up to two bytes behind an LF that was searched already.
  std::size_t at = from > 2 ? from - 3 : 0;
  for (;;) {
    const void* found = at < bytes.size() ? std::memchr(bytes.data() + at, '\n', bytes.size() - at) : nullptr;
    if (found == nullptr) return std::string_view::npos;
    at = static_cast<std::size_t>(static_cast<const char*>(found) - bytes.data()) + 1;
    if (at < bytes.size() && bytes[at] == '\n') return at + 1;
    if (at + 1 < bytes.size() && bytes[at] == '\r' && bytes[at + 1] == '\n') return at + 2;
  }
}

std::size_t size_of(std::string_view bytes) {
  const std::size_t end = plain_find_head_end(bytes, 0);
  return end == std::string_view::npos ? 0 : end;
}

bool plain_read_request_head(std::string_view bytes, HttpHead& head);

Look plain_looks_like_request(std::string_view bytes) {
  std::size_t i = 0;
  while (i < bytes.size() && is_token_char(bytes[i])) ++i;
  if (i > 64) return Look::kNo;  // longer than any method
  if (i == bytes.size()) return Look::kMoreNeeded;
  if (i == 0 || kSpace.find(bytes[i]) == std::string_view::npos) return Look::kNo;
  const std::size_t end = bytes.find('\n');
  if (end == std::string_view::npos) return Look::kMoreNeeded;
  HttpHead head;
  return plain_read_request_head(bytes.substr(0, end + 1), head) ? Look::kYes : Look::kNo;
}

Look plain_looks_like_response(std::string_view bytes) {
  constexpr std::string_view kStart = "HTTP/";
  const std::size_t n = std::min(bytes.size(), kStart.size());
  if (bytes.substr(0, n) != kStart.substr(0, n)) return Look::kNo;
  if (bytes.size() < 12) return Look::kMoreNeeded;
  HttpVersion version;
  if (!plain_read_version(bytes, version)) return Look::kNo;
  const std::size_t digits = bytes.find_first_not_of(kSpace, 8);
  if (digits == std::string_view::npos || digits + 3 > bytes.size()) return Look::kMoreNeeded;
  if (digits == 8) return Look::kNo;
  return is_digit(bytes[digits]) && is_digit(bytes[digits + 1]) && is_digit(bytes[digits + 2]) ? Look::kYes
                                                                                               : Look::kNo;
}

void plain_read_header_lines(std::string_view rest, std::vector<HeaderField>& fields) {
  const std::size_t first = fields.size();
  while (!rest.empty()) {
    const std::string_view line = take_line(rest);
    if (line.empty()) return;
    if (kSpace.find(line.front()) != std::string_view::npos && fields.size() > first) {
      // obs-fold: the value goes on to the end of this line, its line break still inside.
      HeaderField& last = fields.back();
      const std::string_view more = trim(line);
      if (more.empty()) continue;
      if (last.value.empty()) {
        last.value = more;
      } else {
        last.value = {last.value.data(),
                      static_cast<std::size_t>(more.data() + more.size() - last.value.data())};
        last.folded = true;
      }
      continue;
    }
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    fields.emplace_back(trim(line.substr(0, colon)), trim(line.substr(colon + 1)));
  }
}

bool plain_read_request_head(std::string_view bytes, HttpHead& head) {
  const std::string_view whole = bytes;
  std::string_view line = take_line(bytes);
  std::size_t end = 0;
  while (end < line.size() && is_token_char(line[end])) ++end;
  if (end == 0 || end == line.size() || kSpace.find(line[end]) == std::string_view::npos) return false;
  head.headers.clear();
  head.method = line.substr(0, end);
  line = line.substr(line.find_first_not_of(kSpace, end) == std::string_view::npos
                         ? line.size()
                         : line.find_first_not_of(kSpace, end));
  line = line.substr(0, line.find_last_not_of(kSpace) + 1);
  // The version is the last word: a target with spaces in it, which some clients send, stays whole; one that
  // is missing is told as empty.
  const std::size_t space = line.find_last_of(kSpace);
  const std::size_t last = space == std::string_view::npos ? 0 : space + 1;
  if (line.size() == last + 8 && plain_read_version(line.substr(last), head.version)) {
    head.target = trim(line.substr(0, last));
  } else if (head.method == "GET" && !line.empty() && space == std::string_view::npos) {
    head.version = {0, 9};
    head.target = line;
  } else {
    return read_cut_request_line(whole, head);
  }
  plain_read_header_lines(bytes, head.headers);
  head.size = size_of(whole);
  interpret(head);
  return true;
}

bool plain_read_response_head(std::string_view bytes, HttpHead& head) {
  const std::string_view whole = bytes;
  std::string_view line = take_line(bytes);
  if (!plain_read_version(line, head.version)) return false;
  const std::size_t digits = line.find_first_not_of(kSpace, 8);
  if (digits == std::string_view::npos || digits == 8 || digits + 3 > line.size()) return false;
  std::uint16_t status = 0;
  for (std::size_t i = digits; i < digits + 3; ++i) {
    if (!is_digit(line[i])) return false;
    status = static_cast<std::uint16_t>(status * 10 + (line[i] - '0'));
  }
  head.status = status;
  head.reason = trim(line.substr(digits + 3));
  head.headers.clear();
  plain_read_header_lines(bytes, head.headers);
  head.size = size_of(whole);
  interpret(head);
  return true;
}

KnownHeader known_by_name(std::string_view name) {
  for (std::size_t i = 1; i < kKnownHeaders; ++i) {
    if (same_name(name, known_header_detail::kNames[i])) return static_cast<KnownHeader>(i);
  }
  return KnownHeader::kOther;
}

bool same_fields(const std::vector<HeaderField>& a, const std::vector<HeaderField>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const HeaderField& x, const HeaderField& y) {
    return x.name == y.name && x.value == y.value && x.folded == y.folded && x.known == known_by_name(y.name);
  });
}

bool same_facts(const HeadFacts& a, const HeadFacts& b) {
  return a.version.major == b.version.major && a.version.minor == b.version.minor && a.size == b.size &&
         a.framing.chunked == b.framing.chunked && a.framing.other_coding == b.framing.other_coding &&
         a.framing.content_length == b.framing.content_length &&
         a.framing.bad_content_length == b.framing.bad_content_length &&
         a.expect_continue == b.expect_continue && a.upgrade == b.upgrade;
}

bool same_heads(const HttpHead& a, const HttpHead& b) {
  return same_facts(a, b) && same_fields(a.headers, b.headers);
}

// Of a head that PlainHead takes: where what it tells is not the plain answer, now and when only its lines
// are left. `expected`: null where there is no such head.
std::string short_reading_difference(std::string_view bytes, bool response, const HttpHead* expected,
                                     const HeadScanner& scanner) {
  PlainHead head;
  if (!head.read(bytes, response, scanner)) return {};
  const Look look = response ? plain_looks_like_response(bytes) : plain_looks_like_request(bytes);
  if (expected == nullptr || look != Look::kYes) return "whether it is a plain head";
  const HeadFacts& facts = head.facts();
  const bool same_start = response ? facts.status == expected->status && facts.reason == expected->reason
                                   : facts.method == expected->method && facts.target == expected->target;
  if (!same_start || !same_facts(facts, *expected)) return "the facts of a plain head";
  MessageView view;
  std::vector<HeaderField> scratch;
  view_plain_head(head.lines(), bytes.data(), response, view, scratch);
  if (view.method != facts.method || view.target != facts.target || view.reason != facts.reason ||
      view.version.major != facts.version.major || view.version.minor != facts.version.minor ||
      !same_fields({view.headers.begin(), view.headers.end()}, expected->headers)) {
    return "the view of a plain head";
  }
  return {};
}

// Each line's first colon and its end, up to the empty line.
std::vector<std::size_t> plain_marks(std::string_view bytes, bool start_line) {
  std::vector<std::size_t> marks;
  std::size_t line = 0;
  for (std::size_t feed = bytes.find('\n'); feed != bytes.npos; feed = bytes.find('\n', line)) {
    const bool names = line > 0 || !start_line;
    const std::string_view text = bytes.substr(line, feed - line);
    if (names && text.find(':') != text.npos) marks.push_back(line + text.find(':'));
    marks.push_back(feed);
    if (names && (text.empty() || text == "\r")) return marks;
    line = feed + 1;
  }
  const std::size_t colon = bytes.find(':', line);
  if ((line > 0 || !start_line) && colon != bytes.npos) marks.push_back(colon);
  return marks;
}

std::vector<std::size_t> marks_by(const HeadScanner& scanner, std::string_view bytes, bool start_line) {
  HeadMarks marks(start_line ? HeadMarks::From::kStartLine : HeadMarks::From::kHeaderLines);
  std::vector<std::size_t> all;
  while (marks.scanned < bytes.size() && marks.end == 0) {
    scanner.mark(bytes.data(), bytes.size(), marks);
    all.insert(all.end(), marks.at, marks.at + marks.count);
    marks.count = 0;
  }
  return all;
}

}  // namespace

std::string head_difference(std::string_view bytes, const HeadScanner& scanner) {
  for (const bool start_line : {false, true}) {
    if (marks_by(scanner, bytes, start_line) != plain_marks(bytes, start_line)) return "the marks";
  }
  for (std::size_t from = 0; from <= bytes.size(); from += 1 + from / 4) {
    if (find_head_end(bytes, from, scanner) != plain_find_head_end(bytes, from)) {
      return "the end searched from " + std::to_string(from);
    }
  }
  const Look request_look = plain_looks_like_request(bytes), response_look = plain_looks_like_response(bytes);
  for (std::size_t from = 0; from <= bytes.size(); from += 1 + from / 4) {
    const std::string_view before = bytes.substr(0, from);
    if (plain_looks_like_request(before) == Look::kMoreNeeded &&
        looks_like_request(bytes, from) != request_look) {
      return "the look of a request";
    }
    if (plain_looks_like_response(before) == Look::kMoreNeeded &&
        looks_like_response(bytes, from) != response_look) {
      return "the look of a response";
    }
  }
  HttpHead ours, plain;
  const bool request = plain_read_request_head(bytes, plain);
  if (read_request_head(bytes, ours, scanner) != request) return "whether it is a request";
  if (request && (ours.method != plain.method || ours.target != plain.target || !same_heads(ours, plain))) {
    return "the request";
  }
  std::string difference = short_reading_difference(bytes, false, request ? &plain : nullptr, scanner);
  if (!difference.empty()) return difference;
  const bool response = plain_read_response_head(bytes, plain);
  if (read_response_head(bytes, ours, scanner) != response) return "whether it is a response";
  if (response && (ours.status != plain.status || ours.reason != plain.reason || !same_heads(ours, plain))) {
    return "the response";
  }
  difference = short_reading_difference(bytes, true, response ? &plain : nullptr, scanner);
  if (!difference.empty()) return difference;
  // Behind other fields, which stay as they are.
  std::vector<HeaderField> fields = {{"Host", "x"}}, plain_fields = fields;
  read_header_lines(bytes, fields, scanner);
  plain_read_header_lines(bytes, plain_fields);
  if (!same_fields(fields, plain_fields)) return "the header lines";
  return {};
}

}  // namespace tapline::test
