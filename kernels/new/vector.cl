/* NAME: one query row a work-item, eight elements at a time (online softmax).
 *
 * Idea    The same one pass as a scalar kernel, in explicit vectors: what CPUs want.
 * Work    One work-item a row; rows, heads and batch are the dimensions of the grid.
 * Memory  Private vectors only. Every row reads k and v once.
 * Source  Milakov and Gimelshein, Online normalizer calculation for softmax, 2018.
 * Limits  d_k and d_v are multiples of 8: variant.json says so.
 *
 * From attention.clh: load8 and store8 move eight elements as float8 and need no more alignment
 * than one element (load_aligned8 wants a multiple of 8, and is one 16-byte read on a GPU); 4 and
 * 16 likewise. power_of_2 is exp2, by a polynomial where EXP2_POLYNOMIAL is 1. */
#define EXP2_POLYNOMIAL 1
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

    float8 query[D_K / 8], values[D_V / 8];
    for (int d = 0; d < D_K / 8; d++) /* scores in units of log2: exp2 is cheaper than exp */
        query[d] = LOG2_E * shape.scale * load8(q, q_row + 8 * d);
    for (int d = 0; d < D_V / 8; d++)
        values[d] = 0.0f;

    float maximum = SCORE_START, sum = 0.0f;
    for (int key = first_key(shape, row, keys); key < end; key++) {
        const size_t k_row = k_head + key * row_stride(shape.heads_kv, D_K);
        const size_t v_row = v_head + key * row_stride(shape.heads_kv, D_V);
        float8 dot = 0.0f;
        for (int d = 0; d < D_K / 8; d++)
            dot += query[d] * load8(k, k_row + 8 * d);
        const float4 half_dot = dot.lo + dot.hi;
        const float score = half_dot.x + half_dot.y + half_dot.z + half_dot.w;
        const float above = larger(maximum, score), weight = power_of_2(score - above);
        const float shrink = power_of_2(maximum - above); /* 1 while the maximum stays */
        maximum = above;
        sum = sum * shrink + weight;
        for (int d = 0; d < D_V / 8; d++)
            values[d] = values[d] * shrink + weight * load8(v, v_row + 8 * d);
    }
    /* A row that sees no key gives 0. Not `sum > 0`: a NaN in the inputs must come out as one. */
    for (int d = 0; d < D_V / 8; d++)
        store8(o, o_row + 8 * d, sum == 0.0f ? (float8)(0.0f) : values[d] / sum);
}
