/* The search for a variant's best tuning on one problem: which candidates to try next. Pure: it is
 * told what became of them.
 *
 * Where there are few combinations all of them are tried. Otherwise it is a best-first local
 * search: the neighbours (one tunable changed, the next values before those further away) of the
 * fastest candidate, then of the next fastest when those have all been tried; the last quarter of
 * what is proposed at a time is drawn at random, so that a valley somewhere else is found too.
 * Where one change breaks the variant's rule (GRID_M == GRID_N), a second one, drawn at random,
 * mends it. Candidates that failed have no time and no neighbours. */
#ifndef ATTNBENCH_PROBLEM_SEARCH_H
#define ATTNBENCH_PROBLEM_SEARCH_H

#include "problem/variant.h"

struct trial {
    struct tuning tuning;
    double seconds; /* infinity: failed, or not known yet */
    int mended;     /* changes of one tunable whose mending was tried */
    bool expanded;  /* no neighbours are left */
};

struct search {
    const struct variant *variant;
    const struct problem *problem;
    const struct device_info *device;
    const struct tuning *avoid; /* never proposed, but for the first; set after search_start */
    int avoid_count;
    struct trial *trials; /* in the order of proposal; the first is the default */
    int count, capacity;
    int64_t combinations, at, stride, left; /* the random order of all combinations */
    uint64_t random;
    struct arena *arena;
};

/* How many combinations a variant's tunables have, allowed or not. */
double search_combinations(const struct variant *variant);

/* `first` is tried first: the default tuning. -1: more combinations than can be counted. What the
 * arguments point to must outlive the search. */
int search_start(struct search *search, const struct variant *variant,
                 const struct problem *problem, const struct device_info *device,
                 const struct tuning *first, uint64_t seed, struct arena *arena, struct err *err);

/* Proposes up to `most` candidates, trials[first] ... trials[count - 1] with first the count
 * before; returns how many. 0: everything has been tried. */
int search_next(struct search *search, int most);

/* What became of a trial; infinity when it failed. */
void search_learn(struct search *search, int trial, double seconds);

/* The k fastest trials, fastest first; returns how many there are. */
int search_best(const struct search *search, int *trials, int k);

#endif
