/* The timer gate: are a device's event timestamps believable?
 *
 * Drivers have been seen to report ends before starts, kernels of 7e10 seconds, and clocks that run
 * 20 times too fast. A sample whose events fail any rule is timed by the host clock instead. */
#ifndef ATTNBENCH_MEASURE_TIMER_GATE_H
#define ATTNBENCH_MEASURE_TIMER_GATE_H

#include <stdbool.h>
#include <stdint.h>

enum { TIMER_GATE_REASON = 160 };
#define TIMER_GATE_OFF "profiling=off: the device was asked for no times"

/* Nanoseconds, as clGetEventProfilingInfo gives them. */
struct event_times {
    uint64_t queued, submit, start, end;
};

/* Rules: queued <= submit <= start <= end for each event; each starts no earlier than the one
 * before it (the queue is in order); first start to last end within host_s (plus 5 % and 20 us for
 * clocks that drift) and at least 10 ticks of tick_ns. False writes the reason. */
bool timer_gate(const struct event_times *events, int count, double host_s, double tick_ns,
                char reason[TIMER_GATE_REASON]);

/* What the samples of a row say together. Unknown values are NaN. */
struct row_clocks {
    double device_s;   /* median of the samples, first start to last end */
    double passes_s;   /* of the passes' own times, together */
    double overhead_s; /* the least that a sample's host time exceeds its device time by */
    double launch_s;   /* of an empty kernel, by the host's clock */
    int passes;
    double host_span_s, device_span_s; /* how far each clock went from launch to launch, in all */
};

/* Lies that every single sample can tell within its bracket. Over 5 ms and more, both clocks must
 * advance at the same pace, within a factor of 2: finds a unit that is not the nanosecond, and a
 * clock that stands. And of what launching does not explain (five empty kernels a pass), the device
 * must have been at work for half; the same of the passes within a launch. That finds times that
 * are too short, but only for launches that take longer than launching. */
bool timer_gate_row(const struct row_clocks *clocks, char reason[TIMER_GATE_REASON]);

#endif
