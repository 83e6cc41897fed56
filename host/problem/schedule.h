/* The schedule: in which order a plan's groups are measured, so that a run that ends early has seen
 * the most. Pure.
 *
 * From coarse to fine over the sizes: of each sweep its smallest problem first (it is cheap, and
 * tells how fast each variant is), then those at the ends of its axes, then those in the middle of
 * what is left, and so on. All suites and all devices reach a level before any goes on to the next,
 * so that none is favoured by standing first. */
#ifndef ATTNBENCH_PROBLEM_SCHEDULE_H
#define ATTNBENCH_PROBLEM_SCHEDULE_H

#include "problem/plan.h"

/* Cells [first, end) of the plan, of one group: they are measured together. */
struct stretch {
    int first, end;
};

/* The level of value i, from 0, of k values in their order: 0 the first, 1 the last, 2 the middle,
 * 3 the middles of both halves, ... */
int schedule_level(int i, int k);

/* All cells of the plan, in stretches of at most `most` cells; returns how many there are. urgent:
 * by cell; a stretch that has one comes before all others; NULL: none is. Memory is the arena's. */
int schedule_build(const struct plan *plan, const bool *urgent, int most, struct arena *arena,
                   struct stretch **order);

#endif
