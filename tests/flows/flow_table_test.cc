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

TEST(FlowKeyTest, TellsAddressesPortsVersionsAndTagsApart) {
  const std::uint8_t a[16] = {1, 2, 3, 4}, b[16] = {5, 6, 7, 8};
  FlowKey base;
  base.set(IpVersion::kV4, a, b, 80, 90);
  FlowKey same = base;
  same.add_vlan(0xe000);  // id 0: a priority, and no VLAN
  EXPECT_EQ(base, same);
  FlowKey v6, port, tagged, twice, swapped;
  v6.set(IpVersion::kV6, a, b, 80, 90);
  port.set(IpVersion::kV4, a, b, 80, 91);
  tagged = base;
  tagged.add_vlan(0x2005);
  twice = tagged;
  twice.add_vlan(6);
  swapped = base;
  swapped.add_vlan(6);
  swapped.add_vlan(5);
  const FlowKey all[] = {base, v6, port, tagged, twice, swapped};
  for (const FlowKey& x : all) {
    for (const FlowKey& y : all) EXPECT_EQ(x == y, &x == &y);
  }
  EXPECT_EQ(tagged.vlan(0), 5);
  EXPECT_EQ(tagged.vlan(1), std::nullopt);
  EXPECT_EQ(twice.vlan(1), 6);
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
  bool was_full = false;
  for (int step = 0; step < 40000; ++step) {
    const std::uint32_t n = static_cast<std::uint32_t>(random()) % (2 * capacity + 1);
    const FlowKey key = key_of(n);
    const std::uint64_t hash = table.hash(key);
    table.prefetch_slot(hash);
    table.prefetch_connection(hash);
    Connection* found = table.find(key, hash);
    const auto known = model.find(n);
    ASSERT_EQ(found, known == model.end() ? nullptr : known->second);
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
  EXPECT_EQ(second.history.view(), "");
}

}  // namespace
}  // namespace tapline
