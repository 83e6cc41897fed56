/* Do samples fall into two groups? On shared machines times do (one core's neighbour is busy or
 * not), each group with a narrow spread, so that neither the median nor its interval tells.
 *
 * The test is the largest gap: of all ways to cut the sorted logarithms in two, the gap at the cut
 * beside the wider of both groups' spreads (their 15 % and 85 % quantiles, in standard deviations
 * of a normal). It is two groups when that is over 1 + 52 / n. That limit is from simulation (20000
 * rows of each kind and size): what has one mode (normal, log-normal, uniform, exponential,
 * Student's t with 3 degrees of freedom, and a normal with 5 % of outliers) exceeds it in less than
 * 1 % of rows of 8 to 100 samples. Two normal modes a factor 1.3 apart with a spread of 2 % are
 * found in 99 % of rows of 20 samples or more; of ten, when the spread is 1 %. Hartigan's dip
 * (Hartigan and Hartigan 1985) was no choice: its limit for 20 samples is not reached by a mode of
 * a fifth of them, however far away it is.
 *
 * A few stray samples are outliers: a mode has at least a fifth of the samples, three of them, and
 * four from 13 on; one in 25 may lie in the gap. The gap is over 10 % of the time, which a step of
 * a timer that passed its gate (timer_gate.h: ten ticks) is not. */
#ifndef ATTNBENCH_MEASURE_MODES_H
#define ATTNBENCH_MEASURE_MODES_H

#include <stdbool.h>

struct modes {
    bool two;
    double share;          /* of the samples, in the slower mode; NaN: there is one mode */
    double fast_s, slow_s; /* medians of both modes, in seconds; NaN likewise */
};

/* Fewer than 6 samples are one mode, and so are times that are not all positive. */
void modes_find(const double *samples_s, int count, struct modes *modes);

#endif
