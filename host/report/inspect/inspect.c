#include "report/inspect/inspect.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* ---- reading the weights --------------------------------------------------------------------- */

static size_t offset_of(const struct inspection *in, int64_t head, int64_t query)
{
    return (size_t)((head * in->queries.count + query) * in->keys.count);
}

struct inspected_part inspection_whole(const struct inspection *in)
{
    return (struct inspected_part){.end_head = in->head_count,
                                   .end_query = in->queries.count,
                                   .chosen = in->chosen,
                                   .choices_only = !in->chosen};
}

static int64_t visible_keys(const struct inspection *in, int64_t head, int64_t query)
{
    const size_t row = offset_of(in, head, query);
    int64_t visible = 0;
    for (int64_t j = 0; j < in->keys.count; ++j)
        visible += in->seen[row + (size_t)j] != 0;
    return visible;
}

/* Puts a pair into its place among the `count` largest so far. */
static int insert(struct pair *pairs, int count, int limit, struct pair pair)
{
    int at = count;
    if (count == limit && !(pair.weight > pairs[limit - 1].weight))
        return count;
    if (count < limit)
        ++count;
    else
        --at;
    for (; at > 0 && pair.weight > pairs[at - 1].weight; --at)
        pairs[at] = pairs[at - 1];
    pairs[at] = pair;
    return count;
}

int inspection_rank(const struct inspection *in, const struct inspected_part *part,
                    struct pair *pairs, int limit)
{
    int count = 0;
    for (int64_t h = part->first_head; h < part->end_head; ++h)
        for (int64_t i = part->first_query; i < part->end_query; ++i) {
            const size_t row = offset_of(in, h, i);
            if ((part->chosen && !part->chosen[i]) ||
                (part->choices_only && visible_keys(in, h, i) < 2))
                continue;
            for (int64_t j = 0; j < in->keys.count; ++j)
                if (in->seen[row + (size_t)j])
                    count = insert(pairs, count, limit,
                                   (struct pair){h, i, j, in->weights[row + (size_t)j]});
        }
    return count;
}

double inspection_largest(const struct inspection *in, int64_t head)
{
    double largest = 0;
    const size_t first = offset_of(in, head, 0), end = offset_of(in, head + 1, 0);
    for (size_t i = first; i < end; ++i)
        largest = fmax(largest, in->weights[i]);
    return largest;
}

/* ---- entropy --------------------------------------------------------------------------------- */

struct entropy inspection_entropy(const struct inspection *in, int64_t head, int64_t query)
{
    const size_t row = offset_of(in, head, query), end = row + (size_t)in->keys.count;
    struct entropy entropy = {.visible = visible_keys(in, head, query), .bits = NAN, .share = NAN};
    double sum = 0, bits = 0;
    for (size_t j = row; j < end; ++j)
        sum += in->weights[j];
    for (size_t j = row; j < end && sum > 0; ++j) {
        const double p = in->weights[j] / sum;
        bits -= p > 0 ? p * log2(p) : 0;
    }
    if (sum > 0)
        entropy.bits = fmax(bits, 0); /* 1 - 1e-16 is not less than certain */
    if (entropy.visible > 1)
        entropy.share = entropy.bits / log2((double)entropy.visible);
    return entropy;
}

struct entropy inspection_mean_entropy(const struct inspection *in, int64_t head, int64_t first,
                                       int64_t end)
{
    struct entropy sum = {0};
    int64_t known = 0, shares = 0, visible = 0;
    for (int64_t i = first; i < end; ++i) {
        const struct entropy entropy = inspection_entropy(in, head, i);
        visible += entropy.visible;
        if (!isnan(entropy.bits)) {
            sum.bits += entropy.bits;
            ++known;
        }
        if (!isnan(entropy.share)) {
            sum.share += entropy.share;
            ++shares;
        }
    }
    return (struct entropy){.visible = end > first ? visible / (end - first) : 0,
                            .bits = known ? sum.bits / (double)known : NAN,
                            .share = shares ? sum.share / (double)shares : NAN};
}

/* ---- maps ------------------------------------------------------------------------------------ */

static int64_t blocks_of(int64_t count, int64_t block)
{
    return (count + block - 1) / block;
}

struct map inspection_map(const struct inspection *in, int64_t max_rows, int64_t max_columns)
{
    const int64_t n_q = in->queries.count, n_kv = in->keys.count;
    struct map map = {.block_q = blocks_of(n_q, max_rows),
                      .block_kv = blocks_of(n_kv, max_columns)};
    map.rows = blocks_of(n_q, map.block_q);
    map.columns = blocks_of(n_kv, map.block_kv);
    return map;
}

double inspection_cell(const struct inspection *in, const struct map *map, int64_t head,
                       int64_t row, int64_t column)
{
    double largest = -1;
    const int64_t first = column * map->block_kv;
    for (int64_t i = row * map->block_q; i < (row + 1) * map->block_q && i < in->queries.count; ++i)
        for (int64_t j = first; j < first + map->block_kv && j < in->keys.count; ++j) {
            const size_t at = offset_of(in, head, i) + (size_t)j;
            if (in->seen[at])
                largest = fmax(largest, in->weights[at]);
        }
    return largest;
}

/* ---- words ----------------------------------------------------------------------------------- */

void inspection_add_weight(struct text *out, double weight)
{
    if (weight >= 0.095 || weight == 0)
        text_print(out, "%.2f", weight);
    else
        text_print(out, "%.2g", weight);
}

void inspection_add_block(struct text *out, const struct tokens *tokens, int64_t block,
                          int64_t index)
{
    const int64_t first = index * block;
    const int64_t last = first + block < tokens->count ? first + block - 1 : tokens->count - 1;
    if (block == 1)
        text_add(out, tokens->labels[index]);
    else
        text_print(out, "%" PRId64 "-%" PRId64, first, last);
}
