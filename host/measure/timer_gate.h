/* The timer gate: are a device's event timestamps believable?
 *
 * Drivers have been seen to report ends before starts, kernels of 7e10 seconds, and clocks that run
 * 20 times too fast. A sample whose events fail any rule is timed by the host clock instead. */
#ifndef ATTNBENCH_MEASURE_TIMER_GATE_H
#define ATTNBENCH_MEASURE_TIMER_GATE_H

#include <stdbool.h>
#include <stdint.h>

enum { TIMER_GATE_REASON = 160 };

/* Nanoseconds, as clGetEventProfilingInfo gives them. */
struct event_times {
    uint64_t queued, submit, start, end;
};

/* Rules: queued <= submit <= start <= end for each event; each starts no earlier than the one
 * before it (the queue is in order); first start to last end within host_s (plus 5 % and 20 us for
 * clocks that drift) and at least 10 ticks of tick_ns. False writes the reason. */
bool timer_gate(const struct event_times *events, int count, double host_s, double tick_ns,
                char reason[TIMER_GATE_REASON]);

#endif
