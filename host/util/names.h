/* Names by number: each distinct text once, numbered from 0 in order of arrival. */
#ifndef ATTNBENCH_UTIL_NAMES_H
#define ATTNBENCH_UTIL_NAMES_H

#include "util/arena.h"

/* Zero-initialised means empty; the memory is the arena's. */
struct names {
    struct arena *arena;
    const char **items;
    int count, capacity;
    int *table; /* open addressing: number + 1, 0: free */
    size_t table_size;
};

int names_add(struct names *names, const char *name);        /* its number, old or new */
int names_find(const struct names *names, const char *name); /* -1: it is not there */

#endif
