/* NAME: a work-item computes one query row, and reads the keys twice.
 *
 * Idea    First pass: the row's largest score. Second pass: weights and the weighted sum of values.
 * Work    One work-item a row; rows, heads and batch are the dimensions of the grid.
 * Memory  Nothing but private arrays: D_V sums, and the query row. Every row reads all of k and v.
 * Source  Vaswani et al., Attention Is All You Need, 2017, equation 1.
 *
 * From attention.clh: load(p, i) and store(p, i, x) convert from and to float; head_offset and
 * row_stride give addresses; key_count, first_key and end_key are the mask. */
#include "attention.clh"

/* q.k of the row in `query` with the key at `at`, scaled. */
static float score(const float *query, __global const storage *k, size_t at, struct shape shape)
{
    float dot = 0.0f;
    for (int d = 0; d < D_K; d++)
        dot += query[d] * load(k, at + d);
    return shape.scale * dot;
}

__kernel void NAME_rows(__global const storage *restrict q, __global const storage *restrict k,
                        __global const storage *restrict v, __global const int *restrict kv_lengths,
                        __global storage *restrict o, const struct shape shape)
{
    const int row = get_global_id(0), head = get_group_id(1), batch = get_group_id(2);
    if (row >= shape.n_q) /* the last group may be larger than what is left; no barrier follows */
        return;
    const size_t q_row = head_offset(batch, head, shape.heads_q, shape.n_q, D_K) +
                         row * row_stride(shape.heads_q, D_K);
    const size_t o_row = head_offset(batch, head, shape.heads_q, shape.n_q, D_V) +
                         row * row_stride(shape.heads_q, D_V);
    const size_t k_head = head_offset(batch, kv_head(shape, head), shape.heads_kv, shape.n_kv, D_K);
    const size_t v_head = head_offset(batch, kv_head(shape, head), shape.heads_kv, shape.n_kv, D_V);
    const size_t k_stride = row_stride(shape.heads_kv, D_K);
    const size_t v_stride = row_stride(shape.heads_kv, D_V);
    const int keys = key_count(shape, kv_lengths, batch);
    const int first = first_key(shape, row, keys), end = end_key(shape, row, keys);

    float query[D_K], values[D_V];
    for (int d = 0; d < D_K; d++)
        query[d] = load(q, q_row + d);
    for (int d = 0; d < D_V; d++)
        values[d] = 0.0f;

    float maximum = SCORE_START, sum = 0.0f;
    for (int key = first; key < end; key++)
        maximum = larger(maximum, score(query, k, k_head + key * k_stride, shape));
    for (int key = first; key < end; key++) {
        const float weight = exp(score(query, k, k_head + key * k_stride, shape) - maximum);
        sum += weight;
        for (int d = 0; d < D_V; d++)
            values[d] += weight * load(v, v_head + key * v_stride + d);
    }
    /* A row that sees no key gives 0. Not `sum > 0`: a NaN in the inputs must come out as one. */
    for (int d = 0; d < D_V; d++)
        store(o, o_row + d, sum == 0.0f ? 0.0f : values[d] / sum);
}
