/* Order statistics of samples. All functions leave the samples as they are; their order, that of
 * measuring, matters to the drift alone.
 * NaN when there are none. Times in seconds. */
#ifndef ATTNBENCH_MEASURE_STATS_H
#define ATTNBENCH_MEASURE_STATS_H

struct stats {
    int count;
    double median, min, p10, p90, max;
    double mad;                 /* median absolute deviation from the median, unscaled */
    double ci95_low, ci95_high; /* of the median, from order statistics (binomial, no normality);
                                   -infinity and infinity below 6 samples */
    double rel_ci; /* (ci95_high - ci95_low) / (2 median); infinity below 6 samples, where
                      no order-statistic interval reaches 95 % */
    int outliers;  /* beyond 5 MAD (scaled by 1.4826) from the median: counted, kept */
    double drift;  /* median of the last third over that of the first; NaN below 9 samples */
};

void stats_compute(const double *samples, int count, struct stats *stats);

/* Quantile by linear interpolation between order statistics (Hyndman & Fan 1996, type 7). */
double stats_quantile(const double *samples, int count, double p);
double stats_median(const double *samples, int count);

#endif
