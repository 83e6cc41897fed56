/* split_kv: few queries against many keys, as in decoding: the keys are split over work-groups.
 *
 * Idea    With a handful of queries there are too few rows to fill a device, so each work-group
 *         takes SPLIT keys of a kv head, with an online softmax over them as in fused, and a second
 *         pass merges the splits: each contributes in proportion to 2^(its maximum - the maximum of
 *         all). The queries of all heads that share a kv head are packed into one block of rows,
 *         heads_q / heads_kv * n_q of them: K and V, nearly all of the traffic, are read once.
 * Layout  partial [batch, heads_kv, rows, splits, d_v] and stats [batch, heads_kv, rows, splits, 2],
 *         maximum and sum, in f32. Local memory: q_tile [BLOCK_ROWS][d_k] in units of log2, s_tile
 *         [BLOCK_ROWS][BLOCK_KV], the tile's scores; and, in a group of several, reduce.
 * Work    group (block of rows, split of keys more slowly; kv head; batch). LANES work-items share a
 *         row of K or V, VEC elements each at a time, and are a team; teams share out the keys. On a
 *         CPU the one work-item is lane and team at once, and reads 16 elements at a time.
 * Memory  Reads K and V once for every BLOCK_ROWS rows, and per split and row writes and reads d_v +
 *         2 floats: a share of 4 / SPLIT of the traffic for 4 rows of f16.
 * Source  Dao et al., Flash-Decoding for long-context inference, 2023.
 * Limits  n_q (variant.json): beyond, rows fill a device without a split, and fused reuses more.
 *         Scores and weights are not returned. */
#include "split_kv.clh"

