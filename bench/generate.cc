// tapline-generate: traffic out of an interface, as fast as one core sends it, and how much that was.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "bench/sender.h"
#include "bench/traffic.h"
#include "engine/exit_code.h"

namespace tapline::bench {
namespace {

constexpr char kUsage[] =
    "usage: tapline-generate INTERFACE MIX FRAMES\n"
    "\n"
    "Sends whole rounds of a mix, at least FRAMES frames, and prints as JSON how many frames, bytes, "
    "connections\n"
    "and transactions these were. MIX: syn, http, full. Needs CAP_NET_RAW. For interfaces of a test network: "
    "the\n"
    "frames are as many as a core can send.\n";

absl::Status generate(const std::string& interface, Mix mix, std::uint64_t frames) {
  const Traffic traffic = make_traffic(mix);
  absl::StatusOr<Sender> sender = Sender::open(interface);
  if (!sender.ok()) return sender.status();
  Sent sent;
  std::uint32_t rounds = 0;
  const auto start = std::chrono::steady_clock::now();
  for (; sent.frames < frames; ++rounds) {
    if (absl::Status status = sender->send(traffic, rounds, sent); !status.ok()) return status;
  }
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  std::printf(
      "{\"frames\":%llu,\"bytes\":%llu,\"connections\":%llu,\"transactions\":%llu,\"seconds\":%.3f}\n",
      static_cast<unsigned long long>(sent.frames), static_cast<unsigned long long>(sent.bytes),
      static_cast<unsigned long long>(traffic.connections * rounds),
      static_cast<unsigned long long>(traffic.transactions * rounds), seconds.count());
  return absl::OkStatus();
}

int run(int argc, char** argv) {
  const std::optional<Mix> mix = argc == 4 ? parse_mix(argv[2]) : std::nullopt;
  const std::uint64_t frames = argc == 4 ? std::strtoull(argv[3], nullptr, 10) : 0;
  if (!mix || frames == 0) {
    std::fputs(kUsage, stderr);
    return static_cast<int>(ExitCode::kUsage);
  }
  const absl::Status status = generate(argv[1], *mix, frames);
  if (!status.ok()) std::fprintf(stderr, "tapline-generate: %s\n", std::string(status.message()).c_str());
  return static_cast<int>(exit_code_of(status));
}

}  // namespace
}  // namespace tapline::bench

int main(int argc, char** argv) { return tapline::bench::run(argc, argv); }
