/* What a right kernel may be off by: the variance of each output element's error, and from it the
 * limits that the verdict judges with.
 *
 * A right kernel reads exact inputs, computes in f32 (or in the precision that its variant
 * declares) with sums in any order, may round each softmax weight to the storage type before it
 * meets V, as matrix units need it, and rounds its output once. Rounding errors are taken as
 * independent with mean 0 (Higham & Mary, "A new approach to probabilistic rounding error
 * analysis", 2019): a sum of n terms then errs by about sqrt(n) u, not n u, and errors of many keys
 * average out as the output does. One rounding to nearest is uniform within half a unit: its
 * variance is u^2 / 3. With u = 2^-24, o = sum p v, and p, s, v of the keys j that a row sees:
 *
 *   score    a dot product of d_k terms errs by (u^2 / 3) (d_k / 2) (T + s^2), where T is the sum
 *            of the squares of its terms: partial sums grow as a random walk or as the sum does.
 *            The scale, the row's maximum, log2(e) and a bias b are 4 roundings of numbers of
 *            their size: (u^2 / 3) (4 s^2 + 2 b^2). softcap adds 5 ulp of tanh and 3 more of its
 *            s: 64 s^2.
 *   exp      a polynomial of degree 4 in f32 (4e-6 at most: keys that are equal all have the same
 *            error), of degree 3 where the storage has 16 bits (6e-5, root mean square):
 *            FlashAttention-4 computes some of them so. With the score's it moves o by
 *            sum p e_j (v - o): e^2 D with D = sum p^2 (v - o)^2, a sink being a key with v = 0.
 *   weights  rounded to storage with u_d: (u_d^2 / 3) (A + C o^2) with A = sum p^2 v^2 and
 *            C = sum p^2, whether the softmax's sum is that of rounded weights or not.
 *   sums     numerator and denominator, one chain of n keys at worst: (u^2 / 3) (n A / 2 + n o^2),
 *            and 16 o^2 for rescaling, the sink and the division. A key under 2^-26 of the sum is
 *            not counted in n: beside a larger partial sum it leaves no bit to be rounded, and
 *            before one it is part of what is below 2^-26 itself.
 *
 * (FlashAttention, Dao et al. 2022; FlashAttention-3, Shah et al. 2024, for weights in 16 bits.)
 * The rounding of the output is not part of the variance: u_d 2^e with 2^e <= |o|, known exactly.
 *
 * Limits have factors over this for what it does not know, and for chance. */
#ifndef ATTNBENCH_VERIFY_ERROR_MODEL_H
#define ATTNBENCH_VERIFY_ERROR_MODEL_H

#include "problem/precision.h"
#include "problem/problem.h"

#include <stdbool.h>

/* A row of a reference's answer. */
struct row_model {
    double freedom;  /* in how many independent ways the row's errors lie: at most as many as keys
                        have weight, (sum p)^2 / C. Errors of few keys move all columns at once */
    double coherent; /* variance of the part that all columns of a row share, relative to o */
    double size;     /* sum over the columns of o^2 + A: what o^2 is when it does not cancel out */
    double floor;    /* what flushing subnormal numbers may cost an element */
    bool judged;     /* false: scores are so large that f32 does not know the weights */
};

/* What a reference says of `rows` rows of `columns` values each. */
struct expected {
    int64_t rows, columns;
    double *want;     /* [rows, columns] */
    double *variance; /* [rows, columns]: of a right kernel's error before it rounds its output */
    double *coarse; /* [rows, columns]: what inputs rounded to a precision add, over its u^2; NULL:
                       not known */
    double *score_error; /* [rows]: standard deviation of a score */
    struct row_model *models;
};
/* Memory for it; -1: there is none. expected_free leaves it empty. */
int expected_alloc(struct expected *expected, int64_t rows, int64_t columns);
void expected_free(struct expected *expected);

/* Sums over the keys of one row for one column, as above. */
struct column_sums {
    double o, a, b; /* sum p v, sum p^2 v^2, sum p^2 v */
};
/* The same of the row. */
struct row_sums {
    double keys;        /* that are seen */
    double links;       /* of these, with a weight that a sum of them all would show: n above */
    double c;           /* sum p^2 */
    double total;       /* sum p; what is missing to 1 is the sink's */
    double score_error; /* variance of a score, the largest of the keys that have weight */
    double energy;      /* T, the largest of those keys */
};

/* Variance of the error of one score, exp left out. energy: T, with the scale; dot: the scaled dot
 * product; score: the same after softcap, which contracts the errors so far by its slope; bias:
 * what is added to that. */
double error_of_score(const struct problem *problem, double energy, double dot, double score,
                      double bias);
/* Fills variance, coarse and the model of one row, and leaves `want` alone. */
void error_of_row(const struct problem *problem, const struct row_sums *row,
                  const struct column_sums *columns, int64_t count, double *variance,
                  double *coarse, struct row_model *model);

/* Half a unit in the last place of what stores `value`: the largest error of one rounding. */
double error_of_storage(enum dtype dtype, double value);
/* Is it so small that its roundings are larger, relative to it, than those of other numbers? */
bool error_is_subnormal(enum dtype dtype, double value);
/* What a device may lose by flushing subnormal numbers to zero: `times` of them. */
double error_floor(enum dtype dtype, double times);

/* ---- limits ---- */

/* What a group of elements may be off by: the sum of their variances, the output's rounding
 * included, and the sum of the squares of the variances of all that is independent in it. */
struct scatter {
    double energy, squares;
};
/* Adds a judged row. */
void error_row_scatter(enum dtype dtype, const double *want, const double *variance,
                       int64_t columns, const struct row_model *model, struct scatter *scatter);
/* The limit of the sum of the group's squared errors. */
double scatter_limit(const struct scatter *scatter);
/* The same for a row alone. */
double error_row_limit(enum dtype dtype, const double *want, const double *variance,
                       int64_t columns, const struct row_model *model);

/* An element may be off by this many roundings of its storage, and by this many standard deviations
 * of the rest. Of 10^9 normally distributed errors one lies beyond 6.1, so that even where the
 * model is low by 1.6 one alarm in 10^9 elements is false. A store that truncates stays inside. */
#define LIMIT_ROUNDINGS 2.0
#define LIMIT_SIGMAS    10.0

/* The mean square of errors over the mean variance may reach this for a group of that many
 * independent errors: 4 (twice the model's size) times the chance that a sum of squares has, by
 * Laurent & Massart (2000): P(chi^2_m / m > 1 + 2 sqrt(x / m) + 2 x / m) < e^-x, x = 27.6: 1e-12.
 */
double limit_energy(double freedom);

/* The slope of output on reference may differ from 1 by 10 standard deviations, by 2 units of
 * storage, since a store that truncates makes all numbers smaller by 0.7 units, and by 64 of f32
 * and 10 standard deviations of one sum of `keys` terms besides: sums of numbers that are alike
 * from row to row (keys that are equal) are rounded alike, and do not average out over the rows. */
double limit_slope(enum dtype dtype, double standard_deviation, double keys);

/* Of the sum of squared errors over the sum of the rows' sizes: no right kernel comes near,
 * whatever the model says. Right kernels were seen at 1e-10 (f32), 2e-7 (f16, with a store that
 * truncates) and 1.2e-5 (bf16, the same). */
double limit_nmse(enum dtype dtype);

#endif
