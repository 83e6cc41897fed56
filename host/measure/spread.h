/* How far apart are runs of one thing? What a run differs by from others of the same program on the
 * same machine (memory's place, other work, temperature) is in no run's own samples; several runs
 * show it.
 *
 * On logarithms of medians, a cell a group: the groups' standard deviations are pooled, and a
 * further run lies within Student's 99 % interval around the middle of the group's runs. A group
 * that spreads more than all together has its own. */
#ifndef ATTNBENCH_MEASURE_SPREAD_H
#define ATTNBENCH_MEASURE_SPREAD_H

/* Zero-initialised: of no group yet. */
struct spread {
    double squares; /* of log medians, from the middle of their group */
    int freedom;    /* runs beyond the first of each group */
};

/* Medians of one cell in several runs, positive; fewer than two say nothing. */
void spread_add(struct spread *spread, const double *medians, int count);

/* The change, 0.03 for 3 %, that another run of the cell stays below in 99 of 100 cases although
 * nothing changed; 0 when the runs say nothing. Never below what the cell's own runs differ by. */
double spread_threshold(const struct spread *spread, const double *medians, int count);

#endif
