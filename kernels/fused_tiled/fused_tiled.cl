/* fused_tiled: attention in one pass, arranged for the vector units of a GPU.
 *
 * Idea    The pass of fused (online softmax, tiles that no row sees skipped, only those that some
 *         row sees in part masked), with everything in quads: a work-item multiplies blocks of 4
 *         queries by 4 keys in registers, whose operands are 16-byte reads of local memory without
 *         bank conflicts. While one chunk is multiplied, the next is on its way from global memory
 *         into registers (PREFETCH), still in its storage type.
 * Layout  Local memory: tiles of [k][columns], k being what a product sums over: Q [d][BLOCK_Q] and
 *         K [CHUNK][BLOCK_KV], both transposed 4 x 4 in registers on their way in; probabilities P
 *         [BLOCK_KV][BLOCK_Q]; V [CHUNK][d_v] in K's place. The quads of row k are permuted by an
 *         exclusive or with k / 4: then writing a transposed block is free of bank conflicts, too,
 *         without padding. Without Q_RESIDENT, a chunk of Q is staged with each chunk of K, in the
 *         place of P: that costs half as much global traffic again, and makes the local memory
 *         independent of d_k.
 * Work    group (block of queries, head, batch); work-item (x, y) of its grid GRID_N x GRID_M has
 *         the row quads y, y + GRID_M ..., and of keys and output columns the quads x, x + GRID_N
 *         ... A quad of registers runs along rows, so that softmax works on whole quads, and P is
 *         written as it is read. A row's maximum meets the others of its grid row once a tile.
 * Memory  As fused from global memory. From local memory (r + c) / (r * c) words a multiply-add for
 *         r rows and c columns a work-item; as tuned for GPUs, 4 x 8 for Q K^T: 0.38, and 4 x 8 or
 *         4 x 16 for P V: 0.38 at d_v = 64, 0.31 at 128. Fused has 0.5, in single words.
 * Figures Reasoned and compiled, not yet measured on a GPU. With the default tuning, f32, no mask,
 *         clang 15 and ptxas 12.9 for sm_90 take 166 registers at d = 64 and 233 at 128, which is
 *         12 and 8 warps of 32 a multiprocessor; for gfx1030 171 and 226, which is 4 waves a SIMD.
 *         Nothing spills; 128 multiply-adds take 12 reads of 16 bytes at d = 64. Local memory: 44.3
 *         KiB at d = 64, and 36.3 at 128, where Q is not resident.
 * Source  Dao, FlashAttention-2, 2023 (the loop order); Volkov and Demmel, Benchmarking GPUs to
 *         tune dense linear algebra, 2008 (register blocks).
 * Limits  d_v is padded to a multiple of 4 * GRID_N. No split along keys, and no returned scores,
 *         as in fused. f32 arithmetic: matrix units are out of portable OpenCL's reach. No
 *         sub-groups either: they belong to OpenCL C 2.0, and nothing says which work-items share
 *         one. */
#define EXP2_POLYNOMIAL (GRID_M * GRID_N <= 16) /* so small a group means a CPU */
#include "attention.clh"
#include "fused_tiled.clh"

/* fmax is one instruction on a GPU, where a comparison takes two; CPUs are the other way round. A
 * NaN that it drops comes back with its probability. */
static inline float4 larger4(float4 a, float4 b)
{
#if EXP2_POLYNOMIAL
    return a > b ? a : b;
#else
    return fmax(a, b);
#endif
}

static inline float4 powers_of_2(float4 x)
{
    return EXP2_POLYNOMIAL ? exp2_polynomial4(x) : exp2(x);
}

