/* A pool of strings: of equal ones there is one copy. For records that repeat their words. */
#ifndef ATTNBENCH_UTIL_POOL_H
#define ATTNBENCH_UTIL_POOL_H

#include "util/arena.h"

#include <stddef.h>

/* Zero-initialised but for its arena, which owns the strings. */
struct text_pool {
    struct arena *arena;
    const char **slots;
    size_t count, capacity; /* of slots: a power of 2 */
};

/* The pool's copy of the text. */
const char *text_pool_get(struct text_pool *pool, const char *text);
/* Frees the table; the strings stay. */
void text_pool_free(struct text_pool *pool);

#endif
