#include "tests/differential/classes.h"

#include <algorithm>
#include <array>

namespace tapline::test {
namespace {

std::string lower(std::string text) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; };
  std::transform(text.begin(), text.end(), text.begin(), lower);
  return text;
}

// Each run of white space as one space, none at the ends.
std::string collapsed(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool space = c == ' ' || c == '\t' || c == '\r' || c == '\n';
    if (!space) {
      out += c;
    } else if (!out.empty() && out.back() != ' ') {
      out += ' ';
    }
  }
  if (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}
Fields collapsed(Fields fields) {
  for (auto& [name, value] : fields) {
    name = collapsed(name);
    value = collapsed(value);
  }
  return fields;
}

std::string_view bytes_of(const Difference& d) { return d.request ? d.exchange.client : d.exchange.server; }
// Whether it holds for any line of `bytes`, which are given without LF, but with a CR before it.
template <class Holds>
bool any_line(std::string_view bytes, Holds holds) {
  while (!bytes.empty()) {
    const std::size_t end = std::min(bytes.find('\n'), bytes.size());
    if (holds(bytes.substr(0, end))) return true;
    bytes.remove_prefix(std::min(end + 1, bytes.size()));
  }
  return false;
}

// What is white space to some, but not a space, in front of the version.
bool tab_before_version(std::string_view line) {
  const std::size_t version = line.rfind("HTTP/");
  if (version == line.npos) return false;
  const std::size_t last = line.substr(0, version).find_last_not_of(' ');
  return last != line.npos && std::string_view("\t\v\f").find(line[last]) != line.npos;
}
bool space_behind_version(std::string_view line) {
  const std::size_t version = line.rfind("HTTP/");
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return version != line.npos && line.find_first_of(" \t", version) == version + 8;
}
bool http09_request(std::string_view line) {
  const std::size_t method = line.rfind("GET ");  // a body may stand before it
  return method != line.npos && collapsed(line.substr(method + 4)).find(' ') == std::string::npos;
}
// With an extension, and without a CR.
bool chunk_size_with_lf(std::string_view line) {
  const std::size_t end = line.find_first_not_of("0123456789abcdefABCDEF");
  return end != 0 && end != line.npos && (line[end] == ';' || line[end] == ' ') && line.back() != '\r';
}
bool folded_with_colon(std::string_view line) {
  return !line.empty() && (line[0] == ' ' || line[0] == '\t') && line.find(':') != line.npos;
}

// Interim responses other than one 100.
bool unexpected_interim(std::string_view bytes) {
  int hundreds = 0;
  for (std::size_t at = bytes.find("HTTP/1."); at != bytes.npos; at = bytes.find("HTTP/1.", at + 1)) {
    const std::string_view status =
        bytes.substr(std::min(bytes.find_first_of("123456789", at + 8), bytes.size()), 3);
    if (status.empty() || status[0] != '1') continue;
    if (status != "100" || ++hundreds > 1) return true;
  }
  return false;
}
bool interim(int status) { return status >= 100 && status < 200 && status != 101; }

bool empty_and_bodiless(const Message* ours) {
  return ours != nullptr && (ours->status == 204 || ours->status == 304) && ours->body == 0 && ours->complete;
}
bool in_head_only(const Difference& d) { return d.what == What::kHeaders || d.what == What::kTrailers; }

std::string value_of(const Message* message, std::string_view name) {
  if (message == nullptr) return {};
  for (const auto& [n, value] : message->headers) {
    if (lower(n) == name) return lower(value);
  }
  return {};
}

template <class Keep>
Fields filtered(Fields fields, Keep keep) {
  std::erase_if(fields, [&keep](const auto& field) { return !keep(field.first, field.second); });
  return fields;
}

