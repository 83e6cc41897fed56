#include "report/grid.h"

#include "problem/plan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Did nobody want to see it? */
bool grid_leaves_out(const struct row *row)
{
    return row->status == ROW_SKIPPED && row->reason && text_starts(row->reason, PLAN_LEFT_OUT);
}

static bool is_in(const struct row *row, const char *device, const char *sweep)
{
    if (strcmp(row->device, device) != 0 || grid_leaves_out(row))
        return false;
    for (int i = 0; sweep && i < row->sweeps.count; ++i)
        if (strcmp(row->sweeps.values[i], sweep) == 0)
            return true;
    return !sweep;
}

static int variant_index(struct grid *grid, const char *variant)
{
    int i = 0;
    while (i < grid->variant_count && strcmp(grid->variants[i], variant) != 0)
        ++i;
    if (i == GRID_VARIANTS_MAX)
        return -1;
    if (i == grid->variant_count)
        grid->variants[grid->variant_count++] = variant;
    return i;
}

/* Problems by cell id: open addressing, index + 1 into `rows`, 0 free. */
struct problem_table {
    const struct row **rows;
    int *slots;
    size_t slot_count; /* a power of 2 */
};

static struct problem_table make_table(size_t row_count, struct arena *arena)
{
    struct problem_table table = {.slot_count = 16};
    while (table.slot_count < 2 * row_count)
        table.slot_count *= 2;
    table.rows = arena_array(arena, row_count, sizeof *table.rows);
    table.slots = arena_array(arena, table.slot_count, sizeof *table.slots);
    return table;
}

static int problem_index(struct grid *grid, struct problem_table *problems, const struct row *row)
{
    size_t i = text_hash(row->cell) & (problems->slot_count - 1);
    while (problems->slots[i] &&
           strcmp(problems->rows[problems->slots[i] - 1]->cell, row->cell) != 0)
        i = (i + 1) & (problems->slot_count - 1);
    if (!problems->slots[i]) {
        problems->rows[grid->problem_count++] = row;
        problems->slots[i] = grid->problem_count;
    }
    return problems->slots[i] - 1;
}

/* Keys that mean one thing when their values agree everywhere. */
static const struct {
    const char *name, *first, *second;
} pairs[] = {{"n", "problem.n_q", "problem.n_kv"},
             {"heads", "problem.heads_q", "problem.heads_kv"},
             {"d_k", "problem.d_k", "problem.d_v"}};
enum { PAIRS = sizeof pairs / sizeof *pairs, PREFIX = sizeof "problem." - 1, KEYS_MAX = 64 };

struct key {
    const char *name;
    int field; /* of the row table */
    bool varies;
};

static char *key_text(const struct row *row, int field, struct arena *arena)
{
    struct text text = {0};
    row_field_text(row, field, &text);
    char *copy = arena_copy(arena, text_get(&text));
    text_free(&text);
    return copy;
}

static int find_field(const char *path)
{
    int field = row_field_count() - 1;
    while (field >= 0 && strcmp(row_field_path(field), path) != 0)
        --field;
    return field;
}

/* Is the key of field `a` in one row what that of field `b` is in the other? Only lists of lengths
 * are no numbers. */
static bool same_value(const struct row *left, int a, const struct row *right, int b)
{
    double x = 0, y = 0;
    if (problem_value(&left->problem, row_field_path(a) + PREFIX, &x) &&
        problem_value(&right->problem, row_field_path(b) + PREFIX, &y))
        return x == y;
    struct arena arena = {0};
    const bool same = strcmp(key_text(left, a, &arena), key_text(right, b, &arena)) == 0;
    arena_free(&arena);
    return same;
}

static bool all_agree(const struct row **problems, int count, int a, int b)
{
    for (int i = 0; i < count; ++i)
        if (!same_value(problems[i], a, problems[i], b))
            return false;
    return true;
}

/* The problem's keys with pairs that agree merged. */
static int list_keys(const struct row **problems, int count, struct key keys[KEYS_MAX])
{
    int key_count = 0;
    bool merged[PAIRS];
    for (int p = 0; p < PAIRS; ++p)
        merged[p] =
            all_agree(problems, count, find_field(pairs[p].first), find_field(pairs[p].second));
    for (int field = 0; field < row_field_count() && key_count < KEYS_MAX; ++field) {
        const char *path = row_field_path(field);
        if (!text_starts(path, "problem."))
            continue;
        struct key key = {path + PREFIX, field, false};
        bool dropped = false;
        for (int p = 0; p < PAIRS; ++p) {
            dropped |= merged[p] && strcmp(path, pairs[p].second) == 0;
            if (merged[p] && strcmp(path, pairs[p].first) == 0)
                key.name = pairs[p].name;
        }
        /* These follow from other keys unless they are given. */
        bool derived = strcmp(key.name, "causal_offset") == 0 || strcmp(key.name, "scale") == 0;
        for (int i = 0; derived && i < count; ++i)
            derived = problem_is_default(&problems[i]->problem, key.name);
        if (dropped || derived)
            continue;
        for (int i = 1; i < count && !key.varies; ++i)
            key.varies = !same_value(problems[i], field, problems[0], field);
        keys[key_count++] = key;
    }
    return key_count;
}

