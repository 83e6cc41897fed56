/* The roofline of attention: the least time that a problem can take on a device with these peaks.
 *
 * Williams, Waterman, Patterson: Roofline (CACM 2009), with two more roofs: exponentials, of which
 * a softmax takes one a score and which FlashAttention-4 shows to bind on devices with fast matrix
 * units, and launching. Kernels can overlap all of them at best, so the floor is their maximum:
 *
 *     floor_s = max(flops / compute, bytes / bandwidth, pairs / exp rate, launch latency)
 *
 * It belongs to the problem, not to a variant: every input is read once, and one launch is enough.
 * The launch latency is that of a launch that is waited for: with queue=stream it is no roof.
 */
#ifndef ATTNBENCH_MEASURE_ROOFLINE_H
#define ATTNBENCH_MEASURE_ROOFLINE_H

#include "problem/device_info.h"
#include "problem/problem.h"

enum roof { ROOF_COMPUTE, ROOF_BANDWIDTH, ROOF_EXP, ROOF_LAUNCH, ROOFS };
const char *roof_name(enum roof roof); /* "compute", "bandwidth", "exp", "launch" */

struct roofline {
    /* f32 for f32; for f16 and bf16 the larger of f32 and f16, as a device may multiply in f16 what
     * it accumulates in f32. NaN: unknown. */
    double compute_gflop_s;
    double bandwidth_gb_s; /* the larger of read and copy; NaN: unknown */
    double floor_s;        /* NaN when either is unknown; an unknown exp or launch is left out */
    enum roof roof;        /* the one that binds, if floor_s is known */
};

struct roofline roofline_build(const struct problem *problem, const struct device_info *device);

/* floor_s over what was measured: 1 at the roof. Launch latency is one of the host's clock and is
 * compared with host_s, the others with time_s; seconds. NaN: unknown. */
double roofline_fraction(const struct roofline *roofline, double time_s, double host_s);

/* Above this, a fraction is no noise: the peak is stale, or the roof is not the one that binds. */
#define ROOFLINE_EXCEEDED 1.1

#endif
