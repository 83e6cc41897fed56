#include "report/compare/changes.h"

#include "report/columns.h"
#include "report/words.h"

#include <string.h>

enum {
    VERDICT = 7,
    RATIO = 7,
    INTERVAL = 11,
    TIME = 8,
    VARIANT_MAX = 16,
    REASON_BYTES = 400,
    SENTENCE_BYTES = 2000
};
enum { BEFORE_VARIANT = VERDICT + RATIO + INTERVAL + 2 * TIME + 6, WIDTH_MIN = 72 };

struct table {
    const struct changes *changes;
    int width, variant; /* columns of the variant; 0: both sides have one of their own */
    bool color;
    struct text *out;
};

static const char *color_of(enum change_kind kind)
{
    static const char *const colors[CHANGE_KINDS] = {
        [CHANGE_BROKEN] = "\x1b[1;31m", [CHANGE_SLOWER] = "\x1b[31m", [CHANGE_MISSING] = "\x1b[31m",
        [CHANGE_UNCLEAR] = "\x1b[33m",  [CHANGE_FIXED] = "\x1b[32m",  [CHANGE_FASTER] = "\x1b[32m"};
    return colors[kind];
}

/* The end of a line; what does not fit goes on below, under its beginning. */
static void add_label(const struct table *table, const char *label, int column)
{
    struct text shown = {0};
    columns_ascii(&shown, label, INT16_MAX);
    const int room = table->width - column;
    const char *at = text_get(&shown);
    while ((int)strlen(at) > room) {
        int length = room;
        while (length > room / 2 && at[length] != ' ')
            --length;
        text_add_bytes(table->out, at, (size_t)length);
        at += length + (at[length] == ' ');
        columns_end_line(table->out);
        text_print(table->out, "%*s", column, "");
    }
    text_add(table->out, at);
    columns_end_line(table->out);
    text_free(&shown);
}

/* The cells of a line but the first. */
static void add_cells(const struct table *table, const char *const cells[4], const char *variant,
                      const char *label)
{
    text_print(table->out, " %*s %-*s %*s %*s  ", RATIO, cells[0], INTERVAL, cells[1], TIME,
               cells[2], TIME, cells[3]);
    if (table->variant) {
        columns_left(table->out, variant, table->variant);
        text_add(table->out, " ");
    }
    add_label(table, label, BEFORE_VARIANT + table->variant + (table->variant > 0));
}

static void add_change(const struct table *table, const struct change *change)
{
    struct text ratio = {0}, interval = {0}, base = {0}, new_time = {0}, label = {0};
    const char *color = table->color ? color_of(change->kind) : NULL;
    text_print(table->out, "%s%-*s%s", color ? color : "", VERDICT, change_kind_name(change->kind),
               color ? "\x1b[0m" : "");
    changes_ratio(change, &ratio);
    text_add(&ratio, ratio.length ? "x" : "");
    changes_interval(change, &interval);
    changes_time(change, change->base, &base);
    changes_time(change, change->new_row, &new_time);
    changes_label(table->changes, change, &label);
    const char *const cells[] = {text_get(&ratio), text_get(&interval), text_get(&base),
                                 text_get(&new_time)};
    add_cells(table, cells, (change->new_row ? change->new_row : change->base)->variant,
              text_get(&label));
    text_free(&ratio);
    text_free(&interval);
    text_free(&base);
    text_free(&new_time);
    text_free(&label);
}

/* Its words are used up. */
static void end_paragraph(const struct table *table, struct text *words)
{
    if (words->length)
        columns_wrapped(table->out, text_get(words), table->width);
    words->length = 0;
}

static void add_heading(const struct table *table)
{
    const struct changes *changes = table->changes;
    struct text line = {0};
    for (int i = 0; i < changes->sentences.count; ++i) {
        words_line(&line, changes->sentences.values[i], SENTENCE_BYTES);
        end_paragraph(table, &line);
    }
    text_add(table->out, changes->sentences.count ? "\n" : "");
    text_add(&line, "BASE ");
    changes_side(&changes->base, &line);
    end_paragraph(table, &line);
    text_add(&line, "NEW ");
    changes_side(&changes->new_side, &line);
    end_paragraph(table, &line);
    for (int i = 0; i < changes->difference_count; ++i) {
        text_add(&line, "warning: ");
        changes_difference(changes->differences + i, &line);
        end_paragraph(table, &line);
    }
    text_print(&line, "%s%s", changes->fixed, *changes->fixed ? "; " : "");
    changes_rule(changes, &line);
    end_paragraph(table, &line);
    text_free(&line);
    static const char *const titles[] = {"ratio", "99 % range", "BASE", "NEW"};
    text_print(table->out, "\n%-*s", VERDICT, "verdict");
    add_cells(table, titles, "variant", changes->axes);
}

static void add_remarks(const struct table *table)
{
    const struct changes *changes = table->changes;
    struct change_reason reasons[CHANGE_REASONS_MAX];
    int others = 0;
    const int count = changes_reasons(changes, reasons, &others);
    struct text line = {0};
    text_add(table->out, "\n");
    for (int i = 0; i < count; ++i) {
        changes_reason(&reasons[i], REASON_BYTES, &line);
        end_paragraph(table, &line);
    }
    if (others)
        text_print(table->out, "%d cells have further reasons: see --format json\n", others);
    changes_unclear(changes, &line);
    end_paragraph(table, &line);
    if (changes->variant_count > 1)
        text_add(&line, "geometric means: ");
    if (changes->variant_count > 1)
        changes_means(changes, "x", &line);
    end_paragraph(table, &line);
    changes_alike(changes, &line);
    end_paragraph(table, &line);
    changes_summary(changes, "x", &line);
    end_paragraph(table, &line);
    text_free(&line);
}

void changes_table(const struct changes *changes, int width, bool color, struct text *out)
{
    struct table table = {changes, width < WIDTH_MIN ? WIDTH_MIN : width, 0, color, out};
    for (int i = 0; i < changes->count && !changes->base.variant; ++i) {
        const struct change *change = changes->items + i;
        const int length = (int)strlen((change->new_row ? change->new_row : change->base)->variant);
        if (length > table.variant)
            table.variant = length < VARIANT_MAX ? length : VARIANT_MAX;
    }
    if (table.variant && table.variant < (int)strlen("variant"))
        table.variant = (int)strlen("variant");
    add_heading(&table);
    for (int i = 0; i < changes->count; ++i)
        if (changes->items[i].kind != CHANGE_NEITHER)
            add_change(&table, &changes->items[i]);
    add_remarks(&table);
}
