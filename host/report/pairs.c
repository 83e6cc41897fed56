#include "report/pairs.h"

#include "report/failures.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DECODE_QUERIES = 16, ALL_PAIRS_OF = 3, REASONS = 3, REASON_BYTES = 160 };

bool pair_is_decode(const struct problem *problem)
{
    return problem->n_q <= DECODE_QUERIES && problem->n_kv > problem->n_q;
}

/* ---- the fastest of each problem ------------------------------------------------------------- */

struct best {
    const struct row *row; /* the fastest right one, or NULL; else any of the problem */
    double seconds;
    const char *cell;
    const struct problem *problem;
    bool partial; /* a variant was not measured that could have been */
};

static bool is_right(const struct row *row)
{
    return row->status == ROW_OK && row->time.median_s > 0;
}

static bool is_unknown(const struct row *row)
{
    return row->status != ROW_OK && row->status != ROW_WRONG && row->status != ROW_UNSUPPORTED;
}

static int by_cell(const void *left, const void *right)
{
    return strcmp((*(const struct row *const *)left)->cell,
                  (*(const struct row *const *)right)->cell);
}

/* The side's rows by problem. */
static const struct row **sort_rows(const struct pair_side *side, int *count, struct arena *arena)
{
    const struct results *results = side->results;
    const struct row **rows = arena_array(arena, (size_t)results->row_count + 1, sizeof *rows);
    *count = 0;
    for (int i = 0; i < results->row_count; ++i)
        if (strcmp(results->rows[i].device, side->device) == 0)
            rows[(*count)++] = results->rows + i;
    qsort(rows, (size_t)*count, sizeof *rows, by_cell);
    return rows;
}

static double seconds_of(const struct row *row, bool by_host)
{
    return by_host ? row->time.host_median_s : row->time.median_s;
}

static struct best *find_best(const struct pair_side *side, bool by_host, int *count,
                              struct arena *arena)
{
    int row_count = 0;
    const struct row **rows = sort_rows(side, &row_count, arena);
    struct best *best = arena_array(arena, (size_t)row_count + 1, sizeof *best);
    *count = 0;
    for (int i = 0; i < row_count; ++i) {
        const struct row *row = rows[i];
        if (!*count || strcmp(best[*count - 1].cell, row->cell) != 0)
            best[(*count)++] =
                (struct best){.cell = row->cell, .problem = &row->problem, .seconds = INFINITY};
        struct best *problem = &best[*count - 1];
        problem->partial |= is_unknown(row);
        if (is_right(row) && seconds_of(row, by_host) < problem->seconds) {
            problem->row = row;
            problem->seconds = seconds_of(row, by_host);
        }
    }
    return best;
}

/* The clock of the side's right rows; "" if they have several. */
static const char *clock_of(const struct pair_side *side)
{
    const char *clock = NULL;
    for (int i = 0; i < side->results->row_count; ++i) {
        const struct row *row = side->results->rows + i;
        const char *its = row->time.clock ? row->time.clock : "";
        if (strcmp(row->device, side->device) != 0 || !is_right(row))
            continue;
        if (clock && strcmp(clock, its) != 0)
            return "";
        clock = its;
    }
    return clock ? clock : "";
}

static bool needs_host(const struct pair_side *first, const struct pair_side *second)
{
    const char *clock = clock_of(first);
    return !*clock || strcmp(clock, clock_of(second)) != 0;
}

/* ---- pairs ----------------------------------------------------------------------------------- */

static void add_ratio(struct pair_part *part, double ratio, bool partial)
{
    part->mean = (part->problems ? part->mean : 0) + log(ratio);
    part->least = part->problems ? fmin(part->least, ratio) : ratio;
    part->most = part->problems ? fmax(part->most, ratio) : ratio;
    part->partial += partial;
    ++part->problems;
}

