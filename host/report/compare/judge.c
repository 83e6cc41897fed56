/* A change's verdict: what became of its cell, and whether its times differ. */
#include "report/compare/changes.h"

#include <math.h>
#include <string.h>

static bool is_absent(const struct row *row)
{
    return !row || row->status == ROW_SKIPPED;
}

static const char *reason_of(const struct row *row)
{
    return !row ? "there is no such row" : row->reason ? row->reason : "no reason given";
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

/* The latest, where a file has more than a comparison takes: this program writes no more. */
static struct number_list latest(const struct row *row)
{
    const struct number_list *all = &row->time.samples_s;
    const int count = all->count < SAMPLES_COMPARED_MAX ? all->count : SAMPLES_COMPARED_MAX;
    return (struct number_list){count, all->values + (all->count - count)};
}

/* Samples by the host's clock. Of a row that was timed by the device's there are these and the
 * host's median: what the host adds to a launch stays in the middle of itself, and `part` of that
 * is added to each sample. */
static struct number_list by_host(const struct row *row, double part, struct arena *arena)
{
    const struct number_list samples = latest(row);
    const bool is_host = strcmp(text_or(row->time.clock, ""), "host") == 0;
    const double added = is_host ? 0 : part * fmax(row->time.host_median_s - row->time.median_s, 0);
    double *values = arena_array(arena, (size_t)samples.count + 1, sizeof *values);
    for (int i = 0; i < samples.count; ++i)
        values[i] = samples.values[i] + added;
    return (struct number_list){samples.count, values};
}

static void compare_lists(const struct number_list *base, const struct number_list *new_list,
                          double threshold, struct comparison *times)
{
    compare_samples(base->values, base->count, new_list->values, new_list->count, threshold, times);
}

/* By the clock that both have. How far the host's share of a launch spreads is not known: the
 * interval holds whatever comes out of it being nothing to twice its median. */
static void compare_by_host(struct change *change, struct arena *arena)
{
    static const double parts[] = {1, 0, 2};
    struct comparison *times = &change->times;
    for (int i = 0; i < 3; ++i) {
        struct comparison one;
        const struct number_list base = by_host(change->base, parts[i], arena);
        const struct number_list new_list = by_host(change->new_row, parts[i], arena);
        compare_lists(&base, &new_list, change->threshold, &one);
        if (i == 0)
            *times = one;
        times->ratio_low = fmin(times->ratio_low, one.ratio_low);
        times->ratio_high = fmax(times->ratio_high, one.ratio_high);
        times->p_value = fmax(times->p_value, one.p_value);
    }
    comparison_decide(times, change->threshold);
    change->host_clock = true;
}

static bool has_host_times(const struct row *row)
{
    return row->time.host_median_s > 0 && row->time.median_s > 0;
}

static const char *why_unclear(const struct comparison *times)
{
    if (!(times->ratio_low > 0 && isfinite(times->ratio_high)))
        return "too few samples for an interval";
    if (times->ratio_low > 1 || times->ratio_high < 1)
        return "it changed, but perhaps by less than the threshold";
    return "too noisy: it may be no change, it may be more than the threshold";
}

static void judge_times(struct change *change, struct arena *arena)
{
    static const enum change_kind kinds[] = {[COMPARISON_SAME] = CHANGE_SAME,
                                             [COMPARISON_FASTER] = CHANGE_FASTER,
                                             [COMPARISON_SLOWER] = CHANGE_SLOWER,
                                             [COMPARISON_UNCLEAR] = CHANGE_UNCLEAR};
    const struct row *base = change->base, *new_row = change->new_row;
    if (same_clock(change)) {
        const struct number_list before = latest(base), after = latest(new_row);
        compare_lists(&before, &after, change->threshold, &change->times);
    } else if (has_host_times(base) && has_host_times(new_row)) {
        compare_by_host(change, arena);
    } else {
        change->kind = CHANGE_UNCLEAR;
        change->reason =
            arena_print(arena, "timed by the %s's clock in BASE and the %s's in NEW",
                        text_or(base->time.clock, "?"), text_or(new_row->time.clock, "?"));
        return;
    }
    change->kind = kinds[change->times.verdict];
    if (change->kind == CHANGE_UNCLEAR)
        change->reason = why_unclear(&change->times);
}

void changes_judge(struct change *change, struct arena *arena)
{
    const struct row *base = change->base, *new_row = change->new_row;
    const bool was_ok = base && base->status == ROW_OK;
    const bool is_ok = new_row && new_row->status == ROW_OK;
    change->times = (struct comparison){.ratio = NAN, .ratio_high = INFINITY, .p_value = NAN};
    if (was_ok && is_ok) {
        judge_times(change, arena);
    } else if (is_ok) {
        change->kind = is_absent(base) ? CHANGE_NEW : CHANGE_FIXED;
    } else {
        change->kind = !was_ok              ? CHANGE_NEITHER
                       : is_absent(new_row) ? CHANGE_MISSING
                                            : CHANGE_BROKEN;
        change->reason = reason_of(new_row ? new_row : was_ok ? NULL : base);
    }
}
