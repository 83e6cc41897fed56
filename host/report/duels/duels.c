#include "report/duels/duels.h"

#include "report/columns.h"
#include "report/words.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { NAME_BYTES = 120, CELL_BYTES = 400, REASON_BYTES = 600, WIDTH_MIN = 60 };

static const char *const kind_names[DUEL_KINDS] = {"same",    "faster", "slower",
                                                   "unclear", "wrong",  "failed"};

enum duel_kind duel_kind(const struct duel_row *row)
{
    for (int s = 0; s < 2; ++s)
        if (row->ends[s].status == ROW_WRONG)
            return DUEL_WRONG;
    for (int s = 0; s < 2; ++s)
        if (row->ends[s].status != ROW_OK)
            return DUEL_FAILED;
    switch (row->pairing.verdict) {
    case COMPARISON_SAME:
        return DUEL_SAME;
    case COMPARISON_FASTER:
        return DUEL_FASTER;
    case COMPARISON_SLOWER:
        return DUEL_SLOWER;
    default:
        return DUEL_UNCLEAR;
    }
}

const char *duel_kind_name(enum duel_kind kind)
{
    return kind_names[kind];
}

/* ---- labels ---------------------------------------------------------------------------------- */

/* The next "key=value" of an id at *at, behind its bracket; its length, 0 at the end. */
static size_t next_key(const char **at)
{
    *at += strspn(*at, ",)");
    return strcspn(*at, ",)");
}

static const char *first_key(const char *cell)
{
    const char *bracket = strchr(cell, '(');
    return bracket ? bracket + 1 : cell;
}

static bool has_key(const char *cell, const char *key, size_t length)
{
    const char *at = first_key(cell);
    for (size_t n = next_key(&at); n; at += n, n = next_key(&at))
        if (n == length && strncmp(at, key, n) == 0)
            return true;
    return false;
}

static bool in_all(const struct duels *duels, const char *key, size_t length)
{
    for (int i = 0; i < duels->count; ++i)
        if (!has_key(duels->rows[i].cell, key, length))
            return false;
    return true;
}

/* Two keys that mostly have one value are told as one: "n=512" for n_q and n_kv. */
static const struct {
    const char *first, *second, *both;
} twins[] = {{"n_q", "n_kv", "n"}, {"heads_q", "heads_kv", "heads"}, {"d_k", "d_v", "d"}};
enum { TWINS = sizeof twins / sizeof *twins };

/* What "key=value" becomes: itself, "both=value" for the first of twins, "" for the second. */
static const char *shorten(const struct duels *duels, const char *cell, const char *key,
                           size_t length, struct arena *arena)
{
    const char *self = arena_copy_bytes(arena, key, length), *value = strchr(self, '=');
    for (int t = 0; t < TWINS && value; ++t) {
        const char *first = arena_print(arena, "%s%s", twins[t].first, value);
        const char *second = arena_print(arena, "%s%s", twins[t].second, value);
        const bool is_first = strcmp(self, first) == 0;
        if (!is_first && strcmp(self, second) != 0)
            continue;
        if (!has_key(cell, first, strlen(first)) || !has_key(cell, second, strlen(second)) ||
            in_all(duels, first, strlen(first)) != in_all(duels, second, strlen(second)))
            return self;
        return is_first ? arena_print(arena, "%s%s", twins[t].both, value) : "";
    }
    return self;
}

/* The keys of a cell that all have, or those that not all have. */
static const char *keys_of(const struct duels *duels, const char *cell, bool common,
                           struct arena *arena)
{
    struct text words = {0};
    const char *at = first_key(cell);
    for (size_t n = next_key(&at); n; at += n, n = next_key(&at))
        if (in_all(duels, at, n) == common) {
            const char *key = shorten(duels, cell, at, n, arena);
            text_print(&words, "%s%s", words.length && *key ? " " : "", key);
        }
    const char *result = arena_copy(arena, text_get(&words));
    text_free(&words);
    return result;
}

void duels_finish(struct duels *duels, struct arena *arena)
{
    const struct pairing **ok = arena_array(arena, (size_t)duels->count + 1, sizeof *ok);
    int ok_count = 0;
    memset(duels->counts, 0, sizeof duels->counts);
    duels->fixed = duels->count > 1 ? keys_of(duels, duels->rows[0].cell, true, arena) : "";
    for (int i = 0; i < duels->count; ++i) {
        struct duel_row *row = &duels->rows[i];
        const enum duel_kind kind = duel_kind(row);
        ++duels->counts[kind];
        row->label = duels->count > 1 ? keys_of(duels, row->cell, false, arena) : row->cell;
        if (kind != DUEL_WRONG && kind != DUEL_FAILED)
            ok[ok_count++] = &row->pairing;
    }
    duels->mean = pairing_mean(ok, ok_count);
}

/* ---- words ----------------------------------------------------------------------------------- */

void duel_ratio(double ratio, struct text *out)
{
    if (isfinite(ratio))
        text_print(out, ratio < 10 ? "%.3f" : "%.3g", ratio);
}

void duel_interval(double low, double high, struct text *out)
{
    if (low > 0 && isfinite(high))
        text_print(out, high < 10 ? "%.3f-%.3f" : "%.3g-%.3g", low, high);
}

