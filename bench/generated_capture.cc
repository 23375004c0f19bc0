#include "bench/generated_capture.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "bench/tcp_frame.h"

namespace tapline::bench {
namespace {

constexpr std::size_t kSegment = 1448;
constexpr std::uint32_t kClients = 10u << 24, kServers = 192u << 24 | 2u << 8;  // 192.0.2.0/24, RFC 5737
constexpr std::uint32_t kServerCount = 200;
constexpr std::int64_t kStart = 1'700'000'000'000'000'000, kStep = 10'000;  // ns

// MSS 1460, SACK permitted, a time stamp, window scale 7; later segments have the time stamp only.
constexpr std::array<std::uint8_t, 20> kSynOptions = {2, 4, 5, 180, 4, 2, 8, 10, 0, 0,
                                                      0, 1, 0, 0,   0, 1, 1, 3,  3, 7};
constexpr std::array<std::uint8_t, 12> kOptions = {1, 1, 8, 10, 0, 0, 0, 2, 0, 0, 0, 1};

std::uint32_t usual_transactions(Random& random) {
  const std::uint32_t kind = random.below(100);
  return kind < 60 ? 1 : kind < 80 ? 2 : kind < 90 ? 3 : 4;
}

}  // namespace

CaptureGenerator::CaptureGenerator(const CaptureShape& shape)
    : shape_(shape), random_(shape.seed), time_ns_(kStart) {
  const std::uint32_t open = std::max(1u, std::min(shape.at_once, shape.connections));
  open_.reserve(open);
  while (figures_.connections < std::min(open, shape.connections)) open_.push_back(open_talk());
}

std::span<const std::uint8_t> CaptureGenerator::next() {
  while (!open_.empty()) {
    Talk& talk = open_[speaker_];
    if (talk.frames.empty() && !refill(talk)) {
      if (figures_.connections < shape_.connections) {
        talk = open_talk();
      } else {
        std::swap(talk, open_.back());
        open_.pop_back();
      }
      burst_ = 0;
    } else if (burst_ > 0) {
      --burst_;
      frame_ = std::move(talk.frames.front());
      talk.frames.pop_front();
      ++figures_.frames;
      figures_.bytes += frame_.size();
      time_ns_ += kStep;
      return frame_;
    }
    if (burst_ == 0 && !open_.empty()) {
      speaker_ = random_.below(static_cast<std::uint32_t>(open_.size()));
      burst_ = random_.between(1, 3);
    }
  }
  return {};
}

CaptureGenerator::Talk CaptureGenerator::open_talk() {
  const auto number = static_cast<std::uint32_t>(figures_.connections++);
  Talk talk;
  // No two connections share address and port of the client.
  talk.client = kClients | ((number & 0xffff) + 1);
  talk.port = static_cast<std::uint16_t>(1024 + (number >> 16));
  talk.server = kServers | (1 + random_.below(kServerCount));
  talk.client_next = random_.number();
  talk.server_next = random_.number();
  talk.transactions_left = shape_.transactions.value_or(usual_transactions(random_));
  send(talk, true, kSynFlag, {});
  send(talk, false, kSynFlag | kAckFlag, {});
  send(talk, true, kAckFlag, {});
  return talk;
}

bool CaptureGenerator::refill(Talk& talk) {
  if (talk.closed) return false;
  if (talk.transactions_left > 0) {
    const bool last = --talk.transactions_left == 0;
    say(talk, true, request_text(random_, last, shape_.head_bytes));
    say(talk, false, response_text(random_, last, {shape_.head_bytes, shape_.body_bytes}));
    ++figures_.transactions;
    return true;
  }
  send(talk, false, kFinFlag | kAckFlag, {});
  send(talk, true, kFinFlag | kAckFlag, {});
  send(talk, false, kAckFlag, {});
  talk.closed = true;
  return true;
}

// A request is acknowledged by its response.
void CaptureGenerator::say(Talk& talk, bool from_client, const std::string& text) {
  std::size_t count = 0;
  for (std::size_t at = 0; at < text.size(); at += kSegment) {
    const bool last = at + kSegment >= text.size();
    const auto flags = static_cast<std::uint8_t>(last ? kPshFlag | kAckFlag : kAckFlag);
    send(talk, from_client, flags, std::string_view(text).substr(at, kSegment));
    if (!from_client && (++count % 2 == 0 || last)) send(talk, true, kAckFlag, {});
  }
}

void CaptureGenerator::send(Talk& talk, bool from_client, std::uint8_t flags, std::string_view payload) {
  std::uint32_t& own = from_client ? talk.client_next : talk.server_next;
  const std::uint32_t ack = (flags & kAckFlag) == 0 ? 0 : from_client ? talk.server_next : talk.client_next;
  const bool syn = (flags & kSynFlag) != 0;
  const std::span<const std::uint8_t> options =
      syn ? std::span<const std::uint8_t>(kSynOptions) : std::span<const std::uint8_t>(kOptions);
  talk.frames.push_back(
      frame_of({talk.client, talk.server, talk.port, from_client, flags, own, ack, options}, payload));
  own += static_cast<std::uint32_t>(payload.size()) + (syn || (flags & kFinFlag) != 0 ? 1 : 0);
}

absl::StatusOr<CaptureFigures> write_pcap(const CaptureShape& shape, const std::string& path) {
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  const std::unique_ptr<std::FILE, Close> file(std::fopen(path.c_str(), "wbe"));
  if (file == nullptr) return absl::ErrnoToStatus(errno, "cannot write " + path);
  std::setvbuf(file.get(), nullptr, _IOFBF, 1u << 18);
  // The header: byte order and unit, version 2.4, two unused words, the longest frame, LINKTYPE_ETHERNET.
  const std::array<std::uint32_t, 6> header = {0xa1b2c3d4, 0x00040002, 0, 0, 65535, 1};
  std::fwrite(header.data(), sizeof header, 1, file.get());
  CaptureGenerator generator(shape);
  for (auto frame = generator.next(); !frame.empty(); frame = generator.next()) {
    const std::int64_t time_us = generator.time_ns() / 1000;
    const auto size = static_cast<std::uint32_t>(frame.size());
    const std::array<std::uint32_t, 4> record = {static_cast<std::uint32_t>(time_us / 1'000'000),
                                                 static_cast<std::uint32_t>(time_us % 1'000'000), size, size};
    std::fwrite(record.data(), sizeof record, 1, file.get());
    if (std::fwrite(frame.data(), size, 1, file.get()) != 1) break;
  }
  if (std::fflush(file.get()) != 0 || std::ferror(file.get()) != 0) {
    return absl::ErrnoToStatus(errno, "cannot write " + path);
  }
  return generator.figures();
}

}  // namespace tapline::bench
