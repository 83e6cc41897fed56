#include "report/compare/changes.h"

#include "report/page/page.h"
#include "report/words.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { NAME_BYTES = 120, CELL_BYTES = 400, REASON_BYTES = 1000 };

static void add_head(const struct changes *changes, struct text *out)
{
    const char *css = page_file("compare.css");
    const int regressions = changes_regressions(changes);
    text_add(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                  "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                  "style-src ");
    page_add_hash(out, css);
    text_add(out, "; base-uri 'none'; form-action 'none'\">\n"
                  "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    struct text title = {0};
    if (changes->base.device)
        text_add(&title, "attnbench: two devices");
    else
        text_print(&title, "attnbench: %d regression%s", regressions, regressions == 1 ? "" : "s");
    text_print(out, "<title>%s</title>\n<style>", text_get(&title));
    text_add(out, css);
    text_add(out, "</style>\n</head>\n<body>\n<main>\n");
    text_print(out, "<h1>%s</h1>\n", text_get(&title));
    text_free(&title);
}

/* <element>words</element>, if there are words; these are used up. */
static void add_element(struct text *out, const char *element, struct text *words)
{
    if (words->length) {
        text_print(out, "<%s>", element);
        words_xml(out, text_get(words), SIZE_MAX);
        text_print(out, "</%.*s>\n", (int)strcspn(element, " "), element);
    }
    words->length = 0;
}

static void add_term(struct text *out, const char *term, struct text *words)
{
    text_print(out, "<dt>%s</dt>", term);
    add_element(out, "dd", words);
}

static void add_header(const struct changes *changes, struct text *out)
{
    struct text words = {0};
    text_add(out, changes->sentences.count ? "<ul>\n" : "");
    for (int i = 0; i < changes->sentences.count; ++i) {
        text_add(&words, changes->sentences.values[i]);
        add_element(out, "li", &words);
    }
    text_add(out, changes->sentences.count ? "</ul>\n" : "");
    changes_summary(changes, "×", &words);
    add_element(out, "p class=\"summary\"", &words);
    text_add(out, "<dl>\n");
    changes_side(&changes->base, &words);
    add_term(out, "BASE", &words);
    changes_side(&changes->new_side, &words);
    add_term(out, "NEW", &words);
    text_print(&words, "%s%s", changes->fixed, *changes->fixed ? "; " : "");
    changes_rule(changes, &words);
    add_term(out, "Cells", &words);
    text_add(out, "</dl>\n");
    if (changes->difference_count)
        text_add(out, "<h2>What else differs</h2>\n<ul>\n");
    for (int i = 0; i < changes->difference_count; ++i) {
        changes_difference(changes->differences + i, &words);
        add_element(out, "li", &words);
    }
    text_add(out, changes->difference_count ? "</ul>\n" : "");
    text_free(&words);
}

static void add_cell(struct text *out, const char *attributes, struct text *words)
{
    text_print(out, "<td%s>", attributes);
    words_xml(out, words->length ? text_get(words) : "", CELL_BYTES);
    text_add(out, "</td>");
    words->length = 0;
}

static void add_change(const struct changes *changes, const struct change *change, struct text *out)
{
    static const char number[] = " class=\"number\"";
    const char *kind = change_kind_name(change->kind);
    const struct row *row = change->new_row ? change->new_row : change->base;
    struct text words = {0};
    text_print(out, "<tr><td class=\"%s\">%s</td>", kind, kind);
    changes_ratio(change, &words);
    text_add(&words, words.length ? "×" : "");
    add_cell(out, number, &words);
    changes_interval(change, &words);
    add_cell(out, number, &words);
    changes_time(change, change->base, &words);
    add_cell(out, number, &words);
    changes_time(change, change->new_row, &words);
    add_cell(out, number, &words);
    if (!changes->base.variant) {
        text_add(&words, row->variant);
        add_cell(out, "", &words);
    }
    if (changes->many_devices) {
        text_add(&words, change->device);
        add_cell(out, "", &words);
    }
    text_print(out, "<td title=\"");
    words_xml(out, row->cell, CELL_BYTES);
    text_add(out, "\">");
    words_xml(out, change->label, CELL_BYTES);
    text_add(out, change->host_clock ? " (host's clock)" : "");
    text_add(out, "</td></tr>\n");
    text_free(&words);
}

/* The cells that are the same, or the others. */
static void add_table(const struct changes *changes, bool same, struct text *out)
{
    text_print(out,
               "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"%s\">\n<table>\n"
               "<thead><tr><th scope=\"col\">verdict</th>"
               "<th scope=\"col\" class=\"number\">ratio</th>"
               "<th scope=\"col\" class=\"number\">99 %% range</th>"
               "<th scope=\"col\" class=\"number\">BASE</th>"
               "<th scope=\"col\" class=\"number\">NEW</th>%s%s<th scope=\"col\">",
               same ? "Cells that are the same" : "Cells that changed or are unclear",
               changes->base.variant ? "" : "<th scope=\"col\">variant</th>",
               changes->many_devices ? "<th scope=\"col\">device</th>" : "");
    words_xml(out, changes->axes, NAME_BYTES);
    text_add(out, "</th></tr></thead>\n<tbody>\n");
    for (int i = 0; i < changes->count; ++i) {
        const struct change *change = changes->items + i;
        if (change->kind != CHANGE_NEITHER && (change->kind == CHANGE_SAME) == same)
            add_change(changes, change, out);
    }
    text_add(out, "</tbody>\n</table>\n</div>\n");
}

static void add_reasons(const struct changes *changes, struct text *out)
{
    struct change_reason reasons[CHANGE_REASONS_MAX];
    struct text words = {0};
    int others = 0;
    const int count = changes_reasons(changes, reasons, &others);
    if (count)
        text_add(out, "<h2>Why</h2>\n<ul>\n");
    for (int i = 0; i < count; ++i) {
        changes_reason(&reasons[i], REASON_BYTES, &words);
        add_element(out, "li", &words);
    }
    if (others)
        text_print(out, "<li>%d cells have further reasons</li>\n", others);
    text_add(out, count ? "</ul>\n" : "");
    changes_unclear(changes, &words);
    add_element(out, "p class=\"note\"", &words);
    changes_alike(changes, &words);
    add_element(out, "p class=\"note\"", &words);
    text_free(&words);
}

void changes_html(const struct changes *changes, struct text *out)
{
    const int same = changes->counts[CHANGE_SAME];
    struct text words = {0};
    add_head(changes, out);
    add_header(changes, out);
    if (changes->count - changes->counts[CHANGE_NEITHER] > same) {
        text_add(out, "<h2>What changed</h2>\n");
        add_table(changes, false, out);
    }
    add_reasons(changes, out);
    if (same) {
        text_print(out, "<details>\n<summary>%d same</summary>\n", same);
        add_table(changes, true, out);
        text_add(out, "</details>\n");
    }
    changes_means(changes, "×", &words);
    if (words.length)
        text_add(out, "<h2>Geometric means</h2>\n");
    add_element(out, "p", &words);
    text_add(out, "</main>\n</body>\n</html>\n");
    text_free(&words);
}
