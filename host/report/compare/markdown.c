#include "report/compare/changes.h"

#include "report/words.h"

#include <stdint.h>

enum { NAME_BYTES = 120, CELL_BYTES = 400, REASON_BYTES = 240, ROWS_MAX = 200 };

static void add_change(const struct changes *changes, const struct change *change, struct text *out)
{
    text_print(out, change_is_regression(change->kind) ? "| **%s** | " : "| %s | ",
               change_kind_name(change->kind));
    const size_t before = out->length;
    changes_ratio(change, out);
    text_add(out, out->length > before ? "× | " : " | ");
    changes_interval(change, out);
    text_add(out, " | ");
    changes_time(change, change->base, out);
    text_add(out, " | ");
    changes_time(change, change->new_row, out);
    text_add(out, " | ");
    if (!changes->base.variant) {
        words_markdown(out, (change->new_row ? change->new_row : change->base)->variant,
                       NAME_BYTES);
        text_add(out, " | ");
    }
    if (changes->many_devices) {
        words_markdown(out, change->device, NAME_BYTES);
        text_add(out, " | ");
    }
    words_markdown(out, change->label, CELL_BYTES);
    text_add(out, change->host_clock ? " (host's clock) |\n" : " |\n");
}

/* The cells that are the same, or the others. */
static void add_changes(const struct changes *changes, bool same, struct text *out)
{
    int shown = 0, left_out = 0;
    text_print(out, "\n| verdict | ratio | 99 %% range | BASE | NEW |%s%s ",
               changes->base.variant ? "" : " variant |", changes->many_devices ? " device |" : "");
    words_markdown(out, changes->axes, CELL_BYTES);
    text_print(out, " |\n|---|--:|--:|--:|--:|%s%s---|\n", changes->base.variant ? "" : "---|",
               changes->many_devices ? "---|" : "");
    for (int i = 0; i < changes->count; ++i) {
        const struct change *change = changes->items + i;
        if (change->kind == CHANGE_NEITHER || (change->kind == CHANGE_SAME) != same)
            continue;
        if (shown == ROWS_MAX) {
            ++left_out;
            continue;
        }
        add_change(changes, change, out);
        ++shown;
    }
    if (left_out)
        text_print(out, "\n%d more.\n", left_out);
}

static void add_line(struct text *out, const char *before, struct text *words, const char *after)
{
    if (words->length) {
        text_add(out, before);
        words_markdown(out, text_get(words), SIZE_MAX);
        text_add(out, after);
    }
    words->length = 0;
}

static void add_remarks(const struct changes *changes, struct text *out)
{
    struct change_reason reasons[CHANGE_REASONS_MAX];
    struct text line = {0};
    int others = 0;
    const int count = changes_reasons(changes, reasons, &others);
    text_add(out, count ? "\n" : "");
    for (int i = 0; i < count; ++i) {
        changes_reason(&reasons[i], REASON_BYTES, &line);
        add_line(out, "- ", &line, "\n");
    }
    if (others)
        text_print(out, "- %d cells have further reasons\n", others);
    changes_unclear(changes, &line);
    add_line(out, "\n", &line, ".\n");
    changes_alike(changes, &line);
    add_line(out, "\n", &line, ".\n");
    text_free(&line);
}

void changes_markdown(const struct changes *changes, struct text *out)
{
    const int same = changes->counts[CHANGE_SAME];
    const int regressions = changes_regressions(changes);
    struct text line = {0};
    if (changes->base.device)
        text_add(out, "## attnbench: two devices\n\n");
    else
        text_print(out, "## attnbench: %d regression%s\n\n", regressions,
                   regressions == 1 ? "" : "s");
    for (int i = 0; i < changes->sentences.count; ++i) {
        text_add(&line, changes->sentences.values[i]);
        add_line(out, "- ", &line, "\n");
    }
    text_add(out, changes->sentences.count ? "\n" : "");
    changes_summary(changes, "×", &line);
    add_line(out, "", &line, "\n");
    changes_side(&changes->base, &line);
    add_line(out, "\n- BASE ", &line, "\n");
    changes_side(&changes->new_side, &line);
    add_line(out, "- NEW ", &line, "\n");
    for (int i = 0; i < changes->difference_count; ++i) {
        changes_difference(changes->differences + i, &line);
        add_line(out, "- Warning: ", &line, "\n");
    }
    text_add(out, "\n");
    text_add(&line, changes->fixed);
    add_line(out, "", &line, "; ");
    changes_rule(changes, &line);
    add_line(out, "", &line, ".\n");
    if (changes->count - changes->counts[CHANGE_NEITHER] > same)
        add_changes(changes, false, out);
    add_remarks(changes, out);
    if (same) {
        text_print(out, "\n<details><summary>%d same</summary>\n", same);
        add_changes(changes, true, out);
        text_add(out, "\n</details>\n");
    }
    changes_means(changes, "×", &line);
    add_line(out, "\nGeometric means: ", &line, ".\n");
    text_free(&line);
}
