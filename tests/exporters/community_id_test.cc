#include "exporters/community_id.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "exporters/community_id_cache.h"

namespace tapline {
namespace {

ConnectionInfo connection_of(const char* client, std::uint16_t client_port, const char* server,
                             std::uint16_t server_port) {
  ConnectionInfo connection;
  connection.client_port = client_port;
  connection.server_port = server_port;
  for (const auto& [text, ip] : {std::pair{client, &connection.client_ip}, {server, &connection.server_ip}}) {
    if (inet_pton(AF_INET, text, ip->bytes.data()) == 1) continue;
    ip->version = IpVersion::kV6;
    EXPECT_EQ(inet_pton(AF_INET6, text, ip->bytes.data()), 1);
  }
  return connection;
}

struct Vector {
  const char* client;
  std::uint16_t client_port;
  const char* server;
  std::uint16_t server_port;
  const char* id;
};
// The first two are published (the specification's README, Zeek's tests); the others were worked out from the
// specification's text with another SHA-1.
constexpr Vector kVectors[] = {
    {"128.232.110.120", 34855, "66.35.250.204", 80, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="},
    {"1.2.3.4", 1122, "5.6.7.8", 3344, "1:wCb3OG7yAFWelaUydu0D+125CLM="},
    {"127.0.0.1", 41086, "127.0.0.1", 80, "1:V+flV9bTg37T9N4S6CkWJ73g/XA="},
    {"2001:db8::1", 50000, "2001:db8::2", 80, "1:9JE79ov1EcJ0HDhc9Mjl0Htsx2o="},
    {"fe80::200:86ff:fe05:80da", 1234, "fe80::260:97ff:fe07:69ea", 80, "1:I+G9nMXEOtKSE4nIKjOvUnvGl24="},
    {"10.0.0.1", 1, "9.255.255.255", 65535, "1:yVD34OAV8alg9vxamhiw8neRVVs="},
};

TEST(CommunityId, KnownVectorsInBothDirections) {
  for (const Vector& v : kVectors) {
    for (const ConnectionInfo& c : {connection_of(v.client, v.client_port, v.server, v.server_port),
                                    connection_of(v.server, v.server_port, v.client, v.client_port)}) {
      const CommunityIdText text = community_id(c);
      EXPECT_EQ(std::string(text.data(), text.size()), v.id);
    }
  }
}

std::string_view cached(CommunityIdCache& cache, const ConnectionInfo& connection) {
  const CommunityIdText& text = cache.of(connection);
  return {text.data(), text.size()};
}

TEST(CommunityIdCache, TheCacheGivesEachConnectionItsOwnEvenInOnePlace) {
  CommunityIdCache cache;
  for (int round = 0; round < 3; ++round) {
    for (const Vector& v : kVectors) {  // all with the same (empty) connection id, and so in the same place
      EXPECT_EQ(cached(cache, connection_of(v.client, v.client_port, v.server, v.server_port)), v.id);
      EXPECT_EQ(cached(cache, connection_of(v.client, v.client_port, v.server, v.server_port)), v.id);
    }
  }
}

TEST(CommunityIdCache, TheCacheSeesEveryPartOfTheTuple) {
  CommunityIdCache cache;
  const ConnectionInfo base = connection_of("10.0.0.1", 1000, "10.0.0.2", 80);
  const std::string id(cached(cache, base));
  for (const ConnectionInfo& other :
       {connection_of("10.0.0.3", 1000, "10.0.0.2", 80), connection_of("10.0.0.1", 1001, "10.0.0.2", 80),
        connection_of("10.0.0.1", 1000, "10.0.0.3", 80), connection_of("10.0.0.1", 1000, "10.0.0.2", 81),
        connection_of("a00:1::", 1000, "a00:2::", 80)}) {
    EXPECT_NE(cached(cache, other), id);
    EXPECT_EQ(cached(cache, base), id);
  }
}

// A tuple that is used again. The words are chosen to have the same hash.
TEST(CommunityIdCache, ATupleKeepsItsIdWhateverTheConnection) {
  CommunityIdCache cache;
  ConnectionInfo first = connection_of("10.0.0.1", 1000, "10.0.0.2", 80), second = first;
  first.id.words = {1, 2};
  second.id.words = {2, 1};
  for (const ConnectionInfo* connection : {&first, &second, &first}) {
    EXPECT_EQ(cache.of(*connection), community_id(first));
  }
}

}  // namespace
}  // namespace tapline
