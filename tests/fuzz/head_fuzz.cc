// The head parser (flows/http_head.h): the input is a message head, read as a request and as a response, by
// each scanner.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <string_view>

#include "flows/http_head.h"
#include "tests/flows/head_reference.h"
#include "tests/fuzz/check.h"

namespace tapline {
namespace {

bool lies_in(std::string_view part, std::string_view whole) {
  return part.empty() ||
         (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

bool trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  return text.empty() || (kSpace.find(text.front()) == text.npos && kSpace.find(text.back()) == text.npos);
}

void check_fields(const std::vector<HeaderField>& fields, std::string_view bytes) {
  for (const HeaderField& field : fields) {
    FUZZ_CHECK(lies_in(field.name, bytes) && lies_in(field.value, bytes));
    FUZZ_CHECK(trimmed(field.name) && trimmed(field.value));
    FUZZ_CHECK(field.name.find_first_of(":\n") == std::string_view::npos);
    FUZZ_CHECK(field.folded || field.value.find('\n') == std::string_view::npos);
  }
}

void check_head(const HttpHead& head, std::string_view bytes) {
  for (const std::string_view part : {head.method, head.target, head.reason, head.upgrade}) {
    FUZZ_CHECK(lies_in(part, bytes));
  }
  FUZZ_CHECK(head.target.find('\n') == std::string_view::npos);
  FUZZ_CHECK(head.reason.find('\n') == std::string_view::npos);
  FUZZ_CHECK(head.version.major <= 9 && head.version.minor <= 9);
  FUZZ_CHECK(!(head.framing.chunked && head.framing.other_coding));
  FUZZ_CHECK(head.framing.content_length.value_or(0) < std::uint64_t{1} << 62);
  check_fields(head.headers, bytes);
}

bool same(const HeaderField& a, const HeaderField& b) {
  return a.name == b.name && a.value == b.value && a.folded == b.folded;
}

// The end is found at the same place whether the bytes come at once or one by one.
void check_end(std::string_view bytes) {
  const std::size_t whole = find_head_end(bytes);
  std::size_t stepwise = std::string_view::npos;
  for (std::size_t n = 1; n <= bytes.size() && stepwise == std::string_view::npos; ++n) {
    stepwise = find_head_end(bytes.substr(0, n), n - 1);
    if (stepwise != std::string_view::npos) FUZZ_CHECK(stepwise == n);
  }
  FUZZ_CHECK(whole == stepwise);
  if (whole == std::string_view::npos) return;
  FUZZ_CHECK(bytes[whole - 1] == '\n');
  // Wherever the search stopped before the end came, it finds it when it goes on.
  for (std::size_t searched = 0; searched < whole; searched += 1 + searched / 8) {
    FUZZ_CHECK(find_head_end(bytes, searched) == whole);
  }
}

// Once the first bytes have decided, more of them change nothing.
Look check_look(std::string_view bytes, Look (*look)(std::string_view, std::size_t)) {
  Look decided = Look::kMoreNeeded;
  for (std::size_t n = 0; n <= bytes.size(); n += 1 + n / 64) {
    const Look now = look(bytes.substr(0, n), 0);
    FUZZ_CHECK(decided == Look::kMoreNeeded || now == decided);
    decided = now;
  }
  const Look whole = look(bytes, 0);
  FUZZ_CHECK(decided == Look::kMoreNeeded || whole == decided);
  return whole;
}

bool read(std::string_view bytes, HttpHead& head, bool response) {
  return response ? read_response_head(bytes, head) : read_request_head(bytes, head);
}

// A head that the capture cut off gives the same start line, and the same header lines but for the last.
void check_cuts(std::string_view bytes, const HttpHead& whole, bool response) {
  const std::size_t line_end = bytes.find('\n');
  if (line_end == std::string_view::npos) return;
  HttpHead part;
  for (std::size_t n = line_end + 1; n <= bytes.size(); n += 1 + n / 16) {
    FUZZ_CHECK(read(bytes.substr(0, n), part, response));
    check_head(part, bytes);
    FUZZ_CHECK(part.method == whole.method && part.target == whole.target);
    FUZZ_CHECK(part.status == whole.status && part.reason == whole.reason);
    FUZZ_CHECK(part.version.major == whole.version.major && part.version.minor == whole.version.minor);
    FUZZ_CHECK(part.headers.size() <= whole.headers.size());
    for (std::size_t i = 0; i + 1 < part.headers.size(); ++i) {
      FUZZ_CHECK(same(part.headers[i], whole.headers[i]));
    }
  }
}

void check_message(std::string_view bytes, bool response) {
  const Look look = check_look(bytes, response ? looks_like_response : looks_like_request);
  HttpHead head;
  const bool good = read(bytes, head, response);
  if (look == Look::kYes) FUZZ_CHECK(good);
  if (!good) return;
  FUZZ_CHECK(look != Look::kNo || bytes.find('\n') == std::string_view::npos || head.method.size() > 64);
  if (!response) FUZZ_CHECK(!head.method.empty());
  if (response) FUZZ_CHECK(head.status < 1000);
  check_head(head, bytes);
  check_cuts(bytes, head, response);
}

}  // namespace
}  // namespace tapline

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // A copy of just this size: reading behind its end is an error that AddressSanitizer sees.
  const auto copy = std::make_unique<char[]>(size);
  std::copy_n(data, size, copy.get());
  const std::string_view bytes(copy.get(), size);
  tapline::check_end(bytes);
  tapline::check_message(bytes, false);
  tapline::check_message(bytes, true);
  for (const tapline::HeadScanner& scanner : tapline::head_scanners()) {
    FUZZ_CHECK(tapline::test::head_difference(bytes, scanner).empty());
  }
  std::vector<tapline::HeaderField> fields;
  tapline::read_header_lines(bytes, fields);
  tapline::check_fields(fields, bytes);
  return 0;
}