void duels_summary(const struct duels *duels, const char *times, struct text *out)
{
    static const enum duel_kind order[] = {DUEL_WRONG,  DUEL_FAILED, DUEL_SLOWER,
                                           DUEL_FASTER, DUEL_SAME,   DUEL_UNCLEAR};
    const char *before = "";
    for (size_t i = 0; i < sizeof order / sizeof *order; ++i)
        if (duels->counts[order[i]]) {
            text_print(out, "%s%d %s", before, duels->counts[order[i]], kind_names[order[i]]);
            before = ", ";
        }
    if (duels->mean.count > 1) {
        text_add(out, "; geometric mean ");
        duel_ratio(duels->mean.ratio, out);
        text_add(out, times);
        struct text range = {0};
        duel_interval(duels->mean.low, duels->mean.high, &range);
        if (range.length)
            text_print(out, " (%s)", text_get(&range));
        text_free(&range);
        text_print(out, " of %d problems", duels->mean.count);
    }
    if (duels->left_out)
        text_print(out, "; %d more that one side alone supports", duels->left_out);
    if (duels->interrupted)
        text_add(out, "; interrupted");
}

void duels_rule(const struct duels *duels, struct text *out)
{
    text_print(out,
               "ratio: time of B / time of A, with the 99.9 %% range over all looks; slower or "
               "faster when all of it is beyond %.3g %%, same when all of it is within; ",
               100 * duels->threshold);
    text_add(out, duels->apart ? "a unit is a session of two fresh processes"
                               : "a unit is four launches, A B B A, in one process");
}

void duel_reason(const struct duel_row *row, struct text *out)
{
    for (int s = 0; s < 2; ++s) {
        const struct duel_end *end = &row->ends[s];
        if (end->status == ROW_OK)
            continue;
        text_print(out, "%s%s is %s: ", out->length ? "; " : "", s ? "B" : "A",
                   row_status_name(end->status));
        words_line(out, end->reason ? end->reason : "no reason is known", REASON_BYTES);
    }
}

/* ---- the table ------------------------------------------------------------------------------- */

static void add_time(double seconds, int columns, struct text *out)
{
    struct text time = {0};
    if (isfinite(seconds))
        text_add_seconds(&time, seconds);
    columns_right(out, time.length ? text_get(&time) : "-", columns);
    text_free(&time);
}

static bool many_variants(const struct duels *duels)
{
    for (int i = 1; i < duels->count; ++i)
        if (strcmp(duels->rows[i].ends[1].variant, duels->rows[0].ends[1].variant) != 0)
            return true;
    return false;
}

static void add_row(const struct duels *duels, const struct duel_row *row, int width,
                    struct text *out)
{
    enum { FIRST = 57, VARIANT = 16, LABEL_LEAST = 24 };
    struct text words = {0};
    int left = width - FIRST;
    columns_left(out, kind_names[duel_kind(row)], 8);
    duel_ratio(row->pairing.ratio, &words);
    columns_right(out, text_get(&words), 7);
    words.length = 0;
    duel_interval(row->pairing.low, row->pairing.high, &words);
    columns_right(out, words.length ? text_get(&words) : "-", 14);
    add_time(row->ends[0].median_s, 10, out);
    add_time(row->ends[1].median_s, 10, out);
    words.length = 0;
    text_print(&words, "%d", row->pairing.count);
    columns_right(out, text_get(&words), 6);
    text_add(out, "  ");
    if (many_variants(duels)) {
        columns_left(out, row->ends[1].variant, VARIANT);
        left -= VARIANT;
    }
    columns_ascii(out, row->label, left > LABEL_LEAST ? left : LABEL_LEAST);
    if (strcmp(row->clock, "host") == 0)
        text_add(out, " (host's clock)");
    columns_end_line(out);
    text_free(&words);
}

static void end_paragraph(struct text *words, int width, struct text *out)
{
    if (words->length)
        columns_wrapped(out, text_get(words), width);
    words->length = 0;
}

void duels_table(const struct duels *duels, int width, struct text *out)
{
    struct text words = {0};
    width = width < WIDTH_MIN ? WIDTH_MIN : width;
    for (int s = 0; s < 2; ++s) {
        text_print(&words, "%s ", s ? "B" : "A");
        words_line(&words, duels->names[s], NAME_BYTES);
        end_paragraph(&words, width, out);
    }
    text_print(&words, "%s%s", duels->fixed, *duels->fixed ? "; " : "");
    duels_rule(duels, &words);
    end_paragraph(&words, width, out);
    text_print(out, "\n%-8s%7s%14s%10s%10s%6s  %s\n", "verdict", "ratio", "99.9 % range", "A", "B",
               "units", "problem");
    for (int i = 0; i < duels->count; ++i)
        add_row(duels, &duels->rows[i], width, out);
    text_add(out, "\n");
    for (int i = 0; i < duels->count; ++i) {
        duel_reason(&duels->rows[i], &words);
        end_paragraph(&words, width, out);
    }
    if (duels->counts[DUEL_UNCLEAR])
        text_print(&words, "unclear: the range lies across the threshold; more --time or a "
                           "quieter machine can tell");
    end_paragraph(&words, width, out);
    duels_summary(duels, "x", &words);
    end_paragraph(&words, width, out);
    text_free(&words);
}
