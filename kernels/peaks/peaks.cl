/* What a device can do at most: the roofs that attention is compared with.
 *
 * Idea: each kernel does one thing only, as densely as the device allows, and leaves a count of
 * what it did (exp2_chains: the limit that its steps converge to), which the host compares. Work
 * that a compiler removed or a driver skipped does not become a peak. The host builds the program
 * in several forms and keeps the fastest: one work-item a group with wide vectors suits CPUs, large
 * groups suit GPUs.
 *
 * Forms: ELEMENT is float, or half with HALF 1; WIDTH is 1, 4, 8 or 16; CHAINS private vectors do
 * not depend on each other, enough of them to hide the latency of an instruction; EXP2 chooses
 * whose exponential; LOCAL_VECTORS is the size of a group's tile; STEPS is how often a turn of a loop
 * goes through all chains.
 *
 * Limits: a loop runs at most 32768 times, since llvmpipe silently ends longer ones; the host takes
 * more groups instead. Loops over private arrays are unrolled by pragma, or PoCL keeps the arrays
 * in memory. `zeros` and `one` are what they say, which no compiler can know; MINE makes every
 * work-item's numbers its own: Intel's compiler for CPUs computes what a group's work-items have in
 * common only once, and would seem four times as fast as the processor is. */
#include "attention.clh"

#if HALF
#pragma OPENCL EXTENSION cl_khr_fp16 : enable
#endif

#define JOIN_(a, b) a##b
#define JOIN(a, b)  JOIN_(a, b)
#if WIDTH == 1
typedef ELEMENT vector;
#else
typedef JOIN(ELEMENT, WIDTH) vector; /* pointers to it are aligned, unlike those of vload */
#endif

#define MINE ((ELEMENT)(get_global_id(0) & 1023))

/* Every step adds 1, so a chain ends with its number of steps: exactly below 2^24 (half: 2^11, where
 * it stays). Written as a sum: it becomes one instruction wherever multiply and add are one, while
 * mad() does not on PoCL and fma() is a slow function on devices without it. */
__kernel void multiply_add(__global const vector *zeros, __global vector *counts, float one,
                           int turns)
{
    vector x[CHAINS];
    const vector m = (vector)((ELEMENT)one);
#pragma unroll
    for (int i = 0; i < CHAINS; ++i)
        x[i] = zeros[i] * MINE;
    for (int turn = 0; turn < turns; ++turn) {
#pragma unroll
        for (int step = 0; step < STEPS; ++step)
#pragma unroll
            for (int i = 0; i < CHAINS; ++i)
                x[i] = x[i] * m + m;
    }
    vector least = x[0];
#pragma unroll
    for (int i = 1; i < CHAINS; ++i)
        least = fmin(least, x[i]);
    counts[get_global_id(0)] = least;
}

#if !HALF

/* 0: the polynomial of the kernels for CPUs, 1: exp2, 2: native_exp2 */
#if EXP2 == 0 && WIDTH == 1
#define POWER_OF_2 exp2_polynomial
#elif EXP2 == 0
#define POWER_OF_2 JOIN(exp2_polynomial, WIDTH)
#elif EXP2 == 1
#define POWER_OF_2 exp2
#else
#define POWER_OF_2 native_exp2
#endif

/* A step is what a softmax does with a score: 2^(x - 1), which converges to 1. */
__kernel void exp2_chains(__global const vector *zeros, __global vector *limits, float one,
                          int turns)
{
    vector x[CHAINS];
    const vector maximum = (vector)(one);
#pragma unroll
    for (int i = 0; i < CHAINS; ++i)
        x[i] = zeros[i] * MINE;
    for (int turn = 0; turn < turns; ++turn) {
#pragma unroll
        for (int step = 0; step < STEPS; ++step)
#pragma unroll
            for (int i = 0; i < CHAINS; ++i)
                x[i] = POWER_OF_2(x[i] - maximum);
    }
    vector least = x[0];
#pragma unroll
    for (int i = 1; i < CHAINS; ++i)
        least = fmin(least, x[i]);
    limits[get_global_id(0)] = least;
}

