// What it costs to get a worker's lines into a sink, beside writing the same bytes with write(2) alone.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "bench/micro.h"
#include "exporters/writer.h"

namespace tapline::bench {
namespace {

constexpr std::size_t kLine = 1500;  // bytes: a transaction's record
constexpr std::size_t kLines = 80'000;
constexpr std::size_t kBytes = kLine * kLines;

enum class SinkKind : std::uint8_t {
  kNull,      // /dev/null
  kMemory,    // a file in memory (tmpfs), as standard output has one
  kAppended,  // a file where the benchmark is started, appended to: `file:PATH`
  kPipe,      // one that is read as fast as can be
};

// Something to write to, and what came of it. Files are removed while they are open.
class Sink {
 public:
  explicit Sink(SinkKind kind) {
    switch (kind) {
      case SinkKind::kNull:
        fd_ = FileDescriptor(::open("/dev/null", O_WRONLY | O_CLOEXEC));
        break;
      case SinkKind::kMemory:
        open_file("/dev/shm/tapline-micro-XXXXXX", 0);
        break;
      case SinkKind::kAppended:
        open_file("tapline-micro-XXXXXX", O_APPEND);
        break;
      case SinkKind::kPipe:
        open_pipe();
        break;
    }
  }
  ~Sink() { close(); }
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;

  bool valid() const { return fd_.valid(); }
  FileDescriptor take() { return std::move(fd_); }
  int fd() const { return fd_.get(); }

  // Once the last descriptor for writing has been closed. Of /dev/null nobody knows.
  std::size_t received() {
    close();
    struct stat info {};
    return file_.valid() && ::fstat(file_.get(), &info) == 0 ? static_cast<std::size_t>(info.st_size) : read_;
  }

 private:
  void open_file(std::string path, int flags) {
    file_ = FileDescriptor(::mkostemp(path.data(), O_CLOEXEC));
    fd_ = FileDescriptor(::open(path.c_str(), O_WRONLY | O_CLOEXEC | flags));
    ::unlink(path.c_str());
  }
  void open_pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return;
    fd_ = FileDescriptor(ends[1]);
    ::fcntl(ends[1], F_SETPIPE_SZ, 1 << 20);  // as large as the writer makes it
    reader_ = std::thread([this, from = FileDescriptor(ends[0])] {
      std::vector<char> buffer(1u << 20);
      for (ssize_t n; (n = ::read(from.get(), buffer.data(), buffer.size())) > 0;) {
        read_ += static_cast<std::size_t>(n);
      }
    });
  }
  void close() {
    fd_ = FileDescriptor();
    if (reader_.joinable()) reader_.join();
  }

  FileDescriptor fd_, file_;
  std::thread reader_;
  std::size_t read_ = 0;
};

const std::string& line() {
  static const std::string text = std::string(kLine - 1, 'x') + '\n';
  return text;
}

bool write_by_writer(Sink& sink) {
  auto writer = Writer::create(OutputTarget(sink.take(), "benchmark"));
  if (!writer.ok()) return false;
  LineBuffers& out = (*writer)->add_worker({.slow_sink = SlowSink::kBlock});
  if (!(*writer)->start().ok()) return false;
  for (std::size_t i = 0; i < kLines; ++i) {
    char* p = out.need(kLine);
    std::memcpy(p, line().data(), kLine);
    out.advance(p + kLine);
    out.end_line();
  }
  out.flush();
  return (*writer)->finish(std::chrono::minutes(1)) && (*writer)->counters().bytes == kBytes;
}

// The same lines into a buffer of the same size, and that to the sink.
bool write_alone(Sink& sink) {
  std::vector<char> buffer(LineBufferOptions{}.buffer_bytes);
  std::size_t used = 0;
  const auto flush = [&] {
    for (std::size_t at = 0; at < used;) {
      const ssize_t n = ::write(sink.fd(), buffer.data() + at, used - at);
      if (n <= 0) return false;
      at += static_cast<std::size_t>(n);
    }
    used = 0;
    return true;
  };
  for (std::size_t i = 0; i < kLines; ++i) {
    if (used + kLine > buffer.size() && !flush()) return false;
    std::memcpy(buffer.data() + used, line().data(), kLine);
    used += kLine;
  }
  return flush();
}

template <bool (*write)(Sink&), SinkKind kind>
void write_lines(benchmark::State& state) {
  for (auto _ : state) {
    state.PauseTiming();
    Sink sink(kind);
    if (!sink.valid()) return wrong(state, "the sink cannot be opened");
    state.ResumeTiming();
    if (!write(sink)) return wrong(state, "not all was written");
    const std::size_t received = sink.received();
    if (kind != SinkKind::kNull && received != kBytes) return wrong(state, "not all has arrived");
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(kBytes));
  per_item(state, "line", kLines);
}

void by_clock(benchmark::internal::Benchmark* one) { one->UseRealTime()->MeasureProcessCPUTime(); }

BENCHMARK(write_lines<write_alone, SinkKind::kNull>)->Name("write_null")->Apply(by_clock);
BENCHMARK(write_lines<write_by_writer, SinkKind::kNull>)->Name("writer_null")->Apply(by_clock);
BENCHMARK(write_lines<write_alone, SinkKind::kMemory>)->Name("write_memory_file")->Apply(by_clock);
BENCHMARK(write_lines<write_by_writer, SinkKind::kMemory>)->Name("writer_memory_file")->Apply(by_clock);
BENCHMARK(write_lines<write_alone, SinkKind::kAppended>)->Name("write_appended_file")->Apply(by_clock);
BENCHMARK(write_lines<write_by_writer, SinkKind::kAppended>)->Name("writer_appended_file")->Apply(by_clock);
BENCHMARK(write_lines<write_alone, SinkKind::kPipe>)->Name("write_pipe")->Apply(by_clock);
BENCHMARK(write_lines<write_by_writer, SinkKind::kPipe>)->Name("writer_pipe")->Apply(by_clock);

}  // namespace
}  // namespace tapline::bench
