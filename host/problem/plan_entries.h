/* The problems of a plan: those of all sweeps, each once. Of plan.c. */
#ifndef ATTNBENCH_PROBLEM_PLAN_ENTRIES_H
#define ATTNBENCH_PROBLEM_PLAN_ENTRIES_H

#include "problem/plan.h"

/* A problem of the suites, with the sweeps that ask for it. */
struct plan_entry {
    const char *id;
    struct problem problem;
    double flops, bytes; /* counting what a mask keeps takes its time: once a problem */
    const struct suite *suite;
    const char **sweeps;
    const struct sweep **sources;
    int sweep_count;
};

struct plan_entries {
    struct plan_entry *items;
    int count, capacity;
    int *table; /* open addressing: index + 1 into items, 0 free */
    size_t table_size;
};

/* In file order; or the one problem that the request gives. Zero-initialised before. */
int plan_entries_collect(struct plan_entries *entries, const struct plan_request *request,
                         struct arena *arena, struct err *err);

#endif