__kernel __attribute__((reqd_work_group_size(GRID_N, GRID_M, 1))) void
fused_tiled(__global const storage *restrict q, __global const storage *restrict k,
            __global const storage *restrict v, __global const bias_storage *restrict bias,
            __global const float *restrict slopes, __global const float *restrict sinks,
            __global const int *restrict kv_lengths, __global storage *restrict o,
            const struct shape shape)
{
    __local float4 stage[CHUNK * MOST(K_PITCH, V_PITCH)];
    __local float4 p_tile[BLOCK_KV * Q_PITCH];
    __local float4 maxima[GRID_N * X_PITCH];
    __local float4 sums[GRID_N * X_PITCH];
#if Q_RESIDENT
    __local float4 q_tile[(D_K + CHUNK - 1) / CHUNK * CHUNK * Q_PITCH];
#else
    __local float4 *q_tile = p_tile; /* a chunk of Q is needed only while there is no P */
#endif

    const uint x = get_local_id(0);
    const uint y = get_local_id(1);
    const uint item = y * GRID_N + x;
    const int head = get_group_id(1);
    const int batch = get_group_id(2);
    /* The last block first: with a causal mask it is the longest, and should not start last. */
    const int block_row = (int)(get_num_groups(0) - 1 - get_group_id(0)) * BLOCK_Q;
    const int last_row = min(block_row + BLOCK_Q, shape.n_q) - 1;
    const int keys = key_count(shape, kv_lengths, batch);
    /* From the first key that any row of the block sees to the last: a row sees no less far than
     * the one before it. Other tiles are never visited. */
    const int first = first_key(shape, block_row, keys) / BLOCK_KV * BLOCK_KV;
    const int end = end_key(shape, last_row, keys);

    const int head_kv = kv_head(shape, head);
    struct matrix q_rows = {q, row_stride(shape.heads_q, D_K), last_row + 1 - block_row};
    struct matrix k_rows = {k, row_stride(shape.heads_kv, D_K), end};
    struct matrix v_rows = {v, row_stride(shape.heads_kv, D_V), end};
    q_rows.elements += head_offset(batch, head, shape.heads_q, shape.n_q, D_K);
    q_rows.elements += block_row * q_rows.stride;
    k_rows.elements += head_offset(batch, head_kv, shape.heads_kv, shape.n_kv, D_K);
    v_rows.elements += head_offset(batch, head_kv, shape.heads_kv, shape.n_kv, D_V);

    /* Scores are in units of log2: the queries are scaled on their way into local memory. Rows past
     * the last are 0: computed like the others, but never stored. */
    const float multiplier = SOFTCAP ? shape.scale : shape.scale * LOG2_E;
    quad held[HELD];
#if Q_RESIDENT
    for (int d = 0; d < D_K; d += CHUNK) {
        quad blocks[4 * BLOCKS(Q_PITCH)];
        fetch_blocks(blocks, q_rows, 0, d, Q_PITCH, item);
        put_blocks(q_tile + d * Q_PITCH, blocks, Q_PITCH, GRID_M, multiplier, item);
    }
#endif

    /* What a work-item carries from tile to tile. Its rows' sums, of its own keys only, are in
     * local memory, where nobody else touches them until the end: in registers, compilers put off
     * the adding until after the second product, and keep all of a tile's probabilities for it. A
     * sink is where maxima and sums start. */
    const float sink = sink_score(sinks, head, LOG2_E);
    const float start = larger(SCORE_START, sink);
    float4 outputs[ROW_QUADS * OUT_QUADS * 4];
    float4 maximum[ROW_QUADS];
#pragma unroll
    for (int i = 0; i < ROW_QUADS * OUT_QUADS * 4; i++)
        outputs[i] = (float4)(0.0f);
#pragma unroll
    for (int r = 0; r < ROW_QUADS; r++) {
        maximum[r] = (float4)(start);
        sums[x * X_PITCH + y + r * GRID_M] = (float4)(x == 0 ? power_of_2(sink - start) : 0.0f);
    }

    if (PREFETCH)
        fetch_chunk(held, k_rows, first, q_rows, 0, item);
    for (int key = first; key < end; key += BLOCK_KV) {
        float4 scores[ROW_QUADS * KEY_QUADS * 4];
#pragma unroll
        for (int i = 0; i < ROW_QUADS * KEY_QUADS * 4; i++)
            scores[i] = (float4)(0.0f);

        /* Scores: Q K^T, in chunks of d_k. */
        for (int d = 0; d < D_K; d += CHUNK) {
            if (!PREFETCH)
                fetch_chunk(held, k_rows, key, q_rows, d, item);
            barrier(CLK_LOCAL_MEM_FENCE); /* stage and p_tile have been read */
            put_blocks(stage, held, K_PITCH, GRID_N, 1.0f, item);
            if (!Q_RESIDENT)
                put_blocks(q_tile, held + HELD_K, Q_PITCH, GRID_M, multiplier, item);
            barrier(CLK_LOCAL_MEM_FENCE);
            if (PREFETCH) {
                if (d + CHUNK < D_K)
                    fetch_chunk(held, k_rows, key, q_rows, d + CHUNK, item);
                else
                    fetch_values(held, v_rows, key, x, y);
            }
            multiply(scores, KEY_QUADS, q_tile + (Q_RESIDENT ? d * Q_PITCH : 0), stage, K_PITCH,
                     min(CHUNK, (D_K + 3) / 4 * 4 - d), x, y);
        }

#if SOFTCAP
#pragma unroll
        for (int i = 0; i < ROW_QUADS * KEY_QUADS * 4; i++) {
            float4 *s = scores + i;
            *s = (float4)(capped(s->s0, shape.softcap), capped(s->s1, shape.softcap),
                          capped(s->s2, shape.softcap), capped(s->s3, shape.softcap));
        }
#endif

        /* Bias, and the mask, this only where some row sees less than the whole tile. Rows past
         * the last have no bias to read, and take the last one's. */
        if (BIAS || first_key(shape, last_row, keys) > key ||
            end_key(shape, block_row, keys) < key + BLOCK_KV) {
#pragma unroll
            for (int r = 0; r < ROW_QUADS; r++) {
                float seen[KEY_QUADS * 4][4];
#pragma unroll
                for (int c = 0; c < KEY_QUADS * 4; c++)
                    vstore4(scores[AT(r, c)], 0, seen[c]);
#pragma unroll
                for (int i = 0; i < 4; i++) {
                    const int row = min(block_row + (int)ROW(r) + i, last_row);
                    const int row_first = first_key(shape, row, keys);
                    const int row_end = end_key(shape, row, keys);
                    const struct bias_row row_bias =
                        bias_row(shape, bias, slopes, batch, head, row);
#pragma unroll
                    for (int c = 0; c < KEY_QUADS * 4; c++) {
                        const int j = key + (int)COLUMN(c);
                        seen[c][i] = j >= row_first && j < row_end
                                         ? biased(seen[c][i], row_bias, j, LOG2_E)
                                         : SCORE_MASKED;
                    }
                }
#pragma unroll
                for (int c = 0; c < KEY_QUADS * 4; c++)
                    scores[AT(r, c)] = vload4(0, seen[c]);
            }
        }

        /* The rows' maxima: of the work-item's keys, then of the grid's. */
#pragma unroll
        for (int r = 0; r < ROW_QUADS; r++) {
            float4 own = maximum[r];
#pragma unroll
            for (int c = 0; c < KEY_QUADS * 4; c++)
                own = larger4(own, scores[AT(r, c)]);
            maxima[x * X_PITCH + y + r * GRID_M] = own;
        }
        barrier(CLK_LOCAL_MEM_FENCE);

        /* Probabilities relative to the new maximum; what was accumulated so far follows it. All
         * work-items of a grid row read the same maxima, so they agree on it to the bit. */
#pragma unroll
        for (int r = 0; r < ROW_QUADS; r++) {
            float4 new_maximum = maxima[y + r * GRID_M];
            for (int i = 1; i < GRID_N; i++)
                new_maximum = larger4(new_maximum, maxima[i * X_PITCH + y + r * GRID_M]);
            const float4 rescale = powers_of_2(maximum[r] - new_maximum);
            maximum[r] = new_maximum;
#pragma unroll
            for (int c = 0; c < OUT_QUADS * 4; c++)
                outputs[AT(r, c)] *= rescale;
            float4 sum = rescale * sums[x * X_PITCH + y + r * GRID_M];
            UNROLL_GPU
            for (int c = 0; c < KEY_QUADS * 4; c++) {
                const float4 p = powers_of_2(scores[AT(r, c)] - new_maximum);
                const uint j = COLUMN(c);
                p_tile[j * Q_PITCH + (y ^ j % CHUNK / 4 % GRID_M) + r * GRID_M] = p;
                sum += p;
            }
            sums[x * X_PITCH + y + r * GRID_M] = sum;
        }

        /* Outputs: P V, in chunks of keys. */
        for (int chunk = 0; chunk < BLOCK_KV; chunk += CHUNK) {
            if (!PREFETCH)
                fetch_values(held, v_rows, key + chunk, x, y);
            barrier(CLK_LOCAL_MEM_FENCE); /* stage has been read */
            put_values(stage, held, x, y);
            barrier(CLK_LOCAL_MEM_FENCE); /* p_tile is written, too */
            if (PREFETCH) {
                if (chunk + CHUNK < BLOCK_KV)
                    fetch_values(held, v_rows, key + chunk + CHUNK, x, y);
                else
                    fetch_chunk(held, k_rows, key + BLOCK_KV, q_rows, 0, item);
            }
            multiply(outputs, OUT_QUADS, p_tile + chunk * Q_PITCH, stage, V_PITCH, CHUNK, x, y);
        }
    }

    /* The rows' sums over the grid, then o / sum; a row that saw no key summed to 0. */
    barrier(CLK_LOCAL_MEM_FENCE);
    o += head_offset(batch, head, shape.heads_q, shape.n_q, D_V);
#pragma unroll
    for (int r = 0; r < ROW_QUADS; r++) {
        float4 sum = sums[y + r * GRID_M];
        for (int i = 1; i < GRID_N; i++)
            sum += sums[i * X_PITCH + y + r * GRID_M];
        const float4 inverse = sum == 0.0f ? 0.0f : 1.0f / sum;
        UNROLL_GPU
        for (int c = 0; c < OUT_QUADS * 4; c++) {
            float elements[4];
            vstore4(outputs[AT(r, c)] * inverse, 0, elements);
#pragma unroll
            for (int i = 0; i < 4; i++) {
                const int row = block_row + (int)ROW(r) + i;
                if (row <= last_row && COLUMN(c) < D_V)
                    store(o, row * row_stride(shape.heads_q, D_V) + COLUMN(c), elements[i]);
            }
        }
    }
}
