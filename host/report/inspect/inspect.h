/* Attention made visible: softmax weights as ranked pairs, entropies and maps (attnbench inspect).
 *
 * One struct inspection feeds a terminal (text.c), JSON (json.c) and a page
 * (page.c). Nothing here knows where the weights come from. Tokens are printable UTF-8
 * (store/tokens.h), but may be HTML: the page escapes them. */
#ifndef ATTNBENCH_REPORT_INSPECT_INSPECT_H
#define ATTNBENCH_REPORT_INSPECT_INSPECT_H

#include "problem/problem.h"
#include "store/tokens.h"
#include "util/text.h"

/* The weights of some heads of one batch entry. Everything is borrowed. */
struct inspection {
    const char *name;    /* of the case */
    const char *problem; /* its id */
    const char *source;  /* whose weights these are, in words */
    struct tokens queries, keys;
    int64_t batch, first_head, head_count;
    const double *weights;     /* [head_count, n_q, n_kv] */
    const unsigned char *seen; /* the same; 0: the query may not see the key, its weight is 0 */
    const bool *chosen;        /* of each query, does the user ask for it; NULL: for all */
};

/* `head` is an index from 0 to head_count - 1 everywhere. */
struct pair {
    int64_t head, query, key;
    double weight;
};

/* The largest weights of heads and queries first to end - 1 (of those chosen), largest first, at
 * most `limit`; how many there are. Of equal ones the first in order comes first. */
struct inspected_part {
    int64_t first_head, end_head, first_query, end_query;
    const bool *chosen;
    bool choices_only; /* not of queries that see a single key: its weight says nothing */
};
/* The chosen queries, or else all that had a choice. */
struct inspected_part inspection_whole(const struct inspection *inspection);
int inspection_rank(const struct inspection *inspection, const struct inspected_part *part,
                    struct pair *pairs, int limit);

/* How evenly a query looks at the keys that it sees: -sum p log2 p, with the weights of its keys
 * divided by their sum (a sink takes a part of it), and that over log2(visible). NaN: nothing to
 * say, as with no visible key, or, for the share, a single one. */
struct entropy {
    int64_t visible;
    double bits, share;
};
struct entropy inspection_entropy(const struct inspection *inspection, int64_t head, int64_t query);
/* Means over queries first to end - 1 of the values that are known. */
struct entropy inspection_mean_entropy(const struct inspection *inspection, int64_t head,
                                       int64_t first, int64_t end);

/* A map with at most `max_rows` x `max_columns` cells, each the largest weight of a block of
 * queries x keys: of means over many keys nothing would be left to see. */
struct map {
    int64_t block_q, block_kv;
    int64_t rows, columns;
};
struct map inspection_map(const struct inspection *inspection, int64_t max_rows,
                          int64_t max_columns);
/* The block's largest weight; -1: no pair of it is visible. */
double inspection_cell(const struct inspection *inspection, const struct map *map, int64_t head,
                       int64_t row, int64_t column);
/* The head's largest weight. */
double inspection_largest(const struct inspection *inspection, int64_t head);

/* "0.91", "0.042", "3.1e-05". */
void inspection_add_weight(struct text *out, double weight);
/* "it", or "16-23" for a block; what a row (or column) of a map stands for. */
void inspection_add_block(struct text *out, const struct tokens *tokens, int64_t block,
                          int64_t index);

/* ---- formats --------------------------------------------------------------------------------- */

/* Ranked pairs, then a shaded map a head, in lines of at most `width` columns; without `utf8` in
 * ASCII. */
void report_inspect_text(const struct inspection *inspection, int width, bool utf8,
                         struct text *out);

void report_inspect_json(const struct inspection *inspection, struct text *out);

/* An HTML page without anything outside itself; its Content-Security-Policy admits its one script
 * and its one style sheet, by their hashes. */
void report_inspect_page(const struct inspection *inspection, struct text *out);

#endif
