/* How time and memory grow with n: a power law fitted in log-log space. */
#ifndef ATTNBENCH_MEASURE_SCALING_H
#define ATTNBENCH_MEASURE_SCALING_H

#include <stdbool.h>

/* y = c * n^exponent by ordinary least squares on (ln n, ln y). */
struct power_fit {
    int points;
    double exponent;
    double exponent_ci95; /* half width, Student's t with points - 2 degrees; NaN below 3 points */
    double coefficient;   /* c */
    double r2;            /* in log-log space; 1 when all y are equal */
};

/* 0, or -1 (fit untouched) when there are fewer than two distinct n or a value is not positive and
 * finite. */
int power_fit(const double *n, const double *y, int points, struct power_fit *fit);

/* 97.5 % quantile of Student's t with `degrees` degrees of freedom. */
double student_t975(int degrees);

/* True when a time is too near the cost of launching to say anything about the work: below
 * 5 times passes * launch_s (launch_s of an empty kernel; 0: unknown, never launch-bound). */
bool is_launch_bound(double median_s, double launch_s, int passes);

#endif
