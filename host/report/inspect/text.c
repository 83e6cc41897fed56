#include "report/inspect/inspect.h"

#include "util/fold.h"
#include "util/terminal.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

enum { PAIRS = 10, MAPS = 16, MAP_ROWS = 40, LABEL_COLUMNS = 14 };

/* From no weight to the head's largest. A key that a query may not see is blank, too. */
static const char *const shades_utf8[] = {" ", "\u00b7", "\u2591", "\u2592", "\u2593", "\u2588"};
static const char *const shades_ascii[] = {" ", ".", ":", "+", "#", "@"};
enum { SHADES = sizeof shades_ascii / sizeof *shades_ascii };

/* Adds at most `columns` columns of a token and returns how many; longer ones end with a mark. In
 * ASCII every other character is '?'. */
static int add_token(struct text *out, const char *token, int columns, bool utf8)
{
    int used = 0, step;
    uint32_t code;
    for (const char *at = token; *at && (step = fold_decode(at, &code)) > 0; at += step) {
        const int width = utf8 ? terminal_columns(code) : 1;
        const bool last = !at[step];
        if (used + width > columns || (used + width == columns && !last)) {
            text_add(out, utf8 ? "\u2026" : "~");
            return used + 1;
        }
        if (utf8 || code < 0x80)
            text_add_bytes(out, at, (size_t)step);
        else
            text_add(out, "?");
        used += width;
    }
    return used;
}

static void add_pairs(const struct inspection *in, int width, bool utf8, struct text *out)
{
    const struct inspected_part whole = inspection_whole(in);
    struct pair pairs[PAIRS];
    const int count = inspection_rank(in, &whole, pairs, PAIRS);
    const int room = (width - 30) / 2;
    for (int p = 0; p < count; ++p) {
        add_token(out, in->queries.labels[pairs[p].query], room, utf8);
        text_add(out, utf8 ? " \u2192 " : " -> ");
        add_token(out, in->keys.labels[pairs[p].key], room, utf8);
        text_add(out, " ");
        inspection_add_weight(out, pairs[p].weight);
        if (in->head_count > 1)
            text_print(out, "  head %" PRId64, in->first_head + pairs[p].head);
        text_add(out, "\n");
    }
    if (count == 0)
        text_add(out, "no query has a choice of keys\n");
}

static void add_entropy(const struct entropy *entropy, struct text *out)
{
    if (isnan(entropy->bits))
        text_add(out, "no key is visible");
    else if (isnan(entropy->share))
        text_print(out, "entropy %.2f bits", entropy->bits);
    else
        text_print(out, "entropy %.2f bits, %.0f %% of what is possible", entropy->bits,
                   100 * entropy->share);
}

/* ---- maps ------------------------------------------------------------------------------------ */

/* Where things stand in a line: "label index cells". */
struct places {
    struct map map;
    int label, index, cell; /* columns */
};

static int digits(int64_t number)
{
    return snprintf(NULL, 0, "%" PRId64, number);
}

static struct places find_layout(const struct inspection *in, int width, bool utf8)
{
    struct places places = {.cell = 2, .index = digits(in->queries.count - 1)};
    for (int64_t i = 0; i < in->queries.count && in->queries.named; ++i) {
        struct text word = {0};
        const int used = add_token(&word, in->queries.words[i], LABEL_COLUMNS, utf8);
        places.label = used > places.label ? used : places.label;
        text_free(&word);
    }
    int room = width - places.label - places.index - 3;
    if (in->keys.count * 2 > room)
        places.cell = 1;
    places.map = inspection_map(in, MAP_ROWS, room / places.cell);
    if (places.map.block_q > 1) { /* "16-23" instead of words */
        room = width - 2 * places.index - 4;
        places.label = 0;
        places.index = 2 * places.index + 1;
        places.map = inspection_map(in, MAP_ROWS, room / places.cell);
    }
    return places;
}

