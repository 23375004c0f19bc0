// Lists of ports.
#include "engine/port_list.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace tapline {
namespace {

std::set<int> ports_of(const PortSet& set) {
  std::set<int> ports;
  for (int port = 0; port < 65536; ++port) {
    if (set.contains(static_cast<std::uint16_t>(port))) ports.insert(port);
  }
  return ports;
}

TEST(ParsePorts, ReadsNumbersAndRanges) {
  EXPECT_EQ(ports_of(*parse_ports("80")), (std::set<int>{80}));
  EXPECT_EQ(ports_of(*parse_ports("80,8080,8000-8002")), (std::set<int>{80, 8000, 8001, 8002, 8080}));
  EXPECT_EQ(ports_of(*parse_ports(" 80 , 81 - 82 ")), (std::set<int>{80, 81, 82}));
  EXPECT_EQ(ports_of(*parse_ports("80,80,79-80,80-80")), (std::set<int>{79, 80}));
  EXPECT_EQ(ports_of(*parse_ports("65535")), (std::set<int>{65535}));
  const std::set<int> all = ports_of(*parse_ports("1-65535"));
  EXPECT_EQ(all.size(), 65535u);
  EXPECT_FALSE(all.contains(0));
}

TEST(ParsePorts, NamesTheElementThatIsWrong) {
  for (const char* bad : {"x", "0", "65536", "-1", "+80", "80a", "8 0", "0x50", "80.0"}) {
    absl::StatusOr<PortSet> ports = parse_ports(std::string("81,") + bad + ",82");
    ASSERT_FALSE(ports.ok()) << bad;
    EXPECT_NE(std::string(ports.status().message()).find("'" + std::string(bad) + "'"), std::string::npos)
        << ports.status();
  }
  for (const char* bad :
       {"", ",", "80,", ",80", "80,,81", "80-", "-", "80-81-82", "0-10", "10-65536", "20-10"}) {
    EXPECT_FALSE(parse_ports(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace tapline
