/* fused_tiled: fused for a GPU's vector units: the same pass, arranged for registers and banks.
 *
 * HEAD
 */
#define EXP2_POLYNOMIAL (GRID_M * GRID_N <= 16) /* so small a group means a CPU */
#include "attention.clh"

#define GRID (GRID_M * GRID_N)

/* Everything moves in quads: 4 neighbours along a row, or down a column. */
#define ROW_QUADS (BLOCK_Q / GRID_M / 4)                  /* of queries, a work-item */
#define KEY_QUADS (BLOCK_KV / GRID_N / 4)                 /* of a tile's keys, a work-item */
#define OUT_QUADS ((D_V + 4 * GRID_N - 1) / (4 * GRID_N)) /* of columns of o, a work-item */

/* Quads between one k of a tile and the next; a chunk is CHUNK k's high. */
#define Q_PITCH (BLOCK_Q / 4)
#define K_PITCH (BLOCK_KV / 4)
#define V_PITCH (OUT_QUADS * GRID_N)

#define CHUNKS_K ((D_K + CHUNK - 1) / CHUNK)

/* Quads that a work-item holds on their way from global to local memory. */
#define SHARE(quads) (((quads) + GRID - 1) / GRID)
#define HELD_K       (4 * SHARE(K_PITCH * CHUNK / 4))
#define HELD_Q       (Q_RESIDENT ? 0 : 4 * SHARE(Q_PITCH * CHUNK / 4))
#define HELD_V       SHARE(V_PITCH * CHUNK)
#define HELD         (HELD_K + HELD_Q > HELD_V ? HELD_K + HELD_Q : HELD_V)

/* A quad as it lies in global memory: what is held is not yet converted, so that nothing waits for
 * it before it is put down. */
#if DTYPE == 0
typedef float4 quad;
typedef float element;
static inline float4 to_float(quad x)
{
    return x;
}
#elif DTYPE == 1
typedef ushort4 quad;
typedef ushort element;
static inline float4 to_float(quad x)
{
    return vload_half4(0, (const half *)&x);
}
#else
typedef ushort4 quad;
typedef ushort element;
static inline float4 to_float(quad x)
{
    return as_float4(convert_uint4(x) << 16);
}
#endif

/* A matrix in global memory; its rows from `rows` on are 0, and not read. */
struct matrix {
    __global const storage *elements;
    size_t stride;
    int rows;
};

/* Elements column ... column + 3 of a row, those outside of the matrix 0. */
static inline quad fetch(struct matrix m, int row, int column, const int columns)
{
    __global const element *p = (__global const element *)m.elements + row * m.stride + column;
    quad x = (quad)(0);
    if (row < m.rows && column < columns) {
        if (columns % 4 == 0) {
            x = *(__global const quad *)p;
        } else {
            x.s0 = p[0];
            if (column + 1 < columns)
                x.s1 = p[1];
            if (column + 2 < columns)
                x.s2 = p[2];
            if (column + 3 < columns)
                x.s3 = p[3];
        }
    }
    return x;
}

/* CHUNK columns of Q or K, from (row, d) on, `pitch` quads of rows: blocks of 4 x 4, for each
 * work-item its own. Neighbours fetch along d, as the rows lie in memory. */
static inline void fetch_blocks(quad *held, struct matrix m, int row, int d, const int pitch,
                                int item)
{
    m.rows = min(m.rows, row + 4 * pitch);
#pragma unroll
    for (int n = 0; n < SHARE(pitch * CHUNK / 4); n++) {
        const int block = item + n * GRID;
#pragma unroll
        for (int i = 0; i < 4; i++)
            held[4 * n + i] = fetch(m, row + block / (CHUNK / 4) * 4 + i,
                                    d + block % (CHUNK / 4) * 4, D_K);
    }
}

/* Puts them into a tile, transposed. The quads of row k of a tile are permuted within each run of
 * `lanes`, by exclusive or with k / 4: neighbours then write to different banks, and what a group
 * of neighbours reads is still one run. */
