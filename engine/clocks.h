// The two clocks of the engine, in nanoseconds. flows/ and exporters/ have none: time is handed to them.
#pragma once

#include <cstdint>
#include <ctime>

namespace tapline {

inline std::int64_t read_clock(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

inline std::int64_t monotonic_now() { return read_clock(CLOCK_MONOTONIC); }  // for ages and waits
inline std::int64_t wall_now() { return read_clock(CLOCK_REALTIME); }        // what frames are stamped with

}  // namespace tapline
