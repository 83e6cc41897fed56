/* Scaling fits and counts, derived from the rows. */
#include "measure/scaling.h"
#include "store/results.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIT_POINTS_MIN = 3 }; /* two points always lie on a line */

/* An ok row in one of its sweeps. */
struct point {
    const struct row *row;
    const char *sweep;
    const char *fixed; /* id without n_q and n_kv */
    int sweep_index;
};

/* The id's "key=value" list without n_kv and, unless `keep_n_q`, n_q. */
static char *fixed_keys(const char *id, bool keep_n_q, struct arena *arena)
{
    struct text out = {0};
    const char *at = strchr(id, '(');
    at = at ? at + 1 : id;
    while (*at && *at != ')') {
        const size_t length = strcspn(at, ",)");
        if (!text_starts(at, "n_kv=") && (keep_n_q || !text_starts(at, "n_q="))) {
            text_add(&out, out.length ? "," : "");
            text_add_bytes(&out, at, length);
        }
        at += length + (at[length] == ',');
    }
    char *fixed = arena_copy(arena, text_get(&out));
    text_free(&out);
    return fixed;
}

static int compare_groups(const struct point *a, const struct point *b)
{
    int order = strcmp(a->row->device, b->row->device);
    if (!order)
        order = strcmp(a->row->variant, b->row->variant);
    if (!order)
        order = strcmp(a->sweep, b->sweep);
    return order ? order : strcmp(a->fixed, b->fixed);
}

static int compare_points(const void *left, const void *right)
{
    const struct point *a = left, *b = right;
    const int order = compare_groups(a, b);
    if (order)
        return order;
    const struct problem *p = &a->row->problem, *q = &b->row->problem;
    if (p->n_q != q->n_q)
        return p->n_q < q->n_q ? -1 : 1;
    if (p->n_kv != q->n_kv)
        return p->n_kv < q->n_kv ? -1 : 1;
    return a->row < b->row ? -1 : a->row > b->row;
}

/* Fits with the row and sweep that each begins at: their final order. */
struct found {
    struct scaling_fit fit;
    const struct row *first;
    int sweep_index;
};
struct finder {
    const struct results *results;
    struct arena *arena;
    struct found *items;
    int count, capacity;
};

static double launch_s(const struct results *results, const char *device)
{
    for (int i = 0; i < results->device_count; ++i)
        if (strcmp(results->devices[i].id, device) == 0)
            return results->devices[i].launch_us * 1e-6;
    return 0;
}

static double memory_exponent(const struct point *points, int count, const double *n,
                              struct arena *arena)
{
    double *bytes = arena_array(arena, (size_t)count, sizeof *bytes);
    bool scratch = true;
    for (int i = 0; i < count; ++i)
        scratch &= points[i].row->memory.scratch_bytes > 0;
    for (int i = 0; i < count; ++i)
        bytes[i] =
            scratch ? points[i].row->memory.scratch_bytes : points[i].row->memory.total_bytes;
    struct power_fit fit;
    return power_fit(n, bytes, count, &fit) ? NAN : fit.exponent;
}

