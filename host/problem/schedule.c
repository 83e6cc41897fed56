#include "problem/schedule.h"

#include <stdlib.h>
#include <string.h>

enum { SIZES = 6 };

/* A stretch and what its place depends on. */
struct place {
    struct stretch stretch;
    bool urgent;
    int device;
    const char *suite;
    const char *sweep; /* "suite/sweep" */
    int level, levels; /* the highest over its sizes, and all of them together */
    int turn;          /* how many of its suite and device stand before it on its level */
    int64_t sizes[SIZES];
};

int schedule_level(int i, int k)
{
    int low = 0, high = k - 1, level = 2;
    if (i == low || i == high)
        return i == low ? 0 : 1;
    for (int middle = (low + high) / 2; middle != i; middle = (low + high) / 2, ++level)
        *(i < middle ? &high : &low) = middle;
    return level;
}

static int compare_ints(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int compare_sizes(const void *a, const void *b)
{
    return compare_ints(*(const int64_t *)a, *(const int64_t *)b);
}

static int by_sweep(const void *a, const void *b)
{
    const struct place *left = a, *right = b;
    int order = compare_ints(left->device, right->device);
    if (!order)
        order = strcmp(left->sweep, right->sweep);
    return order ? order : compare_ints(left->stretch.first, right->stretch.first);
}

/* Urgent ones, then level by level, and on each device by device. */
static int by_level(const struct place *left, const struct place *right)
{
    int order = compare_ints(right->urgent, left->urgent);
    if (!order)
        order = compare_ints(left->level, right->level);
    return order ? order : compare_ints(left->device, right->device);
}

/* Within these, as one suite has them: turns are counted in this order. */
static int by_levels(const void *a, const void *b)
{
    const struct place *left = a, *right = b;
    int order = by_level(left, right);
    if (!order)
        order = compare_ints(left->levels, right->levels);
    return order ? order : compare_ints(left->stretch.first, right->stretch.first);
}

/* Within these, by turns of the suites. */
static int by_turn(const void *a, const void *b)
{
    const struct place *left = a, *right = b;
    int order = by_level(left, right);
    if (!order)
        order = compare_ints(left->turn, right->turn);
    return order ? order : compare_ints(left->stretch.first, right->stretch.first);
}

/* Levels of places [0, count), which are those of one sweep on one device. */
static void find_levels(struct place *places, int count, int64_t *values)
{
    for (int s = 0; s < SIZES; ++s) {
        int distinct = 0;
        for (int p = 0; p < count; ++p)
            values[p] = places[p].sizes[s];
        qsort(values, (size_t)count, sizeof *values, compare_sizes);
        for (int p = 0; p < count; ++p)
            if (!p || values[p] != values[distinct - 1])
                values[distinct++] = values[p];
        for (int p = 0; p < count; ++p) {
            const int64_t *value = bsearch(&places[p].sizes[s], values, (size_t)distinct,
                                           sizeof *values, compare_sizes);
            const int level = schedule_level((int)(value - values), distinct);
            places[p].level = level > places[p].level ? level : places[p].level;
            places[p].levels += level;
        }
    }
}

static struct place make_place(const struct plan *plan, const bool *urgent, int first, int end)
{
    const struct cell *cell = &plan->cells[first];
    const struct problem *problem = &cell->problem;
    struct place place = {.stretch = {first, end},
                          .device = cell->device,
                          .suite = cell->suite ? cell->suite->name : "",
                          .sweep = cell->sweep_count && cell->sweeps[0] ? cell->sweeps[0] : "",
                          .sizes = {problem->n_q, problem->n_kv, problem->heads_q, problem->d_k,
                                    problem->batch, problem->d_model}};
    for (int c = first; urgent && c < end; ++c)
        place.urgent |= urgent[c];
    return place;
}

/* How many of its suite stand before each place, which are in the order by_levels. */
static void count_turns(struct place *places, int count)
{
    enum { SUITES = 64 };
    for (int p = 0; p < count;) {
        const char *suites[SUITES];
        int turns[SUITES], known = 0, q = p;
        for (; q < count && places[q].urgent == places[p].urgent &&
               places[q].level == places[p].level && places[q].device == places[p].device;
             ++q) {
            int s = 0;
            while (s < known && strcmp(suites[s], places[q].suite) != 0)
                ++s;
            if (s == known && known < SUITES) {
                suites[known] = places[q].suite;
                turns[known++] = 0;
            }
            places[q].turn = s < SUITES ? turns[s]++ : q - p;
        }
        p = q;
    }
}

int schedule_build(const struct plan *plan, const bool *urgent, int most, struct arena *arena,
                   struct stretch **order)
{
    struct arena scratch = {0};
    struct place *places = arena_array(&scratch, (size_t)plan->count + 1, sizeof *places);
    int64_t *values = arena_array(&scratch, (size_t)plan->count + 1, sizeof *values);
    int count = 0;
    for (int first = 0, end = 0; first < plan->count; first = end) {
        for (end = first + 1; end < plan->count && end - first < most &&
                              plan->cells[end].group == plan->cells[first].group;)
            ++end;
        places[count++] = make_place(plan, urgent, first, end);
    }
    qsort(places, (size_t)count, sizeof *places, by_sweep);
    for (int first = 0, end = 0; first < count; first = end) {
        for (end = first; end < count && places[end].device == places[first].device &&
                          strcmp(places[end].sweep, places[first].sweep) == 0;)
            ++end;
        find_levels(places + first, end - first, values);
    }
    qsort(places, (size_t)count, sizeof *places, by_levels);
    count_turns(places, count);
    qsort(places, (size_t)count, sizeof *places, by_turn);
    *order = arena_array(arena, (size_t)count + 1, sizeof **order);
    for (int p = 0; p < count; ++p)
        (*order)[p] = places[p].stretch;
    arena_free(&scratch);
    return count;
}
