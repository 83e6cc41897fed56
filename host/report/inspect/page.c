/* The page: its frame, the strongest pairs and a table a head. The maps are in map.c. */
#include "report/inspect/page.h"

#include "report/colors.h"
#include "report/page/page.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { PAIRS = 8, ROW_PAIRS = 5, CELLS_MAX = 32768, SIDE_MAX = 128, SIDE_MIN = 16, HEADS_MAX = 64 };

/* ---- head of the page ------------------------------------------------------------------------ */

static void add_color_rules(struct text *out, bool dark)
{
    char hex[8];
    for (int i = 0; i < PAGE_COLORS; ++i) {
        color_at((double)i / (PAGE_COLORS - 1), dark, hex);
        text_print(out, ".c%d{fill:%s}\n", i, hex);
    }
}

static void add_style(struct text *out)
{
    text_add(out, page_file("inspect.css"));
    add_color_rules(out, false);
    text_add(out, "@media (prefers-color-scheme: dark) {\n");
    add_color_rules(out, true);
    text_add(out, "}\n");
}

static void add_head(const struct inspection *in, const struct text *style,
                     const struct text *script, struct text *out)
{
    text_add(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
                  "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                  "script-src ");
    page_add_hash(out, text_get(script));
    text_add(out, "; style-src ");
    page_add_hash(out, text_get(style));
    text_add(out, "; base-uri 'none'; form-action 'none'\"/>\n"
                  "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
                  "<meta name=\"color-scheme\" content=\"light dark\"/>\n<title>Attention: ");
    page_add_text(out, in->name, 80);
    text_add(out, "</title>\n<style>");
    text_add(out, text_get(style));
    text_add(out, "</style>\n</head>\n");
}

/* ---- pairs and tables ------------------------------------------------------------------------ */

static void add_pair(const struct inspection *in, const struct pair *pair, struct text *out)
{
    text_add(out, "<li><span class=\"words\"><b>");
    page_add_text(out, in->queries.labels[pair->query], 40);
    text_add(out, "</b> \u2192 <b>");
    page_add_text(out, in->keys.labels[pair->key], 40);
    text_add(out, "</b></span> <span class=\"weight\">");
    inspection_add_weight(out, pair->weight);
    text_add(out, "</span>");
    if (in->head_count > 1)
        text_print(out, " <span class=\"where\">head %" PRId64 "</span>",
                   in->first_head + pair->head);
    text_add(out, "</li>\n");
}

static void add_pairs(const struct inspection *in, const struct map *map, struct text *out)
{
    const struct inspected_part whole = inspection_whole(in);
    struct pair pairs[PAIRS];
    const int count = inspection_rank(in, &whole, pairs, PAIRS);
    text_print(out,
               "<section id=\"pairs\" data-query=\"%" PRId64 "\" data-head=\"%" PRId64
               "\">\n<h2>Strongest pairs</h2>\n",
               count ? pairs[0].query / map->block_q : 0, count ? pairs[0].head : 0);
    text_add(out, count ? "<ol>\n" : "<p>No query has a choice of keys.</p>\n");
    for (int p = 0; p < count; ++p)
        add_pair(in, pairs + p, out);
    text_add(out, count ? "</ol>\n</section>\n" : "</section>\n");
}

static void add_entropy_cells(const struct entropy *entropy, struct text *out)
{
    if (isnan(entropy->bits))
        text_add(out, "<td>\u2013</td>");
    else
        text_print(out, "<td>%.2f</td>", entropy->bits);
    if (isnan(entropy->share))
        text_add(out, "<td>\u2013</td>");
    else
        text_print(out, "<td>%.0f\u00a0%%</td>", 100 * entropy->share);
}

static void add_row(const struct inspection *in, const struct map *map, int64_t head, int64_t row,
                    struct text *out)
{
    const int64_t first = row * map->block_q;
    const int64_t end =
        first + map->block_q < in->queries.count ? first + map->block_q : in->queries.count;
    const struct entropy entropy = inspection_mean_entropy(in, head, first, end);
    const struct inspected_part part = {head, head + 1, first, end, NULL, false};
    struct pair pairs[ROW_PAIRS];
    const int count = inspection_rank(in, &part, pairs, ROW_PAIRS);
    text_add(out, "<tr><th scope=\"row\">");
    page_add_block(out, &in->queries, map->block_q, row, 40);
    text_add(out, "</th>");
    add_entropy_cells(&entropy, out);
    text_add(out, "<td class=\"top\">");
    for (int p = 0; p < count; ++p) {
        text_add(out, p ? ", " : "");
        if (map->block_q > 1) {
            page_add_text(out, in->queries.labels[pairs[p].query], 40);
            text_add(out, "\u00a0\u2192\u00a0");
        }
        page_add_text(out, in->keys.labels[pairs[p].key], 40);
        text_add(out, " <b>");
        inspection_add_weight(out, pairs[p].weight);
        text_add(out, "</b>");
    }
    text_add(out, count ? "</td></tr>\n" : "\u2013</td></tr>\n");
}

static void add_table(const struct inspection *in, const struct map *map, int64_t head,
                      struct text *out)
{
    text_add(out, "<details><summary>As a table</summary>\n<div class=\"scroll\"><table>\n<thead>"
                  "<tr><th scope=\"col\">query</th><th scope=\"col\">bits</th>"
                  "<th scope=\"col\">of possible</th>"
                  "<th scope=\"col\">attends most to</th></tr></thead>\n<tbody>\n");
    for (int64_t r = 0; r < map->rows; ++r)
        add_row(in, map, head, r, out);
    text_add(out, "</tbody>\n</table></div></details>\n");
}

/* ---- body ------------------------------------------------------------------------------------ */

static struct map find_map(const struct inspection *in, int64_t heads)
{
    int64_t side = SIDE_MAX;
    while (side > SIDE_MIN && side * side * heads > CELLS_MAX)
        --side;
    return inspection_map(in, side, side);
}

static void add_section(const struct inspection *in, const struct map *map, int64_t head,
                        struct text *out)
{
    const struct entropy mean = inspection_mean_entropy(in, head, 0, in->queries.count);
    text_print(out, "<section class=\"head\" data-head=\"%" PRId64 "\">\n<h2>Head %" PRId64,
               in->first_head + head, in->first_head + head);
    if (!isnan(mean.bits))
        text_print(out, " <small>entropy %.2f bits", mean.bits);
    if (!isnan(mean.bits) && !isnan(mean.share))
        text_print(out, ", %.0f\u00a0%% of what is possible", 100 * mean.share);
    text_add(out, isnan(mean.bits) ? "</h2>\n" : "</small></h2>\n");
    page_add_map(in, map, head, out);
    text_add(out, "<p class=\"readout\" aria-live=\"polite\" hidden=\"hidden\"></p>\n");
    add_table(in, map, head, out);
    text_add(out, "</section>\n");
}

/* A line may end behind each comma. */
static void add_id(const char *id, struct text *out)
{
    struct text escaped = {0};
    page_add_text(&escaped, id, 400);
    for (const char *c = text_get(&escaped); *c; ++c) {
        text_add_bytes(out, c, 1);
        if (*c == ',')
            text_add(out, "<wbr/>");
    }
    text_free(&escaped);
}

static void add_facts(const struct inspection *in, const struct map *map, int64_t heads,
                      struct text *out)
{
    text_add(out, "<header>\n<h1>What attends to what: ");
    page_add_text(out, in->name, 80);
    text_add(out, "</h1>\n<p>Softmax weights of ");
    page_add_text(out, in->source, 400);
    text_add(out, ". <span class=\"id\">");
    add_id(in->problem, out);
    text_print(out, "</span>, batch %" PRId64 ".", in->batch);
    if (map->block_q * map->block_kv > 1)
        text_print(out,
                   " <strong>Each cell stands for %" PRId64 " queries \u00d7 %" PRId64
                   " keys</strong> and shows the largest weight among them; entropies are means.",
                   map->block_q, map->block_kv);
    if (in->head_count > heads)
        text_print(out,
                   " The first %" PRId64 " of %" PRId64 " heads; <code>--head H</code> shows "
                   "another one.",
                   heads, in->head_count);
    text_add(out, "</p>\n</header>\n");
}

void report_inspect_page(const struct inspection *in, struct text *out)
{
    const int64_t heads = in->head_count < HEADS_MAX ? in->head_count : HEADS_MAX;
    const struct map map = find_map(in, heads);
    struct text style = {0}, script = {0};
    add_style(&style);
    text_add(&script, page_file("inspect.js"));
    add_head(in, &style, &script, out);
    text_add(out, "<body>\n");
    add_facts(in, &map, heads, out);
    text_add(out, "<main>\n<aside>\n<section id=\"chosen\" hidden=\"hidden\"></section>\n");
    add_pairs(in, &map, out);
    text_add(out, "</aside>\n<div id=\"heads\">\n");
    for (int64_t h = 0; h < heads; ++h)
        add_section(in, &map, h, out);
    text_add(out, "</div>\n</main>\n<script>");
    text_add(out, text_get(&script));
    text_add(out, "</script>\n</body>\n</html>\n");
    text_free(&style);
    text_free(&script);
}