static inline void put_blocks(__local float4 *tile, const quad *held, const int pitch,
                              const int lanes, float multiplier, int item)
{
#pragma unroll
    for (int n = 0; n < SHARE(pitch * CHUNK / 4); n++) {
        const int block = item + n * GRID;
        const int k = block % (CHUNK / 4) * 4;
        const float4 a = multiplier * to_float(held[4 * n]);
        const float4 b = multiplier * to_float(held[4 * n + 1]);
        const float4 c = multiplier * to_float(held[4 * n + 2]);
        const float4 d = multiplier * to_float(held[4 * n + 3]);
        if (pitch * CHUNK / 4 % GRID == 0 || block < pitch * CHUNK / 4) {
            __local float4 *to = tile + k * pitch + (block / (CHUNK / 4) ^ (k / 4 % lanes));
            to[0] = (float4)(a.s0, b.s0, c.s0, d.s0);
            to[pitch] = (float4)(a.s1, b.s1, c.s1, d.s1);
            to[2 * pitch] = (float4)(a.s2, b.s2, c.s2, d.s2);
            to[3 * pitch] = (float4)(a.s3, b.s3, c.s3, d.s3);
        }
    }
}

/* CHUNK rows of V. Keys past the end must be 0, not merely have p = 0: 0 * NaN is NaN, and padding
 * may hold anything. */
static inline void fetch_values(quad *held, struct matrix v, int key, int item)
{
    v.rows = min(v.rows, key + CHUNK);
#pragma unroll
    for (int n = 0; n < HELD_V; n++) {
        const int i = item + n * GRID;
        held[n] = fetch(v, key + i / V_PITCH, i % V_PITCH * 4, D_V);
    }
}

static inline void put_values(__local float4 *tile, const quad *held, int item)
{
#pragma unroll
    for (int n = 0; n < HELD_V; n++) {
        const int i = item + n * GRID;
        const int k = i / V_PITCH;
        if (V_PITCH * CHUNK % GRID == 0 || k < CHUNK)
            tile[k * V_PITCH + (i % V_PITCH ^ (k / 4 % GRID_N))] = to_float(held[n]);
    }
}

/* results[r][c] += sum over k of a[k][rows r] * b[k][column c], for row quads y, y + GRID_M ... and
 * column quads x, x + GRID_N ...; a result is a quad of rows. */
__attribute__((always_inline)) static inline void
multiply(float4 *results, const int column_quads, __local const float4 *a, __local const float4 *b,
         const int b_pitch, int depth, int x, int y)
{
    for (int k = 0; k < depth; k += 4) {
        __local const float4 *a_k = a + k * Q_PITCH + (y ^ (k / 4 % GRID_M));
        __local const float4 *b_k = b + k * b_pitch + (x ^ (k / 4 % GRID_N));
#pragma unroll
        for (int kk = 0; kk < 4; kk++) {
            float4 rows[ROW_QUADS];
#pragma unroll
            for (int r = 0; r < ROW_QUADS; r++)
                rows[r] = a_k[kk * Q_PITCH + r * GRID_M];
#pragma unroll
            for (int c = 0; c < column_quads; c++) {
                const float4 columns = b_k[kk * b_pitch + c * GRID_N];
#pragma unroll
                for (int r = 0; r < ROW_QUADS; r++) {
                    float4 *result = results + 4 * (r * column_quads + c);
                    result[0] += rows[r] * columns.s0;
                    result[1] += rows[r] * columns.s1;
                    result[2] += rows[r] * columns.s2;
                    result[3] += rows[r] * columns.s3;
                }
            }
        }
    }
}

