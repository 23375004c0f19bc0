// The head of an HTTP/1.x message: where it ends, and what stands in it (RFC 9112 sections 2 to 5).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "flows/events.h"
#include "flows/head_index.h"

namespace tapline {

// Where the head that starts at bytes[0] ends: the offset behind the empty line, or npos when it is not all
// there. Lines end with CRLF or a bare LF (RFC 9112 section 2.2). A search may go on where the last one
// stopped: `from` is how many bytes were searched before.
std::size_t find_head_end(std::string_view bytes, std::size_t from = 0,
                          const HeadScanner& scanner = fastest_head_scanner());

// How the first bytes of a message look, when as few as one are there.
enum class Look : std::uint8_t { kYes, kNo, kMoreNeeded };

// A request line: token SP target SP HTTP/x.y (the target may be missing, which a server answers), or
// HTTP/0.9's GET SP target. kYes once the whole line says so.
// `from`: so many of the bytes were looked at before, and more were needed.
Look looks_like_request(std::string_view bytes, std::size_t from = 0);
// A status line: HTTP/x.y SP three digits.
Look looks_like_response(std::string_view bytes, std::size_t from = 0);

// How long the body is, as far as the head says (RFC 9112 section 6.3; method and status decide before).
struct Framing {
  bool chunked = false;                         // the last transfer coding is chunked
  bool other_coding = false;                    // there is a transfer coding, and the last is another
  std::optional<std::uint64_t> content_length;  // the first, where several differ
  bool bad_content_length = false;              // no number, or several that differ
};

// What a head says that its connection goes by. Views into the head's bytes.
struct HeadFacts {
  std::string_view method, target;  // of a request
  std::uint16_t status = 0;         // of a response
  std::string_view reason;
  HttpVersion version;
  std::size_t size = 0;  // up to and with the empty line; 0: it is not there
  Framing framing;
  bool expect_continue = false;  // Expect: 100-continue
  std::string_view upgrade;      // value of Upgrade
};

struct HttpHead : HeadFacts {
  std::vector<HeaderField> headers;
};

// Read a head that find_head_end() found, or the part of one that was captured: the start line must be whole
// (a request line may end behind the target, the version is then 0.0), what is left out of the rest is left
// out of `head`. False when the start line is none. Lenient with header lines as real recipients are: white
// space around name and value is taken off, a line without a colon is passed over. `head` is overwritten; its
// vector keeps its memory.
bool read_request_head(std::string_view bytes, HttpHead& head,
                       const HeadScanner& scanner = fastest_head_scanner());
bool read_response_head(std::string_view bytes, HttpHead& head,
                        const HeadScanner& scanner = fastest_head_scanner());

// The header lines alone, appended to `fields`: of trailers.
void read_header_lines(std::string_view bytes, std::vector<HeaderField>& fields,
                       const HeadScanner& scanner = fastest_head_scanner());

// The parts of which those above are made.
inline constexpr std::size_t kLongestMethod = 64;
// How many characters of a token (RFC 9110 section 5.6.2) stand at the start of `text`.
std::size_t token_size(std::string_view text);
// "HTTP/" DIGIT "." DIGIT at the start of `text`.
bool read_version(std::string_view text, HttpVersion& version);
// Whether the framing of a message, or what becomes of its connection, hangs on this header.
inline bool tells_fact(KnownHeader header) {
  constexpr auto bit = [](KnownHeader known) { return std::uint32_t{1} << static_cast<unsigned>(known); };
  static_assert(kKnownHeaders <= 32);
  constexpr std::uint32_t kFacts = bit(KnownHeader::kExpect) | bit(KnownHeader::kUpgrade) |
                                   bit(KnownHeader::kContentLength) | bit(KnownHeader::kTransferEncoding);
  return (kFacts >> static_cast<unsigned>(header) & 1) != 0;
}
// For each of these in turn.
void read_fact(KnownHeader header, std::string_view value, HeadFacts& facts);

// Header names are compared without regard to case (RFC 9110 section 5.1).
bool same_name(std::string_view a, std::string_view b);

}  // namespace tapline
