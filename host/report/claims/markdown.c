/* The claims as a section of the Markdown report. */
#include "report/claims/claims.h"
#include "report/report.h"
#include "report/words.h"

#include <stdint.h>

static void add_table(const struct claim_table *table, struct text *out)
{
    for (int line = 0; line <= table->lines; ++line) {
        text_add(out, "|");
        for (int c = 0; c < table->columns; ++c) {
            text_add(out, " ");
            words_markdown(out, table->cells[line * table->columns + c], SIZE_MAX);
            text_add(out, " |");
        }
        text_add(out, "\n");
        for (int c = 0; !line && c < table->columns; ++c)
            text_add(out, c ? "--:|" : "|---|");
        text_add(out, line ? "" : "\n");
    }
}

static void add_claim(const struct claim *claim, bool numbers, struct text *out)
{
    text_add(out, "\n**");
    words_markdown(out, claim->title, SIZE_MAX);
    text_print(out, ": %s.** ", claim_verdict_words(claim->verdict));
    words_markdown(out, claim->sentence, SIZE_MAX);
    text_add(out, "\n\n");
    if (claim->shown.columns) {
        add_table(&claim->shown, out);
        text_add(out, "\n");
    }
    text_add(out, "<details><summary>Measure it again</summary>\n\n    ");
    words_line(out, claim->command, SIZE_MAX); /* code: nothing in it is markup */
    text_add(out, "\n\n");
    if (claim->numbers.columns && numbers)
        add_table(&claim->numbers, out);
    text_add(out, "\n</details>\n");
}

void report_claims_markdown(const struct results *results, size_t limit, struct text *out)
{
    for (int i = 0; i < results->device_count; ++i) {
        struct arena arena = {0};
        const struct claims *claims = claims_build(results, results->devices[i].id, &arena);
        if (claims->count) {
            text_add(out, "\n### The paper, measured on ");
            words_markdown(out, results->devices[i].id, SIZE_MAX);
            text_add(out, "\n\nWhat *Attention Is All You Need* (Vaswani et al., 2017) says of "
                          "cost: ");
            claims_count_words(out, claims);
            text_add(out, ". Weights are random unless you bring your own; nothing here is a claim "
                          "about the quality of a model.\n");
        }
        for (int k = 0; k < claims->count && out->length < limit; ++k)
            add_claim(claims->items + k, out->length < limit / 2, out);
        arena_free(&arena);
    }
}
