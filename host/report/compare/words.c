/* What the formats of a comparison say alike. */
#include "report/compare/changes.h"

#include "report/words.h"

#include <math.h>
#include <string.h>

enum { NAME_BYTES = 120, LIST_MAX = 8 };

static const char *const kind_names[CHANGE_KINDS] = {
    "broken", "slower", "missing", "unclear", "same", "new", "fixed", "faster", "neither"};

const char *change_kind_name(enum change_kind kind)
{
    return kind_names[kind];
}

void changes_summary(const struct changes *changes, const char *times, struct text *out)
{
    const char *before = "";
    for (int kind = 0; kind < CHANGE_KINDS; ++kind)
        if (changes->counts[kind]) {
            text_print(out, "%s%d %s%s", before, changes->counts[kind],
                       kind == CHANGE_NEITHER ? "ok in " : "",
                       change_kind_name((enum change_kind)kind));
            before = ", ";
        }
    if (isfinite(changes->all.ratio))
        text_print(out, "; geometric mean %.3f%s", changes->all.ratio, times);
}

void changes_difference(const struct difference *difference, struct text *out)
{
    words_line(out, difference->what, NAME_BYTES);
    if (difference->content) {
        text_add(out, " differs");
        return;
    }
    text_add(out, ": ");
    words_line(out, difference->base, NAME_BYTES);
    text_add(out, " in BASE, ");
    words_line(out, difference->new_value, NAME_BYTES);
    text_add(out, " in NEW");
    if (difference->cells)
        text_print(out, "; %d cell%s differ%s", difference->cells,
                   difference->cells == 1 ? "" : "s", difference->cells == 1 ? "s" : "");
}

void changes_side(const struct side *side, struct text *out)
{
    const struct run_header *run = &side->results->run;
    words_line(out, side->file, NAME_BYTES);
    text_add(out, ": ");
    if (side->variant) {
        words_line(out, side->variant, NAME_BYTES);
        text_add(out, " of ");
    }
    words_line(out, run->suite_name, NAME_BYTES);
    if (side->more_count)
        text_print(out, " (%d runs)", 1 + side->more_count);
    for (int i = 0; i < side->results->device_count && i < LIST_MAX && !side->device; ++i) {
        text_add(out, i ? ", " : " on ");
        words_line(out, side->results->devices[i].id, NAME_BYTES);
    }
    if (side->device) {
        text_add(out, " on ");
        words_line(out, side->device, NAME_BYTES);
    }
    text_add(out, ", ");
    words_line(out, run->started_utc, NAME_BYTES);
    text_add(out, ", attnbench ");
    words_line(out, run->tool_version, NAME_BYTES);
}

/* Three digits behind the point; fewer once they mean nothing. */
static void add_factor(struct text *out, double factor)
{
    if (factor < 9.9995)
        text_print(out, "%.3f", factor);
    else if (factor < 9999.5)
        text_print(out, "%.*f", factor < 99.995 ? 2 : factor < 999.95 ? 1 : 0, factor);
    else
        text_print(out, "%.0e", factor);
}

void changes_ratio(const struct change *change, struct text *out)
{
    if (isfinite(change->times.ratio))
        add_factor(out, change->times.ratio);
}

void changes_interval(const struct change *change, struct text *out)
{
    const struct comparison *times = &change->times;
    if (!isfinite(times->ratio) || !isfinite(times->ratio_high))
        return;
    add_factor(out, times->ratio_low);
    text_add(out, "-");
    add_factor(out, times->ratio_high);
}

void changes_time(const struct change *change, const struct row *row, struct text *out)
{
    if (row && row->status == ROW_OK)
        text_add_seconds(out, change->host_clock ? row->time.host_median_s : row->time.median_s);
    else if (row && row->status == ROW_BUILD_FAILED)
        text_add(out, "no build");
    else
        text_add(out, !row                             ? "-"
                      : row->status == ROW_WRONG       ? "WRONG"
                      : row->status == ROW_UNSUPPORTED ? "unsupp."
                                                       : row_status_name(row->status));
}

void changes_label(const struct changes *changes, const struct change *change, struct text *out)
{
    text_add(out, change->label);
    if (changes->many_devices)
        text_print(out, " on %s", change->device);
    if (change->host_clock)
        text_add(out, " (host's clock)");
}

void changes_rule(const struct changes *changes, struct text *out)
{
    int widened = 0, by_host = 0;
    double most = changes->threshold;
    for (int i = 0; i < changes->count; ++i) {
        const struct change *change = changes->items + i;
        const bool wide = isfinite(change->times.ratio) && change->threshold > changes->threshold;
        widened += wide;
        most = wide ? fmax(most, change->threshold) : most;
        by_host += change->host_clock;
    }
    text_print(out, "ratio: time of NEW / time of BASE; threshold %.3g %%",
               100 * changes->threshold);
    if (widened)
        text_print(out, ", of %d cell%s up to %.3g %%: as far as the runs of BASE are apart",
                   widened, widened == 1 ? "" : "s", 100 * most);
    if (by_host)
        text_print(out,
                   "; %d cell%s timed by the device's clock on one side only: compared by the "
                   "host's, which counts launching too",
                   by_host, by_host == 1 ? " was" : "s were");
}

