// The table against std::map, at all fillings.
#include "flows/flow_table.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace tapline {
namespace {

FlowKey key_of(std::uint32_t n) {
  const std::uint8_t ip0[4] = {10, 0, 0, 1};
  const std::uint8_t ip1[4] = {10, 1, static_cast<std::uint8_t>(n >> 24), static_cast<std::uint8_t>(n >> 16)};
  FlowKey key;
  key.set(IpVersion::kV4, ip0, ip1, 80, static_cast<std::uint16_t>(n));
  return key;
}

TEST(FlowKeyTest, TellsAddressesPortsVersionsTagsAndTunnelsApart) {
  const std::uint8_t a[16] = {1, 2, 3, 4}, b[16] = {5, 6, 7, 8};
  FlowKey base;
  base.set(IpVersion::kV4, a, b, 80, 90);
  const auto in_vlans = [&base](std::initializer_list<std::uint16_t> tags) {
    Encapsulation around;
    for (const std::uint16_t tag : tags) around.add_vlan(tag);
    FlowKey key = base;
    key.set_encapsulation(around);
    return key;
  };
  const auto in_tunnels = [&base](std::initializer_list<Tunnel> tunnels) {
    Encapsulation around;
    for (const Tunnel& tunnel : tunnels) around.add_tunnel(tunnel.type, tunnel.id);
    FlowKey key = base;
    key.set_encapsulation(around);
    return key;
  };
  EXPECT_EQ(base, in_vlans({0xe000}));  // id 0: a priority, and no VLAN
  FlowKey v6, port;
  v6.set(IpVersion::kV6, a, b, 80, 90);
  port.set(IpVersion::kV4, a, b, 80, 91);
  const FlowKey twice = in_vlans({0x2005, 6});
  const Tunnel gre{TunnelType::kGre}, vxlan{TunnelType::kVxlan, 0}, other{TunnelType::kVxlan, 1};
  const FlowKey all[] = {base,
                         v6,
                         port,
                         in_vlans({0x2005}),
                         twice,
                         in_vlans({6, 5}),
                         in_tunnels({gre}),
                         in_tunnels({{TunnelType::kGre, 0}}),
                         in_tunnels({vxlan}),
                         in_tunnels({other}),
                         in_tunnels({vxlan, gre}),
                         in_tunnels({gre, vxlan}),
                         in_tunnels({gre, gre})};
  for (const FlowKey& x : all) {
    for (const FlowKey& y : all) EXPECT_EQ(x == y, &x == &y);
  }
  for (FlowKey key : {twice, in_tunnels({vxlan, gre})}) {
    key.clear_encapsulation();
    EXPECT_EQ(key, base);
  }
  EXPECT_EQ(v6.version(), IpVersion::kV6);
  EXPECT_EQ(twice.version(), IpVersion::kV4);
  EXPECT_EQ(twice.port(0), 80);
  EXPECT_EQ(twice.port(1), 90);
}

class FlowTableTest : public testing::TestWithParam<std::uint32_t> {};

TEST_P(FlowTableTest, AgreesWithAMapOnRandomUse) {
  const std::uint32_t capacity = GetParam();
  std::mt19937 random(capacity);
  FlowTable table(capacity, random());
  std::map<std::uint32_t, Connection*> model;
  std::map<std::uint32_t, Connection*> likely;  // by number as well, and never brought up to date
  bool was_full = false;
  for (int step = 0; step < 40000; ++step) {
    const std::uint32_t n = static_cast<std::uint32_t>(random()) % (2 * capacity + 1);
    const FlowKey key = key_of(n);
    const std::uint64_t hash = table.hash(key);
    table.prefetch_slot(hash);
    Connection* const candidate = table.likely(hash);
    likely.emplace(n, candidate);
    Connection* found = table.find(key, hash);
    const auto known = model.find(n);
    ASSERT_EQ(found, known == model.end() ? nullptr : known->second);
    ASSERT_EQ(table.find(key, hash, candidate), found);
    ASSERT_EQ(table.find(key, hash, likely.at(n)), found);
    ASSERT_EQ(table.find(key, hash, likely.begin()->second), found);
    // Waves, so that the table is full at times and empty at others.
    const bool growing = step / (4 * static_cast<int>(capacity) + 100) % 2 == 0;
    if (found != nullptr) {
      ASSERT_EQ(found->number, n);
      ASSERT_EQ(&table.at(table.index_of(*found)), found);
      if (random() % 4 < (growing ? 1u : 3u)) {
        table.erase(*found);
        model.erase(known);
      }
    } else if (!table.full() && random() % 4 < (growing ? 3u : 1u)) {
      Connection& connection = table.insert(key, hash);
      connection.number = n;
      model[n] = &connection;
    }
    ASSERT_EQ(table.size(), model.size());
    ASSERT_EQ(table.full(), model.size() == capacity);
    was_full = was_full || table.full();
  }
  EXPECT_TRUE(was_full);
  std::size_t visited = 0;
  table.for_each([&](Connection& connection) {
    ++visited;
    EXPECT_EQ(model.at(static_cast<std::uint32_t>(connection.number)), &connection);
  });
  EXPECT_EQ(visited, model.size());
}

INSTANTIATE_TEST_SUITE_P(Capacities, FlowTableTest, testing::Values(1, 2, 3, 64, 1000));

TEST(FlowTableTest, AFreshConnectionHasNothingOfTheOneBefore) {
  FlowTable table(1, 5);
  Connection& first = table.insert(key_of(1), table.hash(key_of(1)));
  first.sides[0].bytes = 99;
  first.history.add('S');
  table.erase(first);
  const Connection& second = table.insert(key_of(2), table.hash(key_of(2)));
  EXPECT_EQ(second.sides[0].bytes, 0u);
  EXPECT_EQ(second.history.size(), 0);
}

}  // namespace
}  // namespace tapline
