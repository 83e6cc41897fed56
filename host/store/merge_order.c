/* The order of a merged file's rows, and which cells of the plan they cover. */
#include "store/merge.h"

#include <stdlib.h>
#include <string.h>

/* Lengths last, so that a curve's points follow each other. */
static int compare_problems(const void *left, const void *right)
{
    const struct merge_cell *a = left, *b = right;
    const struct problem *p = &a->problem, *q = &b->problem;
    const int64_t x[] = {p->dtype,    p->layout, p->mask, p->bias, p->batch, p->heads_q,
                         p->heads_kv, p->d_k,    p->d_v,  p->n_q,  p->n_kv};
    const int64_t y[] = {q->dtype,    q->layout, q->mask, q->bias, q->batch, q->heads_q,
                         q->heads_kv, q->d_k,    q->d_v,  q->n_q,  q->n_kv};
    for (size_t i = 0; i < sizeof x / sizeof *x; ++i)
        if (x[i] != y[i])
            return x[i] < y[i] ? -1 : 1;
    return strcmp(a->id, b->id);
}

struct ranked {
    const char *name;
    int number;
};

static int by_name(const void *left, const void *right)
{
    const struct ranked *a = left, *b = right;
    return strcmp(a->name, b->name);
}

static int by_shard(const void *left, const void *right)
{
    const struct run_part *a = left, *b = right;
    if (a->count != b->count)
        return a->count < b->count ? -1 : 1;
    if (a->index != b->index)
        return a->index < b->index ? -1 : 1;
    const int order = strcmp(a->started_utc, b->started_utc);
    return order ? order : strcmp(a->id, b->id);
}

static int by_id(const void *left, const void *right)
{
    const struct device_info *a = left, *b = right;
    return strcmp(a->id, b->id);
}

int merge_compare_cells(const struct merge_record *a, const struct merge_record *b)
{
    if (a->device != b->device)
        return a->device - b->device;
    return a->cell != b->cell ? a->cell - b->cell : a->variant - b->variant;
}

static int compare_records(const void *left, const void *right)
{
    const struct merge_record *a = left, *b = right;
    const int order = merge_compare_cells(a, b);
    if (order)
        return order;
    if (a->status != b->status)
        return (int)a->status - (int)b->status;
    if (a->part != b->part)
        return a->part - b->part;
    return a->offset < b->offset ? -1 : a->offset > b->offset;
}

static int *rank_names(const struct names *names, struct arena *arena)
{
    const size_t count = (size_t)names->count;
    struct ranked *sorted = arena_array(arena, count, sizeof *sorted);
    int *ranks = arena_array(arena, count, sizeof *ranks);
    for (int i = 0; i < names->count; ++i)
        sorted[i] = (struct ranked){names->items[i], i};
    qsort(sorted, count, sizeof *sorted, by_name);
    for (int i = 0; i < names->count; ++i)
        ranks[sorted[i].number] = i;
    return ranks;
}

static int *rank_cells(struct merge *merge, struct arena *arena)
{
    const size_t count = (size_t)merge->cell_names.count;
    int *ranks = arena_array(arena, count, sizeof *ranks);
    if (count) /* every part may have been left out */
        qsort(merge->cells, count, sizeof *merge->cells, compare_problems);
    for (size_t i = 0; i < count; ++i)
        ranks[merge->cells[i].number] = (int)i;
    return ranks;
}

static int *rank_parts(struct merge *merge, struct arena *arena)
{
    const size_t count = (size_t)merge->run_names.count;
    int *ranks = arena_array(arena, count, sizeof *ranks);
    qsort(merge->parts, count, sizeof *merge->parts, by_shard);
    for (size_t i = 0; i < count; ++i)
        ranks[names_find(&merge->run_names, merge->parts[i].id)] = (int)i;
    return ranks;
}

/* Two copies of one row, from a part that was given twice or merged before. */
static void drop_copies(struct merge *merge)
{
    size_t kept = 0;
    for (size_t i = 0; i < merge->record_count; ++i) {
        const struct merge_record *record = &merge->records[i];
        const struct merge_record *last = kept ? &merge->records[kept - 1] : NULL;
        if (!last || merge_compare_cells(last, record) != 0 || last->part != record->part)
            merge->records[kept++] = *record;
    }
    merge->record_count = kept;
}

static void sort_all(struct merge *merge)
{
    struct arena arena = {0};
    const int *cells = merge->cell_places = rank_cells(merge, &merge->arena);
    const int *variants = rank_names(&merge->variant_names, &arena);
    const int *devices = rank_names(&merge->device_names, &arena);
    const int *parts = rank_parts(merge, &arena);
    qsort(merge->devices, (size_t)merge->device_names.count, sizeof *merge->devices, by_id);
    for (size_t i = 0; i < merge->record_count; ++i) {
        struct merge_record *record = &merge->records[i];
        record->cell = cells[record->cell];
        record->variant = variants[record->variant];
        record->device = devices[record->device];
        record->part = parts[record->part];
    }
    struct names sorted = {.arena = &merge->arena};
    for (int i = 0; i < merge->variant_names.count; ++i)
        for (int k = 0; k < merge->variant_names.count; ++k)
            if (variants[k] == i)
                names_add(&sorted, merge->variant_names.items[k]);
    merge->variant_names = sorted;
    if (merge->record_count > 0)
        qsort(merge->records, merge->record_count, sizeof *merge->records, compare_records);
    drop_copies(merge);
    arena_free(&arena);
}

/* ---- what of the plan is there --------------------------------------------------------------- */

static int64_t covered_key(const struct merge *merge, int cell, int variant, int64_t slot)
{
    return (slot * merge->cell_names.count + cell) * merge->variant_names.count + variant;
}

static int by_number(const void *left, const void *right)
{
    const int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return a < b ? -1 : a > b;
}

static void note_covered(struct merge *merge)
{
    const size_t count = merge->record_count;
    int64_t *keys = arena_need(calloc(count + 1, sizeof *keys));
    for (size_t i = 0; i < count; ++i) {
        const struct merge_record *record = &merge->records[i];
        keys[i] =
            covered_key(merge, record->cell, record->variant, merge->devices[record->device].slot);
    }
    qsort(keys, count, sizeof *keys, by_number);
    size_t distinct = 0;
    for (size_t i = 0; i < count; ++i)
        if (!i || keys[i] != keys[i - 1])
            keys[distinct++] = keys[i];
    merge->covered = keys;
    merge->covered_count = distinct;
}

bool merge_has(const struct merge *merge, const char *cell, const char *variant, int64_t slot)
{
    const int number = names_find(&merge->cell_names, cell);
    const int v = names_find(&merge->variant_names, variant);
    if (number < 0 || v < 0)
        return false;
    const int64_t key = covered_key(merge, merge->cell_places[number], v, slot);
    return bsearch(&key, merge->covered, merge->covered_count, sizeof key, by_number) != NULL;
}

void merge_sort(struct merge *merge)
{
    sort_all(merge);
    note_covered(merge);
}
