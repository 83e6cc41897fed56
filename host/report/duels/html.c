#include "report/duels/duels.h"

#include "report/page/page.h"
#include "report/words.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

enum { NAME_BYTES = 120, CELL_BYTES = 400 };

static void add_head(const struct duels *duels, struct text *out)
{
    const char *css = page_file("compare.css");
    text_add(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                  "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                  "style-src ");
    page_add_hash(out, css);
    text_add(out, "; base-uri 'none'; form-action 'none'\">\n"
                  "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                  "<title>attnbench: is B faster than A?</title>\n<style>");
    text_add(out, css);
    text_add(out, "</style>\n</head>\n<body>\n<main>\n<h1>Is ");
    words_xml(out, duels->names[1], NAME_BYTES);
    text_add(out, " (B) faster than ");
    words_xml(out, duels->names[0], NAME_BYTES);
    text_add(out, " (A)?</h1>\n");
}

/* ---- strips ---------------------------------------------------------------------------------- */

enum { STRIP_WIDTH = 320, STRIP_HEIGHT = 28, STRIP_POINTS = 400 };

/* All strips have one axis: logarithms to 1.2 times the furthest interval, at least the threshold's
 * double and at most what a factor 4 is. What lies beyond is drawn at the edge. */
static double strip_reach(const struct duels *duels)
{
    double reach = 2 * log(1 + duels->threshold);
    for (int i = 0; i < duels->count; ++i) {
        const struct pairing *p = &duels->rows[i].pairing;
        if (p->low > 0 && isfinite(p->high))
            reach = fmax(reach, 1.2 * fmax(fabs(log(p->low)), fabs(log(p->high))));
        else if (isfinite(p->ratio))
            reach = fmax(reach, 1.2 * fabs(log(p->ratio)));
    }
    return fmin(reach, log(4));
}

static double strip_x(double log_ratio, double reach)
{
    return STRIP_WIDTH / 2.0 * (1 + fmax(fmin(log_ratio / reach, 1), -1));
}

/* Each ratio a tick, the range a bar, the threshold a band, 1 a line. */
static void add_strip(const struct duels *duels, const struct duel_row *row, double reach,
                      struct text *out)
{
    const struct pairing *p = &row->pairing;
    const double band = log(1 + duels->threshold);
    text_print(out,
               "<svg width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" role=\"img\" "
               "aria-label=\"%d ratios, the median at %.3f\">",
               STRIP_WIDTH, STRIP_HEIGHT, STRIP_WIDTH, STRIP_HEIGHT, p->count,
               isfinite(p->ratio) ? p->ratio : 0);
    text_print(out,
               "<rect x=\"%.1f\" y=\"0\" width=\"%.1f\" height=\"%d\" fill=\"currentColor\" "
               "opacity=\".08\"/>"
               "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"0\" y2=\"%d\" stroke=\"currentColor\" "
               "opacity=\".5\"/>",
               strip_x(-band, reach), strip_x(band, reach) - strip_x(-band, reach), STRIP_HEIGHT,
               STRIP_WIDTH / 2.0, STRIP_WIDTH / 2.0, STRIP_HEIGHT);
    text_add(out, "<path stroke=\"currentColor\" opacity=\".35\" d=\"");
    const int step = 1 + p->count / STRIP_POINTS;
    for (int i = 0; i < p->count; i += step)
        text_print(out, "M%.1f 4v12", strip_x(p->logs[i], reach));
    text_add(out, "\"/>");
    if (p->low > 0 && isfinite(p->high))
        text_print(out,
                   "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"22\" y2=\"22\" stroke=\"currentColor\" "
                   "stroke-width=\"4\"/>",
                   strip_x(log(p->low), reach) - 0.5, strip_x(log(p->high), reach) + 0.5);
    text_add(out, "</svg>");
}

/* ---- the table ------------------------------------------------------------------------------- */

static void add_cell(struct text *out, const char *attributes, struct text *words)
{
    text_print(out, "<td%s>", attributes);
    words_xml(out, text_get(words), CELL_BYTES);
    text_add(out, "</td>");
    words->length = 0;
}

static void add_row(const struct duels *duels, const struct duel_row *row, double reach,
                    struct text *out)
{
    static const char number[] = " class=\"number\"";
    const enum duel_kind kind = duel_kind(row);
    struct text words = {0};
    text_print(out, "<tr><td class=\"%s\">%s</td>",
               kind == DUEL_WRONG || kind == DUEL_FAILED ? "broken" : duel_kind_name(kind),
               duel_kind_name(kind));
    duel_ratio(row->pairing.ratio, &words);
    text_add(&words, words.length ? "×" : "");
    add_cell(out, number, &words);
    duel_interval(row->pairing.low, row->pairing.high, &words);
    add_cell(out, number, &words);
    for (int s = 0; s < 2; ++s) {
        if (isfinite(row->ends[s].median_s))
            text_add_seconds(&words, row->ends[s].median_s);
        add_cell(out, number, &words);
    }
    text_add(out, "<td>");
    if (row->pairing.count)
        add_strip(duels, row, reach, out);
    text_add(out, "</td>");
    text_add(&words, row->ends[1].variant);
    add_cell(out, "", &words);
    text_add(&words, row->label);
    text_add(&words, strcmp(row->clock, "host") == 0 ? " (host's clock)" : "");
    add_cell(out, "", &words);
    text_add(out, "</tr>\n");
    text_free(&words);
}

static void end_paragraph(struct text *words, const char *class, struct text *out)
{
    if (words->length) {
        text_print(out, "<p class=\"%s\">", class);
        words_xml(out, text_get(words), SIZE_MAX);
        text_add(out, "</p>\n");
    }
    words->length = 0;
}

void duels_html(const struct duels *duels, struct text *out)
{
    const double reach = strip_reach(duels);
    struct text words = {0};
    add_head(duels, out);
    duels_summary(duels, "×", &words);
    end_paragraph(&words, "summary", out);
    text_add(out,
             "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Problems\">\n"
             "<table>\n<thead><tr><th scope=\"col\">verdict</th>"
             "<th scope=\"col\" class=\"number\">ratio</th>"
             "<th scope=\"col\" class=\"number\">99.9 % range</th>"
             "<th scope=\"col\" class=\"number\">A</th><th scope=\"col\" class=\"number\">B</th>");
    text_print(out,
               "<th scope=\"col\">ratios from %.3f to %.3f</th><th scope=\"col\">variant</th>"
               "<th scope=\"col\">problem</th></tr></thead>\n<tbody>\n",
               exp(-reach), exp(reach));
    for (int i = 0; i < duels->count; ++i)
        add_row(duels, &duels->rows[i], reach, out);
    text_add(out, "</tbody>\n</table>\n</div>\n");
    for (int i = 0; i < duels->count; ++i) {
        duel_reason(&duels->rows[i], &words);
        end_paragraph(&words, "unclear", out);
    }
    text_print(&words, "%s%s", duels->fixed, *duels->fixed ? "; " : "");
    duels_rule(duels, &words);
    text_add(&words, ". A tick is a unit, the bar the range, the band the threshold");
    end_paragraph(&words, "note", out);
    text_add(out, "</main>\n</body>\n</html>\n");
    text_free(&words);
}
