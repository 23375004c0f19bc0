#include "engine/redact_key.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "engine/fd.h"

namespace tapline {
namespace {

constexpr std::size_t kLongest = 64u << 10;
constexpr std::size_t kShortest = 16;  // 128 bits, were they random, are out of reach of any search
constexpr const char* kRemedy = "; make one: (umask 077; head -c 32 /dev/urandom > FILE)";

absl::Status refuse(const std::string& path, int error) {
  const absl::Status reason = absl::ErrnoToStatus(error, absl::StrCat("--redact-key: cannot read ", path));
  return absl::InvalidArgumentError(absl::StrCat(reason.message(), error == ENOENT ? kRemedy : ""));
}

// A FIFO that nobody writes to would hold us in open(), where no signal reaches us any more; opened so, it is
// empty. Reading, on the other hand, has to wait for its writer.
absl::StatusOr<Fd> open_key(const std::string& path) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!fd.valid() || fcntl(fd.get(), F_SETFL, O_RDONLY) != 0) return refuse(path, errno);
  return fd;
}

}  // namespace

absl::StatusOr<std::string> read_redact_key(const std::string& path, const Console& console) {
  absl::StatusOr<Fd> fd = open_key(path);
  if (!fd.ok()) return fd.status();
  std::string key(kLongest + 1, '\0');
  std::size_t size = 0;
  while (size < key.size()) {
    const ssize_t got = read(fd->get(), key.data() + size, key.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return refuse(path, errno);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  if (size == 0) {
    return absl::InvalidArgumentError(absl::StrCat("--redact-key: ", path, " is empty", kRemedy));
  }
  if (size > kLongest) {
    return absl::InvalidArgumentError(absl::StrCat("--redact-key: ", path, " is no key: longer than 64 KiB"));
  }
  key.resize(size);
  if (size < kShortest) {
    console.say(absl::StrCat("warning: the key in ", path, " has ", size, size == 1 ? " byte" : " bytes",
                             ": it can be guessed, and then what it hides"));
  }
  struct stat about {};
  if (fstat(fd->get(), &about) == 0 && S_ISREG(about.st_mode) && (about.st_mode & S_IROTH) != 0) {
    console.say(absl::StrCat("warning: everybody can read the key in ", path, "; chmod o-r ", path));
  }
  return key;
}

}  // namespace tapline
