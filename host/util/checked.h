/* Sizes that cannot overflow: products and sums of 64 bits that stop at the largest number.
 *
 * What has stopped there (SIZE_LIMIT) is above every limit, so that one comparison at the end says
 * "too large", whatever went into it. All sizes of tensors, buffers and ranges are computed by
 * these. Arguments are not negative. */
#ifndef ATTNBENCH_UTIL_CHECKED_H
#define ATTNBENCH_UTIL_CHECKED_H

#include <stdint.h>

#define SIZE_LIMIT INT64_MAX

static inline int64_t size_times(int64_t a, int64_t b)
{
    int64_t product = 0;
    return __builtin_mul_overflow(a, b, &product) ? SIZE_LIMIT : product;
}

static inline int64_t size_plus(int64_t a, int64_t b)
{
    int64_t sum = 0;
    return __builtin_add_overflow(a, b, &sum) ? SIZE_LIMIT : sum;
}

#endif
