#include "report/compare/changes.h"

#include "report/formats/junit.h"

#include <math.h>

/* "slower: 1.100 times as long (1.096-1.104), 1.95 ms in BASE, 2.15 ms in NEW". */
static void add_words(const struct change *change, struct text *words)
{
    struct text interval = {0};
    text_add(words, change_kind_name(change->kind));
    if (change->new_row && change->new_row->status != ROW_OK)
        text_print(words, " (%s)", row_status_name(change->new_row->status));
    if (change->reason)
        text_print(words, ": %s", change->reason);
    if (!isfinite(change->times.ratio))
        return;
    text_add(words, change->reason ? "; " : ": ");
    changes_ratio(change, words);
    text_add(words, " times as long");
    changes_interval(change, &interval);
    if (interval.length)
        text_print(words, " (99 %% range %s)", text_get(&interval));
    text_add(words, ", ");
    changes_time(change, change->base, words);
    text_add(words, " in BASE, ");
    changes_time(change, change->new_row, words);
    text_add(words, change->host_clock ? " in NEW, by the host's clock" : " in NEW");
    text_free(&interval);
}

static void add_change(struct junit_suite *suite, const struct change *change)
{
    const struct row *row = change->new_row ? change->new_row : change->base;
    struct text words = {0};
    add_words(change, &words);
    const enum junit_outcome outcome = change_is_regression(change->kind) ? JUNIT_FAILED
                                       : change->kind == CHANGE_NEITHER   ? JUNIT_SKIPPED
                                                                          : JUNIT_PASSED;
    const struct junit_case one = {.device = change->device,
                                   .variant = row->variant,
                                   .name = row->cell,
                                   .time_s = change->new_row ? change->new_row->time.median_s : NAN,
                                   .outcome = outcome,
                                   .type = change_kind_name(change->kind),
                                   .message = text_get(&words),
                                   .output = outcome == JUNIT_PASSED ? text_get(&words) : NULL};
    junit_add_case(suite, &one);
    text_free(&words);
}

static void add_property(struct junit_suite *suite, const char *name, struct text *value)
{
    junit_add_property(suite, name, text_get(value));
    value->length = 0;
}

void changes_junit(const struct changes *changes, struct text *out)
{
    struct junit_suite suite = {0};
    struct text words = {0}, suites = {0};
    changes_side(&changes->base, &words);
    add_property(&suite, "BASE", &words);
    changes_side(&changes->new_side, &words);
    add_property(&suite, "NEW", &words);
    text_print(&words, "%.3g %%", 100 * changes->threshold);
    add_property(&suite, "threshold", &words);
    changes_summary(changes, "x", &words);
    add_property(&suite, "summary", &words);
    for (int i = 0; i < changes->difference_count; ++i) {
        changes_difference(changes->differences + i, &words);
        add_property(&suite, "warning", &words);
    }
    for (int i = 0; i < changes->count; ++i)
        add_change(&suite, &changes->items[i]);
    junit_end_suite(&suite, "attnbench compare", changes->new_side.results->run.started_utc,
                    &suites);
    junit_document(&suites, out);
    text_free(&words);
    text_free(&suites);
}