__kernel __attribute__((reqd_work_group_size(WG, 1, 1))) void
split_kv(__global const storage *restrict q, __global const storage *restrict k,
         __global const storage *restrict v, __global const bias_storage *restrict bias,
         __global const float *restrict slopes, __global const int *restrict kv_lengths,
         __global float *restrict partial, __global float *restrict stats, const struct shape shape)
{
    __local float q_tile[BLOCK_ROWS * D_K_PADDED];
    __local float s_tile[BLOCK_ROWS * BLOCK_KV];
    __local float reduce[REDUCE];

    const int item = get_local_id(0);
    const int lane = item % LANES;
    const int team = item / LANES;
    const int head_kv = get_group_id(1);
    const int batch = get_group_id(2);

    /* Row i of the block: query row i % n_q of the kv head's (i / n_q)-th query head. Rows past the
     * last, up to the next ROW_STEP, are 0: computed like the others, but never stored. */
    const int heads = shape.heads_q / shape.heads_kv;
    const int all_rows = heads * shape.n_q;
    const int blocks = (all_rows + BLOCK_ROWS - 1) / BLOCK_ROWS;
    const int block_row = get_group_id(0) % blocks * BLOCK_ROWS;
    const int rows = min(BLOCK_ROWS, all_rows - block_row);
    const int stepped_rows = (rows + ROW_STEP - 1) / ROW_STEP * ROW_STEP;
    const float multiplier = SOFTCAP ? shape.scale : shape.scale * LOG2_E;
    for (int r = 0; r < stepped_rows; r++) {
        const int row = block_row + r;
        const size_t q_row = head_offset(batch, head_kv * heads + row / shape.n_q, shape.heads_q,
                                         shape.n_q, D_K) +
                             row % shape.n_q * row_stride(shape.heads_q, D_K);
        for (int d = item * VEC; d < D_K_PADDED; d += WG * VEC) {
            const vec x = load_vec(q + q_row, d, r < rows ? D_K : 0);
            PASTE(vstore, VEC)(multiplier * x, 0, q_tile + r * D_K_PADDED + d);
        }
    }

    for (int i = item; i < BLOCK_ROWS * BLOCK_KV; i += WG)
        s_tile[i] = SCORE_MASKED; /* what rows past the last hold for good */

    /* This split's keys, as far as any row sees them; tiles start at multiples of BLOCK_KV. */
    const int splits = (shape.n_kv + SPLIT - 1) / SPLIT;
    const int split = get_group_id(0) / blocks;
    const int keys = key_count(shape, kv_lengths, batch);
    const int end = min((split + 1) * SPLIT, end_key(shape, shape.n_q - 1, keys));
    const int first = max(split * SPLIT, first_key(shape, 0, keys) / BLOCK_KV * BLOCK_KV);
    const size_t k_stride = row_stride(shape.heads_kv, D_K);
    const size_t v_stride = row_stride(shape.heads_kv, D_V);
    k += head_offset(batch, head_kv, shape.heads_kv, shape.n_kv, D_K);
    v += head_offset(batch, head_kv, shape.heads_kv, shape.n_kv, D_V);

    /* What a work-item carries from tile to tile: the outputs and sums of its team's keys. */
    vec outputs[BLOCK_ROWS * V_VECS];
    float maximum[BLOCK_ROWS];
    vec sums[BLOCK_ROWS]; /* a group of several uses one element only */
    UNROLL_ROWS
    for (int i = 0; i < BLOCK_ROWS * V_VECS; i++)
        outputs[i] = (vec)(0.0f);
    UNROLL_ROWS
    for (int r = 0; r < BLOCK_ROWS; r++) {
        maximum[r] = SCORE_START;
        sums[r] = (vec)(0.0f);
    }
    barrier(CLK_LOCAL_MEM_FENCE);

    for (int key = first; key < end; key += BLOCK_KV) {
        const int count = min(BLOCK_KV, end - key);

        /* Scores, Q K^T; keys past the end take the last one's row, and are masked below. */
        for (int j = team * KEY_STEP; j < count; j += TEAMS * KEY_STEP) {
            size_t key_rows[KEY_STEP];
#pragma unroll
            for (int jj = 0; jj < KEY_STEP; jj++)
                key_rows[jj] = min(key + j + jj, end - 1) * k_stride;
#pragma unroll
            for (int jj = 0; jj < KEY_STEP; jj++)
                PREFETCH_ROW(v + (key + j + jj) * v_stride, D_V);
            for (int r = 0; r < rows; r += ROW_STEP) {
                float dots[ROW_STEP * KEY_STEP];
                score_block(dots, q_tile + r * D_K_PADDED, k, key_rows, lane);
#pragma unroll
                for (int rr = 0; rr < ROW_STEP; rr++)
#pragma unroll
                    for (int jj = 0; jj < KEY_STEP; jj++) {
                        const int index = (r + rr) * BLOCK_KV + j + jj;
                        if (WG == 1)
                            s_tile[index] = dots[rr * KEY_STEP + jj];
                        else
                            reduce[index * SUM_PITCH + lane] = dots[rr * KEY_STEP + jj];
                    }
            }
        }
        barrier(CLK_LOCAL_MEM_FENCE);

        /* Lanes are added up; softcap, bias and mask where there are any. */
        if (WG > 1 || SOFTCAP || BIAS || first_key(shape, shape.n_q - 1, keys) > key ||
            end_key(shape, 0, keys) < key + BLOCK_KV) {
            for (int i = WG == 1 ? 0 : item / BLOCK_KV; i < rows; i += (WG + BLOCK_KV - 1) / BLOCK_KV) {
                const int row = (block_row + i) % shape.n_q;
                const int row_first = first_key(shape, row, keys);
                const int row_end = end_key(shape, row, keys);
                const struct bias_row row_bias =
                    bias_row(shape, bias, slopes, batch,
                             head_kv * heads + (block_row + i) / shape.n_q, row);
                for (int j = item % BLOCK_KV; j < BLOCK_KV; j += min(WG, BLOCK_KV)) {
                    float score = SCORE_MASKED;
                    if (key + j >= row_first && key + j < row_end) {
                        if (WG == 1) {
                            score = s_tile[i * BLOCK_KV + j];
                        } else {
                            score = 0.0f;
#pragma unroll
                            for (int n = 0; n < LANES; n++)
                                score += reduce[(i * BLOCK_KV + j) * SUM_PITCH + n];
                        }
#if SOFTCAP
                        score = capped(score, shape.softcap);
#endif
                        score = biased(score, row_bias, key + j, LOG2_E);
                    }
                    s_tile[i * BLOCK_KV + j] = score;
                }
            }
        }
        barrier(CLK_LOCAL_MEM_FENCE);

        /* The rows' maxima; what was accumulated so far follows them. Every work-item finds all of
         * them for itself: reading one word is free when all do, and a barrier is not. */
        UNROLL_ROWS
        for (int r = 0; r < BLOCK_ROWS; r++) {
            if (r >= rows)
                continue;
            __local float *s = s_tile + r * BLOCK_KV;
            vec largest = (vec)(maximum[r]);
            for (int j = 0; j < BLOCK_KV; j += VEC) {
                const vec scores = LOAD_LOCAL(s + j);
                largest = largest > scores ? largest : scores;
            }
            const float new_maximum = vec_maximum(largest);
            if (new_maximum != maximum[r]) { /* seldom after the first tiles */
                const float rescale = power_of_2(maximum[r] - new_maximum);
                maximum[r] = new_maximum;
                sums[r] *= rescale;
#pragma unroll
                for (int c = 0; c < V_VECS; c++)
                    outputs[r * V_VECS + c] *= rescale;
            }
#if WG == 1
            for (int j = 0; j < BLOCK_KV; j += VEC) {
                const vec p = PASTE(exp2_polynomial, VEC)(LOAD_LOCAL(s + j) - new_maximum);
                PASTE(vstore, VEC)(p, 0, s + j);
                sums[r] += p;
            }
#endif
        }

        /* Outputs, P V. In a group of several, each work-item takes the exponentials that it needs
         * itself, again to save a barrier. */
        UNROLL_ROWS
        for (int r = 0; r < BLOCK_ROWS; r += ROW_STEP) {
            if (r >= rows)
                continue;
            UNROLL_ROWS
            for (int c = 0; c < V_VECS; c += VEC_STEP) {
                vec out[ROW_STEP * VEC_STEP];
#pragma unroll
                for (int rr = 0; rr < ROW_STEP; rr++)
#pragma unroll
                    for (int cc = 0; cc < VEC_STEP; cc++)
                        if (c + cc < V_VECS)
                            out[rr * VEC_STEP + cc] = outputs[(r + rr) * V_VECS + c + cc];
                for (int j = team; j < count; j += TEAMS) {
                    if (r == 0 && c == 0)
                        PREFETCH_ROW(k + (key + BLOCK_KV + j) * k_stride, D_K);
                    vec values[VEC_STEP];
#pragma unroll
                    for (int cc = 0; cc < VEC_STEP; cc++)
                        if (c + cc < V_VECS)
                            values[cc] = load_vec(v + (key + j) * v_stride,
                                                  ((c + cc) * LANES + lane) * VEC, D_V);
#pragma unroll
                    for (int rr = 0; rr < ROW_STEP; rr++) {
                        float p = s_tile[(r + rr) * BLOCK_KV + j];
                        if (WG > 1) {
                            p = exp2(p - maximum[r + rr]);
                            if (c == 0)
                                sums[r + rr] += (vec)(p);
                        }
#pragma unroll
                        for (int cc = 0; cc < VEC_STEP; cc++)
                            if (c + cc < V_VECS)
                                out[rr * VEC_STEP + cc] += p * values[cc];
                    }
                }
#pragma unroll
                for (int rr = 0; rr < ROW_STEP; rr++)
#pragma unroll
                    for (int cc = 0; cc < VEC_STEP; cc++)
                        if (c + cc < V_VECS)
                            outputs[(r + rr) * V_VECS + c + cc] = out[rr * VEC_STEP + cc];
            }
        }
    }

    /* Of each row, the teams' outputs and sums meet, and leave. */
    const size_t row_index = ((size_t)batch * shape.heads_kv + head_kv) * all_rows + block_row;
    UNROLL_ROWS
    for (int r = 0; r < BLOCK_ROWS; r++) {
        const size_t at = (row_index + r) * splits + split;
        __global float *out = partial + at * D_V;
#if WG == 1
        if (r >= rows)
            continue;
        for (int c = 0; c < V_VECS; c++) {
            if ((c + 1) * VEC <= D_V) {
                PASTE(vstore, VEC)(outputs[r * V_VECS + c], 0, out + c * VEC);
            } else {
                float elements[VEC];
                PASTE(vstore, VEC)(outputs[r * V_VECS + c], 0, elements);
                for (int d = c * VEC; d < D_V; d++)
                    out[d] = elements[d - c * VEC];
            }
        }
        stats[2 * at] = maximum[r];
        stats[2 * at + 1] = vec_sum(sums[r]);
#else
        barrier(CLK_LOCAL_MEM_FENCE);
#pragma unroll
        for (int c = 0; c < V_VECS; c++)
            PASTE(vstore, VEC)(outputs[r * V_VECS + c], 0,
                               reduce + team * D_V_PADDED + (c * LANES + lane) * VEC);
        if (lane == 0)
            s_tile[team] = sums[r].s0;
        barrier(CLK_LOCAL_MEM_FENCE);
        for (int d = item; d < D_V && r < rows; d += WG) {
            float sum = 0.0f;
            for (int n = 0; n < TEAMS; n++)
                sum += reduce[n * D_V_PADDED + d];
            out[d] = sum;
        }
        if (item == 0 && r < rows) {
            float sum = 0.0f;
            for (int n = 0; n < TEAMS; n++)
                sum += s_tile[n];
            stats[2 * at] = maximum[r];
            stats[2 * at + 1] = sum;
        }
#endif
    }
}
