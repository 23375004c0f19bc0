// The server name of a ClientHello, however it is cut, and of hellos that are wrong in every way.
#include "flows/tls_client_hello.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "tests/flows/client_hello.h"
#include "tests/flows/guard_page.h"

namespace tapline::test {
namespace {

constexpr std::string_view kNotOver = "(more is needed)";

// Reads the bytes in pieces of `size`, each against a guard page.
std::string name_of(std::string_view bytes, std::size_t size = 1u << 20) {
  static GuardedBytes memory(1u << 20);
  ClientHelloReader reader;
  for (; !bytes.empty(); bytes.remove_prefix(std::min(size, bytes.size()))) {
    if (reader.read(memory.hold(bytes.substr(0, size)))) return std::string(reader.server_name());
  }
  return std::string(kNotOver);
}

std::string name_in(const std::optional<std::string>& extensions) {
  return name_of(records(hello_message(extensions)));
}

TEST(ClientHelloTest, NamesAsTheyWereSent) {
  const std::vector<std::string> names = {
      "example.org",        "a", "EXAMPLE.org.", "xn--bcher-kva.example", std::string("\0\xff\n\"", 4),
      std::string(255, 'n')};
  for (const std::string& name : names) {
    EXPECT_EQ(name_of(client_hello(name)), name);
    EXPECT_EQ(name_in(server_name_of(name)), name) << "alone";
  }
}

TEST(ClientHelloTest, HellosWithoutAName) {
  EXPECT_EQ(name_in(std::nullopt), "") << "SSL 3.0 and old TLS: no extensions";
  EXPECT_EQ(name_in(""), "");
  EXPECT_EQ(name_in(usual_extensions("")), "");
  EXPECT_EQ(name_in(extension(0, "")), "") << "as servers send it";
  EXPECT_EQ(name_in(server_name_extension("")), "");
  EXPECT_EQ(name_in(server_name_extension(name_entry(""))), "");
  EXPECT_EQ(name_in(server_name_extension(name_entry("other", 1))), "");
  EXPECT_EQ(name_in(server_name_of(std::string(256, 'n'))), "") << "no name of DNS is that long";
}

TEST(ClientHelloTest, TheFirstHostNameOfTheListCounts) {
  EXPECT_EQ(name_in(server_name_extension(name_entry("x", 7) + name_entry("host") + name_entry("next"))),
            "host");
}

TEST(ClientHelloTest, CutAnywhere) {
  const std::string hello = client_hello("www.example.org", 1420);  // key shares as of X25519MLKEM768
  ASSERT_GT(hello.size(), 1460u);
  for (std::size_t cut = 1; cut < hello.size(); ++cut) {
    ClientHelloReader reader;
    if (!reader.read(std::string_view(hello).substr(0, cut))) {
      ASSERT_TRUE(reader.read(std::string_view(hello).substr(cut))) << cut;
    }
    ASSERT_EQ(reader.server_name(), "www.example.org") << cut;
  }
  for (std::size_t size = 1; size <= 100; ++size) EXPECT_EQ(name_of(hello, size), "www.example.org") << size;
}

TEST(ClientHelloTest, NoNameBeforeItsLastByte) {
  const std::string hello = client_hello("www.example.org");
  const std::size_t end = hello.find("www.example.org") + 15;
  for (std::size_t size = 0; size < end; ++size) {
    ASSERT_EQ(name_of(std::string_view(hello).substr(0, size)), kNotOver) << size;
  }
  EXPECT_EQ(name_of(std::string_view(hello).substr(0, end)), "www.example.org");
}

TEST(ClientHelloTest, RecordsOfAnySize) {
  const std::string message = hello_message(usual_extensions(server_name_of("split.example")));
  for (std::size_t fragment = 1; fragment <= message.size(); ++fragment) {
    ASSERT_EQ(name_of(records(message, fragment)), "split.example") << fragment;
    ASSERT_EQ(name_of(records(message, fragment), 1), "split.example") << fragment;
  }
}

TEST(ClientHelloTest, LargerThanARecordAndThanAnySegment) {
  const std::string before = extension(51, std::string(40000, 'k'));
  const std::string hello = records(hello_message(before + server_name_of("far.example")));
  EXPECT_EQ(name_of(hello), "far.example");
  EXPECT_EQ(name_of(hello, 1460), "far.example");
}

TEST(ClientHelloTest, LengthsThatContradictEachOther) {
  const std::string entry = name_entry("h.example");
  // One too long, each where nothing but the length around it tells.
  EXPECT_EQ(name_in(server_name_extension(name_entry("h.example", 0, 1))), "");
  EXPECT_EQ(name_in(server_name_extension(entry, 1)), "");
  EXPECT_EQ(name_in(server_name_extension(entry, 0, 1)), "");
  EXPECT_EQ(name_of(records(hello_message(server_name_of("h.example"), 1))), "");
  EXPECT_EQ(name_in(extension(10, "abc", 1) + server_name_of("h.example")), "");
  // One too short cuts the name off.
  const auto short_by_one = static_cast<std::size_t>(-1);
  EXPECT_EQ(name_in(server_name_extension(entry, short_by_one)), "");
  EXPECT_EQ(name_in(server_name_extension(entry, 0, short_by_one)), "");
  EXPECT_EQ(name_of(records(hello_message(server_name_of("h.example"), short_by_one))), "");
  EXPECT_EQ(name_of(records(hello_message(server_name_of("h.example"), 0, short_by_one))), "");
}

TEST(ClientHelloTest, OtherBytesAreNoHello) {
  const std::string message = hello_message(server_name_of("h.example"));
  EXPECT_EQ(name_of(records(hello_message(server_name_of("h.example"), 0, 0, 2))), "") << "ServerHello";
  EXPECT_EQ(name_of("GET / HTTP/1.1\r\n\r\n"), "");
  EXPECT_EQ(name_of("\x16\x02\x01"), "");
  EXPECT_EQ(name_of(std::string("\x16\x03\x01\0\0", 5)), "") << "an empty record";
  EXPECT_EQ(name_of("\x16\x03\x01\x40\x01"), "") << "a record over the limit";
  std::string interrupted = records(message, 50);
  interrupted[55] = 0x17;
  EXPECT_EQ(name_of(interrupted), "") << "another record between two parts";
}

// Whatever a byte is changed to, the same comes of the bytes in any pieces.
TEST(ClientHelloTest, DamagedHellosReadTheSameInAnyPieces) {
  std::mt19937 random(7);
  const std::string hello = client_hello("damaged.example");
  for (int i = 0; i < 20000; ++i) {
    std::string bytes = hello;
    for (std::size_t n = 1 + random() % 3; n > 0; --n) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    const std::string whole = name_of(bytes);
    ASSERT_EQ(name_of(bytes, 1 + random() % 40), whole) << i;
    ASSERT_LE(whole.size(), ClientHelloReader::kLongestName);
  }
}

}  // namespace
}  // namespace tapline::test
