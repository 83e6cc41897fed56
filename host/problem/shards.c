#include "problem/shards.h"

#include <stdlib.h>

/* A group, or a cell of one that is too long: the cells [first, end). */
struct item {
    int first, end;
    int64_t cost_ms;
};

static int longest_first(const void *left, const void *right)
{
    const struct item *a = left, *b = right;
    if (a->cost_ms != b->cost_ms)
        return a->cost_ms > b->cost_ms ? -1 : 1;
    return a->first - b->first;
}

/* The first in a heap has the least; of equals the lower number. */
static bool is_before(const struct shards *shards, int a, int b)
{
    return shards->cost_ms[a] != shards->cost_ms[b] ? shards->cost_ms[a] < shards->cost_ms[b]
                                                    : a < b;
}

/* The first has grown: it sinks to its place. */
static void sink(const struct shards *shards, int *heap)
{
    const int shard = heap[0];
    int at = 0;
    for (int child = 1; child < shards->count; child = 2 * at + 1) {
        if (child + 1 < shards->count && is_before(shards, heap[child + 1], heap[child]))
            ++child;
        if (is_before(shards, shard, heap[child]))
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = shard;
}

static int64_t cost_of(const int64_t *cost_ms, int first, int end)
{
    int64_t sum = 0;
    for (int c = first; c < end; ++c)
        sum += cost_ms[c] > 0 ? cost_ms[c] : 1;
    return sum;
}

static int make_items(const struct plan *plan, const int64_t *cost_ms, int64_t share_ms,
                      struct item *items)
{
    int count = 0;
    for (int first = 0, end; first < plan->count; first = end) {
        for (end = first + 1;
             end < plan->count && plan->cells[end].group == plan->cells[first].group;)
            ++end;
        const int64_t group_ms = cost_of(cost_ms, first, end);
        if (group_ms <= share_ms)
            items[count++] = (struct item){first, end, group_ms};
        for (int c = first; c < end && group_ms > share_ms; ++c)
            items[count++] = (struct item){c, c + 1, cost_of(cost_ms, c, c + 1)};
    }
    qsort(items, (size_t)count, sizeof *items, longest_first);
    return count;
}

void shards_build(struct shards *shards, const struct plan *plan, const int64_t *cost_ms, int count,
                  struct arena *arena)
{
    struct arena scratch = {0};
    const size_t n = (size_t)count;
    struct item *items = arena_array(&scratch, (size_t)plan->count, sizeof *items);
    int *heap = arena_array(&scratch, n, sizeof *heap);
    *shards = (struct shards){.count = count,
                              .of_cell = arena_array(arena, (size_t)plan->count, sizeof(int)),
                              .cost_ms = arena_array(arena, n, sizeof(int64_t)),
                              .cells = arena_array(arena, n, sizeof(int)),
                              .total_ms = cost_of(cost_ms, 0, plan->count)};
    for (int s = 0; s < count; ++s)
        heap[s] = s;
    const int item_count = make_items(plan, cost_ms, shards->total_ms / count, items);
    for (int i = 0; i < item_count; ++i) {
        const int shard = heap[0];
        for (int c = items[i].first; c < items[i].end; ++c)
            shards->of_cell[c] = shard;
        shards->cells[shard] += items[i].end - items[i].first;
        shards->cost_ms[shard] += items[i].cost_ms;
        sink(shards, heap);
    }
    for (int s = 1; s < count; ++s)
        if (shards->cost_ms[s] > shards->cost_ms[shards->longest])
            shards->longest = s;
    arena_free(&scratch);
}
