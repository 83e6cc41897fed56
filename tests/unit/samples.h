/* Seeded synthetic samples for the tests of statistics: the same bits on every platform. */
#ifndef ATTNBENCH_TESTS_SAMPLES_H
#define ATTNBENCH_TESTS_SAMPLES_H

#include "verify/inputs.h"

#include <math.h>

enum shape { SHAPE_NORMAL, SHAPE_LOGNORMAL, SHAPE_BIMODAL, SHAPE_HEAVY, SHAPES };

static inline double uniform(uint64_t seed, uint64_t counter)
{
    return ((double)(inputs_hash(seed, counter) >> 11) + 0.5) * 0x1p-53;
}

static inline double normal(uint64_t seed, uint64_t counter)
{
    const double pi = 3.14159265358979323846;
    return sqrt(-2 * log(uniform(seed, 2 * counter))) *
           cos(2 * pi * uniform(seed, 2 * counter + 1));
}

/* A draw whose median is 0 and whose scale is about 1: normal; lognormal; two modes, of which the
 * nearer has 70 % of the draws; Student's t with 2 degrees of freedom, which has no variance. */
static inline double draw(enum shape shape, uint64_t seed, uint64_t i)
{
    const double z = normal(seed, 2 * i), u = uniform(~seed, i);
    switch (shape) {
    case SHAPE_LOGNORMAL:
        return exp(z) - 1;
    case SHAPE_BIMODAL: /* 0.5659...: the 5/7 quantile of a normal, and so the median of all */
        return (u < 0.7 ? z : z + 20) - 0.565948821932863;
    case SHAPE_HEAVY:
        return z / sqrt(-log(u));
    default:
        return z;
    }
}

#endif
