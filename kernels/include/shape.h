/* The shape that the host passes to every kernel, by value, as its last parameter.
 *
 * One header for both sides: OpenCL C includes it through attention.clh, the host through
 * host/device/runner.c. Only 4-byte members, so that no compiler pads it differently. Head sizes,
 * dtype and masks are not here: they are -D macros (see kernels/README.md). */
#ifndef ATTNBENCH_SHAPE_H
#define ATTNBENCH_SHAPE_H

#ifdef __OPENCL_VERSION__
typedef int shape_int;
#else
#include <stdint.h>
typedef int32_t shape_int;
#endif

struct shape {
    shape_int batch, heads_q, heads_kv, n_q, n_kv;
    /* Row i sees keys i + causal_offset - window_left ... i + causal_offset + window_right; causal
     * means window_right = 0; an unlimited side holds SHAPE_UNLIMITED. */
    shape_int causal_offset, window_left, window_right;
    float scale;   /* of q.k, before softcap */
    float softcap; /* s = softcap * tanh(s / softcap); used when SOFTCAP is 1 */
};

#define SHAPE_UNLIMITED 0x3fffffff

/* What kernels of operations beside attention get in its place: with what belongs to the pass. */
struct stage {
    struct shape shape; /* of the whole problem */
    shape_int step;     /* of a pass that is repeated: which time, from 0 */
    shape_int m, n, k;  /* the sizes that the pass names in variant.json */
    shape_int rope_pairs, relative_clip;
    float rope_base;
};

#endif