void pair_build(struct pair *pair, const struct pair_side *first, const struct pair_side *second)
{
    static const struct pair_part none = {0, 0, NAN, NAN, NAN};
    struct arena arena = {0};
    int m = 0, n = 0;
    *pair = (struct pair){none, none, none, needs_host(first, second)};
    const struct best *a = find_best(first, pair->by_host, &m, &arena);
    const struct best *b = find_best(second, pair->by_host, &n, &arena);
    for (int i = 0, k = 0; i < m && k < n;) {
        const int order = strcmp(a[i].cell, b[k].cell);
        if (order == 0 && a[i].row && b[k].row) {
            const double ratio = b[k].seconds / a[i].seconds;
            const bool partial = a[i].partial || b[k].partial;
            add_ratio(&pair->all, ratio, partial);
            add_ratio(pair_is_decode(a[i].problem) ? &pair->decode : &pair->prefill, ratio,
                      partial);
        }
        i += order <= 0;
        k += order >= 0;
    }
    struct pair_part *const parts[] = {&pair->all, &pair->prefill, &pair->decode};
    for (int i = 0; i < 3; ++i)
        if (parts[i]->problems)
            parts[i]->mean = exp(parts[i]->mean / parts[i]->problems);
    arena_free(&arena);
}

/* Three digits: 0.52, 1.04, 37.1, 105. */
static void add_factor(struct text *out, double factor)
{
    text_print(out, "%.*f", factor < 9.995 ? 2 : factor < 99.95 ? 1 : 0, factor);
}

static void add_range(struct text *out, const struct pair_part *part, bool inverse)
{
    add_factor(out, inverse ? 1 / part->most : part->least);
    if (part->problems == 1)
        return;
    text_add(out, " to ");
    add_factor(out, inverse ? 1 / part->least : part->most);
}

static void add_mean(struct text *out, const struct pair_part *part, bool inverse, const char *over)
{
    if (part->problems > 1) {
        text_add(out, "geometric mean ");
        add_factor(out, inverse ? 1 / part->mean : part->mean);
        text_add(out, over);
    }
    text_print(out, "%d problem%s", part->problems, part->problems == 1 ? "" : "s");
}

/* "; decode 60.1 to 105 (geometric mean 80.2, 8 problems)". */
static void add_phase(struct text *out, const char *name, const struct pair_part *part,
                      bool inverse)
{
    text_print(out, "; %s ", name);
    add_range(out, part, inverse);
    text_add(out, " (");
    add_mean(out, part, inverse, ", ");
    text_add(out, ")");
}

/* "gpu-0 is 37.1 to 105 times as fast as cpu-0 (geometric mean 62.3 over 24 problems, ...)". */
static void add_pair(struct text *out, const struct pair_side *first,
                     const struct pair_side *second)
{
    struct pair pair;
    pair_build(&pair, first, second);
    const bool inverse = pair.all.mean < 1; /* the faster one is the subject */
    if (!pair.all.problems) {
        text_print(out, "%s and %s have no problem in common that both computed right",
                   first->label, second->label);
        return;
    }
    text_print(out, "%s is ", inverse ? second->label : first->label);
    add_range(out, &pair.all, inverse);
    text_print(out, " times as fast as %s (", inverse ? first->label : second->label);
    add_mean(out, &pair.all, inverse, " over ");
    text_print(out, " that both computed, the best variant of each, by the %s's clock)",
               pair.by_host || strcmp(clock_of(first), "host") == 0 ? "host" : "device");
    if (pair.prefill.problems && pair.decode.problems) {
        add_phase(out, "prefill", &pair.prefill, inverse);
        add_phase(out, "decode", &pair.decode, inverse);
    } else {
        text_print(out, "; all of them %s", pair.decode.problems ? "decode" : "prefill");
    }
    if (pair.all.partial)
        text_print(out, "; of %d problem%s not every variant was measured", pair.all.partial,
                   pair.all.partial == 1 ? "" : "s");
}

/* ---- which kernel ---------------------------------------------------------------------------- */

static void add_winner(struct winners *winners, const char *variant)
{
    int i = 0;
    while (i < winners->count && strcmp(winners->items[i].variant, variant) != 0)
        ++i;
    ++winners->problems;
    if (i == WINNERS_MAX)
        return;
    winners->count += i == winners->count;
    winners->items[i].variant = variant;
    ++winners->items[i].fastest;
    for (; i > 0 && winners->items[i].fastest > winners->items[i - 1].fastest; --i) {
        const struct winners swap = *winners;
        winners->items[i] = swap.items[i - 1];
        winners->items[i - 1] = swap.items[i];
    }
}

