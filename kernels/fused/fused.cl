/* fused: attention in one pass with an online softmax; the n_q x n_kv scores never exist.
 *
 * Idea    A work-group holds BLOCK_Q queries and walks over the keys in tiles of BLOCK_KV. It keeps
 *         each row's running maximum m and sum l, and rescales what it has accumulated when a tile
 *         raises the maximum: o = o * 2^(m_old - m) + P V. Dividing by l at the end gives softmax.
 *         Tiles that no row sees are never visited, and only tiles that some row sees in part are
 *         masked. Scores are in units of log2, scale * log2(e) being folded into the queries.
 * Layout  Local memory: q_tile [BLOCK_Q][d_k]; stage, a chunk of K transposed [CHUNK][BLOCK_KV] and
 *         later a chunk of V [CHUNK][d_v]; p_tile [BLOCK_Q][BLOCK_KV], the tile's probabilities.
 * Work    group (block of queries, head, batch); its work-items form a grid GRID_M x GRID_N, each
 *         with BLOCK_Q/GRID_M rows by BLOCK_KV/GRID_N keys of scores and as many rows of output in
 *         registers (block.clh). On a CPU the grid is 1 x 1: no barrier costs anything, and the
 *         compiler vectorises along keys and d_v.
 * Memory  Reads Q once and K and V once for every BLOCK_Q queries, writes O once: global traffic is
 *         2 * n_kv * d / BLOCK_Q words a query. A k costs BLOCK_Q + BLOCK_KV local words for
 *         BLOCK_Q * BLOCK_KV multiply-adds.
 * Source  Milakov and Gimelshein, Online normalizer calculation for softmax, 2018; Dao et al.,
 *         FlashAttention, 2022, and FlashAttention-2, 2023 (the loop order used here).
 * Limits  d_k and d_v as far as local memory goes (variant.json). No split along keys: with few
 *         queries, as in decoding, most of a device is idle. Scores and weights are not returned:
 *         they never exist. */
#define EXP2_POLYNOMIAL (GRID_M * GRID_N == 1) /* a grid of 1 x 1 means a CPU */
#include "attention.clh"
#define ROWS (BLOCK_Q / GRID_M)
#include "block.clh"

#define KEYS       (BLOCK_KV / GRID_N)           /* of a tile, a work-item */
#define OUTPUTS    ((D_V + GRID_N - 1) / GRID_N) /* columns of o, a work-item */
#define D_K_PADDED ROUND_UP(D_K, K_STEP)         /* the padding holds zeros */
#define D_V_PADDED (OUTPUTS * GRID_N)

/* Pitches: 4 words between rows keep those of neighbouring work-items in different banks. K is
 * written down its columns, which 1 word does; a CPU has no banks and wants its columns aligned. */
#define Q_PITCH     (D_K_PADDED + 4)
#define P_PITCH     (BLOCK_KV + 4)
#define K_PITCH     (BLOCK_KV + (GRID > 1))
#define STAGE_PITCH (K_PITCH > D_V_PADDED ? K_PITCH : D_V_PADDED)

/* A row's maximum and sum run over this many lanes side by side: a chain of dependent operations
 * would cost a CPU more than the matrix products. */
#define LANES (KEYS % 16 == 0 ? 16 : 1)

/* Elements that a CPU's one work-item stages at a time: its compiler vectorises no conversion of
 * single half values. In a group, neighbours read neighbouring elements. */
#define WIDE 16

/* `count` columns of K, as columns of stage: neighbours read along d, as K lies in memory, and write
 * down a column. What lies past the end, in keys or in d, becomes 0 and is not read. */
static inline void stage_keys(__local float *stage, __global const storage *k, size_t stride,
                              int key, int end, int count, int d_end, int item)
{
#if GRID == 1
    for (int j = 0; j < BLOCK_KV; j++)
        for (int d = 0; d < count; d += WIDE) {
            float row[WIDE];
            if (key + j < end && d + WIDE <= d_end) {
                vstore16(load16(k, (key + j) * stride + d), 0, row);
            } else {
                for (int i = 0; i < WIDE; i++)
                    row[i] = key + j < end && d + i < d_end ? load(k, (key + j) * stride + d + i)
                                                            : 0.0f;
            }
#pragma unroll
            for (int i = 0; i < WIDE; i++)
                if ((CHUNK % WIDE == 0 && D_K_PADDED % WIDE == 0) || d + i < count)
                    stage[(d + i) * K_PITCH + j] = row[i];
        }
#else
    for (int i = item; i < BLOCK_KV * count; i += GRID) {
        const int j = i / count;
        const int d = i % count;
        const bool inside = key + j < end && d < d_end;
        stage[d * K_PITCH + j] = inside ? load(k, (key + j) * stride + d) : 0.0f;
    }
#endif
}

/* `count` rows of V. Keys past the end must be 0, not merely have p = 0: 0 * NaN is NaN, and padding
 * may hold anything. */
