/* naive: attention as its definition reads, one work-item an output element.
 *
 * Idea    Three passes over a matrix of scores in global memory. Nothing is shared or reused on
 *         purpose: this is the reference on the device, and the yardstick of the other variants.
 * Layout  q, k, v, o as the host lays them out; scores [batch, heads_q, n_q, n_kv] in f32.
 * Work    scores: a work-item a score. softmax: a work-item a row. values: a work-item an output
 *         element. The group id's second number is the row and its third the head of a batch.
 * Memory  3 passes over n_q * n_kv scores; each work-item of the first pass reads two rows of d_k,
 *         each of the last a row of scores and a column of v: about 2 loads a multiply-add, which
 *         only caches keep from global memory.
 * Source  Vaswani et al., Attention Is All You Need, 2017, equation 1.
 * Limits  Memory for n_q * n_kv floats a head. Some GPUs allow 65535 groups in the second
 *         dimension, which bounds n_q there. */
#include "attention.clh"

/* s = softcap(scale * q.k); keys that the row does not see are left to the next pass. */
__kernel void naive_scores(__global const storage *restrict q, __global const storage *restrict k,
                           __global float *restrict scores, const struct shape shape)
{
    const int key = get_global_id(0);
    const int row = get_group_id(1);
    const int batch = get_group_id(2) / shape.heads_q;
    const int head = get_group_id(2) % shape.heads_q;
    if (key < first_key(shape, row) || key >= end_key(shape, row))
        return;

    const size_t q_row = head_offset(batch, head, shape.heads_q, shape.n_q, D_K) +
                         row * row_stride(shape.heads_q, D_K);
    const size_t k_row = head_offset(batch, kv_head(shape, head), shape.heads_kv, shape.n_kv, D_K) +
                         key * row_stride(shape.heads_kv, D_K);
    float dot = 0.0f;
    for (int d = 0; d < D_K; d++)
        dot += load(q, q_row + d) * load(k, k_row + d);

    float score = shape.scale * dot;
#if SOFTCAP
    score = shape.softcap * tanh(score / shape.softcap);
#endif
    scores[scores_offset(shape, get_group_id(2), row) + key] = score;
}

/* Each row of scores becomes probabilities, in place. */
__kernel void naive_softmax(__global float *restrict scores, const struct shape shape)
{
    const int row = get_global_id(0);
    if (row >= shape.n_q)
        return;
    __global float *s = scores + scores_offset(shape, get_group_id(1), row);
    const int first = first_key(shape, row);
    const int end = end_key(shape, row);

    float maximum = SCORE_START;
    for (int key = first; key < end; key++)
        maximum = larger(maximum, s[key]);
    float sum = 0.0f;
    for (int key = first; key < end; key++) {
        s[key] = exp(s[key] - maximum);
        sum += s[key];
    }
    for (int key = first; key < end; key++)
        s[key] /= sum;
}

/* o = p v; a row that sees no key has an empty sum, 0. */
__kernel void naive_values(__global const float *restrict scores,
                           __global const storage *restrict v, __global storage *restrict o,
                           const struct shape shape)
{
    const int d = get_global_id(0);
    const int row = get_group_id(1);
    const int batch = get_group_id(2) / shape.heads_q;
    const int head = get_group_id(2) % shape.heads_q;
    if (d >= D_V)
        return;

    __global const float *p = scores + scores_offset(shape, get_group_id(2), row);
    const size_t v_head = head_offset(batch, kv_head(shape, head), shape.heads_kv, shape.n_kv, D_V);
    const size_t v_stride = row_stride(shape.heads_kv, D_V);
    const int end = end_key(shape, row);
    float sum = 0.0f;
    for (int key = first_key(shape, row); key < end; key++)
        sum += p[key] * load(v, v_head + key * v_stride + d);

    store(o,
          head_offset(batch, head, shape.heads_q, shape.n_q, D_V) +
              row * row_stride(shape.heads_q, D_V) + d,
          sum);
}
