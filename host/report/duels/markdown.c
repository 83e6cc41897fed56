#include "report/duels/duels.h"

#include "report/words.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

enum { NAME_BYTES = 120, CELL_BYTES = 400 };

static void add_time(double seconds, struct text *out)
{
    if (isfinite(seconds))
        text_add_seconds(out, seconds);
    text_add(out, " | ");
}

static void add_row(const struct duel_row *row, struct text *out)
{
    const bool bad = duel_kind(row) == DUEL_SLOWER || duel_kind(row) == DUEL_WRONG;
    text_print(out, "| %s%s%s | ", bad ? "**" : "", duel_kind_name(duel_kind(row)),
               bad ? "**" : "");
    duel_ratio(row->pairing.ratio, out);
    text_add(out, " | ");
    duel_interval(row->pairing.low, row->pairing.high, out);
    text_add(out, " | ");
    add_time(row->ends[0].median_s, out);
    add_time(row->ends[1].median_s, out);
    text_print(out, "%d | ", row->pairing.count);
    words_markdown(out, row->ends[1].variant, NAME_BYTES);
    text_add(out, " | ");
    words_markdown(out, row->label, CELL_BYTES);
    text_add(out, strcmp(row->clock, "host") == 0 ? " (host's clock) |\n" : " |\n");
}

static void end_paragraph(struct text *words, struct text *out)
{
    if (words->length) {
        words_markdown(out, text_get(words), SIZE_MAX);
        text_add(out, "\n\n");
    }
    words->length = 0;
}

void duels_markdown(const struct duels *duels, struct text *out)
{
    struct text words = {0};
    text_add(out, "### Is ");
    words_markdown(out, duels->names[1], NAME_BYTES);
    text_add(out, " (B) faster than ");
    words_markdown(out, duels->names[0], NAME_BYTES);
    text_add(out, " (A)?\n\n");
    duels_summary(duels, "×", &words);
    end_paragraph(&words, out);
    text_add(out, "| verdict | ratio | 99.9 % range | A | B | units | variant | problem |\n"
                  "|---|--:|--:|--:|--:|--:|---|---|\n");
    for (int i = 0; i < duels->count; ++i)
        add_row(&duels->rows[i], out);
    text_add(out, "\n");
    for (int i = 0; i < duels->count; ++i) {
        duel_reason(&duels->rows[i], &words);
        end_paragraph(&words, out);
    }
    text_print(&words, "%s%s", duels->fixed, *duels->fixed ? "; " : "");
    duels_rule(duels, &words);
    end_paragraph(&words, out);
    out->length -= 1; /* one line end closes the document */
    out->data[out->length] = '\0';
    text_free(&words);
}
