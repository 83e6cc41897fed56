/* NAME: a work-item computes one query row in one pass over the keys (online softmax).
 *
 * Idea    A running maximum; when a score exceeds it, what was summed so far is scaled down.
 * Work    One work-item a row; rows, heads and batch are the dimensions of the grid.
 * Memory  Private arrays only. Every row reads k and v once: sharing tiles of them between the
 *         work-items of a group, through local memory, is the next step (see fused/fused.cl).
 * Source  Milakov and Gimelshein, Online normalizer calculation for softmax, 2018.
 *
 * From attention.clh: load(p, i) and store(p, i, x) convert from and to float; head_offset and
 * row_stride give addresses; key_count, first_key and end_key are the mask. */
#include "attention.clh"

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
    const int keys = key_count(shape, kv_lengths, batch);
    const int end = end_key(shape, row, keys);

    float query[D_K], values[D_V];
    for (int d = 0; d < D_K; d++)
        query[d] = shape.scale * load(q, q_row + d);
    for (int d = 0; d < D_V; d++)
        values[d] = 0.0f;

    float maximum = SCORE_START, sum = 0.0f; /* a large finite start: no infinity minus infinity */
    for (int key = first_key(shape, row, keys); key < end; key++) {
        const size_t k_row = k_head + key * row_stride(shape.heads_kv, D_K);
        const size_t v_row = v_head + key * row_stride(shape.heads_kv, D_V);
        float score = 0.0f;
        for (int d = 0; d < D_K; d++)
            score += query[d] * load(k, k_row + d);
        const float above = larger(maximum, score), weight = exp(score - above);
        const float shrink = exp(maximum - above); /* 1 while the maximum stays */
        maximum = above;
        sum = sum * shrink + weight;
        for (int d = 0; d < D_V; d++)
            values[d] = values[d] * shrink + weight * load(v, v_row + d);
    }
    /* A row that sees no key gives 0. Not `sum > 0`: a NaN in the inputs must come out as one. */
    for (int d = 0; d < D_V; d++)
        store(o, o_row + d, sum == 0.0f ? 0.0f : values[d] / sum);
}
