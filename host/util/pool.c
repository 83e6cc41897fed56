#include "util/pool.h"

#include "util/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char **find(const struct text_pool *pool, const char *text)
{
    size_t slot = text_hash(text) & (pool->capacity - 1);
    while (pool->slots[slot] && strcmp(pool->slots[slot], text) != 0)
        slot = (slot + 1) & (pool->capacity - 1);
    return &pool->slots[slot];
}

static void grow(struct text_pool *pool)
{
    const struct text_pool old = *pool;
    pool->capacity = old.capacity ? 2 * old.capacity : 256;
    pool->slots = calloc(pool->capacity, sizeof *pool->slots);
    if (!pool->slots) {
        fprintf(stderr, "attnbench: out of memory\n");
        exit(6);
    }
    for (size_t i = 0; i < old.capacity; ++i)
        if (old.slots[i])
            *find(pool, old.slots[i]) = old.slots[i];
    free(old.slots);
}

const char *text_pool_get(struct text_pool *pool, const char *text)
{
    if (2 * (pool->count + 1) > pool->capacity)
        grow(pool);
    const char **slot = find(pool, text);
    if (!*slot) {
        *slot = arena_copy(pool->arena, text);
        ++pool->count;
    }
    return *slot;
}

void text_pool_free(struct text_pool *pool)
{
    free(pool->slots);
    *pool = (struct text_pool){0};
}
