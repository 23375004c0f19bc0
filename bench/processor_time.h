// Where processors and processes spend their time, as the kernel samples it at each tick.
#pragma once

#include <sys/types.h>

#include <map>

namespace tapline::bench {

// Seconds since the machine was started.
struct ProcessorTime {
  double user = 0, system = 0, softirq = 0;  // softirq: with hardware interrupts
  double idle = 0;                           // and waiting for disks, or given to other virtual machines
};

// Each processor that is online, by its number.
std::map<int, ProcessorTime> processor_times();

ProcessorTime operator-(const ProcessorTime& now, const ProcessorTime& before);

// Seconds since the process was started, all its threads and children together. What the kernel does in its
// name, at an interrupt, is `system`.
struct ProcessTime {
  double user = 0, system = 0;
};

ProcessTime process_time(pid_t process);

// The sum of both, more exactly. Nothing of what counts in it is lost when a thread ends.
double process_seconds(pid_t process);

}  // namespace tapline::bench
