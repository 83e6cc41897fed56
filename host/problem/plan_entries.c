#include "problem/plan_entries.h"

#include "util/text.h"

#include <string.h>

static int *slot(struct plan_entries *entries, const char *id)
{
    size_t i = text_hash(id) & (entries->table_size - 1);
    while (entries->table[i] && strcmp(entries->items[entries->table[i] - 1].id, id) != 0)
        i = (i + 1) & (entries->table_size - 1);
    return &entries->table[i];
}

static void grow(struct plan_entries *entries, struct arena *arena)
{
    const int capacity = entries->capacity ? entries->capacity * 2 : 256;
    entries->items = arena_grow(arena, entries->items, (size_t)entries->count, (size_t)capacity,
                                sizeof *entries->items);
    entries->capacity = capacity;
    entries->table_size = (size_t)capacity * 4;
    entries->table = arena_array(arena, entries->table_size, sizeof *entries->table);
    for (int i = 0; i < entries->count; ++i)
        *slot(entries, entries->items[i].id) = i + 1;
}

/* sweep: NULL for a problem that was given by itself. */
static void add_problem(struct plan_entries *entries, const struct suite *suite,
                        const struct sweep *sweep, const struct problem *problem,
                        struct arena *arena)
{
    if (entries->count == entries->capacity)
        grow(entries, arena);
    const char *id = problem_id(problem, arena);
    int *at = slot(entries, id);
    if (!*at) {
        entries->items[entries->count++] = (struct plan_entry){.id = id,
                                                               .problem = *problem,
                                                               .flops = problem_flops(problem),
                                                               .bytes = problem_bytes(problem),
                                                               .suite = suite};
        *at = entries->count;
    }
    struct plan_entry *entry = &entries->items[*at - 1];
    const size_t n = (size_t)entry->sweep_count;
    entry->sweeps = arena_grow(arena, entry->sweeps, n, n + 1, sizeof *entry->sweeps);
    entry->sources = arena_grow(arena, entry->sources, n, n + 1, sizeof *entry->sources);
    entry->sweeps[n] = arena_print(arena, "%s/%s", suite->name, sweep ? sweep->name : "problem");
    entry->sources[n] = sweep;
    ++entry->sweep_count;
}

int plan_entries_collect(struct plan_entries *entries, const struct plan_request *request,
                         struct arena *arena, struct err *err)
{
    if (request->problem) {
        add_problem(entries, &request->suites[0], NULL, request->problem, arena);
        return 0;
    }
    for (int s = 0; s < request->suite_count; ++s)
        for (int w = 0; w < request->suites[s].sweep_count; ++w) {
            const struct suite *suite = &request->suites[s];
            const struct sweep *sweep = &suite->sweeps[w];
            const int count = sweep_count(sweep);
            for (int k = 0; k < count; ++k) {
                struct problem problem;
                if (sweep_problem(suite, sweep, k, &problem, arena, err))
                    return -1;
                add_problem(entries, suite, sweep, &problem, arena);
            }
        }
    return 0;
}