struct labels labels_build(const struct row **problems, int problem_count, struct arena *arena)
{
    struct key keys[KEYS_MAX];
    struct labels labels = {"n", "", NULL};
    if (!problem_count)
        return labels;
    const int count = list_keys(problems, problem_count, keys);
    bool any = false;
    for (int k = 0; k < count; ++k)
        any |= keys[k].varies;
    for (int k = 0; k < count && !any; ++k)
        keys[k].varies = keys[k].field == find_field(pairs[0].first);
    struct text axes = {0}, fixed = {0};
    for (int k = 0; k < count; ++k) {
        if (keys[k].varies)
            text_print(&axes, "%s%s", axes.length ? ", " : "", keys[k].name);
        else if (strcmp(keys[k].name, "dtype") == 0 ||
                 !problem_is_default(&problems[0]->problem, row_field_path(keys[k].field) + PREFIX))
            text_print(&fixed, "%s%s=%s", fixed.length ? ", " : "", keys[k].name,
                       key_text(problems[0], keys[k].field, arena));
    }
    labels.axes = arena_copy(arena, text_get(&axes));
    labels.fixed = arena_copy(arena, text_get(&fixed));
    text_free(&axes);
    text_free(&fixed);
    labels.values = arena_array(arena, (size_t)problem_count, sizeof *labels.values);
    for (int i = 0; i < problem_count; ++i) {
        struct text label = {0};
        for (int k = 0; k < count; ++k)
            if (keys[k].varies)
                text_print(&label, "%s%s", label.length ? ", " : "",
                           key_text(problems[i], keys[k].field, arena));
        labels.values[i] = arena_copy(arena, text_get(&label));
        text_free(&label);
    }
    return labels;
}

struct ordered {
    const struct row *row;
    int index;
    const double *values; /* of the keys that vary, in the order in which they are compared */
    int count;
};

static int compare_problems(const void *a, const void *b)
{
    const struct ordered *first = a, *second = b;
    for (int k = 0; k < first->count; ++k)
        if (first->values[k] < second->values[k] || first->values[k] > second->values[k])
            return first->values[k] < second->values[k] ? -1 : 1;
    return first->index - second->index;
}

/* Does the key differ among the problems? */
static bool key_varies(const struct row **problems, int count, const char *key)
{
    double first = 0, value = 0;
    for (int i = 0; i < count; ++i) {
        problem_value(&problems[i]->problem, key, i ? &value : &first);
        if (i && (value < first || value > first))
            return true;
    }
    return false;
}

/* The keys that vary, the lengths last: a sweep over n stands together and ascends, and a cell that
 * an earlier sweep had asked for takes its place too. */
static int list_varying(const struct row **problems, int count, const char *keys[KEYS_MAX])
{
    static const char *const lengths[] = {"n_q", "n_kv", NULL};
    int found = 0;
    for (int pass = 0; pass < 2; ++pass)
        for (const char *const *key = pass ? lengths : problem_keys(); *key; ++key) {
            const bool later = strcmp(*key, "n_q") == 0 || strcmp(*key, "n_kv") == 0 ||
                               strcmp(*key, "causal_offset") == 0 || strcmp(*key, "scale") == 0;
            if ((pass || !later) && found < KEYS_MAX && key_varies(problems, count, *key))
                keys[found++] = *key;
        }
    return found;
}

/* Puts the problems in order; place[i] becomes where problem i went. */
static void sort_problems(const struct row **problems, int count, int *place, struct arena *arena)
{
    const char *keys[KEYS_MAX];
    const int key_count = list_varying(problems, count, keys);
    struct ordered *order = arena_array(arena, (size_t)count + 1, sizeof *order);
    double *values = arena_array(arena, (size_t)count * (size_t)key_count + 1, sizeof *values);
    for (int i = 0; i < count; ++i) {
        double *own = values + (size_t)i * (size_t)key_count;
        for (int k = 0; k < key_count; ++k)
            problem_value(&problems[i]->problem, keys[k], &own[k]);
        order[i] = (struct ordered){problems[i], i, own, key_count};
    }
    qsort(order, (size_t)count, sizeof *order, compare_problems);
    for (int i = 0; i < count; ++i) {
        problems[i] = order[i].row;
        place[order[i].index] = i;
    }
}

/* A column of "unsupported" from top to bottom would only take the place of others; names those
 * variants with the reason of their first row instead. `at` of their rows becomes -1. */
