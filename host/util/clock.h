/* The host's monotonic clock. Not for the pure layers: problem, verify and measure read no clock.
 */
#ifndef ATTNBENCH_UTIL_CLOCK_H
#define ATTNBENCH_UTIL_CLOCK_H

/* Seconds since some fixed moment. */
double clock_now_s(void);

#endif
