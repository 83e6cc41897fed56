#include "report/inspect/page.h"

#include <inttypes.h>
#include <math.h>

/* Sizes in pixels. */
enum {
    CELL_MAX = 28,
    CELL_MIN = 4,
    MAP_WIDTH = 480, /* what cells may take */
    LETTER = 8,      /* of the labels' type, about */
    LABEL_LETTERS = 14,
    LABEL_MIN = 11, /* the least distance of two labels */
    BAR_GAP = 10,
    BAR = 44,  /* the longest bar of an entropy */
    BITS = 34, /* its number */
    LEGEND = 40,
    LEGEND_STEPS = 32,
    LEGEND_STEP = 4
};

struct places {
    int64_t cell, left, top, width, height;
    int64_t step_q, step_kv; /* every so many labels are shown */
};

static int64_t longest_label(const struct tokens *tokens, int64_t block, int64_t count)
{
    int64_t longest = 1;
    for (int64_t i = 0; i < count; ++i) {
        struct text label = {0};
        int64_t letters = 0;
        if (block == 1)
            text_add(&label, tokens->words[i]);
        else
            inspection_add_block(&label, tokens, block, i);
        for (size_t b = 0; b < label.length; ++b)
            letters += ((unsigned char)label.data[b] & 0xc0) != 0x80;
        longest = letters > longest ? letters : longest;
        text_free(&label);
    }
    return longest < LABEL_LETTERS ? longest : LABEL_LETTERS;
}

static struct places find_layout(const struct inspection *in, const struct map *map)
{
    const int64_t larger = map->rows > map->columns ? map->rows : map->columns;
    struct places places = {.cell = MAP_WIDTH / larger};
    if (places.cell > CELL_MAX)
        places.cell = CELL_MAX;
    if (places.cell < CELL_MIN)
        places.cell = CELL_MIN;
    places.step_q = places.step_kv = (LABEL_MIN + places.cell - 1) / places.cell;
    places.left = LETTER * longest_label(&in->queries, map->block_q, map->rows) + 8;
    places.top = LETTER * longest_label(&in->keys, map->block_kv, map->columns) + 8;
    places.width = places.left + map->columns * places.cell + BAR_GAP + BAR + BITS;
    places.height = places.top + map->rows * places.cell + LEGEND;
    return places;
}

/* ---- labels ---------------------------------------------------------------------------------- */

static void add_label(const struct tokens *tokens, int64_t block, int64_t index, struct text *out)
{
    text_add(out, "<title>");
    page_add_block(out, tokens, block, index, 80);
    text_add(out, "</title>");
    if (block == 1)
        page_add_text(out, tokens->words[index], LABEL_LETTERS);
    else
        page_add_block(out, tokens, block, index, LABEL_LETTERS);
    text_add(out, "</text>\n");
}

static void add_labels(const struct inspection *in, const struct map *map,
                       const struct places *places, struct text *out)
{
    const int64_t half = places->cell / 2;
    text_add(out, "<g class=\"queries\">\n");
    for (int64_t r = 0; r < map->rows; ++r) {
        text_print(out, "<text x=\"%" PRId64 "\" y=\"%" PRId64 "\"%s>", places->left - 6,
                   places->top + r * places->cell + half + 4,
                   r % places->step_q ? " visibility=\"hidden\"" : "");
        add_label(&in->queries, map->block_q, r, out);
    }
    text_add(out, "</g>\n<g class=\"keys\">\n");
    for (int64_t c = 0; c < map->columns; ++c) {
        text_print(out, "<text transform=\"translate(%" PRId64 " %" PRId64 ") rotate(-90)\"%s>",
                   places->left + c * places->cell + half + 4, places->top - 6,
                   c % places->step_kv ? " visibility=\"hidden\"" : "");
        add_label(&in->keys, map->block_kv, c, out);
    }
    text_add(out, "</g>\n");
}

/* ---- cells ----------------------------------------------------------------------------------- */

static void add_cell(const struct inspection *in, const struct map *map, int64_t row,
                     int64_t column, double weight, double largest, struct text *out)
{
    const double part = weight > 0 ? weight / largest : 0;
    const bool blocks = map->block_q * map->block_kv > 1;
    text_print(out, "<rect x=\"%" PRId64 "\" y=\"%" PRId64 "\" ", column, row);
    if (weight < 0)
        text_add(out, "class=\"hidden\"><title>");
    else
        text_print(out, "class=\"c%d\" data-w=\"%.4g\"><title>",
                   (int)lround(part * (PAGE_COLORS - 1)), weight);
    page_add_block(out, &in->queries, map->block_q, row, 40);
    text_add(out, weight < 0 ? " cannot see " : " \u2192 ");
    page_add_block(out, &in->keys, map->block_kv, column, 40);
    if (weight >= 0)
        text_print(out, "%s %.4g", blocks ? ": at most" : "", weight);
    text_add(out, "</title></rect>\n");
}