static void drop_absent(struct grid *grid, const struct row *const *rows, int row_count, int *at,
                        struct arena *arena)
{
    int place[GRID_VARIANTS_MAX], kept = 0;
    const struct row *first[GRID_VARIANTS_MAX] = {NULL};
    bool shown[GRID_VARIANTS_MAX] = {false};
    struct text absent = {0};
    for (int i = 0; i < row_count; ++i) {
        const int v = at[2 * i + 1];
        if (at[2 * i] < 0)
            continue;
        first[v] = first[v] ? first[v] : rows[i];
        shown[v] = shown[v] || rows[i]->status != ROW_UNSUPPORTED;
    }
    for (int v = 0; v < grid->variant_count; ++v) {
        place[v] = shown[v] ? kept++ : -1;
        if (place[v] < 0)
            text_print(&absent, "%s%s (%.160s)", absent.length ? "; " : "", grid->variants[v],
                       first[v] && first[v]->reason ? first[v]->reason : "no reason given");
    }
    for (int v = 0; v < grid->variant_count && kept; ++v)
        if (place[v] >= 0)
            grid->variants[place[v]] = grid->variants[v];
    for (int i = 0; i < row_count && kept; ++i)
        if (at[2 * i] >= 0) {
            at[2 * i + 1] = place[at[2 * i + 1]];
            at[2 * i] = at[2 * i + 1] < 0 ? -1 : at[2 * i];
        }
    if (kept) { /* otherwise the columns are all that there is to show */
        grid->variant_count = kept;
        grid->absent = arena_copy(arena, text_get(&absent));
    }
    text_free(&absent);
}

/* Rows in full precision come before all others. */
static bool ranks_before(const struct row *row, const struct row *best)
{
    if (best && !best->check.precision != !row->check.precision)
        return best->check.precision != NULL;
    return !best || row->time.median_s < best->time.median_s;
}

static void name_variant(struct grid *grid, int v, const struct row *row, struct arena *arena)
{
    if (row->check.precision)
        grid->names[v] = arena_print(arena, "%s (%s)", row->variant, row->check.precision);
    else if (!grid->names[v])
        grid->names[v] = row->variant;
}

struct grid grid_build_rows(const struct row *const *rows, int row_count, struct arena *arena)
{
    struct grid grid = {.absent = ""};
    struct problem_table table = make_table((size_t)row_count, arena);
    const struct row **problems = table.rows;
    int *at = arena_array(arena, (size_t)row_count, 2 * sizeof *at); /* its problem and variant */
    for (int i = 0; i < row_count; ++i) {
        at[2 * i + 1] = variant_index(&grid, rows[i]->variant);
        at[2 * i] = at[2 * i + 1] >= 0 ? problem_index(&grid, &table, rows[i]) : -1;
    }
    int *place = arena_array(arena, (size_t)grid.problem_count + 1, sizeof *place);
    sort_problems(problems, grid.problem_count, place, arena);
    for (int i = 0; i < row_count; ++i)
        if (at[2 * i] >= 0)
            at[2 * i] = place[at[2 * i]];
    drop_absent(&grid, rows, row_count, at, arena);
    const int columns = grid.variant_count;
    grid.rows = arena_array(arena, (size_t)grid.problem_count * (size_t)columns, sizeof *grid.rows);
    grid.best = arena_array(arena, (size_t)grid.problem_count, sizeof *grid.best);
    for (int i = 0; i < row_count; ++i) {
        if (at[2 * i] < 0)
            continue;
        grid.rows[at[2 * i] * columns + at[2 * i + 1]] = rows[i];
        const struct row **best = grid.best + at[2 * i];
        if (rows[i]->status == ROW_OK && rows[i]->time.median_s > 0 && ranks_before(rows[i], *best))
            *best = rows[i];
        name_variant(&grid, at[2 * i + 1], rows[i], arena);
    }
    const struct labels labels = labels_build(problems, grid.problem_count, arena);
    grid.axes = labels.axes;
    grid.fixed = labels.fixed;
    grid.labels = labels.values;
    return grid;
}

struct grid grid_build(const struct results *results, const char *device, const char *sweep,
                       struct arena *arena)
{
    const struct row **rows = arena_array(arena, (size_t)results->row_count + 1, sizeof *rows);
    int count = 0;
    for (int i = 0; i < results->row_count; ++i)
        if (is_in(results->rows + i, device, sweep))
            rows[count++] = results->rows + i;
    return grid_build_rows(rows, count, arena);
}

/* Where the median may lie; with too few samples for an interval, anywhere among them. */
static double lower_end(const struct row *row)
{
    return isfinite(row->time.ci95_s[0]) ? row->time.ci95_s[0] : row->time.min_s;
}

static double upper_end(const struct row *row)
{
    double end = row->time.median_s;
    if (isfinite(row->time.ci95_s[1]))
        return row->time.ci95_s[1];
    for (int i = 0; i < row->time.samples_s.count; ++i)
        end = fmax(end, row->time.samples_s.values[i]);
    return end;
}

bool grid_is_winner(const struct grid *grid, int problem, const struct row *row)
{
    const struct row *best = grid->best[problem];
    return row && best && row->status == ROW_OK &&
           !row->check.precision == !best->check.precision &&
           (row == best || lower_end(row) <= upper_end(best));
}

bool grid_has_fractions(const struct grid *grid)
{
    for (int i = 0; i < grid->problem_count * grid->variant_count; ++i)
        if (grid->rows[i] && isfinite(grid->rows[i]->rates.frac_of_peak))
            return true;
    return false;
}
