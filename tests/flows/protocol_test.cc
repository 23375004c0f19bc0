// Protocols named by their first bytes, as these come on the wire, and what only looks like one.
#include "flows/protocol.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "flows/http_head.h"
#include "tests/flows/client_hello.h"
#include "tests/flows/guard_page.h"

namespace tapline::test {
namespace {

constexpr Side kC = Side::kClient, kS = Side::kServer;

struct Sample {
  AppProtocol protocol;
  Side from;
  std::string bytes;
};

template <std::size_t N>
std::string raw(const char (&literal)[N]) {
  return std::string(literal, N - 1);
}

std::vector<Sample> samples() {
  return {
      {AppProtocol::kTls, kC, client_hello("h.example")},
      {AppProtocol::kTls, kC, raw("\x16\x03\x00\x00\x2f\x01")},
      {AppProtocol::kTls, kS, raw("\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03")},
      {AppProtocol::kTls, kS, raw("\x15\x03\x03\x00\x02\x02\x28")},  // handshake_failure
      {AppProtocol::kTls, kC,
       raw("\x80\x1f\x01\x03\x01\x00\x06\x00\x00\x00\x10\x00\x00\x0a\x07\x00\xc0") + std::string(16, 'c')},
      {AppProtocol::kTls, kC,
       raw("\x80\x1f\x01\x00\x02\x00\x06\x00\x00\x00\x10\x00\x00\x0a\x07\x00\xc0") + std::string(16, 'c')},
      {AppProtocol::kHttp2, kS, raw("\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x80")},
      {AppProtocol::kHttp2, kS, raw("\x00\x00\x00\x04\x00\x00\x00\x00\x00")},
      {AppProtocol::kSsh, kS, "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n"},
      {AppProtocol::kSsh, kC, "SSH-2.0-PuTTY_Release_0.78\r\n"},
      {AppProtocol::kSsh, kS, "SSH-1.99-Cisco-1.25\n"},
      {AppProtocol::kSmtp, kS, "220 mail.example.org ESMTP Postfix (Debian/GNU)\r\n"},
      {AppProtocol::kSmtp, kS, "220-ftp.example.org Simple Mail Transfer; smtp ready\r\n220 go on\r\n"},
      {AppProtocol::kSmtp, kC, "EHLO client.example.org\r\n"},
      {AppProtocol::kSmtp, kC, "helo x\r\nMAIL FROM:<a@b>\r\n"},
      {AppProtocol::kFtp, kS, "220 (vsFTPd 3.0.3)\r\n"},
      {AppProtocol::kFtp, kS, "220---------- Welcome to Pure-FTPd [privsep] [TLS] ----------\r\n"},
      {AppProtocol::kRtsp, kC, "OPTIONS rtsp://cam.example/live RTSP/1.0\r\nCSeq: 1\r\n\r\n"},
      {AppProtocol::kRtsp, kC, "GET_PARAMETER * RTSP/2.0\n"},
      {AppProtocol::kRtsp, kS, "RTSP/1.0 200 OK\r\nCSeq: 1\r\n"},
      {AppProtocol::kSip, kC, "INVITE sip:bob@example.org SIP/2.0\r\nVia: SIP/2.0/TCP a\r\n"},
      {AppProtocol::kSip, kS, "SIP/2.0 180 Ringing\r\n"},
      {AppProtocol::kMysql, kS,
       raw("\x4a\x00\x00\x00\x0a"
           "8.0.36\x00\x09\x00\x00\x00")},
      {AppProtocol::kMysql, kS,
       raw("\x6c\x00\x00\x00\x0a"
           "5.5.5-10.11.6-MariaDB-0+deb12u1\x00")},
      {AppProtocol::kMysql, kS,
       raw("\x5d\x00\x00\x00\x0a"
           "11.4.2-MariaDB\x00")},
      {AppProtocol::kPostgresql, kC, raw("\x00\x00\x00\x29\x00\x03\x00\x00user\x00me\x00")},
      {AppProtocol::kPostgresql, kC, raw("\x00\x00\x00\x08\x04\xd2\x16\x2f")},
      {AppProtocol::kPostgresql, kC, raw("\x00\x00\x00\x10\x04\xd2\x16\x2e\x00\x00\x12\x34pppp")},
      {AppProtocol::kRedis, kC, "*1\r\n$4\r\nPING\r\n"},
      {AppProtocol::kRedis, kC, "*12\r\n$100\r\n"},
      {AppProtocol::kMqtt, kC, raw("\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04test")},
      {AppProtocol::kMqtt, kC, raw("\x10\xff\x01\x00\x04MQTT\x05\x02")},
      {AppProtocol::kMqtt, kC, raw("\x10\x12\x00\x06MQIsdp\x03")},
      {AppProtocol::kBittorrent, kC, raw("\x13") + "BitTorrent protocol" + std::string(8, '\0')},
      {AppProtocol::kBittorrent, kS, raw("\x13") + "BitTorrent protocol" + std::string(8, '\0')},
      {AppProtocol::kRdp, kC,
       raw("\x03\x00\x00\x13\x0e\xe0\x00\x00\x00\x00\x00\x01\x00\x08\x00\x03\x00\x00\x00")},
      {AppProtocol::kRdp, kC,
       raw("\x03\x00\x00\x2b\x26\xe0\x00\x00\x00\x00\x00") + "Cookie: mstshash=admin\r\n" +
           raw("\x01\x00\x08\x00\x03\x00\x00\x00")},
  };
}

// What shares its first bytes with one of those above.
std::vector<Sample> lookalikes() {
  const AppProtocol none = AppProtocol::kUnknown;
  return {
      {none, kC, raw("\x16\x03\x01\x00\x05\x02")},  // a ServerHello from a client
      {none, kS, raw("\x16\x03\x01\x00\x05\x01")},
      {none, kC, raw("\x16\x03\x01\x00\x00\x01")},  // an empty record
      {none, kC, raw("\x16\x03\x01\x40\x01\x01")},  // one that is too long
      {none, kC, raw("\x16\x03\x09\x00\x05\x01")},
      {none, kS, raw("\x15\x03\x03\x00\x03\x02\x28")},
      {none, kC, raw("\x17\x03\x03\x00\x10") + std::string(16, 'x')},
      {none, kC,
       raw("\x80\x20\x01\x03\x01\x00\x06\x00\x00\x00\x10\x00\x00\x0a")},  // the lengths do not add up
      {none, kC,
       raw("\x80\x1e\x01\x03\x01\x00\x05\x00\x00\x00\x10\x00\x00\x0a")},  // ciphers have three bytes
      {none, kS, raw("\x00\x00\x12\x04\x01\x00\x00\x00\x00")},            // SETTINGS, but an acknowledgement
      {none, kS, raw("\x00\x00\x13\x04\x00\x00\x00\x00\x00")},            // of no whole number of settings
      {none, kC, raw("\x00\x00\x12\x04\x00\x00\x00\x00\x00")},
      {none, kS, "SSH-3.0-next\r\n"},
      {none, kS, "220 ready\r\n"},
      {none, kS, "221 ESMTP\r\n"},
      {none, kC, "220 ESMTP\r\n"},
      {none, kC, "EHLOx\r\n"},
      {none, kC, "USER me\r\n"},
      {none, kC, "OPTIONS rtsp://cam.example/live XTSP/1.0\r\n"},
      {none, kC, "OPTIONS rtsp://cam.example/live RTSP/1.0 \r\n"},
      {none, kC, "INVITE SIP/2.0x\r\n"},
      {none, kS,
       raw("\x4a\x00\x00\x00\x09"
           "3.23.58\x00")},
      {none, kS,
       raw("\x4a\x00\x00\x00\x0a"
           "late")},
      {none, kC, raw("\x00\x00\x00\x29\x00\x04\x00\x00user")},
      {none, kC, raw("\x00\x00\x00\x08\x04\xd2\x16\x31")},
      {none, kC, "*1\r\n+OK\r\n"},
      {none, kC, "*x\r\n"},
      {none, kC, "*1234567890\r\n$4\r\n"},
      {none, kC, raw("\x10\x10\x00\x04MQTX")},
      {none, kC, raw("\x10\xff\xff\xff\xff\x01\x00\x04MQTT")},  // a length of five bytes
      {none, kC,
       raw("\x13"
           "BitTorrent protocoL")},
      {none, kC,
       raw("\x03\x00\x00\x16\x11\xe0\x00\x00\x00\x01\x00\xc1\x02\x01\x00\xc2\x02\x01\x02\xc0\x01\x0a")},  // S7
      {none, kC, raw("\x03\x00\x00\x13\x0f\xe0\x00\x00\x00\x00\x00\x01\x00\x08\x00")},
      {none, kC, raw("\x05\x01\x00")},  // SOCKS: too little for a proof
      {none, kC, raw("\x01\x02\x03\x04")},
      {none, kS, raw("\xff\xff")},
  };
}

TEST(ProtocolTest, NamedByTheirFirstBytesAndByNoFewerThanItTakes) {
  GuardedBytes memory(1024);
  for (const auto& all : {samples(), lookalikes()}) {
    for (const Sample& sample : all) {
      SCOPED_TRACE(testing::PrintToString(sample.bytes));
      EXPECT_EQ(protocol_of(memory.hold(sample.bytes), sample.from), sample.protocol);
      bool told = false;
      for (std::size_t size = 0; size <= sample.bytes.size(); ++size) {
        const auto found = protocol_of(memory.hold(sample.bytes.substr(0, size)), sample.from);
        if (told || found) {
          ASSERT_EQ(found, sample.protocol) << "of " << size;
        }
        told = found.has_value();
      }
    }
  }
}

// The other way round: nothing that is HTTP or can still become it is ever asked about.
TEST(ProtocolTest, TheSamplesAreNoHttp) {
  for (const Sample& sample : samples()) {
    const Look look =
        sample.from == kC ? looks_like_request(sample.bytes) : looks_like_response(sample.bytes);
    EXPECT_EQ(look, Look::kNo) << testing::PrintToString(sample.bytes);
  }
}

TEST(ProtocolTest, AGreetingWithoutEndIsWaitedForOnlySoLong) {
  std::string line = "220 ";
  line.resize(kMostNeeded - 1, 'x');
  EXPECT_EQ(protocol_of(line, kS), std::nullopt);
  EXPECT_EQ(protocol_of(line + "x", kS), AppProtocol::kUnknown);
  EXPECT_EQ(protocol_of(line + "xESMTP\r\n", kS), AppProtocol::kUnknown) << "as without what comes later";
}

TEST(ProtocolTest, SegmentsInTheMiddleOfTls) {
  const auto record = [](char type, std::size_t size) {
    return type + raw("\x03\x03") + with_length(std::string(size, 'e'), 2);
  };
  EXPECT_TRUE(is_tls_segment(record(23, 100)));
  EXPECT_TRUE(is_tls_segment(record(20, 1) + record(22, 40)));
  EXPECT_TRUE(is_tls_segment(record(21, 26)));
  EXPECT_TRUE(is_tls_segment(record(23, 100) + record(23, 16384).substr(0, 1000)));
  EXPECT_TRUE(is_tls_segment(record(23, 100) + record(23, 100).substr(0, 2)));
  EXPECT_TRUE(is_tls_segment(client_hello("h.example")));
  EXPECT_TRUE(is_tls_segment(client_hello("h.example", 1216).substr(0, 1400)));

  EXPECT_FALSE(is_tls_segment(""));
  EXPECT_FALSE(is_tls_segment(record(23, 100).substr(0, 3)));
  EXPECT_FALSE(is_tls_segment(record(23, 1400).substr(0, 1000))) << "one header alone";
  EXPECT_FALSE(is_tls_segment(record(23, 100) + "x"));
  EXPECT_FALSE(is_tls_segment(record(24, 100)));
  EXPECT_FALSE(is_tls_segment(record(23, 0)));
  EXPECT_FALSE(is_tls_segment(record(23, 20000)));
  EXPECT_FALSE(is_tls_segment("GET / HTTP/1.1\r\n\r\n"));
}

}  // namespace
}  // namespace tapline::test
