/* The cost model: how long will a launch of this cell take? From what was measured in this run.
 *
 * For each variant on each device the largest problem so far gives seconds per operation; a launch
 * is its operations times that, plus the launch latency. Small problems run at lower rates, so the
 * prediction errs on the long side until a large one has been seen; below a million operations
 * nothing is learned. */
#ifndef ATTNBENCH_WORKER_ESTIMATE_H
#define ATTNBENCH_WORKER_ESTIMATE_H

#include "problem/plan.h"

struct estimate; /* rates by device and variant */

struct estimate *estimate_new(const struct plan *plan);
void estimate_free(struct estimate *estimate);

/* Records that a launch of `problem` took seconds. */
void estimate_learn(struct estimate *estimate, const struct cell *cell,
                    const struct problem *problem, double seconds);
bool estimate_knows(const struct estimate *estimate, const struct cell *cell);

/* Seconds of one launch; without any measurement from a rough guess by device type. */
double estimate_launch(const struct estimate *estimate, const struct plan *plan,
                       const struct cell *cell);
/* Seconds of the whole cell: build, checks with the reference, samples. */
double estimate_cell(const struct estimate *estimate, const struct plan *plan,
                     const struct cell *cell);

/* By cell of the plan, in whole milliseconds, 0 for one that will not run: a guess from the plan
 * alone, so that every rank of a fleet comes to the same. Only ratios are of any worth. */
int64_t *estimate_costs_ms(const struct plan *plan, struct arena *arena);

/* A smaller problem of the same kind (fewer queries and keys, one batch entry, the same build) with
 * at most `flops` operations, for a first measurement of a rate. It may point into `lengths`. */
struct problem estimate_pilot(const struct problem *problem, double flops, int64_t lengths[2]);

#endif
