// tapline and two independent parsers read the same bytes; wherever they differ, it is known why
// (classes.cc).
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <random>

#include "tests/differential/captures.h"
#include "tests/differential/classes.h"
#include "tests/differential/compare.h"
#include "tests/differential/generator.h"

namespace tapline::test {
namespace {

// Bytes as they may stand in a message to a person.
std::string printable(std::string_view bytes) {
  std::string out;
  for (const char c : bytes.substr(0, 2000)) {
    if (c == '\n') {
      out += "\\n\n    ";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c >= ' ' && c <= '~') {
      out += c;
    } else {
      constexpr std::string_view kHex = "0123456789abcdef";
      const auto value = static_cast<unsigned char>(c);
      out.append("\\x").append(1, kHex[value >> 4]).append(1, kHex[value & 15]);
    }
  }
  return out;
}

class Differential : public testing::Test {
 protected:
  void TearDown() override {
    std::cout << exchanges_ << " exchanges, " << messages_ << " messages\n";
    for (const auto& [name, count] : counts_) std::cout << count << "\t" << name << "\n";
  }

  void check(const Exchange& exchange, bool lenient) {
    const Reading ours = read_ours(exchange);
    ++exchanges_;
    messages_ += ours.requests.messages.size() + ours.responses.messages.size();
    check(exchange, ours, Peer::kHttpParser, read_http_parser(exchange), lenient);
    check(exchange, ours, Peer::kLibhtp, read_libhtp(exchange), lenient);
  }

  void check_made_up(std::uint64_t seed, int count) {
    Generator well_formed(seed), broken(seed);
    for (int i = 0; i < count && !HasFailure(); ++i) {
      check(well_formed.exchange(), false);
      check(broken.broken(), true);
    }
  }

  ClassCounts counts_;
  std::size_t exchanges_ = 0, messages_ = 0;

 private:
  void check(const Exchange& exchange, const Reading& ours, Peer peer, const Reading& theirs, bool lenient) {
    const std::string unexplained = compare(peer, exchange, ours, theirs, lenient, counts_);
    EXPECT_EQ(unexplained, "") << "  client\n    " << printable(exchange.client) << "\n  server\n    "
                               << printable(exchange.server);
  }
};

// Well-formed exchanges, and as many that were broken.
TEST_F(Differential, MadeUpExchangesOfAFixedSeed) {
  constexpr std::uint64_t kSeed = 1;
  check_made_up(kSeed, 6000);
  // An explanation that nothing needs is a place for a fault to hide in.
  for (const std::string& name : class_names()) EXPECT_GT(counts_[name], 0u) << name;
}

TEST_F(Differential, MadeUpExchangesOfAFreshSeed) {
  const std::uint64_t seed = std::random_device()();
  std::cout << "seed " << seed << "\n";
  check_made_up(seed, 2000);
}

// The heads that the fuzzer found interesting: each as what a client sends, and as what a server answers.
TEST_F(Differential, HeadsOfTheFuzzCorpus) {
  for (const auto& entry : std::filesystem::directory_iterator(HEAD_CORPUS)) {
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    check({bytes, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"}, true);
    check({"GET / HTTP/1.1\r\nHost: h\r\n\r\n", bytes}, true);
  }
  EXPECT_GT(exchanges_, 20u);
}

#ifdef CAPTURE_CORPUS
TEST_F(Differential, Captures) {
  for (const auto& entry : std::filesystem::directory_iterator(CAPTURE_CORPUS)) {
    if (entry.path().filename().string().find("pcap") == std::string::npos) continue;
    SCOPED_TRACE(entry.path().filename());
    for (const Exchange& exchange : exchanges_of(entry.path())) check(exchange, true);
  }
  EXPECT_GT(exchanges_, 100u);
}
#endif

}  // namespace
}  // namespace tapline::test
