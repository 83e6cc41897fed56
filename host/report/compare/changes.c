#include "report/compare/changes.h"

#include "measure/spread.h"
#include "report/grid.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool change_is_regression(enum change_kind kind)
{
    return kind == CHANGE_BROKEN || kind == CHANGE_SLOWER || kind == CHANGE_MISSING;
}

int changes_regressions(const struct changes *changes)
{
    int count = 0;
    if (changes->base.device)
        return 0;
    for (int kind = 0; kind < CHANGE_KINDS; ++kind)
        count += change_is_regression((enum change_kind)kind) ? changes->counts[kind] : 0;
    return count;
}

int changes_compared(const struct changes *changes)
{
    const int *counts = changes->counts;
    return counts[CHANGE_SLOWER] + counts[CHANGE_UNCLEAR] + counts[CHANGE_SAME] +
           counts[CHANGE_FASTER];
}

/* ---- matching -------------------------------------------------------------------------------- */

struct entry {
    const struct row *row;
    const char *variant; /* "" where each side has its own */
    const char *device;  /* in BASE, where there is one only on each side */
    int run;             /* of the side's runs */
};

static int compare_keys(const struct entry *a, const struct entry *b)
{
    int order = strcmp(a->row->cell, b->row->cell);
    if (!order)
        order = strcmp(a->variant, b->variant);
    return order ? order : strcmp(a->device, b->device);
}

static int compare_entries(const void *left, const void *right)
{
    const struct entry *a = left, *b = right;
    const int order = compare_keys(a, b);
    return order ? order : a->run - b->run;
}

/* All runs' rows in the order of their keys. device: what all of them stand for, or NULL. */
static struct entry *list_entries(const struct side *side, const char *device, int *count,
                                  struct arena *arena)
{
    size_t rows = (size_t)side->results->row_count;
    for (int r = 0; r < side->more_count; ++r)
        rows += (size_t)side->more[r]->row_count;
    struct entry *entries = arena_array(arena, rows + 1, sizeof *entries);
    *count = 0;
    for (int r = 0; r <= side->more_count; ++r) {
        const struct results *results = r ? side->more[r - 1] : side->results;
        for (int i = 0; i < results->row_count; ++i) {
            const struct row *row = results->rows + i;
            if ((!side->variant || strcmp(side->variant, row->variant) == 0) &&
                (!side->device || strcmp(side->device, row->device) == 0))
                entries[(*count)++] = (struct entry){row, side->variant ? "" : row->variant,
                                                     device ? device : row->device, r};
        }
    }
    qsort(entries, (size_t)*count, sizeof *entries, compare_entries);
    return entries;
}

static bool is_timed(const struct row *row)
{
    return row->status == ROW_OK && row->time.median_s > 0;
}

static int compare_medians(const void *left, const void *right)
{
    const double a = (*(const struct row *const *)left)->time.median_s;
    const double b = (*(const struct row *const *)right)->time.median_s;
    return (a > b) - (a < b);
}

/* Of one cell's rows in several runs the middle one of those that are ok, else the first. */
static void choose_base(struct change *change, const struct entry *entries, int count,
                        struct arena *arena)
{
    const struct row **rows = arena_array(arena, (size_t)count, sizeof *rows);
    double *medians = arena_array(arena, (size_t)count, sizeof *medians);
    int ok = 0;
    for (int i = 0; i < count; ++i)
        if (is_timed(entries[i].row))
            rows[ok++] = entries[i].row;
    qsort(rows, (size_t)ok, sizeof *rows, compare_medians);
    for (int i = 0; i < ok; ++i)
        medians[i] = rows[i]->time.median_s;
    change->base = ok ? rows[ok / 2] : entries[0].row;
    change->base_medians = medians;
    change->base_runs = ok;
}

static int same_keys(const struct entry *entries, int from, int count)
{
    int end = from;
    while (end < count && compare_keys(entries + from, entries + end) == 0)
        ++end;
    return end - from;
}

/* One device on each side is matched by its place; two that are named, too. */
static const char *only_device(const struct changes *changes)
{
    const struct side *base = &changes->base, *new_side = &changes->new_side;
    if (base->device)
        return base->device;
    bool single = base->results->device_count == 1 && new_side->results->device_count == 1;
    for (int r = 0; r < base->more_count; ++r)
        single = single && base->more[r]->device_count == 1;
    return single ? base->results->devices[0].id : NULL;
}

static void match(struct changes *changes, struct arena *arena)
{
    const char *device = only_device(changes);
    int m = 0, n = 0, i = 0, k = 0;
    const struct entry *a = list_entries(&changes->base, device, &m, arena);
    const struct entry *b = list_entries(&changes->new_side, device, &n, arena);
    changes->items = arena_array(arena, (size_t)m + (size_t)n + 1, sizeof *changes->items);
    while (i < m || k < n) {
        const int order = i == m ? 1 : k == n ? -1 : compare_keys(a + i, b + k);
        struct change *change = &changes->items[changes->count++];
        change->device = order <= 0 ? a[i].device : b[k].device;
        if (order <= 0) {
            const int same = changes->base.more_count ? same_keys(a, i, m) : 1;
            choose_base(change, a + i, same, arena);
            i += same;
        }
        change->new_row = order >= 0 ? b[k++].row : NULL;
        changes->matched += order == 0;
    }
}

