/* Is one set of times longer than another? Faster, slower, the same, or unclear.
 *
 * Judged on the ratio new / base: its estimate is the median of all pairwise ratios (Hodges &
 * Lehmann 1963, on logarithms), its 99 % interval the pairwise ratios at the ranks that the test of
 * Mann & Whitney (1947) does not reject. No distribution is assumed; with equal distributions the
 * interval misses 1 in at most 1 % of comparisons, exactly so for few samples, and with ties in
 * fewer. Where spread or shape differ too, it is an interval of the pairwise ratio's median, which
 * is not the ratio of the medians.
 *
 * Samples of one run follow each other in time, and a slow wave in them (clocks, temperature) holds
 * less than independent samples would: where neighbours are alike, medians of blocks take the place
 * of samples, so that the interval widens. Where waves are as long as a tenth of the run, so that
 * ten blocks still are alike, it is too narrow. Not covered: what stays the same within a run and
 * differs between runs (where memory lies, a machine's other work, another temperature). That is
 * seen only by comparing several runs of each side, with the runs' medians as samples. */
#ifndef ATTNBENCH_MEASURE_COMPARE_H
#define ATTNBENCH_MEASURE_COMPARE_H

enum { SAMPLES_COMPARED_MAX = 1000 }; /* a side: all pairs are looked at */

enum comparison_verdict {
    COMPARISON_SAME,
    COMPARISON_FASTER,
    COMPARISON_SLOWER,
    COMPARISON_UNCLEAR
};

/* "same", "faster", "slower", "unclear" */
const char *comparison_verdict_name(enum comparison_verdict verdict);

struct comparison {
    enum comparison_verdict verdict;
    double ratio;                 /* new / base, the median of pairwise ratios */
    double ratio_low, ratio_high; /* 99 %; 0 and infinity when there are too few samples */
    double p_value;               /* two-sided, of the Mann-Whitney test */
    int base_block, new_block;    /* samples a block; 1: they were taken as they are */
};

/* At most SAMPLES_COMPARED_MAX positive, finite times a side, in the order in which they were
 * measured; below 5 a side nothing but "unclear" can be said. threshold: the smallest effect worth
 * a verdict, 0.03 for 3 %. Slower (faster): the interval lies above (below) 1, and the ratio beyond
 * 1 + threshold (below its inverse). Same: the whole interval lies within these. */
void compare_samples(const double *base, int base_count, const double *new_samples, int new_count,
                     double threshold, struct comparison *comparison);

/* Samples in the order of measuring become `values`, with room for as many: themselves, or medians
 * of blocks of so many (returned) where neighbours are alike; doubled until they are not, or until
 * fewer than 20 are left. *blocks: how many values. */
int compare_blocks(double *values, const double *samples, int count, int *blocks);

/* The verdict alone, from ratio and interval: for who has widened the interval. */
void comparison_decide(struct comparison *comparison, double threshold);

#endif