int changes_reasons(const struct changes *changes, struct change_reason reasons[CHANGE_REASONS_MAX],
                    int *others)
{
    int count = 0;
    *others = 0;
    for (int i = 0; i < changes->count; ++i) {
        const struct change *change = changes->items + i;
        int k = 0;
        if (!change->reason || change->kind == CHANGE_NEITHER)
            continue;
        while (k < count && (reasons[k].first->kind != change->kind ||
                             !words_alike(reasons[k].first->reason, change->reason)))
            ++k;
        if (k == CHANGE_REASONS_MAX) {
            ++*others;
            continue;
        }
        if (k == count)
            reasons[count++] = (struct change_reason){change, 0};
        ++reasons[k].cells;
    }
    return count;
}

void changes_reason(const struct change_reason *reason, size_t max_bytes, struct text *out)
{
    const struct change *change = reason->first;
    text_add(out, change_kind_name(change->kind));
    if (change->new_row && change->new_row->status != ROW_OK)
        text_print(out, " (%s)", row_status_name(change->new_row->status));
    text_print(out, ", %d cell%s: ", reason->cells, reason->cells == 1 ? "" : "s");
    words_line(out, change->reason, max_bytes);
}

void changes_means(const struct changes *changes, const char *times, struct text *out)
{
    for (int v = 0; v < changes->variant_count; ++v) {
        const struct mean *mean = changes->variants + v;
        text_add(out, v ? ", " : "");
        words_line(out, mean->variant, NAME_BYTES);
        text_print(out, " %.3f%s (%d cell%s)", mean->ratio, times, mean->cells,
                   mean->cells == 1 ? "" : "s");
    }
}

void changes_unclear(const struct changes *changes, struct text *out)
{
    int unclear = 0; /* for another reason than clocks */
    for (int i = 0; i < changes->count; ++i)
        unclear +=
            changes->items[i].kind == CHANGE_UNCLEAR && isfinite(changes->items[i].times.ratio);
    if (unclear)
        text_print(out,
                   "unclear: the 99 %% range neither lies within %.3g %% nor shows a change beyond "
                   "it; more samples (\"min_samples\", \"min_time_s\" in the suite) or a quieter "
                   "machine can tell",
                   100 * changes->threshold);
}

void changes_alike(const struct changes *changes, struct text *out)
{
    int slower = 0, faster = 0;
    for (int v = 0; v < changes->variant_count; ++v) {
        slower += changes->variants[v].ratio > 1 + changes->threshold;
        faster += changes->variants[v].ratio < 1 / (1 + changes->threshold);
    }
    if (changes->variant_count >= 3 &&
        (slower == changes->variant_count || faster == changes->variant_count))
        text_print(out,
                   "all %d variants became %s: look at the machine (clocks, other work, driver) "
                   "before the kernels",
                   changes->variant_count, slower ? "slower" : "faster");
}

/* ---- nothing in common ----------------------------------------------------------------------- */

static void add_devices(struct text *out, const struct results *results)
{
    for (int i = 0; i < results->device_count && i < LIST_MAX; ++i)
        text_print(out, "%s%.60s", i ? ", " : "", results->devices[i].id);
    text_add(out, results->device_count ? "" : "none");
}

/* The first few different ones. */
static void add_variants(struct text *out, const struct results *results)
{
    const char *shown[LIST_MAX];
    int count = 0;
    for (int i = 0; i < results->row_count; ++i) {
        int known = 0;
        while (known < count && strcmp(shown[known], results->rows[i].variant) != 0)
            ++known;
        if (known < count)
            continue;
        if (count == LIST_MAX) {
            text_add(out, ", ...");
            return;
        }
        shown[count++] = results->rows[i].variant;
        text_print(out, "%s%.60s", count > 1 ? ", " : "", results->rows[i].variant);
    }
    text_add(out, count ? "" : "none");
}

static void add_example(struct text *out, const struct results *results)
{
    if (results->row_count)
        text_print(out, "%.200s", results->rows[0].cell);
    else
        text_add(out, "no cell");
}

void changes_explain_none(const struct changes *changes, struct err *err)
{
    const struct side *base = &changes->base, *new_side = &changes->new_side;
    struct text a[3] = {{0}}, b[3] = {{0}};
    add_devices(&a[0], base->results);
    add_devices(&b[0], new_side->results);
    add_variants(&a[1], base->results);
    add_variants(&b[1], new_side->results);
    add_example(&a[2], base->results);
    add_example(&b[2], new_side->results);
    if (base->variant)
        err_set(err,
                "no problem was given to both %.60s and %.60s on one device in '%.200s', which has "
                "the variants %s",
                base->variant, new_side->variant, base->file, text_get(&a[1]));
    else
        err_set(err,
                "no cell is in both files: devices %s in BASE, %s in NEW; variants %s in BASE, %s "
                "in NEW; suite %.60s with %s in BASE, %.60s with %s in NEW",
                text_get(&a[0]), text_get(&b[0]), text_get(&a[1]), text_get(&b[1]),
                base->results->run.suite_name, text_get(&a[2]), new_side->results->run.suite_name,
                text_get(&b[2]));
    for (int i = 0; i < 3; ++i) {
        text_free(&a[i]);
        text_free(&b[i]);
    }
}