/* A tile of ones in local memory, summed over and over; neighbours read neighbouring vectors, free
 * of bank conflicts. Which block of the tile comes next depends on `mask` (blocks - 1), so no load
 * leaves the loop. */
__kernel void local_read(__global const vector *zeros, __global vector *counts, float one,
                         int turns, int mask)
{
    __local vector tile[LOCAL_VECTORS];
    const int me = (int)get_local_id(0), items = (int)get_local_size(0);
    vector sum[CHAINS];
    for (int i = me; i < LOCAL_VECTORS; i += items)
        tile[i] = zeros[0] + one;
    barrier(CLK_LOCAL_MEM_FENCE);
#pragma unroll
    for (int i = 0; i < CHAINS; ++i)
        sum[i] = zeros[i] * MINE;
    for (int turn = 0; turn < turns; ++turn) {
        __local const vector *block = tile + (turn & mask) * CHAINS * items + me;
#pragma unroll
        for (int i = 0; i < CHAINS; ++i)
            sum[i] += block[i * items];
    }
    vector least = sum[0];
#pragma unroll
    for (int i = 1; i < CHAINS; ++i)
        least = fmin(least, sum[i]);
    counts[get_global_id(0)] = least;
}

/* Ones from global memory. As streams: every work-item reads CHAINS runs of neighbouring vectors,
 * which a CPU's prefetchers follow. `vectors` is a multiple of CHAINS times the work-items. */
__kernel void read_streams(__global const vector *ones, __global vector *counts, int vectors,
                           int turns)
{
    vector sum[CHAINS];
    const int run = vectors / (int)get_global_size(0) / CHAINS;
    __global const vector *mine = ones + (size_t)get_global_id(0) * run * CHAINS;
#pragma unroll
    for (int i = 0; i < CHAINS; ++i)
        sum[i] = (vector)(0.0f);
    for (int turn = 0; turn < turns; ++turn)
        for (int at = 0; at < run; ++at) {
#pragma unroll
            for (int i = 0; i < CHAINS; ++i)
                sum[i] += mine[at + i * run];
        }
#pragma unroll
    for (int i = 1; i < CHAINS; ++i)
        sum[0] += sum[i];
    counts[get_global_id(0)] = sum[0];
}

/* The same, coalesced: neighbouring work-items read neighbouring vectors, as GPUs want it. */
__kernel void read_coalesced(__global const vector *ones, __global vector *counts, int vectors,
                             int turns)
{
    vector sum[CHAINS];
    const int items = (int)get_global_size(0);
#pragma unroll
    for (int i = 0; i < CHAINS; ++i)
        sum[i] = (vector)(0.0f);
    for (int turn = 0; turn < turns; ++turn)
        for (int at = (int)get_global_id(0); at < vectors; at += CHAINS * items) {
#pragma unroll
            for (int i = 0; i < CHAINS; ++i)
                sum[i] += ones[at + i * items];
        }
#pragma unroll
    for (int i = 1; i < CHAINS; ++i)
        sum[0] += sum[i];
    counts[get_global_id(0)] = sum[0];
}

__kernel void copy_streams(__global const vector *from, __global vector *to, int vectors, int turns)
{
    const int run = vectors / (int)get_global_size(0) / CHAINS;
    const size_t mine = (size_t)get_global_id(0) * run * CHAINS;
    for (int turn = 0; turn < turns; ++turn)
        for (int at = 0; at < run; ++at) {
#pragma unroll
            for (int i = 0; i < CHAINS; ++i)
                to[mine + at + i * run] = from[mine + at + i * run];
        }
}

__kernel void copy_coalesced(__global const vector *from, __global vector *to, int vectors,
                             int turns)
{
    const int items = (int)get_global_size(0);
    for (int turn = 0; turn < turns; ++turn)
        for (int at = (int)get_global_id(0); at < vectors; at += CHAINS * items) {
#pragma unroll
            for (int i = 0; i < CHAINS; ++i)
                to[at + i * items] = from[at + i * items];
        }
}

#endif
