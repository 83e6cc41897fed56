/* Memory that is freed all at once.
 *
 * Anything with one lifetime (a suite, a plan, a loaded results file) takes its memory from one
 * arena, so that no structure needs a free function of its own. Memory comes zeroed. When the
 * system has no memory left the process says so and exits with status 6: no caller can do better.
 */
#ifndef ATTNBENCH_UTIL_ARENA_H
#define ATTNBENCH_UTIL_ARENA_H

#include <stddef.h>

struct arena_block;

struct arena {
    struct arena_block *blocks;
};

/* What malloc or realloc gave; NULL ends the program with a message and status 6. */
void *arena_need(void *memory);

/* Zeroed, aligned for any type, owned by the arena. */
void *arena_alloc(struct arena *arena, size_t bytes);

/* The same for an array; the product is checked for overflow. */
void *arena_array(struct arena *arena, size_t count, size_t element_bytes);

/* A copy of `count` elements in a larger array; the old array stays valid. */
void *arena_grow(struct arena *arena, const void *old, size_t count, size_t new_count,
                 size_t element_bytes);

char *arena_copy(struct arena *arena, const char *text);
char *arena_copy_bytes(struct arena *arena, const void *bytes, size_t count); /* adds a NUL */
char *arena_print(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void arena_free(struct arena *arena);

#endif