bool known_to_libhtp(std::string_view method) {
  constexpr std::string_view kMethods[] = {"HEAD",
                                           "GET",
                                           "PUT",
                                           "POST",
                                           "DELETE",
                                           "CONNECT",
                                           "OPTIONS",
                                           "TRACE",
                                           "PATCH",
                                           "PROPFIND",
                                           "PROPPATCH",
                                           "MKCOL",
                                           "COPY",
                                           "MOVE",
                                           "LOCK",
                                           "UNLOCK",
                                           "VERSION-CONTROL",
                                           "CHECKOUT",
                                           "UNCHECKOUT",
                                           "CHECKIN",
                                           "UPDATE",
                                           "LABEL",
                                           "REPORT",
                                           "MKWORKSPACE",
                                           "MKACTIVITY",
                                           "BASELINE-CONTROL",
                                           "MERGE",
                                           "INVALID"};
  return std::find(std::begin(kMethods), std::end(kMethods), method) != std::end(kMethods);
}

constexpr Peer kNode = Peer::kHttpParser, kHtp = Peer::kLibhtp;

// http-parser stops with an error and tells no more of the direction.
template <const char* kError>
bool stops(const Difference& d) {
  return d.last && d.their_direction.stopped == kError;
}
constexpr char kChunkSize[] = "HPE_INVALID_CHUNK_SIZE", kLength[] = "HPE_INVALID_CONTENT_LENGTH",
               kTwoFramings[] = "HPE_UNEXPECTED_CONTENT_LENGTH", kToken[] = "HPE_INVALID_HEADER_TOKEN",
               kMethod[] = "HPE_INVALID_METHOD", kUrl[] = "HPE_INVALID_URL",
               kVersion[] = "HPE_INVALID_VERSION", kConstant[] = "HPE_INVALID_CONSTANT",
               kCoding[] = "HPE_INVALID_TRANSFER_ENCODING";