/* What the runs of BASE differ by is no change. */
static void set_thresholds(struct changes *changes)
{
    struct spread spread = {0};
    for (int i = 0; i < changes->count && changes->base.more_count; ++i)
        spread_add(&spread, changes->items[i].base_medians, changes->items[i].base_runs);
    for (int i = 0; i < changes->count; ++i) {
        struct change *change = changes->items + i;
        change->threshold = fmax(
            changes->threshold, spread_threshold(&spread, change->base_medians, change->base_runs));
    }
}

/* ---- order, means, labels -------------------------------------------------------------------- */

static const struct row *any_row(const struct change *change)
{
    return change->new_row ? change->new_row : change->base;
}

static int compare_changes(const void *left, const void *right)
{
    const struct change *a = left, *b = right;
    if (a->kind != b->kind)
        return (int)a->kind - (int)b->kind;
    const double x = isnan(a->times.ratio) ? 0 : a->times.ratio;
    const double y = isnan(b->times.ratio) ? 0 : b->times.ratio;
    if (x < y || x > y)
        return x > y ? -1 : 1;
    const struct row *p = any_row(a), *q = any_row(b);
    int order = strcmp(p->variant, q->variant);
    if (!order)
        order = strcmp(a->device, b->device);
    if (!order && p->problem.n_q != q->problem.n_q)
        order = p->problem.n_q < q->problem.n_q ? -1 : 1;
    return order ? order : strcmp(p->cell, q->cell);
}

static void add_ratio(struct mean *mean, double ratio)
{
    mean->ratio = (mean->cells ? mean->ratio : 0) + log(ratio);
    ++mean->cells;
}

static void find_means(struct changes *changes, struct arena *arena)
{
    changes->variants = arena_array(arena, (size_t)changes->count + 1, sizeof *changes->variants);
    changes->all.ratio = NAN;
    for (int i = 0; i < changes->count; ++i) {
        const struct change *change = changes->items + i;
        const char *variant = any_row(change)->variant;
        int v = 0;
        if (!isfinite(change->times.ratio))
            continue;
        while (v < changes->variant_count && strcmp(changes->variants[v].variant, variant) != 0)
            ++v;
        changes->variant_count += v == changes->variant_count;
        changes->variants[v].variant = variant;
        add_ratio(&changes->variants[v], change->times.ratio);
        add_ratio(&changes->all, change->times.ratio);
    }
    for (int v = 0; v < changes->variant_count; ++v)
        changes->variants[v].ratio = exp(changes->variants[v].ratio / changes->variants[v].cells);
    if (changes->all.cells)
        changes->all.ratio = exp(changes->all.ratio / changes->all.cells);
}

static void add_labels(struct changes *changes, struct arena *arena)
{
    const struct row **rows = arena_array(arena, (size_t)changes->count + 1, sizeof *rows);
    for (int i = 0; i < changes->count; ++i) {
        rows[i] = any_row(&changes->items[i]);
        changes->many_devices |= strcmp(changes->items[i].device, changes->items[0].device) != 0;
    }
    const struct labels labels = labels_build(rows, changes->count, arena);
    changes->axes = labels.axes;
    changes->fixed = labels.fixed;
    for (int i = 0; i < changes->count; ++i)
        changes->items[i].label = labels.values[i];
}

/* Two devices, whether they were named or each side has one of its own. */
static void add_pair(struct changes *changes, struct arena *arena)
{
    const struct side *const sides[] = {&changes->base, &changes->new_side};
    struct pair_side pair[2];
    for (int i = 0; i < 2; ++i) {
        const struct results *results = sides[i]->results;
        if (!sides[i]->device && results->device_count != 1)
            return;
        const char *device = sides[i]->device ? sides[i]->device : results->devices[0].id;
        pair[i] = (struct pair_side){device, results, device};
    }
    if (strcmp(pair[0].device, pair[1].device) == 0 || changes->base.variant)
        return;
    changes->has_pair = true;
    pair_build(&changes->pair, &pair[0], &pair[1]);
    changes->sentences = pairs_sentences(pair, 2, arena);
}

void changes_build(struct changes *changes, const struct side *base, const struct side *new_side,
                   double threshold, struct arena *arena)
{
    *changes = (struct changes){.base = *base, .new_side = *new_side, .threshold = threshold};
    match(changes, arena);
    set_thresholds(changes);
    for (int i = 0; i < changes->count; ++i) {
        changes_judge(&changes->items[i], arena);
        ++changes->counts[changes->items[i].kind];
    }
    changes_find_differences(changes, arena);
    find_means(changes, arena);
    qsort(changes->items, (size_t)changes->count, sizeof *changes->items, compare_changes);
    add_labels(changes, arena);
    add_pair(changes, arena);
}
