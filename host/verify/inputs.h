/* Inputs: seeded, the same bits on every platform, never zeros.
 *
 * Counter-based: an element is a pure function of (seed, tensor, index), where `index` counts in
 * [batch, head, row, column] order whatever the layout. Any part can be made again, in parallel, in
 * any order, and both layouts hold the same numbers. Only integer arithmetic and one correctly
 * rounded multiplication per element, no libm beyond sqrt (which IEEE 754 rounds correctly), hence
 * the same bits everywhere. */
#ifndef ATTNBENCH_VERIFY_INPUTS_H
#define ATTNBENCH_VERIFY_INPUTS_H

#include "problem/problem.h"

#include <stdint.h>

enum tensor { TENSOR_Q, TENSOR_K, TENSOR_V, TENSOR_BIAS, TENSOR_SINKS };

/* What the values look like. `random` is close to a standard normal (a sum of four uniforms,
 * variance 1, within +-3.47, never 0). The others are adversarial and leave v random: large scores
 * of some +-100, so that softmax overflows without the maximum; dominant  in every head key n_kv /
 * 2 outscores the others by more than 30 for every query row (column 0 of q and of that key is
 * large, column 0 of the other keys is 0); equal     all keys of a head are one vector, so that the
 * output is the mean of the visible v; tiny      q and k near 1e-20 (1e-5 in f16, where less is 0),
 * so that products underflow. */
enum input_kind { INPUT_RANDOM, INPUT_LARGE, INPUT_DOMINANT, INPUT_EQUAL, INPUT_TINY, INPUT_KINDS };
const char *input_kind_name(enum input_kind kind);
int input_kind_parse(const char *name, enum input_kind *kind); /* -1: unknown */

/* One 64-bit random number from a seed and a counter (SplitMix64's finaliser, Steele et al. 2014).
 */
uint64_t inputs_hash(uint64_t seed, uint64_t counter);

/* Fills the first `count` elements of a tensor in the problem's layout, already rounded to its
 * dtype (so that encoding to the storage type is exact). */
void inputs_fill(const struct problem *problem, enum tensor tensor, enum input_kind kind,
                 uint64_t seed, float *values, int64_t count);

/* The additive bias, problem_bias_dims().count values: standard normal, but -infinity or `hidden`
 * in turn where problem_mask_keeps() hides a key. With -1e9 a row that has nothing else is one
 * whose weights f32 cannot tell; with -4096 it can. */
void inputs_fill_bias(const struct problem *problem, uint64_t seed, float hidden, float *values);
/* The boolean mask, as problem_mask_keeps() says. */
void inputs_fill_mask(const struct problem *problem, unsigned char *values);
/* heads_q sinks, uniform in -2 ... 2. */
void inputs_fill_sinks(const struct problem *problem, uint64_t seed, float *values);

/* An input of an operation beside attention, `count` values (see problem/operation.h). Kinds shape
 * data alone: large is 30 times random, tiny as above, equal repeats the first row, dominant is
 * random. */
void inputs_fill_tensor(const struct problem *problem, int tensor, enum input_kind kind,
                        uint64_t seed, float *values, int64_t count);

/* The nearest value that the dtype holds. */
float inputs_round(enum dtype dtype, float value);

/* IEEE binary16 and bfloat16, round to nearest even; overflow gives infinity, NaN stays NaN. */
uint16_t f16_from_f32(float value);
float f32_from_f16(uint16_t bits);
uint16_t bf16_from_f32(float value);
float f32_from_bf16(uint16_t bits);

/* float to and from a dtype's storage; `storage` holds count * dtype_bytes(dtype). */
void dtype_encode(enum dtype dtype, const float *values, void *storage, int64_t count);
void dtype_decode(enum dtype dtype, const void *storage, float *values, int64_t count);

#endif
