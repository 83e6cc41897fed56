/* additive: Bahdanau's attention in three passes.
 *
 * Idea    A score is v . tanh(q + k), not a product: n_q * n_kv * d_k functions that no matrix
 *         product computes. Queries and keys are projected before, then each row has its scores,
 *         its softmax, and the weighted sum of y.
 * Work    group (query row) of STAGE_WG work-items, which share keys, then columns.
 * Memory  scores [batch, n_q, n_kv] in f32; each row reads all keys and all of y.
 * Source  Bahdanau, Cho and Bengio, Neural machine translation by jointly learning to align and
 *         translate, 2015. */
#define EXP2_POLYNOMIAL 1
#include "gemm.clh"
#include "stages.clh"

__kernel STAGE_GROUP void additive_scores(__global const storage *restrict queries,
                                          __global const storage *restrict keys,
                                          __global const storage *restrict v,
                                          __global float *restrict scores, const struct stage stage)
{
    const size_t row = get_group_id(0), batch = row / stage.m;
    queries += row * D_K;
    FOR_COLUMNS(j, stage.n)
    {
        __global const storage *key = keys + (batch * stage.n + j) * D_K;
        float8 sums = (float8)(0.0f);
        float sum = 0.0f;
        int c = 0;
        for (; c + 8 <= D_K; c += 8)
            sums += load8(v, c) * capped8(load8(queries, c) + load8(key, c), 1.0f);
        for (; c < D_K; c++)
            sum += load(v, c) * capped(load(queries, c) + load(key, c), 1.0f);
        const float4 half_sums = sums.lo + sums.hi;
        scores[row * stage.n + j] =
            sum + half_sums.x + half_sums.y + half_sums.z + half_sums.w; /* in units of log2 */
    }
}

/* Each row of scores becomes weights. */
__kernel STAGE_GROUP void additive_softmax(__global float *scores, const struct stage stage)
{
    __local float shared[STAGE_WG];
    float maximum = SCORE_START, sum = 0.0f;
    scores += (size_t)get_group_id(0) * stage.n;
    for (int j = 0; j < stage.n; j++)
        maximum = larger(scores[j], maximum);
#if GEMM_GRID > 1
    barrier(CLK_GLOBAL_MEM_FENCE); /* all have read the scores */
#endif
    FOR_COLUMNS(j, stage.n)
    {
        scores[j] = exp2_polynomial(scores[j] - maximum);
        sum += scores[j];
    }
    const float total = stage_sum(sum, shared);
    FOR_COLUMNS(j, stage.n)
    scores[j] /= total;
}

__kernel STAGE_GROUP void additive_values(__global const float *restrict weights,
                                          __global const storage *restrict y,
                                          __global storage *restrict o, const struct stage stage)
{
    const size_t row = get_group_id(0), batch = row / stage.m;
    weights += row * stage.n;
    y += batch * stage.n * stage.k;
    for (int c = get_local_id(0) * 4; c < stage.k; c += STAGE_WG * 4) {
        float4 sums = (float4)(0.0f);
        if (c + 4 <= stage.k) {
            for (int j = 0; j < stage.n; j++)
                sums += weights[j] * load4(y, (size_t)j * stage.k + c);
            store4(o, row * stage.k + c, sums);
            continue;
        }
        for (int tail = c; tail < stage.k; tail++) {
            float sum = 0.0f;
            for (int j = 0; j < stage.n; j++)
                sum += weights[j] * load(y, (size_t)j * stage.k + tail);
            store(o, row * stage.k + tail, sum);
        }
    }
}
