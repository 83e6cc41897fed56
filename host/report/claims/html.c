/* The claims as a section of the page, and the data that page/claims.js draws their figures from.
 */
#include "report/html/html.h"
#include "report/claims/claims.h"
#include "report/html/json.h"
#include "report/words.h"

#include <stdint.h>
#include <string.h>

/* Foreign text with "n^1.98" raised. */
static void add_typeset(struct text *out, const char *foreign)
{
    struct text plain = {0};
    words_xml(&plain, foreign, SIZE_MAX);
    const char *at = text_get(&plain);
    for (const char *power = strstr(at, "n^"); power; power = strstr(at, "n^")) {
        const size_t length = strspn(power + 2, "0123456789.");
        const size_t raised = length && power[1 + length] == '.' ? length - 1 : length;
        text_add_bytes(out, at, (size_t)(power - at) + 1);
        text_print(out, "<sup>%.*s</sup>", (int)raised, power + 2);
        at = power + 2 + raised;
    }
    text_add(out, at);
    text_free(&plain);
}

static void add_table(const struct claim *claim, const struct claim_table *table, struct text *out)
{
    text_add(out, "<div class=\"scroll\" role=\"group\" tabindex=\"0\" aria-label=\"numbers: ");
    words_xml(out, claim->title, SIZE_MAX);
    text_add(out, "\"><table>\n");
    for (int line = 0; line <= table->lines; ++line) {
        text_add(out, !line ? "<thead><tr>" : "<tr>");
        for (int c = 0; c < table->columns; ++c) {
            text_add(out, !line ? "<th scope=\"col\">" : !c ? "<th scope=\"row\">" : "<td>");
            add_typeset(out, table->cells[line * table->columns + c]);
            text_add(out, !line || !c ? "</th>" : "</td>");
        }
        text_add(out, !line ? "</tr></thead>\n<tbody>\n" : "</tr>\n");
    }
    text_add(out, "</tbody></table></div>\n");
}

static void add_claim(const struct claim *claim, int index, struct text *out)
{
    static const char *const classes[CLAIM_VERDICTS] = {"holds", "fails", "open"};
    text_print(out, "<article class=\"claim\" id=\"claim-%d\" data-key=\"%s\">\n<h3>", index,
               claim->key);
    words_xml(out, claim->title, SIZE_MAX);
    text_print(out, "</h3>\n<p class=\"%s\">%s</p>\n<p class=\"found\">", classes[claim->verdict],
               claim_verdict_words(claim->verdict));
    add_typeset(out, claim->sentence);
    text_add(out, "</p>\n<p class=\"says\">");
    words_xml(out, claim->statement, SIZE_MAX);
    text_add(out, "</p>\n");
    if (claim->figure_count)
        text_print(out, "<div class=\"panels%s\" data-claim=\"%d\"></div>\n",
                   claim->figure_count == 1 ? " one" : "", index);
    if (claim->shown.columns)
        add_table(claim, &claim->shown, out);
    if (claim->numbers.columns) {
        text_add(out, "<details><summary>Numbers</summary>\n");
        add_table(claim, &claim->numbers, out);
        text_add(out, "</details>\n");
    }
    text_add(out, "<details><summary>Measure it again</summary><pre>");
    words_xml(out, claim->command, SIZE_MAX);
    text_add(out, "</pre></details>\n</article>\n");
}

static void add_intro(const struct claims *claims, struct text *out)
{
    text_add(out, "<p>What <cite>Attention Is All You Need</cite> (Vaswani et al., 2017) says of "
                  "cost, beside what this device does: ");
    claims_count_words(out, claims);
    text_add(out, ". Weights are random unless you bring your own; nothing here is a claim about "
                  "the quality of a model.</p>\n");
}

void html_add_claims(const struct html_page *page, struct text *out)
{
    for (int s = 0, index = 0; s < page->source_count; ++s) {
        const struct html_source *source = page->sources + s;
        const struct claims *claims =
            claims_build(source->results, source->device->id, page->arena);
        if (!claims->count)
            continue;
        text_print(out,
                   "<section class=\"claims\" aria-labelledby=\"h-claims-%d\">\n"
                   "<h2 id=\"h-claims-%d\">The paper, measured here",
                   index, index);
        if (page->source_count > 1) {
            text_add(out, ": ");
            words_xml(out, source->label, SIZE_MAX);
        }
        text_add(out, "</h2>\n");
        add_intro(claims, out);
        for (int i = 0; i < claims->count; ++i)
            add_claim(claims->items + i, index++, out);
        text_add(out, "</section>\n");
    }
}

/* ---- data ------------------------------------------------------------------------------------ */

static void add_series(struct text *out, const struct claim_series *series)
{
    html_json_next(out);
    text_add(out, "{");
    html_json_text(out, "name", series->name);
    html_json_text(out, "end", series->end);
    html_json_numbers(out, "x", series->x, series->count, JSON_MEASURED);
    html_json_numbers(out, "y", series->y, series->count, JSON_MEASURED);
    text_add(out, "}");
}

static void add_marks(struct text *out, const struct claim_figure *figure)
{
    html_json_key(out, "marks");
    text_add(out, "[");
    for (int i = 0; i < figure->mark_count; ++i) {
        const char axis[] = {figure->marks[i].axis, '\0'};
        html_json_next(out);
        text_add(out, "{");
        html_json_text(out, "axis", axis);
        html_json_number(out, "at", figure->marks[i].at, JSON_MEASURED);
        html_json_text(out, "name", figure->marks[i].name);
        text_add(out, "}");
    }
    text_add(out, "]");
}

static void add_figure(struct text *out, const struct claim_figure *figure)
{
    static const char *const kinds[] = {"lines", "dots", "parts"};
    html_json_next(out);
    text_add(out, "\n{");
    html_json_text(out, "kind", kinds[figure->kind]);
    html_json_text(out, "title", figure->title);
    html_json_text(out, "x", figure->x_title);
    html_json_text(out, "y", figure->y_title);
    html_json_text(out, "unit", figure->unit);
    html_json_number(out, "log", figure->log_values, JSON_EXACT);
    html_json_key(out, "names");
    text_add(out, "[");
    for (int i = 0; i < figure->name_count; ++i) {
        html_json_next(out);
        html_json_string(out, figure->names[i]);
    }
    text_add(out, "]");
    html_json_key(out, "series");
    text_add(out, "[");
    for (int i = 0; i < figure->series_count; ++i)
        add_series(out, figure->series + i);
    text_add(out, "]");
    add_marks(out, figure);
    text_add(out, "}");
}

void html_add_claims_data(const struct html_page *page, struct text *out)
{
    bool any = false;
    for (int s = 0; s < page->source_count; ++s) {
        const struct html_source *source = page->sources + s;
        const struct claims *claims =
            claims_build(source->results, source->device->id, page->arena);
        for (int i = 0; i < claims->count; ++i) {
            if (!any)
                html_json_key(out, "claims");
            text_add(out, any ? ",[" : "[[");
            for (int f = 0; f < claims->items[i].figure_count; ++f)
                add_figure(out, claims->items[i].figures + f);
            text_add(out, "]");
            any = true;
        }
    }
    text_add(out, any ? "]" : "");
}