static inline float4 larger4(float4 a, float4 b)
{
    return a > b ? a : b;
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
    __local float4 stage[CHUNK * (K_PITCH > V_PITCH ? K_PITCH : V_PITCH)];
    __local float4 p_tile[BLOCK_KV * Q_PITCH];
    __local float4 maxima[GRID_N * (Q_PITCH + 1)];
#if Q_RESIDENT
    __local float4 q_tile[CHUNKS_K * CHUNK * Q_PITCH];
#else
    __local float4 *q_tile = p_tile; /* a chunk of Q is needed only while there is no P */
#endif

    const int x = get_local_id(0);
    const int y = get_local_id(1);
    const int item = y * GRID_N + x;
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
    struct matrix queries = {q, row_stride(shape.heads_q, D_K), last_row + 1 - block_row};
    struct matrix keys_ = {k, row_stride(shape.heads_kv, D_K), end};
    struct matrix values = {v, row_stride(shape.heads_kv, D_V), end};
    queries.elements += head_offset(batch, head, shape.heads_q, shape.n_q, D_K) + block_row * queries.stride;
    keys_.elements += head_offset(batch, head_kv, shape.heads_kv, shape.n_kv, D_K);
    values.elements += head_offset(batch, head_kv, shape.heads_kv, shape.n_kv, D_V);
    const float multiplier = SOFTCAP ? shape.scale : shape.scale * LOG2_E;
    quad held[HELD];
#if Q_RESIDENT
    for (int d = 0; d < D_K; d += CHUNK) {
        quad blocks[4 * SHARE(Q_PITCH * CHUNK / 4)];
        fetch_blocks(blocks, queries, 0, d, Q_PITCH, item);
        put_blocks(q_tile + d * Q_PITCH, blocks, Q_PITCH, GRID_M, multiplier, item);
    }
#endif
    const float sink = LOG2_E * sink_score(sinks, head);
    const float start = larger(SCORE_START, sink);
    float4 outputs[ROW_QUADS * OUT_QUADS * 4];
    float4 maximum[ROW_QUADS];
    float4 sums[ROW_QUADS];
#pragma unroll
    for (int i = 0; i < ROW_QUADS * OUT_QUADS * 4; i++)
        outputs[i] = (float4)(0.0f);
#pragma unroll
    for (int r = 0; r < ROW_QUADS; r++) {
        maximum[r] = (float4)(start);
        sums[r] = (float4)(x == 0 ? power_of_2(sink - start) : 0.0f);
    }

    if (PREFETCH) {
        fetch_blocks(held, keys_, first, 0, K_PITCH, item);
        if (!Q_RESIDENT)
            fetch_blocks(held + HELD_K, queries, 0, 0, Q_PITCH, item);
    }
    for (int key = first; key < end; key += BLOCK_KV) {
        float4 scores[ROW_QUADS * KEY_QUADS * 4];
#pragma unroll
        for (int i = 0; i < ROW_QUADS * KEY_QUADS * 4; i++)
            scores[i] = (float4)(0.0f);

        for (int d = 0; d < D_K; d += CHUNK) {
            if (!PREFETCH) {
                fetch_blocks(held, keys_, key, d, K_PITCH, item);
                if (!Q_RESIDENT)
                    fetch_blocks(held + HELD_K, queries, 0, d, Q_PITCH, item);
            }
            barrier(CLK_LOCAL_MEM_FENCE);
            put_blocks(stage, held, K_PITCH, GRID_N, 1.0f, item);
            if (!Q_RESIDENT)
                put_blocks(q_tile, held + HELD_K, Q_PITCH, GRID_M, multiplier, item);
            barrier(CLK_LOCAL_MEM_FENCE);
            if (PREFETCH) {
                if (d + CHUNK < D_K) {
                    fetch_blocks(held, keys_, key, d + CHUNK, K_PITCH, item);
                    if (!Q_RESIDENT)
                        fetch_blocks(held + HELD_K, queries, 0, d + CHUNK, Q_PITCH, item);
                } else {
                    fetch_values(held, values, key, item);
                }
            }
            multiply(scores, KEY_QUADS, q_tile + (Q_RESIDENT ? d * Q_PITCH : 0), stage, K_PITCH,
                     min(CHUNK, (D_K + 3) / 4 * 4 - d), x, y);
        }

        if (SOFTCAP || BIAS || first_key(shape, last_row, keys) > key ||
            end_key(shape, block_row, keys) < key + BLOCK_KV) {
#pragma unroll
            for (int r = 0; r < ROW_QUADS; r++) {
                float edited[KEY_QUADS * 4][4];
#pragma unroll
                for (int c = 0; c < KEY_QUADS * 4; c++)
                    vstore4(scores[r * KEY_QUADS * 4 + c], 0, edited[c]);
#pragma unroll
                for (int i = 0; i < 4; i++) {
                    const int row = min(block_row + 4 * (y + r * GRID_M) + i, last_row);
                    const int row_first = first_key(shape, row, keys);
                    const int row_end = end_key(shape, row, keys);
                    const struct bias_row row_bias =
                        bias_row(shape, bias, slopes, batch, head, row);
#pragma unroll
                    for (int c = 0; c < KEY_QUADS * 4; c++) {
                        const int j = key + 4 * (x + c / 4 * GRID_N) + c % 4;
                        const float score =
                            SOFTCAP ? capped(edited[c][i], shape.softcap) : edited[c][i];
                        edited[c][i] = j >= row_first && j < row_end
                                           ? biased(score, row_bias, j, LOG2_E)
                                           : SCORE_MASKED;
                    }
                }
#pragma unroll
                for (int c = 0; c < KEY_QUADS * 4; c++)
                    scores[r * KEY_QUADS * 4 + c] = vload4(0, edited[c]);
            }
        }

#pragma unroll
        for (int r = 0; r < ROW_QUADS; r++) {
            float4 m = maximum[r];
#pragma unroll
            for (int c = 0; c < KEY_QUADS * 4; c++)
                m = larger4(m, scores[r * KEY_QUADS * 4 + c]);
            maxima[x * (Q_PITCH + 1) + y + r * GRID_M] = m;
        }
        barrier(CLK_LOCAL_MEM_FENCE);
#pragma unroll
        for (int r = 0; r < ROW_QUADS; r++) {
            float4 m = maxima[y + r * GRID_M];
#pragma unroll
            for (int i = 1; i < GRID_N; i++)
                m = larger4(m, maxima[i * (Q_PITCH + 1) + y + r * GRID_M]);
            const float4 rescale = powers_of_2(maximum[r] - m);
            maximum[r] = m;
            sums[r] *= rescale;
#pragma unroll
            for (int c = 0; c < OUT_QUADS * 4; c++)
                outputs[r * OUT_QUADS * 4 + c] *= rescale;
#pragma unroll
            for (int c = 0; c < KEY_QUADS * 4; c++) {
                const int j = 4 * (x + c / 4 * GRID_N) + c % 4;
                const float4 p = powers_of_2(scores[r * KEY_QUADS * 4 + c] - m);
                sums[r] += p;
                p_tile[j * Q_PITCH + (y ^ (j % CHUNK / 4 % GRID_M)) + r * GRID_M] = p;
            }
        }

        for (int chunk = 0; chunk < BLOCK_KV; chunk += CHUNK) {
            if (!PREFETCH)
                fetch_values(held, values, key + chunk, item);
            barrier(CLK_LOCAL_MEM_FENCE);
            put_values(stage, held, item);
            barrier(CLK_LOCAL_MEM_FENCE);
            if (PREFETCH) {
                if (chunk + CHUNK < BLOCK_KV) {
                    fetch_values(held, values, key + chunk + CHUNK, item);
                } else {
                    fetch_blocks(held, keys_, key + BLOCK_KV, 0, K_PITCH, item);
                    if (!Q_RESIDENT)
                        fetch_blocks(held + HELD_K, queries, 0, 0, Q_PITCH, item);
                }
            }
            multiply(outputs, OUT_QUADS, p_tile + chunk * Q_PITCH, stage, V_PITCH, CHUNK, x, y);
        }
    }

#pragma unroll
    for (int r = 0; r < ROW_QUADS; r++)
        maxima[x * (Q_PITCH + 1) + y + r * GRID_M] = sums[r];
    barrier(CLK_LOCAL_MEM_FENCE);
    o += head_offset(batch, head, shape.heads_q, shape.n_q, D_V);
#pragma unroll
    for (int r = 0; r < ROW_QUADS; r++) {
        float4 total = maxima[y + r * GRID_M];
#pragma unroll
        for (int i = 1; i < GRID_N; i++)
            total += maxima[i * (Q_PITCH + 1) + y + r * GRID_M];
        float inverse[4];
        vstore4(total == 0.0f ? 0.0f : 1.0f / total, 0, inverse);
#pragma unroll
        for (int c = 0; c < OUT_QUADS * 4; c++) {
            const int column = 4 * (x + c / 4 * GRID_N) + c % 4;
            float elements[4];
            vstore4(outputs[r * OUT_QUADS * 4 + c], 0, elements);
#pragma unroll
            for (int i = 0; i < 4; i++) {
                const int row = block_row + 4 * (y + r * GRID_M) + i;
                if (row <= last_row && column < D_V)
                    store(o, row * row_stride(shape.heads_q, D_V) + column,
                          elements[i] * inverse[i]);
            }
        }
    }
}
