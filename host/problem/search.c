#include "problem/search.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Steps of the random order that one draw may take to find an allowed combination. */
enum { DRAW_STEPS = 1 << 20 };
static const double combinations_max = 0x1p52;

/* splitmix64 (Steele, Lea and Flood 2014) */
static uint64_t draw(struct search *search)
{
    uint64_t x = search->random += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static int64_t gcd(int64_t a, int64_t b)
{
    while (b) {
        const int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

double search_combinations(const struct variant *variant)
{
    double combinations = 1;
    for (int i = 0; i < variant->tunable_count; ++i)
        combinations *= variant->tunables[i].count;
    return combinations;
}

static void propose(struct search *search, const struct tuning *tuning)
{
    if (!search->trials || search->count == search->capacity) {
        search->capacity = search->capacity ? 2 * search->capacity : 64;
        search->trials = arena_grow(search->arena, search->trials, (size_t)search->count,
                                    (size_t)search->capacity, sizeof *search->trials);
    }
    search->trials[search->count++] = (struct trial){.tuning = *tuning, .seconds = INFINITY};
}

int search_start(struct search *search, const struct variant *variant,
                 const struct problem *problem, const struct device_info *device,
                 const struct tuning *first, uint64_t seed, struct arena *arena, struct err *err)
{
    const double combinations = search_combinations(variant);
    if (combinations > combinations_max)
        return err_set(err, "%s: %.3g combinations of tunables are too many", variant->name,
                       combinations);
    *search = (struct search){.variant = variant,
                              .problem = problem,
                              .device = device,
                              .combinations = (int64_t)combinations,
                              .left = (int64_t)combinations,
                              .random = seed,
                              .arena = arena};
    /* A stride that shares no factor with the number of combinations visits each of them once. */
    search->at = (int64_t)(draw(search) % (uint64_t)search->combinations);
    do
        search->stride = (int64_t)(draw(search) % (uint64_t)search->combinations) + 1;
    while (gcd(search->stride, search->combinations) != 1);
    search->trials = NULL;
    propose(search, first);
    search->count = 0; /* search_next proposes it */
    return 0;
}

static bool same_values(const struct tuning *a, const struct tuning *b)
{
    bool same = true;
    for (int i = 0; i < a->count && same; ++i)
        same = a->items[i].value == b->items[i].value;
    return same;
}

static bool was_tried(const struct search *search, const struct tuning *tuning)
{
    for (int t = 0; t < search->count; ++t)
        if (same_values(&search->trials[t].tuning, tuning))
            return true;
    for (int t = 0; t < search->avoid_count; ++t)
        if (same_values(&search->avoid[t], tuning))
            return true;
    return false;
}

static bool is_allowed(const struct search *search, const struct tuning *tuning)
{
    return variant_tuning_fits(search->variant, search->problem, search->device, tuning, NULL) == 0;
}

/* ---- the random order ------------------------------------------------------------------------ */

static void combination(const struct variant *variant, int64_t k, struct tuning *tuning)
{
    *tuning = (struct tuning){.count = variant->tunable_count};
    for (int i = 0; i < variant->tunable_count; ++i) {
        const struct tunable *tunable = &variant->tunables[i];
        tuning->items[i].name = tunable->name;
        tuning->items[i].value = tunable->values[k % tunable->count];
        k /= tunable->count;
    }
}

/* False: no combination is left. */
static bool propose_random(struct search *search)
{
    for (int step = 0; step < DRAW_STEPS && search->left > 0; ++step) {
        struct tuning tuning;
        combination(search->variant, search->at, &tuning);
        search->at = (search->at + search->stride) % search->combinations;
        --search->left;
        if (!was_tried(search, &tuning) && is_allowed(search, &tuning)) {
            propose(search, &tuning);
            return true;
        }
    }
    return false;
}

/* ---- neighbours ------------------------------------------------------------------------------ */

struct change {
    int tunable, value;
};

/* The k-th change in the file's order; false past the end. */
static bool change_at(const struct variant *variant, int k, struct change *change)
{
    for (int i = 0; i < variant->tunable_count; ++i) {
        *change = (struct change){i, k};
        if (k < variant->tunables[i].count)
            return true;
        k -= variant->tunables[i].count;
    }
    return false;
}

/* Steps between the tuning's value of the change's tunable and the new one. */
static int distance(const struct search *search, const struct tuning *from,
                    const struct change *change)
{
    const struct tunable *tunable = &search->variant->tunables[change->tunable];
    int at = 0;
    while (at < tunable->count && tunable->values[at] != from->items[change->tunable].value)
        ++at;
    return abs(at - change->value);
}

/* The nearest first, in random order among those that are as near. */
static int ordered_changes(struct search *search, const struct tuning *from, struct change *changes)
{
    int count = 0;
    while (change_at(search->variant, count, &changes[count]))
        ++count;
    for (int i = count - 1; i > 0; --i) { /* Fisher and Yates */
        const int j = (int)(draw(search) % (uint64_t)(i + 1));
        const struct change swap = changes[i];
        changes[i] = changes[j];
        changes[j] = swap;
    }
    for (int i = 1; i < count; ++i) { /* a stable sort of some twenty */
        const struct change moved = changes[i];
        const int far = distance(search, from, &moved);
        int at = i;
        for (; at > 0 && distance(search, from, &changes[at - 1]) > far; --at)
            changes[at] = changes[at - 1];
        changes[at] = moved;
    }
    return count;
}

static struct tuning changed(const struct search *search, const struct tuning *tuning,
                             const struct change *change)
{
    struct tuning result = *tuning;
    result.items[change->tunable].value =
        search->variant->tunables[change->tunable].values[change->value];
    return result;
}

static bool propose_changed(struct search *search, const struct tuning *from,
                            const struct change *change)
{
    const struct tuning tuning = changed(search, from, change);
    if (was_tried(search, &tuning) || !is_allowed(search, &tuning))
        return false;
    propose(search, &tuning);
    return true;
}

/* One neighbour of a trial that was not tried before; those that need no mending first. */
static bool propose_neighbour(struct search *search, int trial)
{
    struct change changes[TUNABLES_MAX * TUNABLE_VALUES_MAX + 1], first;
    const struct tuning from = search->trials[trial].tuning;
    const int count = ordered_changes(search, &from, changes);
    for (int c = 0; c < count; ++c)
        if (propose_changed(search, &from, &changes[c]))
            return true;
    while (change_at(search->variant, search->trials[trial].mended, &first)) {
        ++search->trials[trial].mended;
        const struct tuning broken = changed(search, &from, &first);
        for (int c = 0; c < count && !is_allowed(search, &broken); ++c)
            if (changes[c].tunable != first.tunable &&
                propose_changed(search, &broken, &changes[c]))
                return true;
    }
    search->trials[trial].expanded = true;
    return false;
}

static bool propose_near_best(struct search *search)
{
    while (true) {
        int best = -1;
        for (int t = 0; t < search->count; ++t)
            if (!search->trials[t].expanded && isfinite(search->trials[t].seconds) &&
                (best < 0 || search->trials[t].seconds < search->trials[best].seconds))
                best = t;
        if (best < 0)
            return false;
        if (propose_neighbour(search, best))
            return true;
    }
}

int search_next(struct search *search, int most)
{
    const int before = search->count;
    if (before == 0 && most > 0)
        ++search->count; /* search_start has put the first tuning there */
    while (search->count - before < most) {
        const bool local = 4 * (search->count - before) < 3 * most;
        if (!(local && propose_near_best(search)) && !propose_random(search) &&
            !propose_near_best(search))
            break;
    }
    return search->count - before;
}

void search_learn(struct search *search, int trial, double seconds)
{
    search->trials[trial].seconds = seconds;
}

int search_best(const struct search *search, int *trials, int k)
{
    int count = 0;
    for (int t = 0; t < search->count; ++t) {
        if (!isfinite(search->trials[t].seconds))
            continue;
        int at = count < k ? count++ : k;
        for (; at > 0 && search->trials[trials[at - 1]].seconds > search->trials[t].seconds; --at)
            if (at < k)
                trials[at] = trials[at - 1];
        if (at < k)
            trials[at] = t;
    }
    return count;
}