/* The points are sorted, of one group, and differ in n. */
static void add_fit(struct finder *finder, const struct point *points, int count, bool over_n_kv)
{
    if (finder->count == finder->capacity) {
        const int capacity = finder->capacity ? 2 * finder->capacity : 16;
        finder->items = arena_grow(finder->arena, finder->items, (size_t)finder->count,
                                   (size_t)capacity, sizeof *finder->items);
        finder->capacity = capacity;
    }
    struct found *found = finder->items + finder->count++;
    *found = (struct found){.first = points->row, .sweep_index = points->sweep_index};
    double *n = arena_array(finder->arena, (size_t)count, sizeof *n);
    double *median_s = arena_array(finder->arena, (size_t)count, sizeof *median_s);
    double *total_bytes = arena_array(finder->arena, (size_t)count, sizeof *total_bytes);
    const double launch = launch_s(finder->results, points->row->device);
    int from = 0;
    for (int i = 0; i < count; ++i) {
        const struct row *row = points[i].row;
        n[i] = (double)(over_n_kv ? row->problem.n_kv : row->problem.n_q);
        median_s[i] = row->time.median_s;
        total_bytes[i] = row->memory.total_bytes;
        const int passes = row->passes.count > 0 ? row->passes.count : 1;
        if (from == i && is_launch_bound(median_s[i], launch, passes))
            ++from;
        if (row < found->first) {
            found->first = row;
            found->sweep_index = points[i].sweep_index;
        }
    }
    struct power_fit fit;
    if (count - from < FIT_POINTS_MIN || power_fit(n + from, median_s + from, count - from, &fit))
        fit = (struct power_fit){0, NAN, NAN, NAN, NAN};
    const struct row *last = points[count - 1].row;
    found->fit = (struct scaling_fit){
        .device = last->device,
        .variant = last->variant,
        .sweep = points->sweep,
        .fixed = fixed_keys(last->cell, over_n_kv, finder->arena),
        .n = {count, n},
        .median_s = {count, median_s},
        .total_bytes = {count, total_bytes},
        .fitted_from = from,
        .exponent = fit.exponent,
        .exponent_ci95 = fit.exponent_ci95,
        .r2 = fit.r2,
        .memory_exponent = memory_exponent(points, count, n, finder->arena),
        .ps_per_pair = last->rates.pairs > 0 ? median_s[count - 1] * 1e12 / last->rates.pairs
                                             : NAN, /* a recurrence has none */
    };
}

static int64_t n_q(const struct point *point)
{
    return point->row->problem.n_q;
}

/* A group, sorted by n_q and then n_kv. */
static void fit_group(struct finder *finder, const struct point *points, int count)
{
    const bool over_n_kv = n_q(points) == n_q(points + count - 1);
    bool distinct = true;
    for (int i = 1; i < count; ++i)
        distinct &= over_n_kv ? points[i].row->problem.n_kv != points[i - 1].row->problem.n_kv
                              : n_q(points + i) != n_q(points + i - 1);
    if (distinct && count >= 2)
        add_fit(finder, points, count, over_n_kv);
    if (distinct || over_n_kv) /* a cell measured twice has no single curve */
        return;
    for (int begin = 0, end; begin < count; begin = end) {
        for (end = begin + 1; end < count && n_q(points + end) == n_q(points + begin);)
            ++end;
        fit_group(finder, points + begin, end - begin);
    }
}

static int compare_found(const void *left, const void *right)
{
    const struct found *a = left, *b = right;
    if (a->first != b->first)
        return a->first < b->first ? -1 : 1;
    return a->sweep_index - b->sweep_index;
}

void results_derive(struct results *results)
{
    memset(results->counts, 0, sizeof results->counts);
    size_t most = 0;
    for (int i = 0; i < results->row_count; ++i) {
        ++results->counts[results->rows[i].status];
        most += (size_t)results->rows[i].sweeps.count;
    }
    struct arena scratch = {0};
    struct point *points = arena_array(&scratch, most, sizeof *points);
    int count = 0;
    for (int i = 0; i < results->row_count; ++i) {
        const struct row *row = results->rows + i;
        if (row->status != ROW_OK || !(isfinite(row->time.median_s) && row->time.median_s > 0))
            continue;
        const char *fixed = fixed_keys(row->cell, false, &scratch);
        for (int k = 0; k < row->sweeps.count; ++k)
            points[count++] = (struct point){row, row->sweeps.values[k], fixed, k};
    }
    qsort(points, (size_t)count, sizeof *points, compare_points);
    struct finder finder = {.results = results, .arena = &results->arena};
    for (int begin = 0, end; begin < count; begin = end) {
        for (end = begin + 1; end < count && compare_groups(points + begin, points + end) == 0;)
            ++end;
        fit_group(&finder, points + begin, end - begin);
    }
    if (finder.count)
        qsort(finder.items, (size_t)finder.count, sizeof *finder.items, compare_found);
    results->scaling_count = finder.count;
    results->scaling = arena_array(&results->arena, (size_t)finder.count, sizeof *results->scaling);
    for (int i = 0; i < finder.count; ++i)
        results->scaling[i] = finder.items[i].fit;
    arena_free(&scratch);
}