void winners_find(struct winners *winners, const struct pair_side *side, bool decode)
{
    struct arena arena = {0};
    int count = 0;
    *winners = (struct winners){0};
    const struct best *best = find_best(side, !*clock_of(side), &count, &arena);
    for (int i = 0; i < count; ++i)
        if (best[i].row && pair_is_decode(best[i].problem) == decode)
            add_winner(winners, best[i].row->variant);
    arena_free(&arena);
}

/* "fused_vector (fastest on 9 of 12 problems, fused on 3)". */
static void add_winners(struct text *out, const struct winners *winners)
{
    for (int i = 0; i < winners->count; ++i) {
        if (i == 0)
            text_print(out, "%s (fastest on %d of %d problem%s", winners->items[i].variant,
                       winners->items[i].fastest, winners->problems,
                       winners->problems == 1 ? "" : "s");
        else
            text_print(out, ", %s on %d", winners->items[i].variant, winners->items[i].fastest);
    }
    text_add(out, ")");
}

static void add_kernels(struct text *out, const struct pair_side *side)
{
    struct winners prefill, decode;
    winners_find(&prefill, side, false);
    winners_find(&decode, side, true);
    text_print(out, "on %s ", side->label);
    if (!prefill.count && !decode.count) {
        text_add(out, "no variant has a right result");
        return;
    }
    text_add(out, "use ");
    if (prefill.count)
        add_winners(out, &prefill);
    if (decode.count) {
        text_add(out, prefill.count ? ", and for decoding " : "for decoding ");
        add_winners(out, &decode);
    }
}

/* ---- what is missing ------------------------------------------------------------------------- */

/* "not measured on cpu-0: 12 of 48 cells: 8 skipped (over the budget), 4 timeout (...)"; nothing
 * where all was. */
static void add_missing(struct text *out, const struct pair_side *side)
{
    struct arena arena = {0};
    const struct failure *failures = NULL;
    const int kinds = failures_find(side->results, &failures, &arena);
    int all = 0, missing = 0, shown = 0, further = 0;
    for (int i = 0; i < side->results->row_count; ++i) {
        const struct row *row = side->results->rows + i;
        all += strcmp(row->device, side->device) == 0;
        missing += strcmp(row->device, side->device) == 0 && is_unknown(row);
    }
    if (missing)
        text_print(out, "not measured on %s: %d of %d cells: ", side->label, missing, all);
    for (int i = 0; i < kinds; ++i) {
        const struct row *row = failures[i].row;
        if (strcmp(row->device, side->device) != 0 || !is_unknown(row))
            continue;
        if (shown == REASONS) {
            further += failures[i].cells;
            continue;
        }
        text_print(out, "%s%d %s of %s (%.*s)", shown++ ? ", " : "", failures[i].cells,
                   row_status_name(row->status), row->variant, REASON_BYTES,
                   row->reason ? row->reason : "no reason given");
    }
    if (further)
        text_print(out, ", %d for other reasons", further);
    arena_free(&arena);
}

/* ---- all of it ------------------------------------------------------------------------------- */

/* Takes the sentence, if there is one. */
static void keep(const char **sentences, int *count, struct text *words, struct arena *arena)
{
    if (words->length)
        sentences[(*count)++] = arena_copy(arena, text_get(words));
    words->length = 0;
}

struct text_list pairs_sentences(const struct pair_side *sides, int count, struct arena *arena)
{
    const size_t pairs = (size_t)count * (size_t)count;
    const char **sentences = arena_array(arena, pairs + 2 * (size_t)count + 1, sizeof *sentences);
    struct text words = {0};
    int made = 0;
    for (int i = 0; i < count; ++i)
        for (int k = i + 1; k < count && (i == 0 || count <= ALL_PAIRS_OF); ++k) {
            add_pair(&words, sides + i, sides + k);
            keep(sentences, &made, &words, arena);
        }
    for (int i = 0; i < count; ++i) {
        add_kernels(&words, sides + i);
        keep(sentences, &made, &words, arena);
    }
    for (int i = 0; i < count; ++i) {
        add_missing(&words, sides + i);
        keep(sentences, &made, &words, arena);
    }
    text_free(&words);
    return (struct text_list){made, sentences};
}
