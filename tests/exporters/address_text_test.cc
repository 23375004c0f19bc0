#include "exporters/address_text.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <string>

#include "tests/exporters/event_samples.h"

namespace tapline {
namespace {

std::string text_of(const IpAddress& ip) {
  std::string text(kMaxIpText, '?');
  text.resize(static_cast<std::size_t>(append_ip(text.data(), ip) - text.data()));
  return text;
}

IpAddress ip_of(const std::string& text) {
  IpAddress ip;
  if (inet_pton(AF_INET, text.c_str(), ip.bytes.data()) == 1) return ip;
  ip.version = IpVersion::kV6;
  EXPECT_EQ(inet_pton(AF_INET6, text.c_str(), ip.bytes.data()), 1) << text;
  return ip;
}

TEST(IpText, Ipv4) {
  for (const char* text : {"0.0.0.0", "127.0.0.1", "10.20.30.40", "255.255.255.255", "1.99.100.9"}) {
    EXPECT_EQ(text_of(ip_of(text)), text);
  }
}

TEST(IpText, TheRulesOfRfc5952) {
  struct Case {
    const char* given;
    const char* canonical;
  };
  for (const Case& c : {
           Case{"2001:0db8:0000:0000:0001:0000:0000:0001",
                "2001:db8::1:0:0:1"},                         // 4.2.3: the first of equals
           {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},  // 4.2.2: one group is no run
           {"2001:db8:0:0:1:0:0:0", "2001:db8:0:0:1::"},      // 4.2.3: the longest
           {"2001:DB8::A", "2001:db8::a"},                    // 4.3
           {"0:0:0:0:0:0:0:0", "::"},
           {"0:0:0:0:0:0:0:1", "::1"},
           {"1:0:0:0:0:0:0:0", "1::"},
           {"fe80:0:0:0:0:0:0:1", "fe80::1"},
           {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
           {"::ffff:1.2.3.4", "::ffff:1.2.3.4"},  // 5
           {"64:ff9b::1.2.3.4", "64:ff9b::102:304"},
           {"::1.2.3.4", "::102:304"},
       }) {
    EXPECT_EQ(text_of(ip_of(c.given)), c.canonical);
  }
}

TEST(IpText, RandomAddressesAgreeWithTheLibrary) {
  std::mt19937 random(4);
  for (int round = 0; round < 200'000; ++round) {
    IpAddress ip{.bytes = {}, .version = IpVersion::kV6};
    for (std::size_t group = 0; group < 8; ++group) {
      if (random() % 2 == 0) continue;  // zero groups in every constellation
      ip.bytes[2 * group] = static_cast<std::uint8_t>(random() % 3 == 0 ? random() : 0);
      ip.bytes[2 * group + 1] = static_cast<std::uint8_t>(random());
    }
    // The library also writes the long dead IPv4-compatible addresses with dots.
    if (std::all_of(ip.bytes.begin(), ip.bytes.begin() + 12, [](std::uint8_t b) { return b == 0; })) continue;
    char text[INET6_ADDRSTRLEN];
    inet_ntop(AF_INET6, ip.bytes.data(), text, sizeof text);
    ASSERT_EQ(text_of(ip), text);
  }
}

std::string id_of(std::uint64_t high, std::uint64_t low) {
  std::string text(kConnectionIdText, '?');
  const ConnectionId id{.words = {high, low}};
  EXPECT_EQ(append_connection_id(text.data(), id), text.data() + text.size());
  return text;
}

TEST(ConnectionIdText, IsBase32OfTheSixteenBytes) {
  // As base32 of coreutils prints them, in lower case and without the padding.
  EXPECT_EQ(id_of(0, 0), "aaaaaaaaaaaaaaaaaaaaaaaaaa");
  EXPECT_EQ(id_of(0x0123456789abcdef, 0xfedcba9876543210), "aerukz4jvpg677w4xkmhmvbsca");
  EXPECT_EQ(id_of(~0ull, ~0ull), "77777777777777777777777774");
}

TEST(ConnectionIdText, EveryBitCounts) {
  std::set<std::string> ids = {id_of(0, 0)};
  for (int bit = 0; bit < 64; ++bit) {
    EXPECT_TRUE(ids.insert(id_of(1ull << bit, 0)).second);
    EXPECT_TRUE(ids.insert(id_of(0, 1ull << bit)).second);
  }
}

TEST(ForwardedClient, IsTheFirstAddressAndNothingElse) {
  struct Case {
    const char* x_forwarded_for;
    const char* forwarded;
    const char* client;
  };
  for (const Case& c : {
           Case{"203.0.113.195", "", "203.0.113.195"},
           {"203.0.113.195, 70.41.3.18, 150.172.238.178", "", "203.0.113.195"},
           {"  203.0.113.195:41237 ,1.1.1.1", "", "203.0.113.195"},
           {"2001:DB8:85a3:8d3:1319:8a2e:370:7348", "", "2001:db8:85a3:8d3:1319:8a2e:370:7348"},
           {"[2001:db8::1]:443", "", "2001:db8::1"},
           {"\"[2001:db8::1]\"", "", "2001:db8::1"},
           {"\"203.0.113.195:80\"", "", "203.0.113.195"},
           {"\t203.0.113.195\t, unknown", "", "203.0.113.195"},
           {"\r\n 203.0.113.195,\r\n 1.1.1.1", "", "203.0.113.195"},  // folded
           {"203.0.113.195:", "", "203.0.113.195"},
           {"::1", "", "::1"},
           {"::ffff:1.2.3.4", "", "::ffff:1.2.3.4"},
           {"unknown", "", ""},
           {"example.org", "", ""},
           {"_hidden, 1.2.3.4", "", ""},
           {"unknown, 1.2.3.4", "", ""},
           {"1.2.3", "", ""},
           {"1.2.3.4.5", "", ""},
           {"01.2.3.4x", "", ""},
           {"fe80::1%eth0", "", ""},
           {"[1.2.3.4]", "", ""},
           {"[::1", "", ""},
           {"[::1]x", "", ""},
           {"", "", ""},
           {",1.2.3.4", "", ""},
           {"", "for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60"},
           {"", "proto=http; For=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17"},
           {"", "for=\"[2001:db8::1]:4711\"", "2001:db8::1"},
           {"", "FOR=\"[2001:DB8::1]\" ; proto=https , for=1.1.1.1", "2001:db8::1"},
           {"", "for=[2001:db8::1]:4711", "2001:db8::1"},  // without the quotes that it needs
           {"", "for=\"192.0.2.43:47011\"", "192.0.2.43"},
           {"", "for=192.0.2.43, for=198.51.100.17", "192.0.2.43"},
           {"", "for=\"_obf.id:_port\"", ""},
           {"", "fort=1.1.1.1;for", ""},
           {"", "by=1.1.1.1, for=198.51.100.17", ""},
           {"", "for=_hidden", ""},
           {"", "for=unknown", ""},
           {"", ";;", ""},
           {"unknown", "for=192.0.2.43", "192.0.2.43"},
           {"1.1.1.1", "for=192.0.2.43", "1.1.1.1"},
       }) {
    const auto client = forwarded_client(c.x_forwarded_for, c.forwarded);
    EXPECT_EQ(client ? text_of(*client) : "", c.client) << c.x_forwarded_for << " | " << c.forwarded;
  }
  EXPECT_FALSE(forwarded_client(std::string_view("1.2.3.4\0", 8), "").has_value());
}

}  // namespace
}  // namespace tapline
