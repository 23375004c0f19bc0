#include "engine/redact_key.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "tests/engine/temp_folder.h"

namespace tapline {
namespace {

class RedactKey : public testing::Test {
 protected:
  std::string path(const char* name) const { return folder_.path(name); }
  std::string file(std::string_view content, mode_t mode = 0600) const {
    const std::string name = path("key");
    const int fd = ::open(name.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    EXPECT_EQ(write(fd, content.data(), content.size()), static_cast<ssize_t>(content.size()));
    EXPECT_EQ(fchmod(fd, mode), 0);
    close(fd);
    return name;
  }

  // The key, or what is said instead; and what was said on standard error beside it.
  std::string read(const std::string& name) {
    testing::internal::CaptureStderr();
    const absl::StatusOr<std::string> key = read_redact_key(name, Console(/*quiet=*/false, /*verbose=*/true));
    said_ = testing::internal::GetCapturedStderr();
    EXPECT_TRUE(key.ok() || absl::IsInvalidArgument(key.status())) << key.status();
    return key.ok() ? *key : std::string(key.status().message());
  }
  std::string said_;

 private:
  test::TempFolder folder_;
};

constexpr std::string_view kKey = "0123456789abcdef\n";

TEST_F(RedactKey, IsEveryByteOfTheFile) {
  EXPECT_EQ(read(file(kKey)), kKey);
  EXPECT_EQ(said_, "");
  const std::string binary("\0\xff\r\n 0123456789abcdef\0", 22);
  EXPECT_EQ(read(file(binary)), binary);
  const std::string longest(64 << 10, 'k');
  EXPECT_EQ(read(file(longest)), longest);
  EXPECT_EQ(said_, "");
}

TEST_F(RedactKey, WhatIsNoKeyIsRefusedWithARemedy) {
  EXPECT_NE(read(file("")).find("key is empty; make one: "), std::string::npos);
  EXPECT_NE(read(path("none")).find("No such file or directory; make one: "), std::string::npos);
  EXPECT_NE(read(path("")).find("Is a directory"), std::string::npos);
  EXPECT_NE(read(file(std::string((64 << 10) + 1, 'k'))).find("longer than 64 KiB"), std::string::npos);
  EXPECT_NE(read("/dev/zero").find("longer than 64 KiB"), std::string::npos);
}

TEST_F(RedactKey, APipeIsReadToItsEndAndAFifoWithoutWriterIsEmpty) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  ASSERT_EQ(write(ends[1], kKey.data(), kKey.size()), static_cast<ssize_t>(kKey.size()));
  close(ends[1]);
  EXPECT_EQ(read("/dev/fd/" + std::to_string(ends[0])), kKey);
  EXPECT_EQ(said_, "");
  close(ends[0]);

  ASSERT_EQ(mkfifo(path("fifo").c_str(), 0600), 0);
  EXPECT_NE(read(path("fifo")).find("is empty"), std::string::npos);
}

TEST_F(RedactKey, WhatMakesAKeyUselessIsTold) {
  EXPECT_EQ(read(file(kKey, 0644)), kKey);
  EXPECT_EQ(said_, "tapline: warning: everybody can read the key in " + path("key") + "; chmod o-r " +
                       path("key") + "\n");
  EXPECT_EQ(read(file(kKey, 0640)), kKey);  // a group may be there for it
  EXPECT_EQ(said_, "");
  EXPECT_EQ(read(file("15 bytes of key")), "15 bytes of key");
  EXPECT_NE(said_.find(" has 15 bytes: it can be guessed"), std::string::npos) << said_;
}

}  // namespace
}  // namespace tapline
