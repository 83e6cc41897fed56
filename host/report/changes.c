#include "report/changes.h"

#include "report/grid.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const kind_names[CHANGE_KINDS] = {
    "broken", "slower", "missing", "unclear", "same", "new", "fixed", "faster", "neither"};

const char *change_kind_name(enum change_kind kind)
{
    return kind_names[kind];
}

bool change_is_regression(enum change_kind kind)
{
    return kind == CHANGE_BROKEN || kind == CHANGE_SLOWER || kind == CHANGE_MISSING;
}

int changes_regressions(const struct changes *changes)
{
    int count = 0;
    for (int kind = 0; kind < CHANGE_KINDS; ++kind)
        count += change_is_regression((enum change_kind)kind) ? changes->counts[kind] : 0;
    return count;
}

/* ---- matching -------------------------------------------------------------------------------- */

struct entry {
    const struct row *row;
    const char *variant; /* "" where each side has its own */
    const char *device;  /* in BASE, where there is one only on each side */
};

static int compare_entries(const void *left, const void *right)
{
    const struct entry *a = left, *b = right;
    int order = strcmp(a->row->cell, b->row->cell);
    if (!order)
        order = strcmp(a->variant, b->variant);
    return order ? order : strcmp(a->device, b->device);
}

/* The side's rows in the order of their keys. device: what all of them stand for, or NULL. */
static struct entry *list_entries(const struct side *side, const char *device, int *count,
                                  struct arena *arena)
{
    const struct results *results = side->results;
    struct entry *entries = arena_array(arena, (size_t)results->row_count + 1, sizeof *entries);
    *count = 0;
    for (int i = 0; i < results->row_count; ++i) {
        const struct row *row = results->rows + i;
        if (!side->variant || strcmp(side->variant, row->variant) == 0)
            entries[(*count)++] = (struct entry){row, side->variant ? "" : row->variant,
                                                 device ? device : row->device};
    }
    qsort(entries, (size_t)*count, sizeof *entries, compare_entries);
    return entries;
}

static void match(struct changes *changes, struct arena *arena)
{
    const struct side *base = &changes->base, *new_side = &changes->new_side;
    const bool single = base->results->device_count == 1 && new_side->results->device_count == 1;
    const char *device = single ? base->results->devices[0].id : NULL;
    int m = 0, n = 0, i = 0, k = 0;
    const struct entry *a = list_entries(base, device, &m, arena);
    const struct entry *b = list_entries(new_side, device, &n, arena);
    changes->items = arena_array(arena, (size_t)m + (size_t)n + 1, sizeof *changes->items);
    while (i < m || k < n) {
        const int order = i == m ? 1 : k == n ? -1 : compare_entries(a + i, b + k);
        struct change *change = &changes->items[changes->count++];
        change->device = order <= 0 ? a[i].device : b[k].device;
        change->base = order <= 0 ? a[i++].row : NULL;
        change->new_row = order >= 0 ? b[k++].row : NULL;
        changes->matched += order == 0;
    }
}

/* ---- verdicts -------------------------------------------------------------------------------- */

static bool is_absent(const struct row *row)
{
    return !row || row->status == ROW_SKIPPED;
}

static const char *reason_of(const struct row *row)
{
    return !row ? "there is no such row" : row->reason ? row->reason : "no reason given";
}

/* The latest, where a file has more than a comparison takes: this program writes no more. */
static void compare_times(struct change *change, double threshold)
{
    const struct number_list *base = &change->base->time.samples_s;
    const struct number_list *new_list = &change->new_row->time.samples_s;
    const int max = SAMPLES_COMPARED_MAX;
    const int m = base->count < max ? base->count : max;
    const int n = new_list->count < max ? new_list->count : max;
    compare_samples(base->values + (base->count - m), m, new_list->values + (new_list->count - n),
                    n, threshold, &change->times);
}

static const char *text_or(const char *text, const char *otherwise)
{
    return text ? text : otherwise;
}

/* A clock of the host counts launching, too: the ratio of times by two clocks says nothing. */
static bool same_clock(const struct change *change)
{
    return strcmp(text_or(change->base->time.clock, ""),
                  text_or(change->new_row->time.clock, "")) == 0;
}

static void judge_times(struct change *change, double threshold, struct arena *arena)
{
    static const enum change_kind kinds[] = {[COMPARISON_SAME] = CHANGE_SAME,
                                             [COMPARISON_FASTER] = CHANGE_FASTER,
                                             [COMPARISON_SLOWER] = CHANGE_SLOWER,
                                             [COMPARISON_UNCLEAR] = CHANGE_UNCLEAR};
    const struct row *base = change->base, *new_row = change->new_row;
    const struct comparison *times = &change->times;
    if (!same_clock(change)) {
        const double hosts = new_row->time.host_median_s / base->time.host_median_s;
        change->kind = CHANGE_UNCLEAR;
        change->reason = arena_print(
            arena, "timed by the %s's clock in BASE and the %s's in NEW%s",
            text_or(base->time.clock, "?"), text_or(new_row->time.clock, "?"),
            isfinite(hosts) ? arena_print(arena, "; host's medians: %.3fx", hosts) : "");
        return;
    }
    compare_times(change, threshold);
    change->kind = kinds[times->verdict];
    if (change->kind != CHANGE_UNCLEAR)
        return;
    if (!(times->ratio_low > 0 && isfinite(times->ratio_high)))
        change->reason = "too few samples for an interval";
    else if (times->ratio_low > 1 || times->ratio_high < 1)
        change->reason = "it changed, but perhaps by less than the threshold";
    else
        change->reason = "too noisy: it may be no change, it may be more than the threshold";
}

static void judge(struct change *change, double threshold, struct arena *arena)
{
    const struct row *base = change->base, *new_row = change->new_row;
    const bool was_ok = base && base->status == ROW_OK;
    const bool is_ok = new_row && new_row->status == ROW_OK;
    change->times = (struct comparison){.ratio = NAN, .ratio_high = INFINITY, .p_value = NAN};
    if (was_ok && is_ok) {
        judge_times(change, threshold, arena);
    } else if (is_ok) {
        change->kind = is_absent(base) ? CHANGE_NEW : CHANGE_FIXED;
    } else {
        change->kind = !was_ok              ? CHANGE_NEITHER
                       : is_absent(new_row) ? CHANGE_MISSING
                                            : CHANGE_BROKEN;
        change->reason = reason_of(new_row ? new_row : was_ok ? NULL : base);
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

void changes_build(struct changes *changes, const struct side *base, const struct side *new_side,
                   double threshold, struct arena *arena)
{
    *changes = (struct changes){.base = *base, .new_side = *new_side, .threshold = threshold};
    match(changes, arena);
    for (int i = 0; i < changes->count; ++i) {
        judge(&changes->items[i], threshold, arena);
        ++changes->counts[changes->items[i].kind];
    }
    changes_find_differences(changes, arena);
    find_means(changes, arena);
    qsort(changes->items, (size_t)changes->count, sizeof *changes->items, compare_changes);
    add_labels(changes, arena);
}