static inline void stage_values(__local float *stage, __global const storage *v, size_t stride,
                                int key, int end, int count, int item)
{
#if GRID == 1
    for (int j = 0; j < count; j++) {
        int d = 0;
        for (; key + j < end && d + WIDE <= D_V; d += WIDE)
            vstore16(load16(v, (key + j) * stride + d), 0, stage + j * D_V_PADDED + d);
        for (; d < D_V_PADDED; d++)
            stage[j * D_V_PADDED + d] = key + j < end ? load(v, (key + j) * stride + d) : 0.0f;
    }
#else
    for (int i = item; i < count * D_V_PADDED; i += GRID) {
        const int j = i / D_V_PADDED;
        const int d = i % D_V_PADDED;
        const bool inside = key + j < end && d < D_V;
        stage[j * D_V_PADDED + d] = inside ? load(v, (key + j) * stride + d) : 0.0f;
    }
#endif
}

__kernel __attribute__((reqd_work_group_size(GRID_N, GRID_M, 1))) void
fused(__global const storage *restrict q, __global const storage *restrict k,
      __global const storage *restrict v, __global const bias_storage *restrict bias,
      __global const float *restrict slopes, __global const float *restrict sinks,
      __global const int *restrict kv_lengths, __global storage *restrict o,
      const struct shape shape)
{
    __local float q_tile[BLOCK_Q * Q_PITCH];
    __local float p_tile[BLOCK_Q * P_PITCH];
    __local float stage[CHUNK * STAGE_PITCH];
    __local float maxima[BLOCK_Q * GRID_N];

    const int x = get_local_id(0);
    const int y = get_local_id(1);
    const int item = y * GRID_N + x;
    const int head = get_group_id(1);
    const int batch = get_group_id(2);
    /* The last block first: with a causal mask it is the longest, and should not start last. */
    const int block_row = (int)(get_num_groups(0) - 1 - get_group_id(0)) * BLOCK_Q;
    const int last_row = min(block_row + BLOCK_Q, shape.n_q) - 1;
    const int my_row = y * ROWS;
    const int keys = key_count(shape, kv_lengths, batch);

    const size_t q_stride = row_stride(shape.heads_q, D_K);
    const size_t k_stride = row_stride(shape.heads_kv, D_K);
    const size_t v_stride = row_stride(shape.heads_kv, D_V);
    const int head_kv = kv_head(shape, head);
    q += head_offset(batch, head, shape.heads_q, shape.n_q, D_K) + block_row * q_stride;
    k += head_offset(batch, head_kv, shape.heads_kv, shape.n_kv, D_K);
    v += head_offset(batch, head_kv, shape.heads_kv, shape.n_kv, D_V);

    const float multiplier = SOFTCAP ? shape.scale : shape.scale * LOG2_E;
    /* Queries, scaled. Rows past the last are 0: computed like the others, but never stored. */
    for (int i = item; i < BLOCK_Q * D_K_PADDED; i += GRID) {
        const int row = i / D_K_PADDED;
        const int d = i % D_K_PADDED;
        const bool inside = block_row + row <= last_row && d < D_K;
        q_tile[row * Q_PITCH + d] = inside ? multiplier * load(q, row * q_stride + d) : 0.0f;
    }

    /* What a work-item carries from tile to tile, in registers. The sums are of its own keys only
     * and meet those of its grid row after the last tile. A sink is where maxima and sums start. */
    const float sink = sink_score(sinks, head, LOG2_E);
    const float start = larger(SCORE_START, sink);
    float outputs[ROWS * OUTPUTS];
    float maximum[ROWS];
    float sums[ROWS * LANES];
    UNROLL_RESULTS
    for (int i = 0; i < ROWS * OUTPUTS; i++)
        outputs[i] = 0.0f;
    UNROLL_RESULTS
    for (int r = 0; r < ROWS; r++)
        maximum[r] = start;
    UNROLL_RESULTS
    for (int i = 0; i < ROWS * LANES; i++)
        sums[i] = x == 0 && i % LANES == 0 ? power_of_2(sink - start) : 0.0f;

    /* From the first key that any row of the block sees to the last: a row sees no less far than
     * the one before it. Other tiles are never visited. */
    const int first = first_key(shape, block_row, keys) / BLOCK_KV * BLOCK_KV;
    const int end = end_key(shape, last_row, keys);
    for (int key = first; key < end; key += BLOCK_KV) {
        float scores[ROWS * KEYS];
        UNROLL_RESULTS
        for (int i = 0; i < ROWS * KEYS; i++)
            scores[i] = 0.0f;

        /* Scores: Q K^T, in chunks of d_k. */
        for (int chunk = 0; chunk < D_K_PADDED; chunk += CHUNK) {
            const int count = min(CHUNK, D_K_PADDED - chunk);
            barrier(CLK_LOCAL_MEM_FENCE); /* q_tile is written; stage has been read */
            stage_keys(stage, k + chunk, k_stride, key, end, count, D_K - chunk, item);
            barrier(CLK_LOCAL_MEM_FENCE);
            block_multiply(scores, KEYS, q_tile + my_row * Q_PITCH + chunk, Q_PITCH, stage + x,
                           K_PITCH, count);
        }

#if SOFTCAP
        UNROLL_RESULTS
        for (int i = 0; i < ROWS * KEYS; i++)
            scores[i] = capped(scores[i], shape.softcap);
#endif

        /* Bias, and the mask, this only where some row sees less than the whole tile. Rows past
         * the last have no bias to read, and take the last one's. */
        if (BIAS || first_key(shape, last_row, keys) > key ||
            end_key(shape, block_row, keys) < key + BLOCK_KV) {
            UNROLL_RESULTS
            for (int r = 0; r < ROWS; r++) {
                const int row = min(block_row + my_row + r, last_row);
                const int row_first = first_key(shape, row, keys);
                const int row_end = end_key(shape, row, keys);
                const struct bias_row row_bias = bias_row(shape, bias, slopes, batch, head, row);
                UNROLL_RESULTS
                for (int c = 0; c < KEYS; c++) {
                    const int j = key + x + c * GRID_N;
                    scores[r * KEYS + c] = j >= row_first && j < row_end
                                               ? biased(scores[r * KEYS + c], row_bias, j, LOG2_E)
                                               : SCORE_MASKED;
                }
            }
        }

        /* The rows' maxima: of the work-item's keys, then of the grid's. */
        UNROLL_RESULTS
        for (int r = 0; r < ROWS; r++) {
            float lanes[LANES];
#pragma unroll
            for (int lane = 0; lane < LANES; lane++)
                lanes[lane] = maximum[r];
            UNROLL_RESULTS
            for (int c = 0; c < KEYS; c += LANES)
#pragma unroll
                for (int lane = 0; lane < LANES; lane++)
                    lanes[lane] = larger(lanes[lane], scores[r * KEYS + c + lane]);
#pragma unroll
            for (int half_lanes = LANES / 2; half_lanes > 0; half_lanes /= 2)
#pragma unroll
                for (int lane = 0; lane < half_lanes; lane++)
                    lanes[lane] = larger(lanes[lane], lanes[lane + half_lanes]);
            maxima[(my_row + r) * GRID_N + x] = lanes[0];
        }
        barrier(CLK_LOCAL_MEM_FENCE);

        /* Probabilities relative to the new maximum; what was accumulated so far follows it. All
         * work-items of a grid row read the same maxima, so they agree on it to the bit. */
        UNROLL_RESULTS
        for (int r = 0; r < ROWS; r++) {
            float new_maximum = maxima[(my_row + r) * GRID_N];
            for (int i = 1; i < GRID_N; i++)
                new_maximum = larger(new_maximum, maxima[(my_row + r) * GRID_N + i]);
            const float rescale = power_of_2(maximum[r] - new_maximum);
            maximum[r] = new_maximum;
#pragma unroll
            for (int lane = 0; lane < LANES; lane++)
                sums[r * LANES + lane] *= rescale;
            UNROLL_RESULTS
            for (int c = 0; c < OUTPUTS; c++)
                outputs[r * OUTPUTS + c] *= rescale;
            UNROLL_RESULTS
            for (int c = 0; c < KEYS; c += LANES)
#pragma unroll
                for (int lane = 0; lane < LANES; lane++) {
                    const float p = power_of_2(scores[r * KEYS + c + lane] - new_maximum);
                    sums[r * LANES + lane] += p;
                    p_tile[(my_row + r) * P_PITCH + x + (c + lane) * GRID_N] = p;
                }
        }

        /* Outputs: P V, in chunks of keys. */
        for (int chunk = 0; chunk < BLOCK_KV; chunk += CHUNK) {
            const int count = min(CHUNK, BLOCK_KV - chunk);
            barrier(CLK_LOCAL_MEM_FENCE); /* p_tile is written; stage and maxima have been read */
            stage_values(stage, v, v_stride, key + chunk, end, count, item);
            barrier(CLK_LOCAL_MEM_FENCE);
            block_multiply(outputs, OUTPUTS, p_tile + my_row * P_PITCH + chunk, P_PITCH, stage + x,
                           D_V_PADDED, count);
        }
    }

    /* The rows' sums over the grid, then o / sum; a row that saw no key summed to 0. */
    UNROLL_RESULTS
    for (int r = 0; r < ROWS; r++) {
        float sum = 0.0f;
#pragma unroll
        for (int lane = 0; lane < LANES; lane++)
            sum += sums[r * LANES + lane];
        maxima[(my_row + r) * GRID_N + x] = sum;
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    o += head_offset(batch, head, shape.heads_q, shape.n_q, D_V);
    UNROLL_RESULTS
    for (int r = 0; r < ROWS; r++) {
        const int row = block_row + my_row + r;
        if (row > last_row)
            continue;
        float sum = 0.0f;
        for (int i = 0; i < GRID_N; i++)
            sum += maxima[(my_row + r) * GRID_N + i];
        const float inverse = sum == 0.0f ? 0.0f : 1.0f / sum;
        UNROLL_RESULTS
        for (int c = 0; c < OUTPUTS; c++)
            if (x + c * GRID_N < D_V)
                store(o, row * row_stride(shape.heads_q, D_V) + x + c * GRID_N,
                      outputs[r * OUTPUTS + c] * inverse);
    }
}
