// HTTP/1.x conversations made up for the differential tests: well-formed ones, and such with something
// broken.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <random>
#include <string>
#include <string_view>

#include "tests/differential/reading.h"

namespace tapline::test {

// The same seed gives the same conversations.
class Generator {
 public:
  explicit Generator(std::uint64_t seed) : random_(seed) {}

  // One to four requests and their responses: every form that RFC 9112 has, and what is seen beside it (bare
  // LF, folded lines, spaces where there should be none, bytes that are no ASCII).
  Exchange exchange();
  // The same with a few bytes changed, put in, taken out or repeated.
  Exchange broken();

 private:
  using Choices = std::initializer_list<std::string_view>;

  std::size_t below(std::size_t n) { return static_cast<std::size_t>(random_() % n); }
  bool one_in(std::size_t n) { return below(n) == 0; }
  std::string pick(Choices choices) { return std::string(choices.begin()[below(choices.size())]); }
  std::string body();
  std::string line_end();
  std::string target(std::string_view method);
  std::string header_lines();
  // Headers that frame `body`, the empty line, and the body as they say.
  std::string framed(const std::string& body, bool request);
  std::string chunks(const std::string& body);
  std::string request(const std::string& method);
  std::string response(const std::string& method, bool last);
  void damage(std::string& text);

  std::mt19937_64 random_;
  std::string end_;  // of the lines of the message being made
};

}  // namespace tapline::test