/* True: some of them are hidden. */
static bool add_cells(const struct inspection *in, const struct map *map,
                      const struct places *places, int64_t head, double largest, struct text *out)
{
    bool hides = false;
    text_print(out,
               "<g class=\"cells\" transform=\"translate(%" PRId64 " %" PRId64 ") scale(%" PRId64
               ")\">\n",
               places->left, places->top, places->cell);
    for (int64_t r = 0; r < map->rows; ++r)
        for (int64_t c = 0; c < map->columns; ++c) {
            const double weight = inspection_cell(in, map, head, r, c);
            add_cell(in, map, r, c, weight, largest, out);
            hides |= weight < 0;
        }
    text_add(out, "</g>\n");
    return hides;
}

/* ---- entropies and the legend ---------------------------------------------------------------- */

static void add_entropies(const struct inspection *in, const struct map *map,
                          const struct places *places, int64_t head, struct text *out)
{
    const int64_t x = places->left + map->columns * places->cell + BAR_GAP;
    const int64_t thickness = places->cell > 12 ? 8 : places->cell > 5 ? places->cell - 3 : 2;
    text_print(out,
               "<g class=\"entropies\">\n<text x=\"%" PRId64 "\" y=\"%" PRId64
               "\" class=\"caption\">entropy</text>\n",
               x, places->top - 6);
    for (int64_t r = 0; r < map->rows; ++r) {
        const int64_t first = r * map->block_q, n_q = in->queries.count;
        const int64_t end = first + map->block_q < n_q ? first + map->block_q : n_q;
        const struct entropy entropy = inspection_mean_entropy(in, head, first, end);
        const int64_t y = places->top + r * places->cell + (places->cell - thickness) / 2;
        text_add(out, "<g><title>");
        page_add_block(out, &in->queries, map->block_q, r, 40);
        if (isnan(entropy.bits))
            text_add(out, ": none, it sees no key");
        else
            text_print(out, ": %.3f bits", entropy.bits);
        if (!isnan(entropy.share))
            text_print(out, ", %.1f %% of log2(%" PRId64 ")", 100 * entropy.share, entropy.visible);
        text_print(out,
                   "</title><rect class=\"track\" x=\"%" PRId64 "\" y=\"%" PRId64
                   "\" width=\"%d\" height=\"%" PRId64 "\"/>"
                   "<rect class=\"bar\" x=\"%" PRId64 "\" y=\"%" PRId64
                   "\" width=\"%.1f\" height=\"%" PRId64 "\"/>",
                   x, y, BAR, thickness, x, y, isnan(entropy.share) ? 0 : BAR * entropy.share,
                   thickness);
        if (r % places->step_q == 0 && !isnan(entropy.bits))
            text_print(out, "<text x=\"%" PRId64 "\" y=\"%" PRId64 "\">%.2f</text>", x + BAR + 5,
                       places->top + r * places->cell + places->cell / 2 + 4, entropy.bits);
        text_add(out, "</g>\n");
    }
    text_add(out, "</g>\n");
}

static void add_legend(const struct places *places, double largest, bool hides, struct text *out)
{
    const int64_t y = places->height - 20;
    int64_t x = places->left;
    text_print(out, "<g class=\"legend\">\n<text x=\"%" PRId64 "\" y=\"%" PRId64 "\">0</text>\n", x,
               y + 10);
    x += 12;
    for (int i = 0; i < LEGEND_STEPS; ++i, x += LEGEND_STEP)
        text_print(out,
                   "<rect class=\"c%d\" x=\"%" PRId64 "\" y=\"%" PRId64
                   "\" width=\"%d\" height=\"12\"/>",
                   i * (PAGE_COLORS - 1) / (LEGEND_STEPS - 1), x, y, LEGEND_STEP + 1);
    text_print(out, "\n<text x=\"%" PRId64 "\" y=\"%" PRId64 "\">", x + 6, y + 10);
    inspection_add_weight(out, largest);
    text_add(out, "</text>\n");
    if (hides)
        text_print(out,
                   "<rect class=\"hidden\" x=\"%" PRId64 "\" y=\"%" PRId64
                   "\" width=\"12\" height=\"12\"/><text x=\"%" PRId64 "\" y=\"%" PRId64
                   "\">hidden</text>\n",
                   x + 46, y, x + 63, y + 10);
    text_add(out, "</g>\n");
}

void page_add_map(const struct inspection *in, const struct map *map, int64_t head,
                  struct text *out)
{
    const struct places places = find_layout(in, map);
    const double largest = inspection_largest(in, head);
    text_print(out,
               "<svg width=\"%" PRId64 "\" height=\"%" PRId64 "\" viewBox=\"0 0 %" PRId64
               " %" PRId64 "\" data-columns=\"%" PRId64
               "\" role=\"img\" aria-label=\"Heat map of head %" PRId64
               ": queries down, keys across\">\n",
               places.width, places.height, places.width, places.height, map->columns,
               in->first_head + head);
    add_labels(in, map, &places, out);
    const bool hides = add_cells(in, map, &places, head, largest, out);
    add_entropies(in, map, &places, head, out);
    add_legend(&places, largest, hides, out);
    text_print(out,
               "<g transform=\"translate(%" PRId64 " %" PRId64 ") scale(%" PRId64 ")\">\n"
               "<rect class=\"mark\" width=\"%" PRId64 "\" height=\"1\" visibility=\"hidden\"/>\n"
               "<rect class=\"cursor\" width=\"1\" height=\"1\" visibility=\"hidden\"/>\n"
               "</g>\n</svg>\n",
               places.left, places.top, places.cell, map->columns);
}
