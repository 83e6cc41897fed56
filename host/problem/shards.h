/* Shards: a plan's cells shared out among ranks. Pure: every rank computes the same shares by
 * itself, from the plan, the number of shards and costs that depend on nothing else.
 *
 * Longest first, each to the shard with the least so far (Graham 1969: at most 4/3 of the best
 * possible makespan). What is placed are groups, whose variants then meet on one device and are
 * measured in alternating rounds; a group that costs more than an even share is placed cell by cell
 * instead, as it would be the longest shard by itself. */
#ifndef ATTNBENCH_PROBLEM_SHARDS_H
#define ATTNBENCH_PROBLEM_SHARDS_H

#include "problem/plan.h"

struct shards {
    int count;
    int *of_cell;     /* by the plan's cell: its shard, from 0 */
    int64_t *cost_ms; /* by shard */
    int *cells;       /* by shard */
    int longest;      /* the shard that costs most */
    int64_t total_ms; /* of all */
};

/* cost_ms: by cell; what is below 1 counts as 1. Memory is the arena's. */
void shards_build(struct shards *shards, const struct plan *plan, const int64_t *cost_ms, int count,
                  struct arena *arena);

#endif
