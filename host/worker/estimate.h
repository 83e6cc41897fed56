/* The cost model: how long will a launch of this cell take? From what was measured in this run.
 *
 * For each variant on each device the largest problem so far gives seconds per operation; a launch
 * is its operations times that, plus the launch latency. Small problems run at lower rates, so the
 * prediction errs on the long side until a large one has been seen; below a million operations
 * nothing is learned. The first cell of each program also takes what building took on average. */
#ifndef ATTNBENCH_WORKER_ESTIMATE_H
#define ATTNBENCH_WORKER_ESTIMATE_H

#include "problem/plan.h"

struct estimate; /* rates by device and variant */

struct estimate *estimate_new(const struct plan *plan);
void estimate_free(struct estimate *estimate);

/* Records that a launch of `problem` took seconds. */
void estimate_learn(struct estimate *estimate, const struct cell *cell,
                    const struct problem *problem, double seconds);
/* Records what building the program of this cell took, if the cell is its program's first. */
void estimate_learn_build(struct estimate *estimate, const struct plan *plan,
                          const struct cell *cell, double seconds);
/* Is the cell the first that needs its program? A library's is one for all sizes. */
bool estimate_builds(const struct estimate *estimate, const struct plan *plan,
                     const struct cell *cell);
/* Programs are loaded from a cache from here on: until one was, that is taken to be quick. */
void estimate_are_built(struct estimate *estimate);
bool estimate_knows(const struct estimate *estimate, const struct cell *cell);

/* Seconds of one launch; without any measurement from a rough guess by the device's peak, or by its
 * type. */
double estimate_launch(const struct estimate *estimate, const struct plan *plan,
                       const struct cell *cell);
/* Seconds of the whole cell: build, checks with the reference, samples. */
double estimate_cell(const struct estimate *estimate, const struct plan *plan,
                     const struct cell *cell);

/* Seconds of its samples alone, as its rule asks for them. */
double estimate_samples(const struct estimate *estimate, const struct plan *plan,
                        const struct cell *cell);
/* Seconds of the least that makes a checked row: build, two launches, and the reference if the cell
 * is the first of its group. */
double estimate_least(const struct estimate *estimate, const struct plan *plan,
                      const struct cell *cell);

/* By cell of the plan, in whole milliseconds, 0 for one that will not run: a guess from the plan
 * alone, so that every rank of a fleet comes to the same. Only ratios are of any worth. */
int64_t *estimate_costs_ms(const struct plan *plan, struct arena *arena);

/* What a run of the plan's cells c with !done[c] (NULL: all) will take, before anything is
 * measured: by the devices' peaks where they are known, else by the kind of device. Right within a
 * factor of some three: how near to its peak a kernel comes is what the run is to find out. */
struct forecast {
    double seconds;
    int cells; /* that will run */
    bool by_peaks;
};
void estimate_plan(struct forecast *forecast, const struct plan *plan, const bool *done);

/* What the rest of a run is made of; estimates are those of now, also of what is done. */
struct outlook {
    double done_s, spent_s;        /* the groups that are done: estimated, and what they took */
    double group_s, group_spent_s; /* the present one: estimated, and what it has taken so far */
    double later_s;                /* those to come */
    double guessed_s;              /* of the last two estimates, what rests on no measurement */
    double budget_s;               /* that is left; cells beyond it are skipped; 0: no budget */
    bool has_budget;
};

/* Seconds until the run ends: estimates at the pace of what is done (a busy machine, slow builds),
 * within the budget. NaN: unknown, as most of it would be a guess. */
double estimate_rest(const struct outlook *outlook);

/* A smaller problem of the same kind (fewer queries and keys, one batch entry, the same build) with
 * at most `flops` operations, for a first measurement of a rate. It may point into `lengths`. */
struct problem estimate_pilot(const struct problem *problem, double flops, int64_t lengths[2]);

#endif