/* The keys' indexes, upright: one line a digit. */
static void add_header(const struct places *places, struct text *out)
{
    const int64_t last = (places->map.columns - 1) * places->map.block_kv;
    const int margin = places->label + (places->label > 0) + places->index + 2;
    int64_t power = 1;
    for (int d = 1; d < digits(last); ++d)
        power *= 10;
    for (; power > 0; power /= 10) {
        text_print(out, "%*s", margin, "");
        for (int64_t c = 0; c < places->map.columns; ++c) {
            const int64_t key = c * places->map.block_kv;
            const char digit = (char)('0' + key / power % 10);
            text_print(out, "%*s%c", places->cell - 1, "", key < power && power > 1 ? ' ' : digit);
        }
        while (out->data[out->length - 1] == ' ')
            out->data[--out->length] = '\0';
        text_add(out, "\n");
    }
}

static void add_cells(const struct inspection *in, const struct places *places, int64_t head,
                      int64_t row, double largest, bool utf8, struct text *out)
{
    const char *const *shades = utf8 ? shades_utf8 : shades_ascii;
    for (int64_t c = 0; c < places->map.columns; ++c) {
        const double weight = inspection_cell(in, &places->map, head, row, c);
        const double part = weight > 0 ? weight / largest : 0;
        const int shade = (int)(part * (SHADES - 1) + 0.5);
        for (int i = 0; i < places->cell; ++i)
            text_add(out, shades[shade]);
    }
    while (out->data[out->length - 1] == ' ')
        out->data[--out->length] = '\0';
    text_add(out, "\n");
}

static void add_map(const struct inspection *in, const struct places *places, int64_t head,
                    bool utf8, struct text *out)
{
    const struct entropy mean = inspection_mean_entropy(in, head, 0, in->queries.count);
    const double largest = inspection_largest(in, head);
    text_print(out, "\nhead %" PRId64 ": ", in->first_head + head);
    add_entropy(&mean, out);
    text_print(out, "; %s is ", (utf8 ? shades_utf8 : shades_ascii)[SHADES - 1]);
    inspection_add_weight(out, largest);
    if (places->map.block_q * places->map.block_kv > 1)
        text_print(out, "\nevery cell is the largest of %" PRId64 " queries x %" PRId64 " keys",
                   places->map.block_q, places->map.block_kv);
    text_add(out, "\n");
    add_header(places, out);
    for (int64_t r = 0; r < places->map.rows; ++r) {
        struct text index = {0};
        if (places->map.block_q > 1)
            inspection_add_block(&index, &in->queries, places->map.block_q, r);
        else
            text_print(&index, "%" PRId64, r);
        if (places->label > 0) {
            struct text word = {0};
            const int used = add_token(&word, in->queries.words[r], places->label, utf8);
            text_print(out, "%*s%s ", places->label - used, "", text_get(&word));
            text_free(&word);
        }
        text_print(out, "%*s  ", places->index, text_get(&index));
        add_cells(in, places, head, r, largest, utf8, out);
        text_free(&index);
    }
}

/* With --token: one line a head and query instead of maps. */
static void add_chosen(const struct inspection *in, int width, bool utf8, struct text *out)
{
    for (int64_t i = 0; i < in->queries.count; ++i)
        for (int64_t h = 0; h < in->head_count && in->chosen[i]; ++h) {
            const struct entropy entropy = inspection_entropy(in, h, i);
            text_print(out, "head %" PRId64 ", ", in->first_head + h);
            add_token(out, in->queries.labels[i], width / 2, utf8);
            text_add(out, ": ");
            add_entropy(&entropy, out);
            text_print(out, "; sees %" PRId64 " keys\n", entropy.visible);
        }
}

void report_inspect_text(const struct inspection *in, int width, bool utf8, struct text *out)
{
    add_pairs(in, width, utf8, out);
    if (in->chosen) {
        text_add(out, "\n");
        add_chosen(in, width, utf8, out);
    } else {
        const struct places places = find_layout(in, width, utf8);
        for (int64_t h = 0; h < in->head_count && h < MAPS; ++h)
            add_map(in, &places, h, utf8, out);
        if (in->head_count > MAPS)
            text_print(out, "\n%" PRId64 " more heads; --head H shows one\n",
                       in->head_count - MAPS);
    }
    text_print(out, "\nweights of %s\n", in->source);
}