const std::array kClasses = {
    Class{"bare LF behind a chunk size", kNode,
          "http-parser stops at it; RFC 9112 section 7.1 has CRLF there, and section 2.2 lets a recipient "
          "take LF for a "
          "line's end, which we do everywhere",
          stops<kChunkSize>},
    Class{"a list in Content-Length", kNode,
          "http-parser stops; equal numbers are one number (RFC 9112 section 6.3 case 5), as we read them",
          stops<kLength>},
    Class{"two framings", kNode,
          "Content-Length twice, or beside Transfer-Encoding: http-parser stops; equal lengths are one, and "
          "Transfer-Encoding comes first (RFC 9112 section 6.3 cases 3 and 5), as we read them",
          stops<kTwoFramings>},
    Class{"no header line", kNode,
          "no colon, white space or other bytes in a name, control characters in a value: http-parser stops, "
          "a server "
          "has to answer 400 (RFC 9112 section 5.1), and a recorder tells what was sent",
          stops<kToken>},
    Class{"no method", kNode,
          "http-parser has a list of methods, and no other separator than one space; RFC 9110 section 9.1 "
          "lets any token "
          "be a method, RFC 9112 section 3 any white space a separator, as we read them",
          stops<kMethod>},
    Class{"no target", kNode,
          "http-parser stops at bytes of a target that are none of a URI; we tell what was sent",
          stops<kUrl>},
    Class{"no version", kNode,
          "http-parser stops at more white space than one space around HTTP/x.y; RFC 9112 section 3 allows "
          "for it, and "
          "so do we",
          stops<kVersion>},
    Class{"no message", kNode,
          "bytes where a message should begin: http-parser stops, we look for the next message",
          stops<kConstant>},
    Class{"a transfer coding that does not end with chunked", kNode,
          "http-parser stops at such requests, and takes names that only begin with Transfer-Encoding for "
          "it; RFC 9112 "
          "section 6.3 case 4 has the server answer 400, and we take what follows for the body",
          stops<kCoding>},
    Class{"white space in values", kNode,
          "http-parser leaves the white space behind a value, and that of folded lines, in the value; RFC "
          "9112 sections "
          "5.1 and 5.2 have it taken off and a fold read as one space, as we do",
          [](const Difference& d) {
            return in_head_only(d) && collapsed(d.ours->headers) == collapsed(d.theirs->headers) &&
                   collapsed(d.ours->trailers) == collapsed(d.theirs->trailers);
          }},
    Class{"white space around a reason", kNode,
          "http-parser leaves it in; RFC 9112 section 4 lets white space at the ends be ignored, and runs of "
          "it separate, as we read "
          "it",
          [](const Difference& d) {
            return d.what == What::kReason && collapsed(d.ours->reason) == collapsed(d.theirs->reason);
          }},
    Class{"tab in front of the version", kNode,
          "http-parser takes `/ TAB HTTP/1.1` for a target of HTTP/0.9; RFC 9112 section 3 lets white space "
          "separate, "
          "as we read it",
          [](const Difference& d) { return d.request && any_line(bytes_of(d), tab_before_version); }, true},
    Class{"headers in HTTP/0.9", kNode,
          "http-parser waits for header lines behind `GET /`; RFC 1945 section 4.1 has none, and we end the "
          "request with "
          "its line",
          [](const Difference& d) { return d.request && d.ours != nullptr && d.ours->version == "0.9"; },
          true},
    Class{"Content-Length of a bodiless response", kNode,
          "http-parser waits for the body of a 204 or 304 that has one; RFC 9112 section 6.3 case 1 gives "
          "them none whatever the "
          "fields say, as we do",
          [](const Difference& d) { return !d.request && empty_and_bodiless(d.ours); }, true},
    Class{"white space behind chunked", kNode,
          "http-parser does not know `chunked` with white space behind it; that is no part of the value (RFC "
          "9112 section "
          "5.1), and we do",
          [](const Difference& d) {
            const std::string codings = value_of(d.theirs, "transfer-encoding");
            return codings != collapsed(codings) && collapsed(codings).ends_with("chunked");
          },
          true},
    Class{"bare LF behind a chunk extension", kNode,
          "http-parser waits for a CR and reads the body as extension; see `bare LF behind a chunk size`",
          [](const Difference& d) { return any_line(bytes_of(d), chunk_size_with_lf); }},

    Class{"white space in values", kHtp,
          "libhtp leaves the white space of folded lines in the value; RFC 9112 section 5.2 has it read as "
          "one space or "
          "more, and we write one",
          [](const Difference& d) {
            return in_head_only(d) && collapsed(merged(*d.ours)) == collapsed(merged(*d.theirs));
          }},
    Class{"white space around a reason", kHtp,
          "libhtp leaves it in; RFC 9112 section 4 lets white space at the ends be ignored, and runs of it "
          "separate, as we read "
          "it",
          [](const Difference& d) {
            return d.what == What::kReason && collapsed(d.ours->reason) == collapsed(d.theirs->reason);
          }},
    Class{"header lines without a name", kHtp,
          "libhtp keeps a line without a colon as a header without a name; we pass over it, for it is none "
          "(RFC 9112 "
          "section 5)",
          [](const Difference& d) {
            const auto named = [](const std::string& name, const std::string&) { return !name.empty(); };
            return in_head_only(d) && collapsed(filtered(merged(*d.ours), named)) ==
                                          collapsed(filtered(merged(*d.theirs), named));
          }},
    Class{"a colon in a folded line", kHtp,
          "libhtp takes a folded line of a response that has a colon for a header of its own; RFC 9112 "
          "section 5.2 makes "
          "it part of the value before, as we do",
          [](const Difference& d) { return in_head_only(d) && any_line(bytes_of(d), folded_with_colon); }},
    Class{"space behind the version", kHtp,
          "libhtp does not know `HTTP/1.1 ` then; RFC 9112 section 3 lets white space there be ignored, as "
          "we do",
          [](const Difference& d) {
            return d.what == What::kVersion && d.theirs->version.empty() &&
                   any_line(bytes_of(d), space_behind_version);
          }},
    Class{"transfer codings in a request", kHtp,
          "libhtp refuses requests with other codings beside chunked; RFC 9112 section 6.3 case 4 frames by "
          "the last, as "
          "we do",
          [](const Difference& d) {
            const std::string codings = value_of(d.ours, "transfer-encoding");
            return d.request && !codings.empty() && codings != "chunked" &&
                   d.their_direction.stopped == "error";
          }},
    Class{"behind HTTP/0.9", kHtp,
          "libhtp reads nothing behind a request of HTTP/0.9, which has one a connection (RFC 1945 section "
          "1.3); we read "
          "on, for what follows was sent",
          [](const Difference& d) { return any_line(d.exchange.client, http09_request); }, true},
    Class{"Content-Length of a bodiless response", kHtp,
          "libhtp waits for the body of a 204 or 304 that has one; RFC 9112 section 6.3 case 1 gives them "
          "none whatever the "
          "fields say, as we do",
          [](const Difference& d) { return !d.request && empty_and_bodiless(d.ours); }, true},
    Class{"tunnelled bytes", kHtp,
          "libhtp counts what comes through a tunnel as the body of the 2xx to CONNECT; RFC 9110 section "
          "9.3.6 gives it "
          "none, as we do",
          [](const Difference& d) {
            return !d.request && d.what == What::kBody && d.ours->body == 0 &&
                   d.exchange.client.find("CONNECT") != std::string::npos;
          }},
    Class{"interim responses", kHtp,
          "libhtp knows one 100 a request, and takes others and 103 for the final response; RFC 9110 section "
          "15.2 lets "
          "any number come before it, as we read them",
          [](const Difference& d) {
            return unexpected_interim(d.exchange.server) ||
                   (d.theirs != nullptr && interim(d.theirs->status));
          },
          true},
    Class{"empty lines behind a message", kHtp,
          "libhtp counts them as more of its body; RFC 9112 section 2.2 asks a server to pass over one at "
          "least, and we "
          "pass over all",
          [](const Difference& d) {
            return d.what == What::kBody && d.theirs->body > d.ours->body &&
                   d.theirs->body <= d.ours->body + 16;
          }},
    Class{"bare LF in front of a body that begins with CR", kHtp,
          "libhtp takes a CR behind LF LF for a part of the head; RFC 9112 section 2.2 has it end with the "
          "first empty line, as "
          "we do",
          [](const Difference& d) { return d.exchange.server.find("\n\n\r") != std::string::npos; }, true},
    Class{"tab in front of the version", kHtp, "see http-parser's class of this name",
          [](const Difference& d) { return d.request && any_line(bytes_of(d), tab_before_version); }, true},
    Class{"unknown methods", kHtp,
          "libhtp takes a request with a method that it does not know, or a tab behind it, for more of the "
          "body of the one "
          "before; RFC 9110 section 9.1 lets any token be a method, as we read it",
          [](const Difference& d) {
            if (!d.request || d.our_next == nullptr) return false;
            const std::string& method = d.our_next->method;
            return !known_to_libhtp(method) || d.exchange.client.find(method + "\t") != std::string::npos;
          },
          true},
};

}  // namespace

Fields merged(const Message& message) {
  Fields out;
  for (const Fields* fields : {&message.headers, &message.trailers}) {
    for (const auto& [name, value] : *fields) {
      const auto same = std::find_if(out.begin(), out.end(), [&name = name](const auto& other) {
        return lower(other.first) == lower(name);
      });
      if (same == out.end()) {
        out.emplace_back(name, value);
      } else if (lower(name) != "content-length") {
        same->second += ", " + value;
      }
    }
  }
  return out;
}

std::string name_of(const Class& explained) {
  return (explained.peer == Peer::kHttpParser ? "http-parser: " : "libhtp: ") + std::string(explained.name);
}

std::vector<std::string> class_names() {
  std::vector<std::string> names;
  for (const Class& explained : kClasses) names.push_back(name_of(explained));
  return names;
}

const Class* class_of(const Difference& difference) {
  for (const Class& candidate : kClasses) {
    if (candidate.peer == difference.peer && candidate.holds(difference)) return &candidate;
  }
  return nullptr;
}

}  // namespace tapline::test
