/* naive: attention as its definition reads, one work-item an output element.
 *
 * Idea    Three passes over a matrix of scores in global memory. Nothing is shared or reused on
 *         purpose: this is the reference on the device, and the yardstick of the other variants. It
 *         computes every problem there is.
 * Layout  q, k, v, o as the host lays them out; scores and weights [batch, heads_q, n_q, n_kv] in
 *         f32. Weights take the place of the scores unless the scores are returned.
 * Work    scores: a work-item a score. softmax: a work-item a row. values: a work-item an output
 *         element. The group id's first number counts blocks of keys (or of d_v) and, more slowly,
 *         rows; the others are head and batch.
 * Memory  3 passes over n_q * n_kv scores; each work-item of the first pass reads two rows of d_k,
 *         each of the last a row of weights and a column of v: about 2 loads a multiply-add, which
 *         only caches keep from global memory.
 * Source  Vaswani et al., Attention Is All You Need, 2017, equation 1.
 * Limits  Memory for n_q * n_kv floats a head, twice that when the scores are returned. */
#include "attention.clh"

/* s = softcap(scale * q.k) + bias; keys that the row does not see are left to the next pass. */
__kernel void naive_scores(__global const storage *restrict q, __global const storage *restrict k,
                           __global const bias_storage *restrict bias,
                           __global const float *restrict slopes,
                           __global const int *restrict kv_lengths, __global float *restrict scores,
                           const struct shape shape)
{
    const int blocks = (shape.n_kv + WG - 1) / WG;
    const int row = get_group_id(0) / blocks;
    const int key = get_group_id(0) % blocks * WG + get_local_id(0);
    const int head = get_group_id(1);
    const int batch = get_group_id(2);
    const int keys = key_count(shape, kv_lengths, batch);
    if (key < first_key(shape, row, keys) || key >= end_key(shape, row, keys))
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
    scores[scores_offset(shape, batch, head, row) + key] =
        biased(score, bias_row(shape, bias, slopes, batch, head, row), key, 1.0f);
}

/* Each row of scores becomes weights, in place unless the scores are returned. */
__kernel void naive_softmax(__global float *scores, __global float *weights,
                            __global const float *restrict sinks,
                            __global const int *restrict kv_lengths, const struct shape shape)
{
    const int row = get_global_id(0);
    const int head = get_group_id(1);
    const int batch = get_group_id(2);
    if (row >= shape.n_q)
        return;
    const size_t offset = scores_offset(shape, batch, head, row);
    __global const float *s = scores + offset;
    __global float *p = (RETURNS == 2 ? weights : scores) + offset;
    const int keys = key_count(shape, kv_lengths, batch);
    const int first = first_key(shape, row, keys);
    const int end = end_key(shape, row, keys);
    const float sink = sink_score(sinks, head, 1.0f);

    float maximum = larger(SCORE_START, sink);
    for (int key = first; key < end; key++)
        maximum = larger(maximum, s[key]);
    float sum = exp(sink - maximum);
    for (int key = first; key < end; key++) {
        p[key] = exp(s[key] - maximum);
        sum += p[key];
    }
    /* A row whose keys are all hidden sums to 0, and its weights are 0 already. */
    for (int key = first; key < end; key++)
        p[key] = sum == 0.0f ? 0.0f : p[key] / sum;
#if RETURNS == 1
    for (int key = 0; key < first; key++)
        p[key] = 0.0f;
    for (int key = end; key < shape.n_kv; key++)
        p[key] = 0.0f;
#endif
}

/* o = p v; a row that sees no key has an empty sum, 0. */
__kernel void naive_values(__global const float *scores, __global const float *weights,
                           __global const storage *restrict v,
                           __global const int *restrict kv_lengths, __global storage *restrict o,
                           const struct shape shape)
{
    const int blocks = (D_V + WG - 1) / WG;
    const int row = get_group_id(0) / blocks;
    const int d = get_group_id(0) % blocks * WG + get_local_id(0);
    const int head = get_group_id(1);
    const int batch = get_group_id(2);
    if (d >= D_V)
        return;

    __global const float *p =
        (RETURNS == 2 ? weights : scores) + scores_offset(shape, batch, head, row);
    const size_t v_head = head_offset(batch, kv_head(shape, head), shape.heads_kv, shape.n_kv, D_V);
    const size_t v_stride = row_stride(shape.heads_kv, D_V);
    const int keys = key_count(shape, kv_lengths, batch);
    const int end = end_key(shape, row, keys);
    float sum = 0.0f;
    for (int key = first_key(shape, row, keys); key < end; key++)
        sum += p[key] * load(v, v_head + key * v_stride + d);

    store(o,
          head_offset(batch, head, shape.heads_q, shape.n_q, D_V) +
              row * row_stride(shape.heads_q, D_V) + d,
          sum);
}
