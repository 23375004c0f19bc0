// Where the large tables stand.
#include "engine/huge_pages.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>

namespace tapline {
namespace {

constexpr std::size_t kMiB = 1u << 20;

// The flags that the kernel keeps for the mapping that `address` lies in (proc(5), smaps): "" when there is
// none.
std::string mapping_flags(const void* address) {
  const auto wanted = reinterpret_cast<std::uintptr_t>(address);
  std::ifstream maps("/proc/self/smaps");
  bool inside = false;
  for (std::string line; std::getline(maps, line);) {
    std::uintptr_t begin = 0, end = 0;
    char dash = 0;
    std::istringstream range(line);
    if (range >> std::hex >> begin >> dash >> end && dash == '-') inside = begin <= wanted && wanted < end;
    if (inside && line.starts_with("VmFlags:")) return line;
  }
  return "";
}

TEST(HugePages, AreAskedForWhatIsLargeAndGivenBack) {
  std::pmr::memory_resource& memory = huge_page_memory();
  constexpr std::size_t kSize = 5 * kMiB + 100;
  auto* const table = static_cast<std::uint8_t*>(memory.allocate(kSize, 64));
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(table) % (2 * kMiB), 0u);
  std::memset(table, 0x5a, kSize);
  // No kernel without transparent huge pages is known to CI; hg: they were asked for.
  EXPECT_NE(mapping_flags(table).find(" hg"), std::string::npos) << mapping_flags(table);
  memory.deallocate(table, kSize, 64);
  EXPECT_EQ(mapping_flags(table), "");
}

TEST(HugePages, LeaveWhatIsSmallToTheHeap) {
  std::pmr::memory_resource& memory = huge_page_memory();
  void* const small = memory.allocate(1000, 64);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(small) % 64, 0u);
  std::memset(small, 0x5a, 1000);
  EXPECT_EQ(mapping_flags(small).find(" hg"), std::string::npos);
  memory.deallocate(small, 1000, 64);
}

}  // namespace
}  // namespace tapline
